"""Tells, while a migration runs, which it is, how long it has run, and how far an index is.

It looks over a connection of its own, because that of the migration is busy.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

log = logging.getLogger("molva.migrate")

_EVERY_S: Final = 10.0
_CONNECT_TIMEOUT_S: Final = 5.0

_LOOK: Final = """
    -- What the migration of the process $1 does now, and how far its index is.
    SELECT a.wait_event_type = 'Lock' AS waits, pg_blocking_pids(a.pid) AS blocked_by, i.phase,
           round(100 * i.blocks_done / nullif(i.blocks_total, 0)) AS percent,
           i.relid::regclass::text AS table_name, i.lockers_total - i.lockers_done AS transactions_awaited
      FROM pg_stat_activity a
      LEFT JOIN pg_stat_progress_create_index i ON i.pid = a.pid
     WHERE a.pid = $1
"""


@asynccontextmanager
async def telling_progress(url: str, pid: int, name: str) -> AsyncIterator[None]:
    """Log the beginning and the end of the migration ``name``, and meanwhile what PostgreSQL's process ``pid`` does."""
    log.info("migration begins", extra={"migration": name})
    began = time.monotonic()
    telling = asyncio.create_task(_tell(url, pid, name, began))
    try:
        yield
        log.info("migration applied", extra={"migration": name, "seconds": round(time.monotonic() - began, 3)})
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _tell(url: str, pid: int, name: str, began: float) -> None:
    while True:
        await asyncio.sleep(_EVERY_S)  # PostgreSQL tells its progress only when asked
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S, command_timeout=_CONNECT_TIMEOUT_S)
            try:
                row = await connection.fetchrow(_LOOK, pid)
            finally:
                await connection.close(timeout=_CONNECT_TIMEOUT_S)
            known = {key: value for key, value in dict(row or {}).items() if value not in (None, [], False)}
            seconds = round(time.monotonic() - began)
            log.info("migration goes on", extra={"migration": name, "seconds": seconds, **known})
