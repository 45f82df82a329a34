"""The server's process dies, stops or freezes."""

import asyncio
import contextlib
import os
import signal
import sys
from typing import Final

import asyncpg

from tests.faults.nemesis.fault import fault
from tests.faults.staging.server import READY_S, ROOT
from tests.faults.staging.stage import Database, Stage

_KILLS: Final = 4


@fault()
async def calm(stage: Stage) -> None:
    """Nothing breaks: what the other rows are to be compared with."""
    await stage.lasts()


@fault(database=Database.EMBEDDED, answers_within_s=None)
async def kill_server(stage: Stage) -> None:
    """The server gets SIGKILL, with its PostgreSQL, and is started again."""
    await stage.lasts(stage.rng.uniform(0.1, 0.5))
    await stage.server.end(signal.SIGKILL)
    await stage.server.start()


@fault(answers_within_s=None)
async def kill_server_alone(stage: Stage) -> None:
    """The server gets SIGKILL, three times, while PostgreSQL lives on."""
    for _ in range(3):
        await stage.lasts(stage.rng.uniform(0.1, 1.0))
        await stage.server.end(signal.SIGKILL)
        await stage.server.start()


@fault(database=Database.EMBEDDED, answers_within_s=None)
async def stop_server(stage: Stage) -> None:
    """The server gets SIGTERM, drains, ends with status 0 and is started again."""
    await stage.lasts(stage.rng.uniform(0.1, 0.5))
    status = await stage.server.end(signal.SIGTERM)
    if status != 0:
        stage.history.broken.append(f"SIGTERM ended the server with status {status}")
    await stage.server.start()


@fault(answers_within_s=None, is_combinable=True)
async def freeze_server(stage: Stage) -> None:
    """The server is stopped by SIGSTOP and goes on with SIGCONT."""
    os.kill(stage.server.pid, signal.SIGSTOP)
    try:
        await stage.lasts()
    finally:
        os.kill(stage.server.pid, signal.SIGCONT)


@fault()
async def kill_migration(stage: Stage) -> None:
    """``molva migrate`` of another database is killed in the middle, again and again; then it must come to its end."""
    admin = await stage.postgres.admin()
    await admin.execute("CREATE DATABASE half_migrated")
    url = stage.postgres.url("half_migrated")
    for _ in range(_KILLS):
        process = await _migrate(url)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'half_migrated' AND state <> 'idle'"
                while process.returncode is None and not await admin.fetchval(busy):  # noqa: ASYNC110  (PostgreSQL's state)
                    await asyncio.sleep(0.001)
        await asyncio.sleep(stage.rng.uniform(0, 0.02))  # killed at another moment each time
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    process = await _migrate(url)
    if await process.wait() != 0:
        stage.history.broken.append("after a killed migration `molva migrate` does not come to its end")
    if await _columns(stage, "half_migrated") != await _columns(stage, "molva"):
        stage.history.broken.append("after a killed migration the schema is another")
    await admin.close()


async def _migrate(url: str) -> asyncio.subprocess.Process:
    quiet = asyncio.subprocess.DEVNULL
    settings = os.environ | {"MOLVA_DATABASE_URL": url}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "migrate", cwd=ROOT, env=settings, stdout=quiet, stderr=quiet
    )


async def _columns(stage: Stage, database: str) -> list[asyncpg.Record]:
    connection = await stage.postgres.admin(database)
    try:
        return await connection.fetch(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2"
        )
    finally:
        await connection.close()
