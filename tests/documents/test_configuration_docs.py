"""docs/configuration.md says what the settings class says.

After a change: ``python -m tests.documents.test_configuration_docs``.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo

from core.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/configuration.md"
BEGIN, END = "<!-- made from core/settings.py -->", "<!-- end -->"


def table() -> str:
    """Every setting in a row."""
    rows = [f"| `MOLVA_{name.upper()}` | {shown_default(field)} | {explained(field)} |" for name, field in fields()]
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])


def fields() -> list[tuple[str, FieldInfo]]:
    return list(Settings.model_fields.items())


def shown_default(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, Path):
        default = f"./{default}"
    return "" if default in (None, (), {}) else f"`{default}`"


def explained(field: FieldInfo) -> str:
    choices = [str(choice) for choice in choices_of(field.annotation)]
    said = (field.description or "").replace("|", "\\|")
    missing = [choice for choice in choices if f"`{choice}`" not in said and choice != str(field.default)]
    return said + (f" Also: {', '.join(f'`{choice}`' for choice in missing)}." if missing else "")


def choices_of(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return [member.value for member in annotation]
    return [choice for choice in get_args(annotation) if isinstance(choice, str)]


def test_document_has_every_setting_as_the_class_says_it() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == table(), "python -m tests.documents.test_configuration_docs writes it anew"


def test_every_setting_is_explained() -> None:
    for name, field in fields():
        assert field.description, name
        assert field.description.endswith("."), name


def test_document_names_no_variable_that_is_not_read() -> None:
    known = {f"MOLVA_{name.upper()}" for name, _ in fields()}
    for path in (DOCUMENT, ROOT / "docs/operations.md", ROOT / "manifests/README.md"):
        named = set(re.findall(r"\bMOLVA_[A-Z_]+\b", path.read_text(encoding="utf-8")))
        assert named <= known | {"MOLVA_PUBLISH"}, path.name


def write() -> None:
    """Put the table of the class into the document."""
    head, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    DOCUMENT.write_text(f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    write()
