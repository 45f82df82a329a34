"""PostgreSQL dies, freezes, refuses or is locked."""

import asyncio
import contextlib
import os
import signal
from typing import Final

import asyncpg

from tests.faults.nemesis.fault import fault
from tests.faults.staging.stage import Database, Stage

_BACKENDS: Final = "SELECT pid FROM pg_stat_activity WHERE application_name = 'molva'"
_TERMINATE: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'molva'"
_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


@fault(database=Database.EMBEDDED)
async def kill_postmaster(stage: Stage) -> None:
    """The embedded postmaster gets SIGKILL; the server starts PostgreSQL again."""
    await stage.lasts(stage.rng.uniform(0.1, 0.5))
    pid = stage.postgres.pid
    os.kill(pid, signal.SIGKILL)
    await _back(stage, not_pid=pid)


@fault(is_combinable=True)
async def kill_backend(stage: Stage) -> None:
    """A backend of the server's gets SIGKILL, and PostgreSQL recovers from the crash."""
    await stage.lasts(stage.rng.uniform(0.1, 0.5))
    admin = await stage.postgres.admin()
    pids = [row["pid"] for row in await admin.fetch(_BACKENDS)]
    if pids:
        os.kill(stage.rng.choice(pids), signal.SIGKILL)
    with contextlib.suppress(*_AWAY):
        await admin.close(timeout=1)
    await stage.postgres.answers()


@fault()
async def stop_pg(stage: Stage) -> None:
    """PostgreSQL is stopped in good order and started some seconds later, on another port."""
    postgres = stage.own_postgres()
    await postgres.stop()
    await stage.lasts()
    await postgres.start()
    stage.database_network.target = ("127.0.0.1", postgres.port)


@fault(database=Database.EMBEDDED)
async def restart_pg(stage: Stage) -> None:
    """PostgreSQL is shut down at once (SIGQUIT, no checkpoint), and comes back."""
    await stage.lasts(stage.rng.uniform(0.1, 0.5))
    pid = stage.postgres.pid
    os.kill(pid, signal.SIGQUIT)
    await _back(stage, not_pid=pid)


async def _back(stage: Stage, *, not_pid: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(OSError, IndexError, ValueError):
                if stage.postgres.pid != not_pid:
                    break
            await asyncio.sleep(0.02)  # the new process is seen in its file alone
    await stage.postgres.answers()


@fault(is_combinable=True)
async def freeze_pg(stage: Stage) -> None:
    """Every process of PostgreSQL is stopped by SIGSTOP and goes on with SIGCONT."""
    stage.postgres.signal_all(signal.SIGSTOP)
    try:
        await stage.lasts()
    finally:
        stage.postgres.signal_all(signal.SIGCONT)


@fault(is_combinable=True)
async def terminate_backends(stage: Stage) -> None:
    """Every connection of the server is ended by PostgreSQL, five times a second, as long as the fault lasts."""
    admin = await stage.postgres.admin()
    async with asyncio.timeout(stage.seconds + 5):
        for _ in range(int(stage.seconds * 5)):
            await admin.fetch(_TERMINATE)
            await asyncio.sleep(0.2)  # the pace of the fault
    await admin.close()


@fault(is_combinable=True)
async def row_locks(stage: Stage) -> None:
    """Somebody else holds the rows of every chat."""
    await _hold(stage, "SELECT FROM chats FOR UPDATE")


@fault(is_combinable=True)
async def table_locks(stage: Stage) -> None:
    """Somebody else holds a table that every message needs."""
    await _hold(stage, f"LOCK TABLE {stage.rng.choice(('messages', 'chats', 'members'))} IN ACCESS EXCLUSIVE MODE")


async def _hold(stage: Stage, statement: str) -> None:
    admin = await stage.postgres.admin()
    async with admin.transaction():
        await admin.execute(statement)
        await stage.lasts()
    await admin.close()


@fault()
async def connection_limit(stage: Stage) -> None:
    """Others take every connection that PostgreSQL has."""
    admin = await stage.postgres.admin()
    taken: list[asyncpg.Connection[asyncpg.Record]] = []
    try:
        await admin.fetch(_TERMINATE)
        with contextlib.suppress(*_AWAY):
            while True:
                taken.append(await stage.postgres.admin())
        stage.history.notes.append(f"{len(taken)} connections taken")
        await stage.lasts()
    finally:
        await asyncio.gather(*(connection.close() for connection in (*taken, admin)))


@fault(is_combinable=True)
async def read_only(stage: Stage) -> None:
    """PostgreSQL takes no writes, as during a failover."""
    admin = await stage.postgres.admin()
    await admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await admin.execute("SELECT pg_reload_conf()")
    try:
        await stage.lasts()
    finally:
        await admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()
