"""What is read and what is not: by the others, who exactly, and the totals for a badge."""

from typing import Any

import pytest

from tests.support.clients import ChatUsers, Client

pytestmark = pytest.mark.slow

LATER = "2100-01-01T00:00:00.000Z"


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def group(chat_users: ChatUsers, count: int) -> tuple[list[Client], str]:
    """A group of so many people; the first opened it."""
    people = [await (await chat_users.register()).connect() for _ in range(count)]
    members = [id_of(client) for client in people[1:]]
    chat = (await people[0].send("chat:create_group", title="Hike", member_ids=members))["chat"]
    return people, chat["id"]


async def chat_of(client: Client, chat_id: str) -> Any:
    return (await client.send("chat:get", chat_id=chat_id))["chat"]


# --- the others


async def test_sender_sees_how_far_the_others_have_read(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    for _ in range(3):
        await anna.say(chat_id, "hello")
    assert (await chat_of(anna, chat_id))["others_read_seq"] == 0
    await boris.send("message:read", chat_id=chat_id, seq=2)
    assert (await chat_of(anna, chat_id))["others_read_seq"] == 2
    assert (await anna.send("chat:list"))["chats"][0]["others_read_seq"] == 2
    assert (await chat_of(boris, chat_id))["others_read_seq"] == 3, "whoever wrote the newest message has read it"


async def test_furthest_of_the_others_counts(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group(chat_users, 3)
    for _ in range(4):
        last = await anna.say(chat_id, "hello")
    await boris.send("message:read", chat_id=chat_id, seq=last["seq"] - 1)
    await clara.send("message:read", chat_id=chat_id, seq=last["seq"] - 2)
    assert (await chat_of(anna, chat_id))["others_read_seq"] == last["seq"] - 1
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(boris))
    assert (await chat_of(anna, chat_id))["others_read_seq"] == last["seq"] - 2


@pytest.mark.parametrize("who_blocks", [0, 1])
async def test_read_mark_does_not_pass_a_block(chat_users: ChatUsers, who_blocks: int):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "hello")
    await boris.send("message:read", chat_id=chat_id, seq=1)
    blocker, blocked = (anna, boris) if who_blocks == 0 else (boris, anna)
    await blocker.send("user:block", user_id=id_of(blocked))
    for client in (anna, boris):
        assert (await chat_of(client, chat_id))["others_read_seq"] == 0
        assert (await client.send("message:readers", chat_id=chat_id, seq=1))["users"] == []


async def test_events_to_all_do_not_tell_it(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "hello")
    told = await boris.expect_event("chat:updated", lambda told: told["reason"] == "message")
    assert "others_read_seq" not in told.payload["chat"]


# --- who


async def readers(client: Client, chat_id: str, seq: int) -> list[str]:
    ids: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await client.send("message:readers", chat_id=chat_id, seq=seq, limit=1, **cursor)
        ids += [reader["user"]["id"] for reader in page["users"]]
        if page["next_cursor"] is None:
            return ids
        cursor = {"cursor": page["next_cursor"]}


async def test_readers_are_those_whose_mark_has_reached_the_message(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group(chat_users, 3)
    seqs = [(await anna.say(chat_id, "hello"))["seq"] for _ in range(2)]
    await boris.send("message:read", chat_id=chat_id, seq=seqs[1])
    await clara.send("message:read", chat_id=chat_id, seq=seqs[0])
    assert set(await readers(anna, chat_id, seqs[0])) == {id_of(boris), id_of(clara)}
    assert await readers(anna, chat_id, seqs[1]) == [id_of(boris)]
    assert set(await readers(clara, chat_id, seqs[1])) == {id_of(anna), id_of(boris)}


@pytest.mark.parametrize(("history", "is_reader"), [("none", False), ("all", True)])
async def test_newcomer_is_no_reader_of_what_they_may_not_see(chat_users: ChatUsers, history: str, is_reader: bool):
    (anna, _boris), chat_id = await group(chat_users, 2)
    clara = await (await chat_users.register()).connect()
    seq = (await anna.say(chat_id, "before Clara"))["seq"]
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)], history=history)
    last = await clara.say(chat_id, "hello")
    assert (id_of(clara) in await readers(anna, chat_id, seq)) is is_reader
    assert id_of(clara) in await readers(anna, chat_id, last["seq"])


async def test_readers_of_what_does_not_exist_are_not_found(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    error = await anna.expect_refusal("message:readers", "not_found", chat_id=chat_id, seq=1)
    assert error["details"] == {"field": "seq"}


# --- totals


async def unread(client: Client) -> tuple[int, int, int]:
    """(chats, messages, mentions) of the list; those of a new connection are the same."""
    listed = (await client.send("chat:list", limit=1))["unread"]
    again = await Client(client.address, client.token).connect()
    assert again.ready["unread"] == listed
    await again.close()
    return listed["chats"], listed["messages"], listed["mentions"]


async def test_totals_are_of_all_chats(chat_users: ChatUsers):
    (anna, boris), first = await group(chat_users, 2)
    second = (await anna.send("chat:create_group", title="Ski", member_ids=[id_of(boris)]))["chat"]["id"]
    assert await unread(anna) == (0, 0, 0)
    before = await unread(boris)
    await anna.say(first, "hello")
    await anna.say(second, "hello", mentions=[id_of(boris)])
    assert await unread(boris) == (2, before[1] + 2, 1)
    await boris.send("message:read", chat_id=second, seq=2**53 - 1)
    assert (await unread(boris))[::2] == (1, 0)


async def test_muted_chats_do_not_count(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "hello", mentions=[id_of(boris)])
    await boris.send("chat:mute", chat_id=chat_id, until=LATER)
    assert await unread(boris) == (0, 0, 0)
    assert (await chat_of(boris, chat_id))["me"]["unread_mentions"] == 1
    await boris.send("chat:mute", chat_id=chat_id, until=None)
    assert await unread(boris) == (1, 1, 1)


async def test_lost_chats_do_not_count(chat_users: ChatUsers):
    (anna, boris), chat_id = await group(chat_users, 2)
    await anna.say(chat_id, "hello", mentions=[id_of(boris)])
    await boris.send("chat:leave", chat_id=chat_id)
    assert await unread(boris) == (0, 0, 0)


async def test_mentions_are_unread_until_they_are_read_or_deleted(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    for text in ("one", "two", "three"):
        await anna.say(chat_id, text, mentions=[id_of(boris)])
    await anna.say(chat_id, "nobody is named")

    async def mentions() -> int:
        count: int = (await chat_of(boris, chat_id))["me"]["unread_mentions"]
        return count

    assert await mentions() == 3
    await boris.send("message:read", chat_id=chat_id, seq=1)
    assert await mentions() == 2
    await anna.send("message:delete", chat_id=chat_id, seq=3)
    assert await mentions() == 1
    await boris.say(chat_id, "an answer reads everything")
    assert await mentions() == 0
