"""Archiving a chat and clearing its history: for one member alone."""

import pytest

from tests.chat.test_admins import group_of, id_of
from tests.support.clients import ChatUsers, Client

pytestmark = pytest.mark.slow


async def listed(client: Client, *, archived: bool = False) -> list[str]:
    return [chat["id"] for chat in (await client.send("chat:list", archived=archived))["chats"]]


async def test_archived_chat_is_in_the_list_of_archived_chats_alone(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    for _ in range(2):
        assert (await anna.send("chat:archive", chat_id=chat_id))["chat"]["me"]["archived"] is True
    assert (await listed(anna), await listed(anna, archived=True)) == ([], [chat_id])
    assert (await listed(boris), await listed(boris, archived=True)) == ([chat_id], [])
    for _ in range(2):
        assert (await anna.send("chat:unarchive", chat_id=chat_id))["chat"]["me"]["archived"] is False
    assert await listed(anna) == [chat_id]


async def test_message_of_somebody_else_brings_an_archived_chat_back(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    await anna.send("chat:archive", chat_id=chat_id)
    await anna.say(chat_id, "my own")
    assert await listed(anna) == []
    anna.forget_events()
    await boris.say(chat_id, "hello")
    told = await anna.expect_event("chat:updated", lambda payload: payload["reason"] == "archived")
    assert told.payload["chat"]["me"]["archived"] is False
    assert await listed(anna) == [chat_id]


async def test_muted_archived_chat_stays_away(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    await anna.send("chat:mute", chat_id=chat_id, until="2040-01-01T00:00:00Z")
    await anna.send("chat:archive", chat_id=chat_id)
    await boris.say(chat_id, "hello")
    assert await listed(anna) == []
    await anna.send("chat:mute", chat_id=chat_id, until=None)
    assert await listed(anna) == []
    await boris.say(chat_id, "hello again")
    assert await listed(anna) == [chat_id]


async def test_archived_chat_is_not_pinned_and_pins_keep_no_gap(chat_users: ChatUsers):
    (anna, _), first = await group_of(chat_users, 2)
    second = (await anna.send("chat:create_group", title="Second"))["chat"]["id"]
    for chat_id in (second, first):
        await anna.send("chat:pin", chat_id=chat_id)
    archived = (await anna.send("chat:archive", chat_id=first))["chat"]
    assert archived["me"]["pinned"] is None
    assert (await anna.send("chat:get", chat_id=second))["chat"]["me"]["pinned"] == 1
    pinned = (await anna.send("chat:pin", chat_id=first))["chat"]["me"]
    assert (pinned["pinned"], pinned["archived"]) == (1, False)


async def test_cleared_chat_has_no_history_for_the_one_who_cleared_it(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    seq = (await boris.say(chat_id, "between us"))["seq"]
    await anna.send("message:pin", chat_id=chat_id, seq=seq)
    for _ in range(2):
        chat = (await anna.send("chat:clear", chat_id=chat_id))["chat"]
        assert (chat["me"]["first_seq"], chat["me"]["unread_count"]) == (chat["message_count"] + 1, 0)
        assert (chat["last_message"], chat["pinned_seqs"]) == (None, [])
    assert (await anna.send("message:list", chat_id=chat_id))["messages"] == []
    assert (await anna.send("message:search", query="between"))["messages"] == []
    await anna.expect_refusal("message:like", "not_found", chat_id=chat_id, seq=seq)
    seen = (await boris.send("chat:get", chat_id=chat_id))["chat"]
    assert (seen["pinned_seqs"], seen["last_message"]["content"]["event"]) == ([seq], "message_pinned")
    new = await boris.say(chat_id, "after")
    assert [one["seq"] for one in (await anna.send("message:list", chat_id=chat_id))["messages"]] == [new["seq"]]


async def test_one_who_cleared_a_chat_hides_nothing_from_others(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    seq = (await boris.say(chat_id, "still here"))["seq"]
    await anna.send("chat:clear", chat_id=chat_id)
    boris.forget_events()
    await anna.send("chat:transfer", chat_id=chat_id, user_id=id_of(boris))
    await boris.send("chat:update", chat_id=chat_id, metadata={"a": 1})
    updated = [await anna.expect_event("chat:updated", lambda payload: payload["reason"] == "updated")]
    updated += [await boris.expect_event("chat:updated", lambda payload: payload["reason"] == "updated")]
    assert updated[0].payload["chat"]["last_message"] is None
    assert updated[1].payload["chat"]["last_message"]["seq"] == seq
