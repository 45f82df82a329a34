"""docs/security.md has every bad input that the tests send, and no other."""

from pathlib import Path
from typing import Any

import pytest

from tests import hostile_http
from tests.bad_inputs import Bad

SECTIONS: dict[str, dict[str, list[Bad[Any]]]] = {
    "HTTP": hostile_http.TABLES,
}


def tables(groups: dict[str, list[Bad[Any]]]) -> str:
    """A section's tables, as they follow from the rows."""
    lines: list[str] = []
    for title, rows in groups.items():
        lines += [f"**{title}**", "", "| sent | outcome |", "| --- | --- |"]
        lines += [f"| {row.what} | {row.outcome} |" for row in rows]
        lines.append("")
    return "\n".join(lines).rstrip("\n")


@pytest.mark.parametrize("subject", SECTIONS)
def test_section_lists_every_input_and_no_other(subject: str):
    text = (Path(__file__).parents[1] / "docs/security.md").read_text(encoding="utf-8")
    title = f"{subject}: every input that it is tried with\n"
    (section,) = [part for part in text.split("\n## ") if part.startswith(title)]
    assert section[section.index("\n**") :].strip() == tables(SECTIONS[subject])
