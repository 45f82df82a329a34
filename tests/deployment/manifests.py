"""Validates `manifests/` without a cluster: every object strictly against its schema, every reference against the rest.

``python -m tests.deployment.manifests [FOLDER]`` prints each fault on a line and ends with 1 if there is any. Objects of
Kubernetes are held against the schemas of the API (`kubernetes-validate`), custom resources against `schemas/`, which
list the fields that Molva uses. Where `kubectl` is found, each overlay is also built by it, with the examples of its
secrets in place, and what comes out is validated again. For another custom resource: a schema, and its kind below.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema
import kubernetes_validate
import yaml

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
OVERLAYS: Final = ("local", "production")
KUBERNETES_VERSIONS: Final = ("1.30", "1.37")
"""The oldest that the manifests are for (a `sleep` before the stop), and the newest that the validator knows."""

_CUSTOM: Final = {
    ("postgresql.cnpg.io/v1", "Cluster"): "cluster.json",
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): "scheduledbackup.json",
    ("barmancloud.cnpg.io/v1", "ObjectStore"): "objectstore.json",
}
_KUSTOMIZATION: Final = "kustomization.yaml"
_MADE_BY_OPERATORS: Final = {("Secret", "molva-postgres-app"), ("Secret", "molva-tls")}


def kubectl() -> str | None:
    """Where `kubectl` is: on the PATH, or where `get-kubectl` puts it."""
    return shutil.which("kubectl") or shutil.which(ROOT / ".tools/kubectl/kubectl")


def read(path: Path) -> list[dict[str, Any]]:
    """The objects of a file."""
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


def faults_of_object(thing: dict[str, Any]) -> tuple[str, ...]:
    """What is wrong with one object by itself. A schema of Kubernetes is slow to read, and most objects come again."""
    return _faults_of_text(json.dumps(thing, default=str))


@cache
def _faults_of_text(text: str) -> tuple[str, ...]:
    return tuple(_find_faults(json.loads(text)))


def _find_faults(thing: dict[str, Any]) -> Iterator[str]:
    name = f"{thing.get('kind')} {thing.get('metadata', {}).get('name')}"
    custom = _CUSTOM.get((thing.get("apiVersion", ""), thing.get("kind", "")))
    if custom:
        schema = json.loads((HERE / "schemas" / custom).read_text(encoding="utf-8"))
        for error in jsonschema.Draft7Validator(schema).iter_errors(thing):
            yield f"{name}: {error.json_path}: {error.message}"
        return
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name}: {'.'.join(str(part) for part in error.path)}: {error.message} (Kubernetes {version})"
            return
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{name}: there is no {thing.get('apiVersion')} {thing.get('kind')} in Kubernetes {version}"
            return


class Composition:
    """What a kustomization gathers, before patches: objects, and what its generators make."""

    def __init__(self, folder: Path) -> None:
        self.faults: list[str] = []
        self.objects: list[dict[str, Any]] = []
        self.made: dict[tuple[str, str], set[str]] = {}
        self._gather(folder)

    def _gather(self, folder: Path) -> None:
        (kustomization,) = read(folder / _KUSTOMIZATION)
        for entry in kustomization.get("resources", []):
            path = (folder / entry).resolve()
            if path.is_dir():
                self._gather(path)
            elif path.is_file():
                self.objects += read(path)
            else:
                self.faults.append(f"{folder.name}: there is no {entry}")
        for kind, generators in (("ConfigMap", "configMapGenerator"), ("Secret", "secretGenerator")):
            for generator in kustomization.get(generators, []):
                keys = {literal.partition("=")[0] for literal in generator.get("literals", [])}
                for env in generator.get("envs", []):
                    keys |= self._keys(folder / f"{env}.example")
                self.made[kind, generator["name"]] = keys
        self._check_patches(folder, kustomization)
        self._check_unlisted(folder, kustomization)

    def _keys(self, example: Path) -> set[str]:
        if not example.is_file():
            self.faults.append(f"{example.parent.name}: there is no {example.name}")
            return set()
        lines = example.read_text(encoding="utf-8").splitlines()
        return {line.partition("=")[0] for line in lines if line and not line.startswith("#")}

    def _check_patches(self, folder: Path, kustomization: dict[str, Any]) -> None:
        there = {(thing["kind"], thing["metadata"]["name"]) for thing in self.objects}
        for patch in kustomization.get("patches", []):
            path = folder / patch["path"]
            for target in read(path) if path.is_file() else []:
                if (target["kind"], target["metadata"]["name"]) not in there:
                    self.faults.append(f"{patch['path']}: patches no {target['kind']} {target['metadata']['name']}")
            if not path.is_file():
                self.faults.append(f"{folder.name}: there is no {patch['path']}")

    def _check_unlisted(self, folder: Path, kustomization: dict[str, Any]) -> None:
        listed = {*kustomization.get("resources", []), *(patch["path"] for patch in kustomization.get("patches", []))}
        for path in folder.glob("*.yaml"):
            if path.name not in listed and path.name != _KUSTOMIZATION:
                self.faults.append(f"{folder.name}: {path.name} is not in {_KUSTOMIZATION}")


def references(thing: Any) -> Iterator[tuple[str, str]]:
    """The objects that ``thing`` needs, by kind and name."""
    if isinstance(thing, list):
        for part in thing:
            yield from references(part)
        return
    if not isinstance(thing, dict):
        return
    for key, value in thing.items():
        match key, value:
            case "configMapRef" | "configMapKeyRef", {"name": str(name)}:
                yield "ConfigMap", name
            case "secretRef" | "secretKeyRef" | "accessKeyId" | "secretAccessKey" | "passwordSecret", {"name": str(name)}:
                yield "Secret", name
            case "secretName", str(name):
                yield "Secret", name
            case "claimName", str(name):
                yield "PersistentVolumeClaim", name
            case "serviceAccountName", str(name):
                yield "ServiceAccount", name
            case "service", {"name": str(name)}:
                yield "Service", name
            case "cluster", {"name": str(name)}:
                yield "Cluster", name
            case "barmanObjectName", str(name):
                yield "ObjectStore", name
            case _:
                yield from references(value)


def faults_of_overlay(folder: Path) -> Iterator[str]:
    """What is wrong with an overlay as a whole."""
    composition = Composition(folder)
    yield from composition.faults
    there = {(thing["kind"], thing["metadata"]["name"]) for thing in composition.objects}
    there |= composition.made.keys() | _MADE_BY_OPERATORS
    for thing in composition.objects:
        yield from faults_of_object(thing)
        for kind, name in references(thing.get("spec", {})):
            if (kind, name) not in there:
                yield f"{thing['kind']} {thing['metadata']['name']}: there is no {kind} {name}"
    if kubectl():
        yield from faults_of_build(folder)


def build(folder: Path) -> list[dict[str, Any]]:
    """The overlay as `kubectl apply -k` would send it, with the examples as its secrets; ``ValueError`` if it refuses."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / "manifests"
        shutil.copytree(folder.parents[1], copy)
        overlay = copy / "overlays" / folder.name
        for example in overlay.glob("*.env.example"):
            shutil.copy(example, example.with_suffix(""))
        command = [kubectl() or "kubectl", "kustomize", str(overlay)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise ValueError(done.stderr.strip())
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def faults_of_build(folder: Path) -> Iterator[str]:
    """What is wrong with what `kubectl` makes of an overlay."""
    try:
        objects = build(folder)
    except ValueError as refusal:
        yield f"{folder.name}: {refusal}"
        return
    there = {(thing["kind"], thing["metadata"]["name"]) for thing in objects} | _MADE_BY_OPERATORS
    for thing in objects:
        yield from faults_of_object(thing)
        for kind, name in references(thing.get("spec", {})):
            if (kind, name) not in there:
                yield f"{thing['kind']} {thing['metadata']['name']}: after the build there is no {kind} {name}"


def main(folder: Path = ROOT / "manifests") -> int:
    """Print the faults; how the process should end."""
    faults = sorted({fault for name in OVERLAYS for fault in faults_of_overlay(folder / "overlays" / name)})
    for fault in faults:
        print(f"{folder.name}: {fault}")
    if not faults:
        built = "built by kubectl and validated" if kubectl() else "validated (no kubectl here: not built)"
        print(f"{folder.name}: {', '.join(OVERLAYS)} {built}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
