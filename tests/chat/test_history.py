"""History: pages by seq, and how far each has read."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.ids import new_id
from tests.support.clients import ChatUsers, Client
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow

COUNT = 30


@pytest.fixture(scope="module")
async def told(running: RunningServer) -> AsyncIterator[tuple[Client, Client, str]]:
    """Two people and what they said: ``COUNT`` messages."""
    chat_users = ChatUsers(running.address)
    anna, boris, chat_id = await chat_users.pair()
    for number in range(COUNT):
        await (anna, boris)[number % 2].say(chat_id, f"message {number + 1}")
    yield anna, boris, chat_id
    await chat_users.close()


async def page(client: Client, chat_id: str, **bounds: Any) -> tuple[list[int], bool]:
    """The seqs of a page, and whether there are more."""
    answer = await client.send("message:list", chat_id=chat_id, **bounds)
    assert set(answer) == {"messages", "users", "has_more", "has_before", "has_after"}
    seqs = [message["seq"] for message in answer["messages"]]
    assert [message["content"]["text"] for message in answer["messages"]] == [f"message {seq}" for seq in seqs]
    return seqs, answer["has_more"]


def span(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


@pytest.mark.parametrize(
    ("bounds", "expected", "has_more"),
    [
        ({}, span(1, 30), False),
        ({"limit": 30}, span(1, 30), False),
        ({"limit": 29}, span(2, 30), True),
        ({"limit": 1}, [30], True),
        ({"limit": 100}, span(1, 30), False),
        ({"before": 31, "limit": 5}, span(26, 30), True),
        ({"before": 30, "limit": 5}, span(25, 29), True),
        ({"before": 6, "limit": 5}, span(1, 5), False),
        ({"before": 7, "limit": 5}, span(2, 6), True),
        ({"before": 1}, [], False),
        ({"before": 2**53 - 1, "limit": 2}, [29, 30], True),
        ({"after": 0, "limit": 5}, span(1, 5), True),
        ({"after": 25, "limit": 5}, span(26, 30), False),
        ({"after": 24, "limit": 5}, span(25, 29), True),
        ({"after": 30}, [], False),
        ({"after": 2**53 - 1}, [], False),
        ({"around": 15, "limit": 5}, span(13, 17), True),
        ({"around": 15, "limit": 4}, span(13, 16), True),
        ({"around": 15, "limit": 1}, [15], True),
        ({"around": 1, "limit": 5}, span(1, 5), True),  # of either side
        ({"around": 2, "limit": 5}, span(1, 5), True),
        ({"around": 3, "limit": 5}, span(1, 5), True),
        ({"around": 4, "limit": 5}, span(2, 6), True),
        ({"around": 30, "limit": 5}, span(26, 30), True),
        ({"around": 28, "limit": 5}, span(26, 30), True),
        ({"around": 27, "limit": 5}, span(25, 29), True),
        ({"around": 1, "limit": 30}, span(1, 30), False),
        ({"around": 30, "limit": 30}, span(1, 30), False),
        ({"around": 30, "limit": 29}, span(2, 30), True),
        ({"around": 1, "limit": 29}, span(1, 29), True),
        ({"around": 15, "limit": 100}, span(1, 30), False),
        ({"around": 2**53 - 1, "limit": 4}, span(27, 30), True),
        ({"around": 2**53 - 1, "limit": 30}, span(1, 30), False),
        ({"around": 1, "limit": 1}, [1], True),
    ],
)
async def test_page_holds_what_its_bound_says(
    told: tuple[Client, Client, str], bounds: dict[str, int], expected: list[int], has_more: bool
):
    _anna, boris, chat_id = told
    assert await page(boris, chat_id, **bounds) == (expected, has_more)


@pytest.mark.parametrize("limit", [1, 7, 30])
async def test_pages_before_and_after_cover_everything_once(told: tuple[Client, Client, str], limit: int):
    anna, _boris, chat_id = told
    found: list[int] = []
    more, before = True, COUNT + 1
    while more:
        seqs, more = await page(anna, chat_id, before=before, limit=limit)
        found, before = seqs + found, seqs[0]
    assert found == span(1, COUNT)
    found, more = [], True
    while more:
        seqs, more = await page(anna, chat_id, after=found[-1] if found else 0, limit=limit)
        found += seqs
    assert found == span(1, COUNT)


@pytest.mark.parametrize(
    "bounds",
    [{"before": 5, "after": 1}, {"before": 5, "around": 5}, {"after": 5, "around": 5}, {"before": 0}, {"around": 0},
     {"after": -1}, {"limit": 0}, {"limit": 101}, {"before": "5"}, {"before": 2**53}, {"order": "desc"}],
)  # fmt: skip
async def test_bounds_that_make_no_page_do_not_fit(told: tuple[Client, Client, str], bounds: dict[str, Any]):
    anna, _boris, chat_id = told
    await anna.expect_refusal("message:list", "validation_failed", chat_id=chat_id, **bounds)


async def test_empty_chat_has_an_empty_page(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    for bounds in ({}, {"before": 5}, {"after": 0}, {"around": 5}):
        assert await page(anna, chat_id, **bounds) == ([], False)


async def test_history_of_the_active_chat_needs_no_name(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    message = await anna.say(chat_id, "here")
    await anna.send("chat:activate", chat_id=chat_id)
    assert (await anna.send("message:list"))["messages"] == [message]


async def test_who_came_later_pages_through_what_they_may_see(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    for number in range(5):
        await anna.say(chat_id, f"secret {number}")
    clara = await (await chat_users.register()).connect()
    await boris.send("member:add", chat_id=chat_id, user_ids=[clara.ready["user"]["id"]])
    for number in range(3):
        await anna.say(chat_id, f"open {number}")
    newest = (await clara.send("chat:get", chat_id=chat_id))["chat"]["message_count"]
    for bounds in ({}, {"after": 0}, {"around": 6}, {"before": newest + 1}):
        answer = await clara.send("message:list", chat_id=chat_id, **bounds)
        assert [message["seq"] for message in answer["messages"]] == span(6, newest)
        assert answer["has_more"] is False
    assert (await clara.send("message:list", chat_id=chat_id, before=6)) == {
        "messages": [], "users": {}, "has_more": False, "has_before": False, "has_after": True,
    }  # fmt: skip


# --- reading


async def test_read_mark_moves_only_forward(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    for number in range(10):
        await anna.say(chat_id, f"message {number}")
    for seq, expected in ((3, 3), (7, 7), (5, 7), (1, 7), (7, 7), (10, 10), (9, 10)):
        answer = await boris.send("message:read", chat_id=chat_id, seq=seq)
        assert answer == {"read_seq": expected, "unread_count": 10 - expected}
    assert (await boris.send("chat:get", chat_id=chat_id))["chat"]["me"]["read_seq"] == 10


@pytest.mark.parametrize("beyond", [6, 100, 2**53 - 1])
async def test_reading_beyond_the_newest_reads_the_newest(chat_users: ChatUsers, beyond: int):
    anna, boris, chat_id = await chat_users.pair()
    for number in range(5):
        await anna.say(chat_id, f"message {number}")
    assert await boris.send("message:read", chat_id=chat_id, seq=beyond) == {"read_seq": 5, "unread_count": 0}
    await anna.say(chat_id, "one more")
    assert (await boris.send("chat:get", chat_id=chat_id))["chat"]["me"]["unread_count"] == 1


async def test_reading_an_empty_chat_reads_nothing(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    assert await anna.send("message:read", chat_id=chat_id, seq=5) == {"read_seq": 0, "unread_count": 0}


async def test_reading_is_told_to_who_looks_and_to_the_own_devices(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    device = await (await chat_users.register(chat_users.people[1].phone)).connect()
    away = await (await chat_users.register(chat_users.people[0].phone)).connect()
    await anna.send("chat:activate", chat_id=chat_id)
    await anna.say(chat_id, "hello")
    for client in (boris, device):
        await client.expect_event("chat:updated", lambda told: told["reason"] == "message")
    for client in (anna, away):
        await client.send("user:blocked")  # whose ack comes behind what is on its way
        client.forget_events()
    await boris.send("message:read", chat_id=chat_id, seq=1)
    user_id = boris.ready["user"]["id"]
    assert (await anna.expect_event("chat:read")).payload == {"chat_id": chat_id, "user_id": user_id, "read_seq": 1}
    for client in (boris, device):
        told = (await client.expect_event("chat:updated")).payload
        assert told["reason"] == "read"
        assert (told["chat"]["me"]["read_seq"], told["chat"]["me"]["unread_count"]) == (1, 0)
    await anna.expect_no_event("chat:updated")
    for name in ("chat:read", "chat:updated"):
        await away.expect_no_event(name)


async def test_reading_again_tells_nobody(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await anna.send("chat:activate", chat_id=chat_id)
    await anna.say(chat_id, "hello")
    await boris.send("message:read", chat_id=chat_id, seq=1)
    await anna.expect_event("chat:read")
    boris.forget_events()
    await boris.send("message:read", chat_id=chat_id, seq=1)
    await anna.expect_no_event("chat:read")
    await boris.expect_no_event("chat:updated")


async def test_reading_does_not_change_the_shared_version(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "hello")
    before = (await anna.send("chat:get", chat_id=chat_id))["chat"]
    await boris.send("message:read", chat_id=chat_id, seq=1)
    assert (await anna.send("chat:get", chat_id=chat_id))["chat"] == {**before, "others_read_seq": 1}


@pytest.mark.parametrize("seq", [0, -1, 2**53, "1", 1.0, True, None])
async def test_read_takes_a_seq(chat_users: ChatUsers, seq: Any):
    anna, _boris, chat_id = await chat_users.pair()
    await anna.expect_refusal("message:read", "validation_failed", chat_id=chat_id, seq=seq)


async def test_invented_chat_has_no_history(chat_users: ChatUsers):
    anna, _boris, _chat_id = await chat_users.pair()
    await anna.expect_refusal("message:list", "not_found", chat_id=new_id())
    await anna.expect_refusal("message:read", "not_found", chat_id=new_id(), seq=1)
