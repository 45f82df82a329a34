"""docs/architecture.md is true: its map has every folder of the product, its arrows are the contracts, its paths exist."""

import re
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
MAP = PAGE.partition("\n## The map\n")[2].partition("\n## ")[0]


def setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def arrows(diagram: str) -> set[tuple[str, str]]:
    """(above, below) for each arrow; a node is its names, without its label."""
    labels = {node: label.replace(".py", "") for node, label in re.findall(r'(\w+)\["([^"]*)"\]', diagram)}
    found = re.findall(r'^ +(\w+)(?:\["[^"]*"\])? --> (\w+)', diagram, re.MULTILINE)
    return {
        (above, below)
        for from_, to in found
        for above in labels.get(from_, from_).split(", ")
        for below in labels.get(to, to).split(", ")
    }


def layers(contract: str) -> dict[str, int]:
    """Each module of a contract's layers, with how far from the top it is."""
    lines = setup()[f"importlinter:contract:{contract}"]["layers"].split("\n")
    rows = [line.split(" | ") for line in lines if line.strip()]
    return {name.strip().rpartition(".")[2]: depth for depth, row in enumerate(rows) for name in row}


def test_map_has_every_folder_of_the_product() -> None:
    mapped = {path.rstrip("/") for path in re.findall(r"^\| `([\w/]+/)` \|", MAP, re.MULTILINE)}
    packages = setup()["importlinter"]["root_packages"].split()
    folders = {*packages, *(f"realtime/{path.parent.name}" for path in (ROOT / "realtime").glob("*/__init__.py"))}
    assert mapped == folders - {"realtime"} | {"tests"}


def test_arrows_run_as_the_contracts_say() -> None:
    outer, inner = re.findall(r"```mermaid\n(flowchart.*?)```", MAP, re.DOTALL)
    for diagram, contract in ((outer, "floors"), (inner, "realtime")):
        depth = layers(contract)
        drawn = arrows(diagram)
        assert set(depth) <= {name for arrow in drawn for name in arrow}
        for above, below in drawn:
            if above in depth:
                assert depth[above] < depth[below], f"{above} --> {below}"


def test_paths_that_are_named_exist() -> None:
    named = re.findall(r"`((?:[\w]+/)+[\w.]*|\w+\.(?:py|sql|cfg))`", PAGE)
    missing = [path for path in named if not (ROOT / path).exists() and path not in {"payloads.py", "rules.py"}]
    assert missing == []
