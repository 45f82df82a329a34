"""The one pool of connections, transactions on it, and what a driver error means to the rest of the house.

``databases.Database`` owns the pool. Statements run on the asyncpg connection beneath it (73 µs against 273 µs a
query), through :class:`Tx`, which times, logs and counts every one of them. Ids and times cross this border as the
strings that go over the wire, so nothing converts them again.

What must stay true: whatever the database does (refuse, vanish, freeze), a caller gets its answer or ``Unavailable``
within ``timeout_s``; no driver exception passes; a connection whose state is in doubt is never used again.
"""

import asyncio
import functools
import io
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import databases
import orjson

from core import metrics
from core.errors import AppError, StartupError, Unavailable
from core.log_stages import followed, write_stage
from core.logs import current_request, sharing_fields
from core.tracing import span
from db.connection_watch import ConnectionWatch, drop, keep_alive, quiet_cancelled_attempts

log = logging.getLogger("molva.db")

_CONNECT_TIMEOUT_S: Final = 3.0
_FRESH_S: Final = 10.0
"""A connection that was used so lately is taken without asking whether it is alive."""
_ALIVE_TIMEOUT_S: Final = 1.0
_SERVER_KEEPALIVE: Final = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""So that PostgreSQL ends the transactions, and frees the locks, of a server that vanished."""
_LOCK_TIMEOUT_S: Final = 5.0
_POSTGRES_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001  (naive on purpose: everything here is UTC)

_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,  # shutting down, or the statement was cancelled at its deadline
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,  # deadlock or serialisation: a repeat is safe
    asyncpg.ReadOnlySQLTransactionError,  # connected to a standby during a failover
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)

_ARGUMENT: Final = re.compile(r"argument \$\d+")

_SQL: Final = {"db.system.name": "postgresql"}

_DOUBTFUL: Final = (*_AWAY, asyncio.CancelledError)
"""After these nobody knows what the connection is in the middle of."""

_constraint_errors: dict[str, Callable[[], AppError | StartupError]] = {}


def constraint_means(name: str, error: Callable[[], AppError | StartupError]) -> None:
    """Declare what a violation of the constraint ``name`` means to the client, or to the operator of a command."""
    _constraint_errors[name] = error


class SlowStatement(Exception):
    """A statement was stopped at its time-out; the transaction goes on from the savepoint before it."""


class Tx:
    """One connection for a while: inside a transaction, or outside (then every statement stands alone)."""

    __slots__ = ("_connection", "_slow_s", "_watch")

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", slow_s: float, watch: ConnectionWatch) -> None:
        self._connection = connection
        self._slow_s = slow_s
        self._watch = watch

    async def fetch(self, name: str, sql: str, arguments: Sequence[object]) -> list[asyncpg.Record]:
        """All rows. ``name`` is the statement's name in logs and metrics."""
        with self._statement(name):
            rows: list[asyncpg.Record] = await self._connection.fetch(sql, *arguments)
            return rows

    async def fetch_row(self, name: str, sql: str, arguments: Sequence[object]) -> asyncpg.Record | None:
        """The first row, if there is one."""
        with self._statement(name):
            return await self._connection.fetchrow(sql, *arguments)

    async def execute(self, name: str, sql: str, arguments: Sequence[object]) -> int:
        """No rows: how many the statement touched."""
        with self._statement(name):
            tag = await self._connection.execute(sql, *arguments)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def copy_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Bulk load by COPY, in its text format: the binary one has no place for the wire's strings."""
        source = io.BytesIO(b"".join(b"\t".join(map(_copy_field, row)) + b"\n" for row in rows))
        with self._statement(f"copy {table}"):
            await self._connection.copy_to_table(table, columns=list(columns), source=source)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part of a transaction that may fail alone: ``SlowStatement`` where a statement in it took too long."""
        try:
            async with self._connection.transaction():
                yield
        except asyncpg.QueryCanceledError:
            raise SlowStatement from None

    @contextmanager
    def _statement(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        self._watch.begin(self._connection, started)
        try:
            with span(name, _SQL):
                yield
        except asyncpg.PostgresError as error:
            if type(error) is asyncpg.DataError:  # PostgreSQL's own are of its subclasses
                raise _misuse(name, error) from None
            expected = isinstance(error, asyncpg.QueryCanceledError)  # logged as slow
            if not expected and getattr(error, "constraint_name", None) not in _constraint_errors:
                log.error(
                    "sql failed",
                    extra={"statement": name, "sqlstate": error.sqlstate, "problem": type(error).__name__}
                    | sharing_fields(),
                )
            raise
        except asyncpg.InterfaceError as error:
            if self._connection.is_closed():
                raise
            raise _misuse(name, error) from None
        finally:
            self._watch.end(self._connection)
            duration_s = time.perf_counter() - started
            metrics.STATEMENT_SECONDS.labels(name).observe(duration_s)
            request = current_request()
            if request is not None:
                request.note_statement(name, duration_s)
                if followed(request):
                    write_stage(request, "statement", statement=name, duration_ms=round(duration_s * 1000, 2))
            if duration_s > self._slow_s:
                slow = {"statement": name, "duration_ms": round(duration_s * 1000, 2)}
                log.warning("sql slow", extra=slow | sharing_fields())


def _misuse(name: str, error: Exception) -> TypeError:
    """What the driver refuses itself, on a connection that is well: a bug of ours. The values stay out of it."""
    place = _ARGUMENT.search(str(error))
    return TypeError(f"{name} was called with {f'a wrong {place[0]}' if place else 'wrong arguments'}")


class Database:
    """The pool and what is done on it."""

    def __init__(self, url: str, *, pool_max: int = 20, timeout_s: float = 10.0, slow_s: float = 0.2) -> None:
        self._timeout_s = timeout_s
        self._slow_s = slow_s
        server_settings = {
            "application_name": "molva",
            "timezone": "UTC",
            "statement_timeout": str(int(timeout_s * 1000)),
            "lock_timeout": str(int(_LOCK_TIMEOUT_S * 1000)),
            "idle_in_transaction_session_timeout": str(int(timeout_s * 1000)),
            "synchronous_commit": "on",  # an ack promises a commit that survives a crash
            **_SERVER_KEEPALIVE,
        }
        self._pool = databases.Database(
            url,
            dsn=url,  # `databases` itself ignores every option of the URL but sizes and ssl
            min_size=0,  # asyncpg restores a larger floor in the background, and logs its failures as somebody's request
            max_size=pool_max,
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=timeout_s,
            init=_prepare_connection,
            reset=_keep_session,
            server_settings=server_settings,
        )
        self._pool_max = pool_max
        self._idle_since: dict[int, float] = {}
        """When each connection was given back (``time.perf_counter``), by the PID of its backend."""
        self._distrusted_before = 0.0
        """Connections that were idle at this time are not used again: another one was dead (``time.perf_counter``)."""
        self._watch = ConnectionWatch(
            functools.partial(asyncpg.connect, url, timeout=_CONNECT_TIMEOUT_S, server_settings=server_settings),
            self._distrust_idle,
        )

    async def connect(self) -> None:
        """Open the pool; ``StartupError`` when the server cannot be reached."""
        quiet_cancelled_attempts()
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S * 2):
                await self._pool.connect()
                async with self._pool.connection():
                    metrics.POOL_SIZE.set(self._pool_max)
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise StartupError(f"The database cannot be reached: {error or type(error).__name__}.") from None
        self._watch.start()

    async def disconnect(self) -> None:
        """Close every connection, within the timeout."""
        await self._watch.close()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._pool.disconnect()
        except (*_AWAY, asyncpg.PostgresError) as error:
            log.warning("database did not close in time", extra={"problem": type(error).__name__})

    async def is_writable(self) -> bool:
        """Whether PostgreSQL answers within a second and takes writes, however busy the pool is."""
        return await self._watch.is_writable()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A connection without a transaction: each statement commits, and sees a snapshot, of its own."""
        async with self._connection() as raw:
            yield Tx(raw, self._slow_s, self._watch)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """All or nothing. Left without an exception, the work is committed and on disk."""
        async with self._connection() as raw:
            transaction = raw.transaction()
            with self._watch.watching(raw):
                await transaction.start()
            try:
                yield Tx(raw, self._slow_s, self._watch)
            except _DOUBTFUL:
                raise  # the connection is dropped: a ROLLBACK would wait for a server that may not answer
            except BaseException:  # a refusal, a bug or a cancellation: nothing of it may stay
                with self._watch.watching(raw):
                    await transaction.rollback()
                raise
            with self._watch.watching(raw):
                await transaction.commit()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        asked = time.perf_counter()
        with _domain_errors(), _Usage() as usage:
            async with asyncio.timeout(self._timeout_s):
                for _ in range(self._pool_max + 1):
                    async with self._borrowed() as raw:
                        if not await self._is_alive(raw):
                            continue
                        usage.begin(time.perf_counter() - asked)
                        try:
                            yield raw
                        except _DOUBTFUL:
                            self._watch.abandon(raw)
                            raise
                        self._note_idle(raw)
                        return
                raise asyncpg.InterfaceError("the connections of the pool are dead")

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection of the pool. ``databases`` keeps it under the present task while it is borrowed."""
        try:
            async with self._pool.connection() as connection:
                yield connection.raw_connection
        except BaseException:
            # A give-back that is cancelled leaves the connection under the task, whose every later statement would fail.
            self._pool._connection = None  # noqa: SLF001  (there is no other way to take it from there)
            raise

    async def _is_alive(self, raw: "asyncpg.Connection[asyncpg.Record]") -> bool:
        """Ask a connection that was idle for long: something in between may have forgotten it without a word."""
        idle_since = self._idle_since.pop(raw.get_server_pid(), None)
        if idle_since is None:
            return True
        if idle_since < self._distrusted_before:
            drop(raw)
            return False
        if time.perf_counter() - idle_since < _FRESH_S:
            return True
        try:
            async with asyncio.timeout(_ALIVE_TIMEOUT_S):
                await raw.execute("SELECT")
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            log.warning("dead database connection", extra={"idle_s": round(time.perf_counter() - idle_since, 1)})
            self._distrust_idle()
            drop(raw)
            return False
        except BaseException:
            drop(raw)  # or giving it back would wait for the answer
            raise
        return True

    def _distrust_idle(self) -> None:
        """A connection was dead without a word: those that are idle now probably are too. Asking each takes a second."""
        self._distrusted_before = time.perf_counter()

    def _note_idle(self, raw: "asyncpg.Connection[asyncpg.Record]") -> None:
        if raw.is_closed():
            return
        if len(self._idle_since) > 4 * self._pool_max:  # of connections that are long gone
            self._idle_since.clear()
        self._idle_since[raw.get_server_pid()] = time.perf_counter()


class _Usage:
    """Counts one borrower of the pool: first as waiting, from :meth:`begin` on as having a connection."""

    __slots__ = ("_gauge",)

    def __enter__(self) -> "_Usage":
        self._gauge = metrics.POOL_WAITING
        self._gauge.inc()
        return self

    def begin(self, waited_s: float) -> None:
        """The connection is there, after ``waited_s``."""
        metrics.POOL_WAIT_SECONDS.observe(waited_s)
        self._gauge.dec()
        self._gauge = metrics.POOL_BUSY
        self._gauge.inc()

    def __exit__(self, *_: object) -> None:
        self._gauge.dec()


@contextmanager
def _domain_errors() -> Iterator[None]:
    try:
        yield
    except AppError:
        raise
    except asyncpg.IntegrityConstraintViolationError as error:
        meaning = _constraint_errors.get(error.constraint_name or "")
        if meaning is None:
            raise
        raise meaning() from None
    except _AWAY as error:
        metrics.DATABASE_ERRORS.labels(type(error).__name__).inc()
        problem = {"problem": f"{type(error).__name__}: {error}"[:300]}
        log.error("database unavailable", extra=problem | sharing_fields())
        raise Unavailable from error


async def _keep_session(_connection: object) -> None:
    """Nothing in the house changes a session's state, so nothing needs the RESET round trip at release."""


async def _prepare_connection(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    keep_alive(connection)
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=_encode_time, decoder=_decode_time, format="tuple"
    )
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_encode_json, decoder=orjson.loads, format="text")


def _copy_field(value: object) -> bytes:
    if value is None:
        return b"\\N"
    if isinstance(value, bytes):
        return b"\\\\x" + value.hex().encode()
    text = value.encode() if isinstance(value, str) else orjson.dumps(value)
    for plain, escaped in ((b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r")):
        text = text.replace(plain, escaped)
    return text


def _encode_json(value: object) -> str:
    return orjson.dumps(value).decode()


def _encode_time(text: str) -> tuple[int]:
    moment = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
    return ((moment - _POSTGRES_EPOCH) // timedelta(microseconds=1),)


@functools.lru_cache(maxsize=1024)  # of what is read at once, much has the same time
def _decode_time(value: tuple[int]) -> str:
    return (_POSTGRES_EPOCH + timedelta(microseconds=value[0])).isoformat(timespec="milliseconds") + "Z"
