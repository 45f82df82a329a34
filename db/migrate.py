"""Forward-only migrations: brings the database to what this version of the code needs.

A migration is ``db/migrations/NNNN_name.sql`` (``db/migration_files.py`` says what its header may be), applied in the order
of its number, each in a transaction of its own unless its header says otherwise. What was applied, and the checksum it had,
is kept in ``schema_migrations``.

What must stay true: a file that was released never changes; ``schema.sql`` equals the sum of the files; several nodes
that start together apply everything once; a migration that waits for a lock gives up soon and tries again, so that those
who wait behind it go on. To change the schema: a new file here, and the same change in ``schema.sql``.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import asyncpg

from core.errors import StartupError
from db.migration_files import FOLDER, Migration, read_migrations
from db.migration_progress import telling_progress

log = logging.getLogger("molva.migrate")

_SERVER_VERSION_MIN: Final = 15
_CONNECT_TIMEOUT_S: Final = 5.0
_OTHERS_TIMEOUT_S: Final = 120.0
"""How long the migrations of another node are waited for."""
_POLL_S: Final = 0.1
_STATEMENT_TIMEOUT_S: Final = 3600.0  # a migration may rewrite a large table
_INDEX_TIMEOUT_S: Final = 7 * 86400.0  # nobody waits for an index that is built concurrently
_LOCK_TIMEOUT_S: Final = 2.0
"""How long a migration waits for a lock; whoever comes behind it waits as long. Then it is tried again."""
_LOCK_TRIES_MAX: Final = 60
_LOCK_PAUSE_S: Final = 1.0  # longer with each try
_LOCK_PAUSE_S_MAX: Final = 10.0
LOCK_KEY: Final = 0x6D6F6C7661
"""What a migration and a restore lock: "molva", any number that nothing else in this database locks."""
_CONCURRENT_INDEX: Final = re.compile(r"CREATE (UNIQUE )?INDEX CONCURRENTLY IF NOT EXISTS (\w+) ON .+", re.DOTALL)
_DROPPED_INDEX: Final = re.compile(r"DROP INDEX CONCURRENTLY IF EXISTS \w+")


async def migrate(url: str, *, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing; the names of what was applied, in order.

    ``StartupError`` when the server cannot be reached or is too old, when the database was changed by another version
    of the code, or when a migration fails (then nothing of it is applied, or it can be run again).
    """
    known = read_migrations(folder)
    async with connection_to(url) as connection:
        await _lock(connection)  # released with the connection
        missing = await _missing(connection, known)
        for migration in missing:
            async with telling_progress(url, connection.get_server_pid(), migration.name):
                await _apply(connection, migration)
    return [migration.name for migration in missing]


async def pending(url: str, *, folder: Path = FOLDER) -> list[Migration]:
    """What :func:`migrate` would apply, changing nothing. Errors as there."""
    async with connection_to(url) as connection:
        return await _missing(connection, read_migrations(folder))


class Tables(NamedTuple):
    """Bytes of each table with its indexes, and the table of each index."""

    sizes: dict[str, int]
    table_of_index: dict[str, str]


