"""After a restore: what clients keep of another history of the database is refused, and everybody begins afresh."""

import asyncio

import pytest

from core.settings import Settings
from db import epochs
from db.pool import Database
from tests.support.clients import ChatUsers
from tests.support.running import run_server
from tests.support.waiting import DEADLINE_S


async def test_epoch_is_told_at_the_beginning_and_the_same_for_all(chat_users: ChatUsers):
    anna, boris, _chat_id = await chat_users.pair()
    assert anna.ready["epoch"] == boris.ready["epoch"]


async def test_version_that_the_database_never_had_is_refused(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    version = (await anna.say(chat_id, "hello"))["version"]
    assert (await anna.send("message:changes", chat_id=chat_id, version=version))["messages"] == []
    await anna.expect_refusal("message:changes", "conflict", "version_unknown", chat_id=chat_id, version=version + 1)


async def test_version_of_another_epoch_is_refused(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    epoch = anna.ready["epoch"]
    assert (await anna.send("message:changes", chat_id=chat_id, version=0, epoch=epoch))["has_more"] is False
    other = "0" * 8 + epoch[8:]
    await anna.expect_refusal("message:changes", "conflict", "version_unknown", chat_id=chat_id, version=0, epoch=other)


@pytest.mark.parametrize("cursor", ["synced.1", "sync.0.1.1.0192f0c1-7a3b-7c4d-8e5f-60718293a4b5", "synced2.00000000-1.1"])
async def test_cursor_of_another_epoch_is_refused(chat_users: ChatUsers, cursor: str):
    anna, _boris, _chat_id = await chat_users.pair()
    await anna.expect_refusal("session:sync", "conflict", "cursor_unknown", cursor=cursor)


async def test_new_epoch_closes_every_connection_and_is_told_to_the_next(settings: Settings, database: Database):
    async with run_server(settings) as server:
        chat_users = ChatUsers(server.address)
        anna, boris, _chat_id = await chat_users.pair()
        cursor = (await anna.send("session:sync"))["cursor"]
        async with database.reading() as tx:
            await epochs.renew_epoch(tx)
        for client in (anna, boris):
            await asyncio.wait_for(client.disconnected.wait(), DEADLINE_S)
        again = await chat_users.people[0].connect()
        assert again.ready["epoch"] != anna.ready["epoch"]
        await again.expect_refusal("session:sync", "conflict", "cursor_unknown", cursor=cursor)
        assert len((await again.send("session:sync"))["chats"]) == 1
        await chat_users.close()
