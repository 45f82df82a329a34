"""Private chats: one per pair, whoever asks and however often; the list of chats; the chat on the screen."""

import asyncio
import base64
import json
from typing import Any

import pytest

from core.ids import new_id
from tests.support.clients import ChatUsers, Client, Person
from tests.support.waiting import next_millisecond

pytestmark = pytest.mark.slow


def id_of(client: Client) -> str:
    return str(client.ready["user"]["id"])


async def connected(chat_users: ChatUsers, count: int) -> list[Client]:
    return [await (await chat_users.register()).connect() for _ in range(count)]


# --- opening


async def test_parallel_opening_from_both_sides_makes_one_chat(chat_users: ChatUsers):
    anna, boris = await chat_users.register(), await chat_users.register()
    attempts = [(anna, boris), (boris, anna)] * 50
    answers = await asyncio.gather(*(one.act("chat:create_private", user_id=other.id) for one, other in attempts))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["chat"]["id"] for answer in answers}) == 1
    assert sum(answer.json()["created"] for answer in answers) == 1
    for person in (anna, boris):
        assert len((await person.act("chat:list")).json()["chats"]) == 1


async def test_chat_is_seen_by_each_with_the_other_as_peer(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    opened = await anna.send("chat:create_private", user_id=id_of(boris))
    assert opened["created"] is True
    chat = opened["chat"]
    assert (chat["type"], chat["title"], chat["creator_id"]) == ("private", None, id_of(anna))
    assert (chat["member_count"], chat["message_count"], chat["last_message"]) == (2, 0, None)
    assert chat["peer"]["id"] == id_of(boris)
    assert "phone" not in chat["peer"]
    assert chat["me"] == {
        "title": None, "pinned": None, "muted_until": None, "archived": False, "read_seq": 0, "unread_count": 0,
        "unread_mentions": 0, "first_seq": 1, "role": "creator", "joined_at": chat["me"]["joined_at"],
    }  # fmt: skip
    seen = (await boris.send("chat:get", chat_id=chat["id"]))["chat"]
    assert seen["peer"]["id"] == id_of(anna)
    assert seen["me"]["role"] == "member"
    shared = set(chat) - {"peer", "me"}
    assert {name: seen[name] for name in shared} == {name: chat[name] for name in shared}


async def test_both_hear_of_a_new_chat_as_they_see_it_and_nobody_hears_of_an_old_one(chat_users: ChatUsers):
    anna, boris, clara = await connected(chat_users, 3)
    chat = (await anna.send("chat:create_private", user_id=id_of(boris)))["chat"]
    for client, peer in ((anna, boris), (boris, anna)):
        told = (await client.expect_event("chat:updated")).payload
        assert told["reason"] == "created"
        assert told["chat"] == (await client.send("chat:get", chat_id=chat["id"]))["chat"]
        assert told["chat"]["peer"]["id"] == id_of(peer)
    again = await boris.send("chat:create_private", user_id=id_of(anna))
    assert (again["created"], again["chat"]["id"]) == (False, chat["id"])
    for client in (anna, boris, clara):
        await client.expect_no_event("chat:updated")


@pytest.mark.parametrize("spelling", ["{e164}", "8{national}", "+7 ({area}) {rest}", "{e164} "])
async def test_peer_is_found_by_any_spelling_of_the_phone(chat_users: ChatUsers, spelling: str):
    anna, boris = await chat_users.register(), await chat_users.register()
    national = boris.phone.removeprefix("+7")
    phone = spelling.format(e164=boris.phone, national=national, area=national[:3], rest=national[3:])
    answer = (await anna.act("chat:create_private", phone=phone)).json()
    assert answer["chat"]["peer"]["id"] == boris.id


async def test_chat_with_oneself_is_a_conflict(chat_users: ChatUsers):
    person = await chat_users.register()
    client = await person.connect()
    await client.expect_refusal("chat:create_private", "conflict", "with_yourself", user_id=person.id)
    await client.expect_refusal("chat:create_private", "conflict", "with_yourself", phone=person.phone)


async def test_chat_with_nobody_is_not_found(chat_users: ChatUsers):
    client = (await connected(chat_users, 1))[0]
    for payload in ({"user_id": new_id()}, {"phone": "+79990000001"}):
        await client.expect_refusal("chat:create_private", "not_found", **payload)
    await client.expect_refusal("chat:create_private", "validation_failed", phone="12")


@pytest.mark.parametrize("payload", [{}, {"user_id": None, "phone": None}, {"user_id": new_id(), "phone": "+79161234567"}])
async def test_peer_is_named_in_exactly_one_way(chat_users: ChatUsers, payload: dict[str, Any]):
    client = (await connected(chat_users, 1))[0]
    await client.expect_refusal("chat:create_private", "validation_failed", **payload)


# --- the list


async def chats_of(client: Client, **wanted: Any) -> list[dict[str, Any]]:
    """Every page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await client.send("chat:list", **wanted, **cursor)
        assert len(page["chats"]) <= wanted.get("limit", 50)
        found += page["chats"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.fixture
async def busy(chat_users: ChatUsers) -> tuple[Client, list[str]]:
    """Somebody with a dozen chats, in the order in which the list must have them."""
    anna, boris, clara = await connected(chat_users, 3)
    opened = [await anna.send("chat:create_group", title=f"Group {number}") for number in range(10)]
    opened += [await anna.send("chat:create_private", user_id=id_of(peer)) for peer in (boris, clara)]
    # Those of one millisecond go by their ids.
    opened.sort(key=lambda answer: (answer["chat"]["updated_at"], answer["chat"]["id"]))
    ids = [answer["chat"]["id"] for answer in opened]
    for chat_id in (ids[3], ids[7], ids[10]):
        await next_millisecond()
        await anna.say(chat_id, "newest")
        ids.remove(chat_id)
        ids.append(chat_id)
    return anna, ids[::-1]


@pytest.mark.parametrize("limit", [1, 5, 12, 100])
async def test_list_is_complete_and_newest_first_whatever_the_page(busy: tuple[Client, list[str]], limit: int):
    anna, ids = busy
    assert [chat["id"] for chat in await chats_of(anna, limit=limit)] == ids


async def test_pinned_chats_come_first_by_position(busy: tuple[Client, list[str]]):
    anna, ids = busy
    last, middle = ids[-1], ids[5]
    await anna.send("chat:pin", chat_id=last)
    await anna.send("chat:pin", chat_id=middle)
    expected = [middle, last, *(chat_id for chat_id in ids if chat_id not in (last, middle))]
    for limit in (1, 2, 50):
        found = await chats_of(anna, limit=limit)
        assert [chat["id"] for chat in found] == expected
        assert [chat["me"]["pinned"] for chat in found[:3]] == [1, 2, None]


async def test_list_is_filtered_by_type(busy: tuple[Client, list[str]]):
    anna, ids = busy
    for kind, count in (("private", 2), ("group", 10)):
        found = await chats_of(anna, type=kind, limit=3)
        assert {chat["type"] for chat in found} == {kind}
        assert [chat["id"] for chat in found] == [chat_id for chat_id in ids if chat_id in {chat["id"] for chat in found}]
        assert len(found) == count


async def test_message_between_two_pages_repeats_nothing_that_stayed(busy: tuple[Client, list[str]]):
    anna, ids = busy
    first = await anna.send("chat:list", limit=4)
    await next_millisecond()
    await anna.say(ids[-1], "to the top")
    rest = await anna.send("chat:list", limit=100, cursor=first["next_cursor"])
    assert [chat["id"] for chat in rest["chats"]] == ids[4:-1]


async def test_list_of_a_newcomer_is_empty(chat_users: ChatUsers):
    client = (await connected(chat_users, 1))[0]
    assert await client.send("chat:list") == {
        "chats": [], "users": {}, "next_cursor": None, "active_chat_id": None,
        "unread": {"chats": 0, "messages": 0, "mentions": 0},
    }  # fmt: skip


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


_TIME, _ID = "2026-01-01T00:00:00.000Z", "0192f0c1-7a3b-7c4d-8e5f-60718293a4b5"


@pytest.mark.parametrize(
    "broken",
    ["", "x", "!!!", "a" * 513, "\u00e9", "bnVsbA", cursor(), cursor("chats"), cursor({"chats": 1}),
     cursor("members", 1, _TIME, _ID), cursor("chats", "1", _TIME, _ID), cursor("chats", True, _TIME, _ID),
     cursor("chats", 1, "yesterday", _ID), cursor("chats", 1, _TIME, "x"), cursor("chats", 10**18, _TIME, _ID),
     cursor("chats", 1, "9999-99-99T00:00:00.000Z", _ID), cursor("chats", 1, _TIME, _ID, 1)],
)  # fmt: skip
async def test_cursor_that_is_none_does_not_fit(chat_users: ChatUsers, broken: str):
    person = await chat_users.register()
    answer = await person.act("chat:list", cursor=broken)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["details"][0]["path"] == "cursor"


# --- the active chat


async def second_device(chat_users: ChatUsers, person: Person) -> Client:
    return await (await chat_users.register(person.phone)).connect()


async def test_active_chat_survives_a_reconnect(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    answer = await anna.send("chat:activate", chat_id=chat_id)
    assert answer["chat"]["id"] == chat_id
    await anna.close()
    again = await chat_users.people[0].connect()
    assert again.ready["active_chat_id"] == chat_id
    assert (await again.send("chat:list"))["active_chat_id"] == chat_id
    await again.say(None, "into the active chat")
    await again.expect_event("message:created")


async def test_active_chat_is_each_devices_own(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    other = await second_device(chat_users, chat_users.people[0])
    await anna.send("chat:activate", chat_id=chat_id)
    assert (await other.send("chat:list"))["active_chat_id"] is None
    await other.expect_refusal("message:list", "conflict", "no_active_chat")
    assert (await anna.send("message:list"))["messages"] == []


async def test_no_chat_is_active_after_null(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await anna.send("chat:activate", chat_id=chat_id)
    assert await anna.send("chat:activate", chat_id=None) == {"chat": None}
    assert (await anna.send("chat:list"))["active_chat_id"] is None
    for action in ("message:list", "message:send"):
        payload = {} if action == "message:list" else _text()
        await anna.expect_refusal(action, "conflict", "no_active_chat", **payload)
    await boris.say(chat_id, "unseen")
    await anna.expect_event("chat:updated", lambda told: told["reason"] == "message")
    await anna.expect_no_event("message:created")


def _text() -> dict[str, Any]:
    return {"type": "text", "content": {"text": "x"}, "client_id": new_id()}


async def test_failed_activation_leaves_the_active_chat(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    await anna.send("chat:activate", chat_id=chat_id)
    await anna.expect_refusal("chat:activate", "not_found", chat_id=new_id())
    assert (await anna.send("chat:list"))["active_chat_id"] == chat_id


async def test_activation_is_told_to_the_owner_alone(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    other_device = await chat_users.people[0].connect()
    await anna.send("chat:activate", chat_id=chat_id)
    for client in (anna, other_device):
        told = (await client.expect_event("chat:updated")).payload
        assert told["reason"] == "activated"
        assert "me" in told["chat"]
    await boris.expect_no_event("chat:updated")


async def test_lost_chat_is_no_longer_active(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    chat_id = (await anna.send("chat:create_group", title="Brief", member_ids=[id_of(boris)]))["chat"]["id"]
    await boris.send("chat:activate", chat_id=chat_id)
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(boris))
    await boris.expect_event("chat:removed")
    assert (await boris.send("chat:list"))["active_chat_id"] is None
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(boris)])
    await boris.expect_event("chat:updated")
    assert (await boris.send("chat:list"))["active_chat_id"] is None
    await anna.say(chat_id, "not on his screen")
    await boris.expect_event("chat:updated", lambda told: told["reason"] == "message")
    await boris.expect_no_event("message:created")