async def read_tables(url: str) -> Tables:
    """The tables that are there."""
    async with connection_to(url) as connection:
        sizes = await connection.fetch(
            "SELECT relname AS name, pg_total_relation_size(oid) AS size FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
        indexes = await connection.fetch("SELECT indexname, tablename FROM pg_indexes WHERE schemaname = 'public'")
    return Tables({row["name"]: row["size"] for row in sizes}, {row["indexname"]: row["tablename"] for row in indexes})


def known_names(folder: Path = FOLDER) -> list[str]:
    """The names of the migrations of this version of the code, oldest first."""
    return [migration.name for migration in read_migrations(folder)]


async def _missing(connection: "asyncpg.Connection[asyncpg.Record]", known: Sequence[Migration]) -> list[Migration]:
    applied: dict[str, str] = {}
    unknown: dict[str, bool] = {}
    names = {migration.name for migration in known}
    if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        # An earlier version made the table without the column `additive`.
        rows = await connection.fetch(
            "SELECT name, checksum, coalesce((to_jsonb(m) ->> 'additive')::boolean, false) AS additive"
            " FROM schema_migrations m ORDER BY name"
        )
        applied = {row["name"]: row["checksum"] for row in rows if row["name"] in names}
        unknown = {row["name"]: row["additive"] for row in rows if row["name"] not in names}
    for name, is_additive in unknown.items():
        if not is_additive:
            raise StartupError(f"The database has the migration {name} of a newer version of Molva. Run that version.")
    if unknown:
        log.warning("the database is of a newer version; what it added does no harm", extra={"migrations": list(unknown)})
    for migration in known:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise StartupError(
                f"The file of the migration {migration.name} has changed since it was applied. Restore the file."
            )
    return [migration for migration in known if migration.name not in applied]


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    try:
        if migration.is_in_transaction:
            await _apply_at_once(connection, migration)
        else:
            await _apply_step_by_step(connection, migration)
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartupError(
            f"The migration {migration.name} is missing, and this database user may not apply it ({error}). Run "
            "`molva migrate` with MOLVA_DATABASE_OWNER_URL before the server."
        ) from error
    except asyncpg.PostgresError as error:
        state = "was rolled back" if migration.is_in_transaction else "can be run again"
        raise StartupError(f"The migration {migration.name} failed and {state}: {error}.") from error


async def _apply_at_once(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    pause_s = _LOCK_PAUSE_S
    for tried in range(1, _LOCK_TRIES_MAX + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_S * 1000:.0f}")
                await connection.execute(migration.sql)
                await _note(connection, migration)
        except asyncpg.LockNotAvailableError:
            if tried == _LOCK_TRIES_MAX:
                raise
            log.warning(
                "migration waits for a lock", extra={"migration": migration.name, "tried": tried, "again_in_s": pause_s}
            )
            await asyncio.sleep(pause_s)  # PostgreSQL tells nobody when a lock becomes free
            pause_s = min(pause_s * 1.5, _LOCK_PAUSE_S_MAX)
        else:
            return


async def _apply_step_by_step(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    """Each statement by itself. They can be repeated, so a migration that was cut off is run again from its beginning."""
    await connection.execute("SET lock_timeout = 0")  # an index that is built concurrently waits for transactions that run
    for statement in migration.statements:
        index = _CONCURRENT_INDEX.fullmatch(statement)
        if index is None and not _DROPPED_INDEX.fullmatch(statement):
            raise StartupError(
                f"The migration {migration.name} may only have CREATE INDEX CONCURRENTLY IF NOT EXISTS and DROP INDEX "
                "CONCURRENTLY IF EXISTS, as it is not in a transaction."
            )
        if index is not None and await connection.fetchval(_IS_INVALID, index[2]):
            log.warning("index left incomplete is built again", extra={"migration": migration.name, "index": index[2]})
            await connection.execute(f"DROP INDEX CONCURRENTLY {index[2]}", timeout=_INDEX_TIMEOUT_S)
        await connection.execute(statement, timeout=_INDEX_TIMEOUT_S)
    async with connection.transaction():
        await _note(connection, migration)


async def _note(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    """Keep that it was applied, and its checksum. The table belongs to this module, so it is not part of schema.sql."""
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, checksum text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now());"
        "ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS additive boolean NOT NULL DEFAULT false"
    )
    await connection.execute(
        "INSERT INTO schema_migrations (name, checksum, additive) VALUES ($1, $2, $3)",
        migration.name,
        migration.checksum,
        migration.is_additive,
    )


async def _lock(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """One migrator at a time, in this database.

    It asks again and again: a statement that waits for the lock has a snapshot, and an index that another node builds
    concurrently would wait for the end of that statement.
    """
    deadline = time.monotonic() + _OTHERS_TIMEOUT_S
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
        if time.monotonic() > deadline:
            raise StartupError(f"Another process has been migrating this database for more than {_OTHERS_TIMEOUT_S:.0f} s.")
        await asyncio.sleep(_POLL_S)


_IS_INVALID: Final = """
    -- Whether the index $1 is there and was left incomplete.
    SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid)
"""


@asynccontextmanager
async def connection_to(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection for work on the whole database; ``StartupError`` with words for the operator when there is none."""
    place = _place(url)
    try:
        connection = await asyncpg.connect(
            url,
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=_STATEMENT_TIMEOUT_S,
            server_settings={"application_name": "molva migrate", "timezone": "UTC"},
        )
    except asyncpg.InvalidCatalogNameError:
        raise StartupError(f"The database {place} does not exist. Create it.") from None
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise StartupError(f"The database {place} rejected the user or the password in MOLVA_DATABASE_URL.") from None
    except TimeoutError:
        raise StartupError(f"The database {place} did not answer within {_CONNECT_TIMEOUT_S:.0f} s.") from None
    except (OSError, asyncpg.PostgresError) as error:
        raise StartupError(f"The database {place} cannot be reached: {error}.") from None
    except (asyncpg.InterfaceError, ValueError):
        # The driver's words may quote the URL, password and all.
        raise StartupError(f"MOLVA_DATABASE_URL is not a valid PostgreSQL URL ({place}).") from None
    try:
        version = connection.get_server_version()
        if version.major < _SERVER_VERSION_MIN:
            raise StartupError(
                f"The database {place} is PostgreSQL {version.major}. Version {_SERVER_VERSION_MIN} or newer is required."
            )
        yield connection
    except (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.InterfaceError, OSError) as error:
        raise StartupError(f"The connection to the database {place} was lost: {error}.") from error
    finally:
        try:
            await connection.close(timeout=_CONNECT_TIMEOUT_S)
        except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.terminate()


def _place(url: str) -> str:
    """Host, port and name of the database, fit to be shown: without user and password."""
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError:
        return "with an unreadable address"
    return f"{parts.hostname or 'localhost'}:{port}{parts.path}"
