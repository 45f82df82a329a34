"""Pinned messages: who may, how many, and who sees them."""

import pytest

from tests.chat.test_admins import group_of, id_of
from tests.support.clients import ChatUsers, Client, new_client_id

pytestmark = pytest.mark.slow


async def pinned(client: Client, chat_id: str) -> list[int]:
    return [message["seq"] for message in (await client.send("message:pinned", chat_id=chat_id))["messages"]]


async def test_pinned_messages_come_newest_first(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    first, second, third = [(await clara.say(chat_id, text))["seq"] for text in ("one", "two", "three")]
    for seq in (second, third, first, second):
        chat = (await boris.send("message:pin", chat_id=chat_id, seq=seq))["chat"]
    assert chat["pinned_seqs"] == [third, second, first]
    assert await pinned(clara, chat_id) == [third, second, first]
    assert chat["message_count"] == third + 3, "pinning again says nothing"
    last = (await clara.send("chat:get", chat_id=chat_id))["chat"]["last_message"]
    assert last["content"] == {"event": "message_pinned", "user_id": id_of(boris), "seq": first}
    for _ in range(2):
        chat = (await anna.send("message:unpin", chat_id=chat_id, seq=second))["chat"]
        assert chat["pinned_seqs"] == [third, first]


async def test_people_of_pinned_messages_come_with_them(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    _, other, private = await chat_users.pair()
    dora = (await other.send("chat:create_private", user_id=id_of(clara)))["chat"]["id"]
    said = await other.say(dora, "from elsewhere")
    forwarded = await clara.send(
        "message:forward", chat_id=dora, seq=said["seq"], to_chat_id=chat_id, client_id=new_client_id()
    )
    mine = await boris.say(chat_id, "hello")
    for seq in (forwarded["message"]["seq"], mine["seq"]):
        await anna.send("message:pin", chat_id=chat_id, seq=seq)
    answer = await anna.send("message:pinned", chat_id=chat_id)
    assert set(answer["users"]) == {id_of(clara), id_of(boris), id_of(other)}
    assert answer["users"][id_of(boris)]["display_name"] == boris.ready["user"]["display_name"]
    assert (await other.send("message:pinned", chat_id=private))["users"] == {}


async def test_both_pin_in_a_private_chat(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "remember"))["seq"]
    await boris.send("message:pin", chat_id=chat_id, seq=seq)
    assert await pinned(anna, chat_id) == [seq]
    await anna.send("message:unpin", chat_id=chat_id, seq=seq)
    assert await pinned(boris, chat_id) == []


async def test_deleted_message_is_not_pinned(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    seq = (await boris.say(chat_id, "oops"))["seq"]
    await anna.send("message:pin", chat_id=chat_id, seq=seq)
    await boris.send("message:delete", chat_id=chat_id, seq=seq)
    assert await pinned(anna, chat_id) == []
    assert (await anna.send("chat:get", chat_id=chat_id))["chat"]["pinned_seqs"] == []
    await anna.expect_refusal("message:pin", "conflict", "message_deleted", chat_id=chat_id, seq=seq)


async def test_who_may_not_see_a_message_does_not_see_it_pinned(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    early = (await anna.say(chat_id, "before"))["seq"]
    await clara.send("chat:leave", chat_id=chat_id)
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)], history="none")
    await anna.send("message:pin", chat_id=chat_id, seq=early)
    assert await pinned(clara, chat_id) == []
    assert (await clara.send("chat:get", chat_id=chat_id))["chat"]["pinned_seqs"] == []
    told = await clara.expect_event("chat:updated", lambda payload: payload["reason"] == "message_pinned")
    assert told.payload["chat"]["pinned_seqs"] == []
    told = await boris.expect_event("chat:updated", lambda payload: payload["reason"] == "message_pinned")
    assert told.payload["chat"]["pinned_seqs"] == [early]
    await anna.say(chat_id, "hello")
    told = await clara.expect_event("chat:updated", lambda payload: payload["reason"] == "message")
    assert told.payload["chat"]["pinned_seqs"] == []


async def test_at_most_fifty_messages_are_pinned(chat_users: ChatUsers):
    (anna, _), chat_id = await group_of(chat_users, 2)
    seqs = [(await anna.say(chat_id, f"{place}"))["seq"] for place in range(51)]
    for seq in seqs[:50]:
        await anna.send("message:pin", chat_id=chat_id, seq=seq)
    await anna.expect_refusal("message:pin", "conflict", "pin_limit", chat_id=chat_id, seq=seqs[50])
    assert len(await pinned(anna, chat_id)) == 50
