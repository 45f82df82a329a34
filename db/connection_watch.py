"""Finds connections to PostgreSQL that are dead although nobody closed them, and tells whether the server does its work.

A network that swallows bytes leaves both ends waiting for each other: no error, no FIN, and TCP keepalive may be answered
by something in between. So the watch asks PostgreSQL itself, on a connection of its own: a statement that we have been
waiting for, and that no backend is executing, will never be answered. Such a connection is terminated, and its statement
fails at once instead of at its deadline.

What must stay true: a statement that PostgreSQL is executing, however long, is left alone; nothing is judged by one look,
because an answer may be on its way; the watch itself never waits longer than :data:`_ANSWER_TIMEOUT_S` for an answer.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

import asyncpg

log = logging.getLogger("molva.db")

_EVERY_S: Final = 0.5
"""Between two looks."""
_SUSPECT_AFTER_S: Final = 1.0
"""How long a statement is outstanding before anybody asks for it."""
_ANSWER_TIMEOUT_S: Final = 0.8
"""How long the watch waits for PostgreSQL. ``/health/ready`` answers within a second."""
_KEEPALIVE_IDLE_S: Final = 5
_KEEPALIVE_INTERVAL_S: Final = 2
_KEEPALIVE_PROBES: Final = 3
_USER_TIMEOUT_MS: Final = 8_000
"""How long the kernel keeps sending what the other end does not confirm."""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Connect = Callable[[], Awaitable[Connection]]


class ConnectionWatch:
    """Watches the statements of one process."""

    def __init__(self, connect: Connect, on_dead: Callable[[], None]) -> None:
        """``connect`` opens a connection outside of the pool; ``on_dead`` is called when a dead connection was found."""
        self._connect = connect
        self._on_dead = on_dead
        self._outstanding: dict[Connection, float] = {}
        """Connections that wait for an answer, and since when (``time.perf_counter``)."""
        self._suspects: dict[Connection, float] = {}
        """Those that no backend was working for at the last look."""
        self._abandoned: set[int] = set()
        """PIDs of backends whose connection we closed in the middle of something, and which may not know it."""
        self._own: Connection | None = None
        self._asking = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    def begin(self, connection: Connection, started: float) -> None:
        """A statement was sent."""
        self._outstanding[connection] = started

    def end(self, connection: Connection) -> None:
        """It was answered, or given up."""
        self._outstanding.pop(connection, None)

    def abandon(self, connection: Connection) -> None:
        """Close a connection at once, and see to it that its backend ends, too: it may hold the locks of a transaction."""
        with suppress(asyncpg.InterfaceError):
            self._abandoned.add(connection.get_server_pid())
        drop(connection)

    @contextmanager
    def watching(self, connection: Connection) -> Iterator[None]:
        """A statement is sent and answered inside."""
        self.begin(connection, time.perf_counter())
        try:
            yield
        finally:
            self.end(connection)

    def start(self) -> None:
        """Begin to watch."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def close(self) -> None:
        """Stop watching."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self._drop_own()

    async def is_writable(self) -> bool:
        """Whether PostgreSQL answers within :data:`_ANSWER_TIMEOUT_S`, and takes writes (a standby does not)."""
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                return bool(await self._ask("SELECT NOT pg_is_in_recovery()"))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)  # a dead peer announces nothing
            await self._end_abandoned()
            late_since = time.perf_counter() - _SUSPECT_AFTER_S
            late = {connection: since for connection, since in self._outstanding.items() if since < late_since}
            if not late:
                self._suspects.clear()
                continue
            try:
                async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                    idle = await self._find_idle(late)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                self._suspects.clear()  # nobody can tell while the server does not answer
                continue
            self._judge(idle)

    async def _end_abandoned(self) -> None:
        """End the transactions of backends that we left: behind a network that swallowed our FIN they go on for long."""
        pids = list(self._abandoned)
        if not pids:
            return
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                await self._ask(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = ANY ($1::int[])"
                    " AND usename = current_user AND xact_start < clock_timestamp() - interval '0.5 s'",
                    pids,
                )
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return  # the next look
        self._abandoned.difference_update(pids)

    async def _find_idle(self, late: dict[Connection, float]) -> dict[Connection, float]:
        """Of ``late``, the connections that no backend is working for."""
        by_pid = {connection.get_server_pid(): connection for connection in late if not connection.is_closed()}
        active = await self._ask(
            "SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity WHERE pid = ANY ($1::int[]) AND state = 'active'",
            list(by_pid),
        )
        return {connection: late[connection] for pid, connection in by_pid.items() if pid not in active}

    def _judge(self, idle: dict[Connection, float]) -> None:
        """Terminate what was idle at two looks for the same statement."""
        for connection, since in idle.items():
            if self._suspects.get(connection) == since and self._outstanding.get(connection) == since:
                log.warning("dead database connection", extra={"waited_s": round(time.perf_counter() - since, 1)})
                self.abandon(connection)
                self._on_dead()
        self._suspects = idle

    async def _ask(self, sql: str, *arguments: object) -> Any:
        async with self._asking:
            try:
                if self._own is None or self._own.is_closed():
                    self._own = await self._connect()
                return await self._own.fetchval(sql, *arguments)
            except BaseException:
                self._drop_own()  # nobody knows what it is in the middle of
                raise

    def _drop_own(self) -> None:
        if self._own is not None:
            drop(self._own)
            self._own = None


def drop(connection: Connection) -> None:
    """Close a connection at once. One that has gone back to the pool meanwhile is the pool's to close."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


def keep_alive(connection: Connection) -> None:
    """Let the kernel notice that the other end is gone."""
    raw = connection._transport.get_extra_info("socket")  # noqa: SLF001  (asyncpg has no other way to its socket)
    if raw is None or raw.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", _KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", _KEEPALIVE_PROBES),
        ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
    ):
        if hasattr(socket, option):  # Linux has them all
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


class _IsNotUnread(logging.Filter):
    """Not the end of a connection attempt that was cancelled: asyncpg leaves it unread, and asyncio would print it."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (isinstance(error, ConnectionError) and str(error) == "unexpected connection_lost() call")


_IS_NOT_UNREAD: Final = _IsNotUnread()


def quiet_cancelled_attempts() -> None:
    """Print nothing about connection attempts that nobody waits for any more. May be called again."""
    logging.getLogger("asyncio").addFilter(_IS_NOT_UNREAD)
