"""docs/how-to is right: the files that a page lists are those that the code says, and no others."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from db.messages import MessageBody

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/how-to"
PRODUCT = ("accounts", "cli.py", "commands", "core", "db", "http_api", "maintenance", "realtime", "server.py", "storage")
COLUMNS = sorted(
    {column.name for column in fields(MessageBody)} - {"type", "content", "metadata"}
)  # those words are everywhere


def listed(page: str) -> dict[str, str]:
    """The table of files: path → what to do."""
    return dict(re.findall(r"^\| `([\w./]+)` \| (.+) \|$", (PAGES / page).read_text(encoding="utf-8"), re.MULTILINE))


def sources() -> list[Path]:
    roots = [ROOT / name for name in PRODUCT]
    modules = [file for root in roots for file in ([root] if root.is_file() else root.rglob("*.py"))]
    return [*modules, ROOT / "schema.sql", *(ROOT / "db/migrations").glob("*.sql")]


def files_that_name(column: str) -> set[str]:
    """The files of the product in which the word occurs; all migrations together are one."""
    word = re.compile(rf"\b{column}\b")
    found = [file.relative_to(ROOT) for file in sources() if word.search(file.read_text(encoding="utf-8"))]
    return {"db/migrations/" if file.parts[:2] == ("db", "migrations") else str(file) for file in found}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_of_a_message_is_named_in_the_listed_files_and_no_others(column: str) -> None:
    table = listed("add-a-column-to-a-message.md")
    product = {path for path in table if not path.startswith("tests/")}
    needed = {path for path in product if not table[path].startswith("only if")}
    assert needed <= files_that_name(column) <= product


def test_there_are_columns_to_look_for() -> None:
    assert {"mentions", "reply_to"} <= set(COLUMNS)


def test_files_that_are_named_exist() -> None:
    pages = list(PAGES.glob("*.md"))
    assert pages
    for page in pages:
        for path in re.findall(
            r"`((?:core|db|docs|realtime|tests)/[\w./-]*|schema\.sql)`", page.read_text(encoding="utf-8")
        ):
            assert (ROOT / path).exists(), f"{page.name}: {path}"
