"""Coming back: session:sync and message:changes tell all that was missed, whatever was under way meanwhile.

MOLVA_TEST_ACTIONS asks for another number of random actions in the long test.
"""

import asyncio
import logging
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from db.query import STATEMENTS
from tests.support.clients import ActionFailed, ChatUsers, Client
from tests.support.replica import Replica
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow

log = logging.getLogger(__name__)

ACTIONS = int(os.environ.get("MOLVA_TEST_ACTIONS", "1000"))


async def connected(chat_users: ChatUsers, count: int) -> list[Client]:
    return [await (await chat_users.register()).connect() for _ in range(count)]


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def new_group(creator: Client, *others: Client, title: str = "Group") -> str:
    answer = await creator.send("chat:create_group", title=title, member_ids=[id_of(other) for other in others])
    chat_id: str = answer["chat"]["id"]
    return chat_id


@asynccontextmanager
async def by_hand(running: RunningServer) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the server's database, for a transaction that takes its time."""
    url = running.settings.database_url
    assert url is not None
    connection = await asyncpg.connect(url.get_secret_value())
    try:
        yield connection
    finally:
        await connection.close()


def ids(page: dict[str, Any]) -> set[str]:
    return {chat["id"] for chat in page["chats"]}


# --- under concurrent commits


