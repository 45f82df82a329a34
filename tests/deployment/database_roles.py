"""Who gets the account of the owner of the tables: PostgreSQL itself and the migration, and no server.

``python -m tests.deployment.database_roles`` prints each fault on a line and ends with 1 if there is any.
What must stay true of `docker-compose.yml` and of each overlay: every process of Molva has MOLVA_DATABASE_URL, only the
migration has MOLVA_DATABASE_OWNER_URL, and no secret of the owner gets into another container. Another owner's secret: its
name in ``_OWNERS_SECRETS``. In compose both variables are files in volumes (`deploy/make-secrets`), so what counts there is
who mounts which volume; the dumps of the database are made by its owner.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.deployment.manifests import OVERLAYS, ROOT, Composition, read

MIGRATION: Final = {"migrate", "Job molva-migrate"}
_DATABASES: Final = {"postgres", "StatefulSet postgres"}
_MOLVA: Final = {"molva", "Deployment molva"} | MIGRATION
_URL: Final = "MOLVA_DATABASE_URL"
_OWNER_URL: Final = "MOLVA_DATABASE_OWNER_URL"
_OWNERS_PASSWORD: Final = "${POSTGRES_PASSWORD"
_OWNERS_SERVICES: Final = {"secrets", "postgres", "migrate", "backup"}
_OWNERS_SECRETS: Final = {"Secret molva-owner", "Secret molva-postgres-app", "Secret molva-postgres-superuser"}
_WORKLOADS: Final = ("Deployment", "Job", "StatefulSet")

Variables = dict[str, str]
"""The environment of a container: each variable, and its value or ``Secret NAME`` where it comes from."""


def faults_of_compose(services: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the services of a compose file."""
    for name, service in services.items():
        volumes = {str(volume).partition(":")[0] for volume in service.get("volumes", [])}
        environment = service.get("environment", {})
        if name in _MOLVA and not ("application-secrets" in volumes and "MOLVA_SECRETS_DIR" in environment):
            yield f"{name}: {_URL} is missing"
        if name in MIGRATION and "owner-secrets" not in volumes:
            yield f"{name}: {_OWNER_URL} is missing"
        if "owner-secrets" in volumes and name not in _OWNERS_SERVICES:
            yield f"{name}: mounts the secrets of the owner of the tables"
        if name != "secrets":
            yield from _owners_variables(name, environment)
    if not MIGRATION & services.keys():
        yield "there is no migration"


def faults_of_overlay(folder: Path) -> Iterator[str]:
    """What is wrong with an overlay of the manifests."""
    yield from _faults(variables_of_overlay(folder))


def variables_of_overlay(folder: Path) -> dict[str, Variables]:
    """The environment of each workload, such as ``Job molva-migrate``, with the patches of the overlay."""
    composition = Composition(folder)
    (kustomization,) = read(folder / "kustomization.yaml")
    patches = [target for patch in kustomization.get("patches", []) for target in read(folder / patch["path"])]
    found: dict[str, Variables] = {}
    for thing in composition.objects + patches:
        if thing["kind"] in _WORKLOADS:
            pod = thing["spec"]["template"]["spec"]
            variables = found.setdefault(f"{thing['kind']} {thing['metadata']['name']}", {})
            for container in pod.get("initContainers", []) + pod["containers"]:
                variables |= _variables_of_container(container, composition)
    return found


def _variables_of_container(container: dict[str, Any], composition: Composition) -> Variables:
    variables: Variables = {}
    for source in container.get("envFrom", []):
        for kind, reference in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            if name := source.get(reference, {}).get("name"):
                keys = composition.made.get((kind, name), {"everything"})
                variables |= dict.fromkeys(keys, f"{kind} {name}")
    for entry in container.get("env", []):
        secret = entry.get("valueFrom", {}).get("secretKeyRef")
        variables[entry["name"]] = f"Secret {secret['name']}" if secret else str(entry.get("value"))
    return variables


def _faults(environments: dict[str, Variables]) -> Iterator[str]:
    for name, variables in environments.items():
        if name in _MOLVA and _URL not in variables:
            yield f"{name}: {_URL} is missing"
        if name in MIGRATION and _OWNER_URL not in variables:
            yield f"{name}: {_OWNER_URL} is missing"
        if name in MIGRATION | _DATABASES:
            continue
        yield from _owners_variables(name, variables)
    if not MIGRATION & environments.keys():
        yield "there is no migration"


def _owners_variables(name: str, variables: Variables) -> Iterator[str]:
    for variable, value in variables.items():
        if variable == _OWNER_URL or value in _OWNERS_SECRETS or _OWNERS_PASSWORD in str(value):
            yield f"{name}: {variable} is of the owner of the tables"


def main() -> int:
    """Print the faults; how the process should end."""
    (file,) = read(ROOT / "docker-compose.yml")
    faults = [f"docker-compose.yml: {fault}" for fault in faults_of_compose(file["services"])]
    for overlay in OVERLAYS:
        faults += [f"{overlay}: {fault}" for fault in faults_of_overlay(ROOT / "manifests/overlays" / overlay)]
    print("\n".join(faults) or "only the migration is the owner of the tables")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
