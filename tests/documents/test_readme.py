"""README.md is true: its commands run, its program prints what is promised, its tables are those of the code."""

import asyncio
import re
import shutil
import textwrap
from pathlib import Path

import pytest

from tests.clients.test_javascript_client import NODE, SCRIPTS
from tests.support.running import RunningServer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
DEADLINE_S = 60

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """What stands under the heading ``title``."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_layout_names_every_room_of_the_repository() -> None:
    named = re.findall(r"^\| `([\w./]+)` \|", section("Layout"), re.MULTILINE)
    assert [path for path in named if not (ROOT / path).exists()] == []
    code = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists() or path.suffix in {".py", ".sql"}}
    assert {name.rstrip("/") for name in named} >= code


def test_tests_that_are_named_as_proof_exist() -> None:
    proofs = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", README)
    assert proofs
    for file, test in proofs:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.mark.node
@pytest.mark.skipif(
    NODE is None or not (SCRIPTS / "node_modules/socket.io-client").exists(),
    reason="the packages of tests/js are not installed: run .ci/setup node",
)
@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
async def test_ten_minutes_work_as_written(running: RunningServer, tmp_path: Path) -> None:
    """Every block in turn, as somebody would paste it; only the server and the packages are there already."""
    (tmp_path / "node_modules").symlink_to(SCRIPTS / "node_modules")
    blocks = {"sh": "", "js": "", "text": ""}
    for _, language, indented in _BLOCK.findall(section("Ten minutes").replace(ADDRESS, running.address)):
        text = textwrap.dedent(indented)
        if not text.startswith(("make ", "npm ")):
            blocks[language] += text
    assert all(blocks.values())
    (tmp_path / "chat.mjs").write_text(blocks["js"], encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", blocks["sh"]),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    shown = output.decode()
    assert process.returncode == 0, shown
    assert [line for line in blocks["text"].splitlines() if line not in shown] == [], shown
