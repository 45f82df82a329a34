"""Sending: once, in one order, within the bounds, and nothing half done."""

import asyncio
from typing import Any

import pytest

from core.ids import new_id
from tests.support.clients import ChatUsers, Client, new_client_id


def text(chat_id: str | None, words: str, **more: Any) -> dict[str, Any]:
    payload = {"client_id": new_client_id(), "type": "text", "content": {"text": words}, **more}
    return payload if chat_id is None else {"chat_id": chat_id, **payload}


async def chat_of(client: Client, chat_id: str) -> dict[str, Any]:
    chat: dict[str, Any] = (await client.send("chat:get", chat_id=chat_id))["chat"]
    return chat


# --- what is stored


async def test_ack_holds_the_stored_message(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    send = text(chat_id, "  Hello,\n\tBoris 👋🏽  ")
    answer = await anna.send("message:send", **send)
    assert answer["duplicate"] is False
    message = answer["message"]
    assert message == {
        "chat_id": chat_id, "seq": 1, "sender_id": anna.ready["user"]["id"], "type": "text", "content": send["content"],
        "reply_to": None, "mentions": [], "forwarded_from": None, "client_id": send["client_id"],
        "created_at": message["created_at"], "edited_at": None, "deleted_at": None, "like_count": 0, "liked_by_me": False,
        "reactions": [], "metadata": None, "version": message["version"],
    }  # fmt: skip
    assert (await boris.send("message:list", chat_id=chat_id))["messages"] == [message]


async def test_only_members_can_be_mentioned(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    mentions = [boris.ready["user"]["id"]]
    assert (await anna.say(chat_id, "you", mentions=mentions))["mentions"] == mentions
    payload = text(chat_id, "you", mentions=[new_id()])
    await anna.expect_refusal("message:send", "conflict", "mention_not_member", **payload)


async def test_sending_reads_up_to_ones_own_message(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    for number in range(3):
        await anna.say(chat_id, str(number))
    assert (await chat_of(boris, chat_id))["me"]["unread_count"] == 3
    await boris.say(chat_id, "seen")
    me = (await chat_of(boris, chat_id))["me"]
    assert (me["read_seq"], me["unread_count"]) == (4, 0)
    assert (await chat_of(anna, chat_id))["me"]["unread_count"] == 1


async def test_every_message_raises_the_version_by_one(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    before = (await chat_of(anna, chat_id))["version"]
    versions = [(await client.say(chat_id, "x"))["version"] for client in (anna, boris, anna, anna, boris)]
    assert versions == list(range(before + 1, before + 6))
    chat = await chat_of(boris, chat_id)
    assert (chat["version"], chat["message_count"]) == (before + 5, 5)


async def test_chat_shows_its_newest_message(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    message = await anna.say(chat_id, "newest")
    chat = await chat_of(boris, chat_id)
    assert chat["last_message"] == message
    assert chat["updated_at"] == message["created_at"]


# --- once


async def test_same_send_from_two_connections_at_once_is_stored_once(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    other_device = await chat_users.people[0].connect()
    for number in range(10):
        send = text(chat_id, f"once {number}")
        answers = await asyncio.gather(*(client.send("message:send", **send) for client in (anna, other_device)))
        assert sorted(answer["duplicate"] for answer in answers) == [False, True]
        assert answers[0]["message"] == answers[1]["message"]
    assert (await chat_of(boris, chat_id))["message_count"] == 10


async def test_retry_from_another_device_finds_the_first(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    send = text(chat_id, "once")
    first = await anna.send("message:send", **send)
    device = await (await chat_users.register(chat_users.people[0].phone)).connect()
    assert await device.send("message:send", **send) == {"message": first["message"], "duplicate": True}


async def test_retry_announces_nothing(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    send = text(chat_id, "once")
    await anna.send("message:send", **send)
    await boris.expect_event("chat:updated")
    await anna.send("message:send", **send)
    await boris.expect_no_event("chat:updated")


async def test_retry_without_a_chat_finds_the_first_though_another_chat_is_active_now(chat_users: ChatUsers):
    anna, _boris, first = await chat_users.pair()
    clara = await chat_users.register()
    second = (await anna.send("chat:create_private", user_id=clara.id))["chat"]["id"]
    await anna.send("chat:activate", chat_id=first)
    send = text(None, "once")
    stored = (await anna.send("message:send", **send))["message"]
    assert stored["chat_id"] == first
    await anna.send("chat:activate", chat_id=second)
    assert await anna.send("message:send", **send) == {"message": stored, "duplicate": True}
    await anna.send("chat:activate", chat_id=None)
    assert await anna.send("message:send", **send) == {"message": stored, "duplicate": True}
    assert (await chat_of(anna, second))["message_count"] == 0


@pytest.mark.parametrize(
    "change",
    [{"content": {"text": "other"}}, {"content": {"text": "once "}}, {"reply_to": 1},
     {"type": "location", "content": {"latitude": 1.0, "longitude": 2.0}}],
)  # fmt: skip
async def test_same_client_id_with_another_body_is_a_conflict(chat_users: ChatUsers, change: dict[str, Any]):
    anna, _boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "first")
    send = text(chat_id, "once")
    await anna.send("message:send", **send)
    await anna.expect_refusal("message:send", "conflict", "client_id_reused", **{**send, **change})
    assert (await chat_of(anna, chat_id))["message_count"] == 2


async def test_client_ids_of_two_people_are_their_own(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    send = text(chat_id, "same words")
    answers = [await client.send("message:send", **send) for client in (anna, boris)]
    assert [answer["message"]["seq"] for answer in answers] == [1, 2]
    assert not any(answer["duplicate"] for answer in answers)


async def test_client_id_is_one_in_capitals_too(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    send = text(chat_id, "once")
    await anna.send("message:send", **send)
    assert (await anna.send("message:send", **{**send, "client_id": send["client_id"].upper()}))["duplicate"] is True


# --- one order


async def test_seq_has_no_gap_under_fifty_senders(chat_users: ChatUsers):
    people = [await chat_users.register() for _ in range(5)]
    host = await people[0].connect()
    chat_id = (await host.send("chat:create_group", title="Crowd", member_ids=[person.id for person in people[1:]]))[
        "chat"
    ]["id"]
    start = (await chat_of(host, chat_id))["message_count"]
    version = (await chat_of(host, chat_id))["version"]
    answers = await asyncio.gather(
        *(people[number % 5].act("message:send", **text(chat_id, str(number))) for number in range(50))
    )
    stored = [answer.json()["message"] for answer in answers]
    assert sorted(message["seq"] for message in stored) == list(range(start + 1, start + 51))
    assert sorted(message["version"] for message in stored) == list(range(version + 1, version + 51))
    assert len({message["seq"] - message["version"] for message in stored}) == 1


# --- the bounds

WIDE = "\U0001f600"


@pytest.mark.parametrize("words", ["x" * 4096, WIDE * 4096, "\u0301" * 4096, "x"])
async def test_text_within_the_limit_is_kept_as_it_came(chat_users: ChatUsers, words: str):
    anna, _boris, chat_id = await chat_users.pair()
    assert (await anna.say(chat_id, words))["content"] == {"text": words}


@pytest.mark.parametrize(
    "words",
    ["", " ", "\n\t ", "\u3000\u00a0", "\u200b", "\ufeff", "\u200d\u2060", "x" * 4097, WIDE * 4097, "a\0b"],
)
async def test_text_out_of_bounds_does_not_fit(chat_users: ChatUsers, words: str):
    anna, _boris, chat_id = await chat_users.pair()
    error = await anna.expect_refusal("message:send", "validation_failed", **text(chat_id, words))
    assert [detail["path"] for detail in error["details"]] == ["content.text"]


async def test_reply_names_an_earlier_message_of_the_chat(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "question")
    assert (await boris.say(chat_id, "answer", reply_to=1))["reply_to"] == 1
    for beyond in (3, 4, 2**40):
        await boris.expect_refusal("message:send", "not_found", **text(chat_id, "x", reply_to=beyond))
    for odd in (0, -1, 2**53, "1", 1.0, True):
        await boris.expect_refusal("message:send", "validation_failed", **text(chat_id, "x", reply_to=odd))
    assert (await chat_of(anna, chat_id))["message_count"] == 2


async def test_reply_to_what_one_may_not_see_is_not_found(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "before her time")
    clara = await (await chat_users.register()).connect()
    await boris.send("member:add", chat_id=chat_id, user_ids=[clara.ready["user"]["id"]])
    await clara.expect_refusal("message:send", "not_found", **text(chat_id, "x", reply_to=1))


async def test_send_into_an_invented_chat_is_not_found(chat_users: ChatUsers):
    anna, _boris, _chat_id = await chat_users.pair()
    await anna.expect_refusal("message:send", "not_found", **text(new_id(), "x"))


async def test_refused_send_leaves_its_client_id_free(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    send = text(chat_id, "x", reply_to=9)
    await anna.expect_refusal("message:send", "not_found", **send)
    send.pop("reply_to")
    assert (await anna.send("message:send", **send))["duplicate"] is False
