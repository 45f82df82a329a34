"""A database that hangs, or a network that swallows bytes, holds nobody up for longer than the database time-out."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from core.errors import Unavailable
from core.settings import Settings
from db.connection_watch import drop
from db.pool import Database, Tx
from tests.support.clients import ChatUsers, new_phone
from tests.support.database_proxy import DatabaseProxy, proxy_to
from tests.support.running import RunningServer, run_server

TIMEOUT_S = 6.0
FAR_TIMEOUT_S = 3_600.0
"""So long that no test could wait for it: what fails, fails before its deadline."""


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[DatabaseProxy]:
    async with proxy_to(database_url) as proxy:
        yield proxy


@pytest.fixture
async def far_database(proxy: DatabaseProxy) -> AsyncIterator[Database]:
    database = Database(proxy.url, timeout_s=FAR_TIMEOUT_S)
    await database.connect()
    yield database
    await proxy.mend()
    await database.disconnect()


async def ask(tx: Tx) -> None:
    await tx.fetch("ask", "SELECT 1", [])


async def test_statement_whose_bytes_were_swallowed_fails_long_before_its_deadline(
    far_database: Database, proxy: DatabaseProxy
):
    async def lose_a_statement() -> None:
        async with far_database.reading() as tx:
            await ask(tx)
            proxy.swallow()
            await ask(tx)

    with pytest.raises(Unavailable):
        await lose_a_statement()


async def test_commit_whose_bytes_were_swallowed_fails_long_before_its_deadline(
    far_database: Database, proxy: DatabaseProxy
):
    async def lose_a_commit() -> None:
        async with far_database.transaction() as tx:
            await ask(tx)
            proxy.swallow()

    with pytest.raises(Unavailable):
        await lose_a_commit()


async def test_statement_that_takes_long_is_left_alone(far_database: Database):
    async with far_database.reading() as tx:
        rows = await tx.fetch("sleep", "SELECT pg_sleep(3), 7 AS number", [])
    assert rows[0]["number"] == 7


async def test_connection_that_died_while_idle_is_replaced(
    far_database: Database, proxy: DatabaseProxy, monkeypatch: pytest.MonkeyPatch
):
    async with far_database.reading() as tx:
        await ask(tx)
    monkeypatch.setattr("db.pool._FRESH_S", 0.0)
    proxy.swallow()
    async with far_database.reading() as tx:
        await ask(tx)


async def test_dropping_a_connection_that_was_given_back_replaces_no_error(database_url: str):
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        async with pool.acquire() as connection:
            pass
        drop(connection)
        assert await pool.fetchval("SELECT 1") == 1


@pytest.fixture
async def far_server(settings: Settings, proxy: DatabaseProxy) -> AsyncIterator[RunningServer]:
    changes = {"database_url": proxy.url, "database_timeout_s": TIMEOUT_S, "rate_limits": "off"}
    async with run_server(Settings(**(settings.model_dump() | changes))) as server:
        yield server
        await proxy.mend()


async def test_readiness_is_answered_while_the_database_is_frozen(far_server: RunningServer, proxy: DatabaseProxy):
    chat_users = ChatUsers(far_server.address)
    assert (await chat_users.http.get("/health/ready")).status_code == 200
    proxy.freeze()
    waiting = asyncio.create_task(chat_users.http.post("/v1/auth/codes", json={"phone": new_phone()}))
    assert (await chat_users.http.get("/health/ready")).status_code == 503
    assert not waiting.done(), "a request that needs the database waits longer"
    assert (await waiting).status_code == 503
    await chat_users.close()


async def test_actions_that_wait_for_each_other_are_all_answered_within_the_time_out(
    far_server: RunningServer, database_url: str
):
    chat_users = ChatUsers(far_server.address)
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "hello"))["seq"]
    holder = await asyncpg.connect(database_url)
    async with holder.transaction():
        await holder.execute("SELECT FROM chats WHERE id = $1 FOR UPDATE", chat_id)
        like: dict[str, Any] = {"chat_id": chat_id, "seq": seq}
        # One after the other they would take nine time-outs. The server runs in this loop, so its pauses are ours.
        async with asyncio.timeout(1.9 * TIMEOUT_S):
            answers = await asyncio.gather(
                *(client.push("message:like", like) for client in (anna, boris) for _ in range(4)),
                anna.push("chat:mute", {"chat_id": chat_id, "until": None}),
            )
    await holder.close()
    assert {answer["error"]["code"] for answer in answers} == {"unavailable"}
    await chat_users.close()
