"""docs/guide/chat.ts at work, in two tabs at once: names, unread counts, ticks, messages."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from realtime.documents.typescript import write_types
from realtime.wire.registry import ACTIONS
from tests.clients.test_guide_clients import ROOT
from tests.clients.test_javascript_client import NODE, SCRIPTS
from tests.support.clients import ChatUsers, Client, Person, new_client_id
from tests.support.pictures import encoded, scene
from tests.support.waiting import DEADLINE_S, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.node,
    pytest.mark.skipif(
        NODE is None or not (SCRIPTS / "node_modules/typescript").exists(),
        reason="the packages of tests/js are not installed: run .ci/setup node",
    ),
]


class Tabs:
    """Two tabs of one person."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ask(self, tab: int, command: str, *rest: object) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([tab, command, *rest]).encode() + b"\n")
        async with asyncio.timeout(DEADLINE_S):
            answer = json.loads(await self.process.stdout.readline())
        assert "fault" not in answer, answer
        return answer["value"]

    async def shows(self, tab: int, command: str, expected: Any, *fields: str) -> None:
        """Wait until the tab shows this, in these fields of each row or bubble."""
        shown: Any = None

        async def is_shown() -> bool:
            nonlocal shown
            shown = [tuple(one[field] for field in fields) for one in await self.ask(tab, command)]
            return bool(shown == expected)

        try:
            await until(is_shown)
        except TimeoutError:
            raise AssertionError(f"shows {shown}, expected {expected}") from None


@pytest.fixture
async def anna(chat_users: ChatUsers) -> Person:
    anna = await chat_users.register()
    await chat_users.http.patch("/v1/me", json={"display_name": "Anna"}, headers=anna.headers)
    return anna


@pytest.fixture
async def boris(chat_users: ChatUsers, anna: Person) -> tuple[Client, str]:
    """Boris, and his chat with Anna."""
    boris = await (await chat_users.register()).connect()
    return boris, (await boris.send("chat:create_private", user_id=anna.id))["chat"]["id"]


class HeldLists:
    """Answers of ``chat:list`` that were read from the database and are not sent before :attr:`release`."""

    def __init__(self) -> None:
        self.count = 0
        self.release = asyncio.Event()


@pytest.fixture
def held_lists(monkeypatch: pytest.MonkeyPatch) -> HeldLists:
    held, action = HeldLists(), ACTIONS["chat:list"]

    async def answer_late(context: Any, payload: Any) -> Any:
        answer = await action.handler(context, payload)
        held.count += 1
        await held.release.wait()
        return answer

    monkeypatch.setitem(ACTIONS, "chat:list", replace(action, handler=answer_late))
    return held


