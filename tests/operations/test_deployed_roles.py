"""Only the migration is the owner of the tables, in compose and in Kubernetes; each way to break that is caught."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from db.roles import APPLICATION
from tests.deployment import database_roles, manifests
from tests.operations.test_deployment_files import ROOT, changed, compose, make_secrets

pytestmark = pytest.mark.slow


def user_of(url: str) -> str:
    found = re.match(r"postgresql://(\w+):", url)
    assert found is not None, url
    return found[1]


def test_only_the_migration_of_compose_is_the_owner_of_the_tables() -> None:
    services = compose()["services"]
    assert not list(database_roles.faults_of_compose(services))
    assert services["postgres"]["environment"]["POSTGRES_USER"] == "molva"


def test_secrets_of_compose_are_of_two_roles(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    assert user_of(made["owner/MOLVA_DATABASE_OWNER_URL"]) == "molva"
    assert user_of(made["application/MOLVA_DATABASE_URL"]) == APPLICATION


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["files:/var/lib/molva", "application-secrets:', '["files:/var/lib/molva", "owner-secrets:'),
        ('["files:/var/lib/molva", ', '["files:/var/lib/molva", "owner-secrets:/run/secrets/owner:ro", '),
        (
            "    MOLVA_METRICS_PORT:",
            "    MOLVA_DATABASE_OWNER_URL: postgresql://molva:secret@postgres/molva\n    MOLVA_METRICS_PORT:",
        ),
        (
            "    MOLVA_METRICS_PORT:",
            "    PASSWORD: ${POSTGRES_PASSWORD:-}\n    MOLVA_METRICS_PORT:",
        ),
        ('    volumes: ["owner-secrets:/run/secrets/owner:ro", "application', '    volumes: ["application'),
    ],
    ids=[
        "server signs in as the owner",
        "server mounts the owner's secrets",
        "server has the owner's URL",
        "server has the owner's password",
        "migration without the owner's URL",
    ],
)
def test_compose_file_that_hands_out_the_owner_is_caught(tmp_path: Path, old: str, new: str) -> None:
    broken = changed(ROOT / "docker-compose.yml", tmp_path / "docker-compose.yml", old, new)
    assert list(database_roles.faults_of_compose(yaml.safe_load(broken.read_text(encoding="utf-8"))["services"]))


@pytest.mark.parametrize("overlay", manifests.OVERLAYS)
def test_only_the_migration_of_an_overlay_is_the_owner_of_the_tables(overlay: str) -> None:
    assert not list(database_roles.faults_of_overlay(ROOT / "manifests/overlays" / overlay))


def test_manifests_name_the_application_and_the_owner() -> None:
    local, production = (ROOT / "manifests/overlays" / overlay for overlay in manifests.OVERLAYS)
    assert f"MOLVA_DATABASE_URL=postgresql://{APPLICATION}:" in (local / "secrets.env.example").read_text()
    assert "MOLVA_DATABASE_OWNER_URL=postgresql://molva:" in (local / "owner.env.example").read_text()
    assert f"username={APPLICATION}\n" in (production / "application.env.example").read_text()
    (cluster,) = [thing for thing in manifests.read(production / "postgres.yaml") if thing["kind"] == "Cluster"]
    (role,) = cluster["spec"]["managed"]["roles"]
    assert role["name"] == APPLICATION
    for variables in database_roles.variables_of_overlay(production).values():
        assert variables["MOLVA_DATABASE_URL"].startswith(f"postgresql://{APPLICATION}:$(APPLICATION_PASSWORD)@")
        assert list(variables).index("APPLICATION_PASSWORD") < list(variables).index("MOLVA_DATABASE_URL"), (
            "as $(…) needs it"
        )


ROLE_MISTAKES = {
    "server has the owner's secret": (
        "local", "overlays/local/keep-files.yaml",
        "        - name: molva\n", "        - name: molva\n          envFrom: [{secretRef: {name: molva-owner}}]\n",
    ),
    "owner's URL in the server's secret": (
        "local", "overlays/local/secrets.env.example", "MOLVA_JWT", "MOLVA_DATABASE_OWNER_URL=x\nMOLVA_JWT",
    ),
    "server signs in as the owner": (
        "production", "overlays/production/database-url.yaml",
        "              value: postgresql://molva_application:$(APPLICATION_PASSWORD)@molva-postgres-rw:5432/molva",
        "              valueFrom: {secretKeyRef: {name: molva-postgres-app, key: uri}}",
    ),
    "migration without the owner": (
        "production", "overlays/production/database-url.yaml", "MOLVA_DATABASE_OWNER_URL", "OWNER_URL",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", ROLE_MISTAKES)
def test_overlay_that_hands_out_the_owner_is_caught(tmp_path: Path, mistake: str) -> None:
    copy = tmp_path / "manifests"
    shutil.copytree(ROOT / "manifests", copy)
    overlay, name, old, new = ROLE_MISTAKES[mistake]
    changed(copy / name, copy / name, old, new)
    assert list(database_roles.faults_of_overlay(copy / "overlays" / overlay))
