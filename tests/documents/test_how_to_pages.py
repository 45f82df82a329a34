"""docs/how-to is true: each page is followed in a copy of the repository, and its example does what the page says.

A page names a file (``In `path`:``) and shows blocks for it: ``python`` is put at the end of the file, ``diff`` changes the
one place that it shows, ``sh`` is run. The files that have changed then are those in the page's table.
"""

import asyncio
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/how-to"
NOT_COPIED = (
    *(".git", ".venv", ".tools", ".*_cache", ".hypothesis", ".coverage*"),
    *("*.egg-info", "__pycache__", "build", "bench", "node_modules", "var", "uv.lock"),
)
EXAMPLES = (
    "first_unread or has_a_row or handing_a_group_over or has_its_scenario or sticker or message_type or document_says"
)
"""The tests of the pages, and those that compare the whole of something, by their names."""
FOLLOWED = ("add-an-action.md", "add-an-event.md", "add-a-message-type.md", "add-a-setting.md")
DEADLINE_S = 240

_BLOCK = re.compile(r"^In `([\w/.-]+)`(?: \([^)\n]*\))?:$|^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^\| `([\w/.-]+)` \|", re.MULTILINE)

_SEEN = """
import orjson, sys
import server
from core.settings import Settings
from realtime.documents.typescript import write_types
from realtime.messages.contents import CONTENTS
from realtime.wire.registry import ACTIONS, EVENTS
from tests.chat.test_rights_matrix import OUTCOMES
from tests.support.contract import Witness
witness = Witness()
sys.stdout.buffer.write(orjson.dumps({
    "actions": list(ACTIONS), "events": list(EVENTS), "contents": list(CONTENTS), "settings": list(Settings.model_fields),
    "rights": list(OUTCOMES), "openapi": witness.openapi, "asyncapi": witness.asyncapi, "types": write_types(),
}))
"""


class Copy:
    """A copy of the repository in which a page is followed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)

    async def follow(self, page: str) -> None:
        """Do what the page says, from its top to its end."""
        path = ""
        for named, language, block in _BLOCK.findall((PAGES / page).read_text(encoding="utf-8")):
            path = named or path
            if language == "python":
                self.append(path, block)
            elif language == "diff":
                self.change(path, block)
            elif language == "sh":
                for line in block.splitlines():
                    await self.run(*_command(line))

    def append(self, path: str, block: str) -> None:
        with (self.root / path).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{block}")

    def change(self, path: str, block: str) -> None:
        lines = block.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        text = (self.root / path).read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{path} has this {text.count(before)} times, not once:\n{before}"
        (self.root / path).write_text(text.replace(before, after), encoding="utf-8")

    async def run(self, *words: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *words, cwd=self.root, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await asyncio.wait_for(process.communicate(), DEADLINE_S)
        assert process.returncode == 0, f"{' '.join(words)}\n{output.decode()[-4000:]}\n{errors.decode()[-4000:]}"
        return output

    async def look(self) -> Any:
        """What the registry, the documents and the tests see now."""
        return orjson.loads(await self.run(sys.executable, "-c", _SEEN))

    async def test(self, *words: str) -> None:
        """Run tests of the copy."""
        await self.run(
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:unraisableexception", "-n0", *words
        )

    def contents(self) -> dict[str, bytes]:
        """Every file, by its path."""
        files = (path for path in self.root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}


def _command(line: str) -> list[str]:
    """A command of a page, without the set-up that ``make`` does before it."""
    if line == "make documents":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        line = makefile.partition("\ndocuments:")[2].partition("\n\n")[0].splitlines()[-1].strip("\t@")
    python, *rest = line.split()
    assert python == ".venv/bin/python", line
    return [sys.executable, *rest]


def listed(page: str) -> set[str]:
    """The files in the table of a page."""
    section = (PAGES / page).read_text(encoding="utf-8").partition("\n## Files\n")[2].partition("\n## ")[0]
    return set(_FILE.findall(section))


@dataclass(frozen=True)
class Followed:
    """The copy after all pages: which files each page changed, and what is seen now."""

    copy: Copy
    changed: dict[str, set[str]]
    seen: Any


@pytest.fixture(scope="module")
async def followed(tmp_path_factory: pytest.TempPathFactory) -> Followed:
    copy, changed = Copy(tmp_path_factory.mktemp("how_to") / "copy"), {}
    for page in FOLLOWED:
        before = copy.contents()
        await copy.follow(page)
        after = copy.contents()
        changed[page] = {path for path, content in after.items() if before.get(path) != content}
    return Followed(copy, changed, await copy.look())


@pytest.mark.parametrize("page", FOLLOWED)
def test_page_lists_the_files_that_change(followed: Followed, page: str):
    assert followed.changed[page] == listed(page)


def test_action_is_seen_everywhere(followed: Followed):
    name, seen = "chat:first_unread", followed.seen
    assert name in seen["actions"]
    assert name in seen["rights"]
    assert f"/v1/actions/{name}" in seen["openapi"]["paths"]
    assert "chat_first_unread" in seen["asyncapi"]["operations"]
    assert f'"{name}": (payload: ChatGet, ack: (answer: Ack<FirstUnread>) => void) => void' in seen["types"]


def test_event_is_seen_everywhere(followed: Followed):
    name, seen = "chat:transferred", followed.seen
    assert name in seen["events"]
    assert name in seen["openapi"]["webhooks"]
    assert "on_chat_transferred" in seen["asyncapi"]["operations"]
    assert f'"{name}": (payload: ChatTransferred) => void' in seen["types"]


def test_message_type_is_seen_everywhere(followed: Followed):
    seen = followed.seen
    assert "sticker" in seen["contents"]
    assert seen["openapi"]["components"]["schemas"]["SendSticker"]["properties"]["type"]["const"] == "sticker"
    assert "SendSticker" in seen["asyncapi"]["components"]["schemas"]
    assert "export interface StickerContent" in seen["types"]


def test_setting_is_read_and_documented(followed: Followed):
    assert "reuse_port" in followed.seen["settings"]
    text = (followed.copy.root / "docs/configuration.md").read_text(encoding="utf-8")
    assert "| `MOLVA_REUSE_PORT` | `False` |" in text


async def test_examples_pass_their_tests(followed: Followed):
    files = {path for page in FOLLOWED for path in listed(page) if path.startswith("tests/") and path.endswith(".py")}
    whole = ["tests/documents/test_configuration_docs.py", "tests/documents/test_guide_pages.py"]
    await followed.copy.test(*sorted(files), *whole, "-k", EXAMPLES)


def test_every_page_is_in_the_index():
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([\w-]+\.md)\)", index)) == {page.name for page in PAGES.glob("*.md")} - {"README.md"}
