"""chat:delete: at once for everybody; the messages go in the background, batch by batch; whoever was away learns of it."""

import asyncio

import pytest

from core.ids import new_id
from core.logs import Request, request_scope
from db import chats, likes, messages, users
from db.pool import Database
from maintenance import deleted_chats
from tests.support.clients import ActionFailed, ChatUsers, Client, new_phone
from tests.support.running import RunningServer


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def group_of(chat_users: ChatUsers, count: int) -> tuple[list[Client], str]:
    clients = [await (await chat_users.register()).connect() for _ in range(count)]
    others = [id_of(client) for client in clients[1:]]
    return clients, (await clients[0].send("chat:create_group", title="Doomed", member_ids=others))["chat"]["id"]


async def rows_of(database: Database, chat_id: str) -> tuple[int, int]:
    """Messages and likes that are stored."""
    counts = "SELECT (SELECT count(*) FROM messages WHERE chat_id = $1), (SELECT count(*) FROM likes WHERE chat_id = $1)"
    async with database.reading() as tx:
        row = await tx.fetch_row("test", counts, [chat_id])
    assert row is not None
    return row[0], row[1]


async def test_deleted_group_is_gone_for_everybody_at_once(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    await boris.send("chat:activate", chat_id=chat_id)
    seq = (await boris.say(chat_id, "last words"))["seq"]
    assert await anna.send("chat:delete", chat_id=chat_id) == {}
    for client in (anna, boris, clara):
        assert (await client.expect_event("chat:removed")).payload == {"chat_id": chat_id, "reason": "deleted"}
        await client.expect_refusal("chat:get", "not_found", chat_id=chat_id)
        await client.expect_refusal("message:list", "not_found", chat_id=chat_id)
        await client.expect_refusal("message:like", "not_found", chat_id=chat_id, seq=seq)
        await client.expect_refusal("member:add", "not_found", chat_id=chat_id, user_ids=[id_of(boris)])
        if client is not anna:  # who deleted it gets the same answer again
            await client.expect_refusal("chat:delete", "not_found", chat_id=chat_id)
        assert (await client.send("message:search", query="words"))["messages"] == []
        listed = await client.send("chat:list")
        assert (listed["chats"], listed["active_chat_id"]) == ([], None)
    with pytest.raises(ActionFailed, match="not_found"):
        await boris.say(chat_id, "too late")
    await boris.expect_refusal("message:list", "conflict", "no_active_chat")


async def test_messages_go_in_bounded_batches(database: Database, monkeypatch: pytest.MonkeyPatch):
    doomed, kept, anna_id = new_id(), new_id(), new_id()
    async with database.transaction() as tx:
        await users.register_user(tx, anna_id, new_phone(), "Anna")
        for chat_id in (doomed, kept):
            await chats.insert_group(tx, chat_id, "Group", anna_id, None, None, 1)
            for place in range(25):
                await messages.insert_system_message(tx, chat_id, anna_id, {"place": place}, 0)
                await likes.like_message(tx, chat_id, place + 1, anna_id, place + 1)
        await chats.delete_chat(tx, doomed)
    monkeypatch.setattr(deleted_chats, "_BATCH", 10)
    with request_scope(Request("sweep")) as request:
        await deleted_chats.remove_deleted_chats(database)
    assert [name for name, _ in request.statements] == ["messages.sweep_messages"] * 3 + ["chats.mark_swept"]
    assert await rows_of(database, doomed) == (0, 0)
    assert await rows_of(database, kept) == (25, 25)
    with request_scope(Request("sweep again")) as request:
        await deleted_chats.remove_deleted_chats(database)
    assert request.statement_count == 2, "nothing is left to do"


async def test_sync_tells_of_a_deletion_for_ever(running: RunningServer, chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    cursor = (await boris.send("session:sync"))["cursor"]
    await boris.close()
    await anna.send("chat:delete", chat_id=chat_id)
    await deleted_chats.remove_deleted_chats(running.molva.database)
    back = await chat_users.people[1].connect()
    for _ in range(2):
        page = await back.send("session:sync", cursor=cursor)
        assert (page["chats"], page["removed_chat_ids"]) == ([], [chat_id])
    assert (await back.send("session:sync", cursor=page["cursor"]))["removed_chat_ids"] == []
    assert back.ready["active_chat_id"] is None


async def test_deletion_and_sends_at_once_leave_nothing_behind(running: RunningServer, chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    sends = [asyncio.create_task(boris.say(chat_id, f"{place}")) for place in range(50)]
    await anna.send("chat:delete", chat_id=chat_id)
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    assert {outcome.code for outcome in outcomes if isinstance(outcome, ActionFailed)} <= {"not_found"}
    await deleted_chats.remove_deleted_chats(running.molva.database)
    assert await rows_of(running.molva.database, chat_id) == (0, 0)


async def test_group_that_was_private_leaves_the_pair_free(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    clara = await (await chat_users.register()).connect()
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)])
    await anna.send("chat:delete", chat_id=chat_id)
    opened = await boris.send("chat:create_private", user_id=id_of(anna))
    assert opened["created"]
    assert opened["chat"]["id"] != chat_id
