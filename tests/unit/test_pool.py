"""What goes wrong with the database is somebody's fault: the database's (``unavailable``) or ours (a bug, logged whole)."""

import asyncio
import gc
from typing import Any

import asyncpg
import pytest
from asyncpg import connect_utils

from core.errors import Unavailable
from db.pool import Database, Tx

SECRET = "s3cret"


async def add_one(tx: Tx, *arguments: object) -> None:
    await tx.fetch("add_one", "SELECT $1::int + 1", arguments)


@pytest.mark.parametrize("arguments", [[SECRET], [None, SECRET], []])
async def test_statement_with_the_wrong_arguments_is_a_bug_and_tells_no_values(database: Database, arguments: list[object]):
    with pytest.raises(TypeError, match="add_one was called with") as caught:
        async with database.transaction() as tx:
            await add_one(tx, *arguments)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_connection_is_as_good_after_wrong_arguments(database: Database):
    async with database.reading() as tx:
        before = await tx.fetch_row("pid", "SELECT pg_backend_pid() AS pid", [])
        with pytest.raises(TypeError):
            await add_one(tx, SECRET)
        assert await tx.fetch_row("pid", "SELECT pg_backend_pid() AS pid", []) == before


async def test_transaction_with_a_bug_in_it_leaves_nothing_behind(database: Database):
    async def change(tx: Tx) -> None:
        await tx.execute("make", "CREATE TABLE left_behind ()", [])
        await add_one(tx, SECRET)

    with pytest.raises(TypeError):
        async with database.transaction() as tx:
            await change(tx)
    async with database.reading() as tx:
        row = await tx.fetch_row("look", "SELECT to_regclass('left_behind') IS NULL AS is_gone", [])
    assert row is not None
    assert row["is_gone"]


async def test_connection_that_was_lost_is_unavailable(database: Database):
    async def ask_without_a_connection(tx: Tx) -> None:
        tx._connection.terminate()
        await add_one(tx, 1)

    with pytest.raises(Unavailable):
        async with database.reading() as tx:
            await tx.fetch("end", "SELECT pg_terminate_backend(pg_backend_pid())", [])
    with pytest.raises(Unavailable):
        async with database.reading() as tx:
            await ask_without_a_connection(tx)
    async with database.reading() as tx:
        await add_one(tx, 1)


async def test_pool_that_is_closed_is_unavailable(database_url: str):
    pool = Database(database_url)
    await pool.connect()
    await pool._pool._backend._pool.close()  # as when the server stops under a request
    with pytest.raises(Unavailable):
        async with pool.reading() as tx:
            await add_one(tx, 1)


async def test_task_goes_on_after_a_cancelled_give_back(database: Database, monkeypatch: pytest.MonkeyPatch):
    give_back, gate = asyncpg.pool.Pool.release, asyncio.Event()

    async def give_back_slowly(self: Any, *arguments: Any, **named: Any) -> None:
        await gate.wait()
        await give_back(self, *arguments, **named)

    async def ask() -> None:
        async with database.reading() as tx:
            await tx.fetch("ask", "SELECT 1", [])

    monkeypatch.setattr(asyncpg.pool.Pool, "release", give_back_slowly)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):  # in this task, as an action that ran out of time
            await ask()
    gate.set()
    await ask()


async def test_cancelled_attempt_to_connect_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """It is cancelled when the TCP connection is there, and nothing was sent on it."""
    attempts: list[asyncio.Task[Any]] = []

    def cancel(*_: object) -> None:
        attempts.pop().cancel()

    monkeypatch.setattr(connect_utils.TLSUpgradeProto, "connection_made", cancel)
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1") as server:
        database = Database(f"postgresql://molva@127.0.0.1:{server.sockets[0].getsockname()[1]}/molva")
        attempts.append(asyncio.create_task(database.connect()))
        await asyncio.wait(attempts)
    del database
    await asyncio.sleep(0)  # the loop closes the connection
    gc.collect()
    assert not attempts
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
