"""docs/decisions is complete: every page is in its index, every dependency has its line."""

import configparser
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/decisions"
PARTS = ("Context", "Choice", "Measured", "What would change our mind")


def package_of(requirement: str) -> str:
    """The name, with extras, of a requirement."""
    return re.split(r"[<>=~! ;]", requirement.strip(), maxsplit=1)[0]


def declared_packages() -> set[str]:
    """Everything that setup.cfg and pyproject.toml ask for."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = setup["options.extras_require"].values() if "options.extras_require" in setup else ()
    lists = [setup["options"]["install_requires"], *extras]
    runtime = [line for text in lists for line in text.splitlines() if line.strip()]
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return {package_of(requirement) for requirement in [*runtime, *groups["dev"]]}


def test_every_dependency_has_its_line() -> None:
    rows = re.findall(r"^\| ([\w.\[\]-]+) \| (.+) \| (.+) \|$", (PAGES / "dependencies.md").read_text(), re.MULTILINE)
    explained = [name for name, _, _ in rows if name not in {"package", "---"}]
    assert set(explained) == declared_packages()
    assert len(explained) == len(set(explained))


def test_every_page_is_in_the_index_and_has_its_parts() -> None:
    pages = {page.name for page in PAGES.glob("*.md")} - {"README.md"}
    indexed = re.findall(r"^\| \[([\w-]+\.md)\]\(\1\)", (PAGES / "README.md").read_text(), re.MULTILINE)
    assert sorted(indexed) == sorted(pages)
    for name in pages - {"dependencies.md"}:
        headings = re.findall(r"^## (.+)$", (PAGES / name).read_text(), re.MULTILINE)
        assert tuple(headings) == PARTS, name


def test_files_that_are_named_exist() -> None:
    for page in PAGES.glob("*.md"):
        for path in re.findall(r"`((?:core|db|http_api|realtime|tests)/[\w./]*)`", page.read_text()):
            assert (ROOT / path).exists(), f"{page.name}: {path}"