@pytest.fixture
async def tabs(chat_users: ChatUsers, anna: Person, tmp_path: Path, witness: Any) -> AsyncIterator[Tabs]:
    """The page, compiled against the served types, in two tabs of Anna's."""
    (tmp_path / "node_modules").symlink_to(SCRIPTS / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "molva.ts").write_text(write_types(witness.openapi), encoding="utf-8")
    (tmp_path / "chat.ts").write_text((ROOT / "docs/guide/chat.ts").read_text(encoding="utf-8"), encoding="utf-8")
    compiler = await asyncio.create_subprocess_exec(
        str(SCRIPTS / "node_modules/.bin/tsc"), "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext",
        "chat.ts", cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await compiler.communicate()
    assert compiler.returncode == 0, output.decode()
    process = await asyncio.create_subprocess_exec(
        str(NODE), str(SCRIPTS / "chat.mjs"), str(tmp_path / "chat.js"), chat_users.address, anna.tokens["access_token"],
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    yield Tabs(process)
    process.kill()
    await process.wait()


async def test_page_shows_a_message_that_overtakes_the_list(boris: tuple[Client, str], held_lists: HeldLists, tabs: Tabs):
    client, chat_id = boris
    await until(lambda: held_lists.count == 2)
    await client.say(chat_id, "hello Anna")
    held_lists.release.set()
    for tab in (0, 1):
        await tabs.shows(tab, "rows", [("hello Anna", 1)], "line", "unread")


async def test_page_shows_images_and_reactions(chat_users: ChatUsers, boris: tuple[Client, str], tabs: Tabs, anna: Person):
    client, chat_id = boris
    person = next(one for one in chat_users.people if one.id == client.ready["user"]["id"])
    upload = {"file": ("beach.png", encoded(scene(800, 600)), "image/png")}
    stored = (await chat_users.http.post("/v1/files", files=upload, headers=person.headers)).raise_for_status().json()
    content = {"file_id": stored["id"], "caption": "the beach"}
    await client.send("message:send", chat_id=chat_id, client_id=new_client_id(), type="image", content=content)
    for tab in (0, 1):
        await tabs.ask(tab, "open", chat_id)
        await tabs.shows(tab, "bubbles", [("the beach", "")], "text", "reactions")
    (bubble,) = await tabs.ask(0, "bubbles")
    picture = await chat_users.http.get(bubble["image"])
    assert (picture.status_code, picture.headers["content-type"].partition("/")[0]) == (200, "image")
    await client.send("message:react", chat_id=chat_id, seq=1, emoji="👍")
    await tabs.ask(1, "react", 1, "🎉")
    for tab in (0, 1):
        await tabs.shows(tab, "bubbles", [("👍1 🎉1*",)], "reactions")
    await client.send("message:unreact", chat_id=chat_id, seq=1, emoji="👍")
    await client.send("message:react", chat_id=chat_id, seq=1, emoji="🎉")
    await tabs.shows(0, "bubbles", [("🎉2*",)], "reactions")
    await client.send("message:edit", chat_id=chat_id, seq=1, content={**content, "caption": "our beach"})
    await tabs.shows(0, "bubbles", [("our beach", "🎉2*")], "text", "reactions")


@pytest.mark.timeout(120)
async def test_page_shows_names_counts_and_ticks_in_two_tabs(chat_users: ChatUsers, anna: Person, tabs: Tabs):
    boris, clara = [await chat_users.register() for _ in range(2)]
    people = {}
    for name, person in (("Boris", boris), ("Clara", clara)):
        await chat_users.http.patch("/v1/me", json={"display_name": name}, headers=person.headers)
        people[name] = await person.connect()
    private = (await people["Boris"].send("chat:create_private", user_id=anna.id))["chat"]["id"]
    group = (await people["Clara"].send("chat:create_group", title="Hike", member_ids=[anna.id]))["chat"]["id"]
    await people["Boris"].say(private, "hello Anna", mentions=[anna.id])
    rows = [("Boris", "hello Anna", 1, True), ("Hike", "Clara opened the group Hike", 1, False)]
    for tab in (0, 1):
        await tabs.shows(tab, "rows", rows, "title", "line", "unread", "mentioned")

    await tabs.ask(0, "open", private)
    await tabs.ask(1, "open", group)
    await tabs.shows(0, "bubbles", [("Boris", "hello Anna", False)], "from", "text", "mine")
    await people["Clara"].say(group, "who comes?")
    told = [("Clara", "Clara opened the group Hike"), ("Clara", "who comes?")]
    await tabs.shows(1, "bubbles", told, "from", "text")
    await tabs.shows(0, "bubbles", [("Boris", "hello Anna")], "from", "text")
    for tab in (0, 1):
        await tabs.shows(tab, "rows", [("Hike", 0), ("Boris", 0)], "title", "unread")

    assert await tabs.ask(0, "say", "hello Boris") is None
    await tabs.shows(0, "bubbles", [("hello Anna", ""), ("hello Boris", "sent")], "text", "ticks")
    await people["Boris"].send("message:read", chat_id=private, seq=2)
    await tabs.shows(0, "bubbles", [("hello Anna", ""), ("hello Boris", "read")], "text", "ticks")
