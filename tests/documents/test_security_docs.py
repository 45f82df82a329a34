"""docs/security.md has every bad input that the tests send, and no other."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import hostile_avatars, hostile_codes, hostile_http, hostile_tokens
from tests.support.bad_inputs import Bad

SECTIONS: dict[str, dict[str, list[Bad[Any]]]] = {
    "Avatars: every input that they are tried with": hostile_avatars.TABLES,
    "HTTP: every input that it is tried with": hostile_http.TABLES,
    "Access tokens: every input that they are tried with": hostile_tokens.TABLES,
    "Codes and refresh tokens: every input that they are tried with": hostile_codes.TABLES,
}


def tables(groups: dict[str, list[Bad[Any]]]) -> str:
    """A section's tables, as they follow from the rows."""
    lines: list[str] = []
    for title, rows in groups.items():
        lines += [f"**{title}**", "", "| sent | outcome |", "| --- | --- |"]
        lines += [f"| {row.what} | {row.outcome} |" for row in rows]
        lines.append("")
    return "\n".join(lines).rstrip("\n")


@pytest.mark.parametrize("title", SECTIONS)
def test_section_lists_every_input_and_no_other(title: str):
    text = (Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8")
    (section,) = [part for part in text.split("\n## ") if part.startswith(f"{title}\n")]
    assert section[section.index("\n**") :].strip() == tables(SECTIONS[title])
