"""Settings are documented once, in core/settings.py: the tables of the documents are made from it.

After a change: ``make documents``.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic.fields import FieldInfo

from cli import app
from core.settings import IMPORTANT, Settings, shown_default, variable_of

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- made from core/settings.py by make documents -->", "<!-- end -->"
ALL = sorted(Settings.model_fields, key=lambda name: name not in Settings.__annotations__)
"""What is inherited, the limits, comes last."""
TABLES = {"docs/configuration.md": ALL, "README.md": IMPORTANT}
"""Document → the settings in its table."""
NAMING = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ".env.example",
    "docker-compose.yml",
    "Dockerfile",
    *(str(path.relative_to(ROOT)) for folder in ("docs", "deploy", "manifests") for path in (ROOT / folder).rglob("*.*")
      if path.suffix in {".md", ".yml", ".yaml", ".example", ".conf"} and path.parent.name != "how-to"),
]  # fmt: skip
"""Where strangers read names of settings."""
NOT_OF_THE_SERVER = {
    "MOLVA_PUBLISH", "MOLVA_IMAGE", "MOLVA_OPEN_FILES", "MOLVA_MEMORY", "MOLVA_TEST_FUZZED_PACKETS", "MOLVA_ADMIN_URL",
    "MOLVA_ADMIN_KEY", "MOLVA_TEST_SEARCHED_MESSAGES",
}  # fmt: skip
"""Variables of docker-compose.yml and of the tests."""


def table(names: Iterable[str]) -> str:
    """A row for each of the settings."""
    rows = []
    for name in names:
        default = shown_default(name)
        shown = f"`{default}`" if default else ""
        rows.append(f"| `{variable_of(name)}` | {shown} | {explained(Settings.model_fields[name])} |")
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])


def explained(field: FieldInfo) -> str:
    choices = [str(choice) for choice in choices_of(field.annotation)]
    said = (field.description or "").replace("|", "\\|")
    missing = [choice for choice in choices if f"`{choice}`" not in said and choice != str(field.default)]
    return said + (f" Also: {', '.join(f'`{choice}`' for choice in missing)}." if missing else "")


def choices_of(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return [member.value for member in annotation]
    return [choice for choice in get_args(annotation) if isinstance(choice, str)]


@pytest.mark.parametrize("name", TABLES)
def test_document_says_what_the_class_says(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == table(TABLES[name]), "`make documents` writes the table again"


def test_ten_settings_are_important() -> None:
    assert len(set(IMPORTANT)) == 10
    assert set(IMPORTANT) <= set(Settings.model_fields)


def test_help_shows_the_important_settings() -> None:
    for name in IMPORTANT:
        assert variable_of(name) in str(app.info.help)
        assert str(Settings.model_fields[name].description).partition(". ")[0] in " ".join(str(app.info.help).split())


def test_every_setting_is_explained() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("name", NAMING)
def test_file_names_no_variable_that_is_not_read(name: str) -> None:
    known = {variable_of(setting) for setting in Settings.model_fields}
    named = set(re.findall(r"\bMOLVA_[A-Z_]+\b", (ROOT / name).read_text(encoding="utf-8")))
    assert named <= known | NOT_OF_THE_SERVER


def test_compose_has_the_defaults_of_the_class() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    passed = dict(re.findall(r"MOLVA_([A-Z_]+): \$\{MOLVA_\1:-([^}]*)\}", text))
    assert {"LOG_LEVEL", "CODE_SENDER"} <= set(passed)
    assert passed.pop("FILES_URL") == "/var/lib/molva/files"  # the volume
    for name, default in passed.items():
        assert default == shown_default(name.lower()), name


def write() -> None:
    """Put the tables into the documents."""
    for name, settings in TABLES.items():
        head, begin, rest = (ROOT / name).read_text(encoding="utf-8").partition(BEGIN)
        assert begin, f"{name} has no place for its table"
        (ROOT / name).write_text(f"{head}{BEGIN}\n{table(settings)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    write()