async def test_change_that_commits_after_a_sync_is_in_the_next_one(running: RunningServer, chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    slow, quick = await new_group(anna, boris, title="Slow"), await new_group(anna, boris, title="Quick")
    before = await anna.send("session:sync")
    async with by_hand(running) as hand:
        transaction = hand.transaction()
        await transaction.start()
        await hand.execute("SELECT pg_current_xact_id()")  # it has its number before everything that follows
        await boris.say(quick, "a later transaction, committed first")
        during = await anna.send("session:sync", cursor=before["cursor"])
        assert ids(during) == {quick}
        version = await hand.fetchval(STATEMENTS["chats.raise_version"].sql, slow)
        await boris.say(quick, "and another")
        again = await anna.send("session:sync", cursor=during["cursor"])
        assert ids(again) == {quick}
        await transaction.commit()
    after = await anna.send("session:sync", cursor=again["cursor"])
    assert {chat["id"]: chat["version"] for chat in after["chats"]}[slow] == version
    quiet = await anna.send("session:sync", cursor=after["cursor"])
    assert (quiet["chats"], quiet["removed_chat_ids"], quiet["has_more"]) == ([], [], False)


async def test_change_that_commits_between_two_pages_is_not_lost(running: RunningServer, chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    chat_ids = [await new_group(anna, boris, title=f"{place}") for place in range(5)]
    async with by_hand(running) as hand:
        transaction = hand.transaction()
        await transaction.start()
        await hand.execute(STATEMENTS["chats.raise_version"].sql, chat_ids[0])
        for chat_id in chat_ids[1:]:
            await boris.say(chat_id, "later")
        first = await anna.send("session:sync", limit=2)
        assert first["has_more"]
        await transaction.commit()
    held = {chat["id"]: chat for chat in first["chats"]}
    page = first
    while page["has_more"]:
        page = await anna.send("session:sync", limit=2, cursor=page["cursor"])
        held |= {chat["id"]: chat for chat in page["chats"]}
    page = await anna.send("session:sync", cursor=page["cursor"])
    held |= {chat["id"]: chat for chat in page["chats"]}
    for chat_id in chat_ids:
        assert held[chat_id] == (await anna.send("chat:get", chat_id=chat_id))["chat"]


# --- many, lost, gone


async def test_pages_of_a_sync_bring_every_chat_once_while_nothing_changes(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    chat_ids = [await new_group(anna, boris, title=f"{place}") for place in range(23)]
    brought, page = [], {"cursor": None, "has_more": True}
    while page["has_more"]:
        page = await anna.send("session:sync", limit=5, cursor=page["cursor"])
        assert len(page["chats"]) <= 5
        brought += [chat["id"] for chat in page["chats"]]
    assert sorted(brought) == sorted(chat_ids)


async def test_sync_brings_what_is_ones_own(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    chat_id = await new_group(anna, boris)
    await boris.say(chat_id, "one")
    cursor = (await anna.send("session:sync"))["cursor"]
    for action, payload in (
        ("chat:pin", {}),
        ("chat:mute", {"until": "2031-01-01T00:00:00Z"}),
        ("chat:rename", {"title": "Mine"}),
        ("message:read", {"seq": 2}),
        ("chat:unpin", {}),
    ):
        await anna.send(action, chat_id=chat_id, **payload)
        page = await anna.send("session:sync", cursor=cursor)
        assert page["chats"] == [(await anna.send("chat:get", chat_id=chat_id))["chat"]]
        cursor = page["cursor"]
    await boris.send("chat:pin", chat_id=chat_id)
    assert (await anna.send("session:sync", cursor=cursor))["chats"] == [], "what is Boris' own is not told"


async def test_lost_chat_is_told_once_and_what_happens_in_it_afterwards_never(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    chat_id = await new_group(anna, boris)
    cursor = (await boris.send("session:sync"))["cursor"]
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(boris))
    page = await boris.send("session:sync", cursor=cursor)
    assert (page["chats"], page["removed_chat_ids"]) == ([], [chat_id])
    await anna.say(chat_id, "without Boris")
    await anna.send("chat:rename", chat_id=chat_id, title="Mine")
    quiet = await boris.send("session:sync", cursor=page["cursor"])
    assert (quiet["chats"], quiet["removed_chat_ids"]) == ([], [])
    assert (await boris.send("session:sync"))["removed_chat_ids"] == [], "who begins anew has nothing to forget"
    again = await boris.send("session:sync", cursor=cursor)
    assert again["removed_chat_ids"] == [chat_id], "an old cursor is told for ever"


async def test_who_comes_back_to_a_chat_has_it_and_has_not_lost_it(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    chat_id = await new_group(anna, boris)
    cursor = (await boris.send("session:sync"))["cursor"]
    await boris.send("chat:leave", chat_id=chat_id)
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(boris)])
    page = await boris.send("session:sync", cursor=cursor)
    assert (ids(page), page["removed_chat_ids"]) == ({chat_id}, [])


@pytest.mark.parametrize(
    "cursor", ["nonsense", "synced.-1", "synced.1e99", "synced.1.2", "sync.1", "sync.1.2.3.no id", "chats.1"]
)
async def test_foreign_cursor_is_refused(chat_users: ChatUsers, cursor: str):
    (anna,) = await connected(chat_users, 1)
    error = await anna.expect_refusal("session:sync", "validation_failed", cursor=cursor)
    assert error["details"][0]["path"] == "cursor"


async def test_cursor_of_a_database_that_was_ahead_of_this_one_is_a_conflict(chat_users: ChatUsers):
    (anna,) = await connected(chat_users, 1)
    await anna.expect_refusal("session:sync", "conflict", "cursor_unknown", cursor=f"synced.{10**15 - 1}")


# --- message:changes


async def test_changes_bring_each_changed_message_once_as_it_is(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    for place in range(10):
        await anna.say(chat_id, f"{place}")
    version = (await boris.send("chat:get", chat_id=chat_id))["chat"]["version"]
    await anna.send("message:edit", chat_id=chat_id, seq=3, content={"text": "once"})
    await anna.send("message:edit", chat_id=chat_id, seq=3, content={"text": "twice"})
    await anna.send("message:delete", chat_id=chat_id, seq=5)
    await boris.send("message:like", chat_id=chat_id, seq=7)
    await anna.say(chat_id, "new")
    changes = await boris.send("message:changes", chat_id=chat_id, version=version)
    assert [(message["seq"], message["version"] - version) for message in changes["messages"]] == [
        (3, 2),
        (5, 3),
        (7, 4),
        (11, 5),
    ]
    assert changes["messages"][0]["content"] == {"text": "twice"}
    assert changes["messages"][2]["liked_by_me"]
    assert (changes["version"], changes["has_more"]) == (version + 5, False)
    nothing = await boris.send("message:changes", chat_id=chat_id, version=changes["version"])
    assert (nothing["messages"], nothing["version"]) == ([], changes["version"])


async def test_pages_of_changes_go_on_where_the_last_one_ended(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    for place in range(10):
        await anna.say(chat_id, f"{place}")
    await anna.send("message:edit", chat_id=chat_id, seq=1, content={"text": "moved to the end"})
    held, version, has_more, pages = [], 0, True, 0
    while has_more:
        page = await boris.send("message:changes", chat_id=chat_id, version=version, limit=3)
        held += [message["seq"] for message in page["messages"]]
        version, has_more, pages = page["version"], page["has_more"], pages + 1
    assert held == [*range(2, 11), 1]
    assert pages == 4
    assert version == (await boris.send("chat:get", chat_id=chat_id))["chat"]["version"]


async def test_version_of_changes_counts_what_is_no_message(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    chat_id = await new_group(anna, boris)
    await anna.send("chat:transfer", chat_id=chat_id, user_id=id_of(boris))
    changes = await anna.send("message:changes", chat_id=chat_id, version=1)
    assert (changes["messages"], changes["version"]) == ([], 2)


# --- all of it together


class Mischief:
    """Random actions of two people in shared chats, of which some are refused. Clara comes and goes in some of them."""

    def __init__(self, people: list[Client], clara_id: str, chat_ids: list[str], dice: random.Random) -> None:
        self.people = people
        self.clara_id = clara_id
        self.chat_ids = chat_ids
        self.dice = dice
        self.counts = dict.fromkeys(chat_ids, 1)
        self.done = 0

    async def act(self) -> None:
        """One action; a refusal is fine, the rules are tested elsewhere."""
        client, chat_id = self.dice.choice(self.people), self.dice.choice(self.chat_ids)
        seq = self.dice.randint(1, self.counts[chat_id])
        wish = self.dice.random()
        self.done += 1
        try:
            if wish < 0.5:
                self.counts[chat_id] = max(self.counts[chat_id], (await client.say(chat_id, f"{self.done}"))["seq"])
            elif wish < 0.6:
                await client.send("message:edit", chat_id=chat_id, seq=seq, content={"text": f"edited {self.done}"})
            elif wish < 0.65:
                await client.send("message:delete", chat_id=chat_id, seq=seq)
            elif wish < 0.8:
                await client.send(self.dice.choice(["message:like", "message:unlike"]), chat_id=chat_id, seq=seq)
            elif wish < 0.9:
                await client.send("message:read", chat_id=chat_id, seq=seq)
            elif wish < 0.95:
                await client.send(self.dice.choice(["chat:pin", "chat:unpin"]), chat_id=chat_id)
            elif wish < 0.97:
                await client.send("member:remove", chat_id=chat_id, user_id=self.clara_id)
            else:
                history = self.dice.choice(["all", "none"])
                await client.send("member:add", chat_id=chat_id, user_ids=[self.clara_id], history=history)
        except ActionFailed as failure:
            assert failure.code in ("not_found", "forbidden", "conflict")  # noqa: PT017  (any other is a defect)

    async def go_on(self, count: int) -> None:
        for _ in range(count):
            await self.act()


async def test_everybody_holds_the_same_after_a_storm(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    clara_person = await chat_users.register()
    clara = await clara_person.connect()
    chat_ids = [await new_group(anna, boris, clara, title=f"{place}") for place in range(6)]
    private = (await anna.send("chat:create_private", user_id=id_of(boris)))["chat"]["id"]
    mischief = Mischief([anna, boris], id_of(clara), [*chat_ids, private], random.Random(7))
    watchers = [Replica(anna), Replica(boris)]
    for replica, chat_id in zip(watchers, chat_ids, strict=False):
        replica.applied = len(replica.client.events)
        await replica.load()
        for held in (*chat_ids, private):
            await replica.hold(held)
        await replica.activate(chat_id)

    started = time.monotonic()
    away = Replica(clara)
    storm = asyncio.gather(*(mischief.go_on(ACTIONS // 8) for _ in range(8)))
    returns = 0
    while not storm.done():
        back = Replica(await clara_person.connect())
        back.chats, back.messages, back.versions, back.cursor = away.chats, away.messages, away.versions, away.cursor
        await back.catch_up()
        for chat_id in list(back.chats):  # it hears of new ones meanwhile
            if chat_id not in back.messages:
                await back.hold(chat_id)
        await back.client.close()
        away, returns = back, returns + 1
    await storm
    log.info("%d actions a second", mischief.done / (time.monotonic() - started))

    back = Replica(await clara_person.connect())
    back.chats, back.messages, back.versions, back.cursor = away.chats, away.messages, away.versions, away.cursor
    await back.catch_up()
    await back.expect_fresh(caught_up=True)
    for replica in watchers:
        await replica.settle()
        await replica.expect_fresh()  # by events alone, where they are told everything
        await replica.catch_up()
        await replica.expect_fresh(caught_up=True)
    assert returns > 1
