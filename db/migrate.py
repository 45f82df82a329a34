"""Forward-only migrations: brings the database to what this version of the code needs.

A migration is ``db/migrations/NNNN_name.sql``, applied in the order of its number, each in a transaction of its own.
What was applied, and the checksum it had, is kept in ``schema_migrations``.

What must stay true: a file that was released never changes; ``schema.sql`` equals the sum of the files; several nodes
that start together apply everything once. To change the schema: a new file here, and the same change in
``schema.sql``.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import asyncpg

from core.errors import StartupError

FOLDER: Final = Path(__file__).with_name("migrations")

_SERVER_VERSION_MIN: Final = 15
_CONNECT_TIMEOUT_S: Final = 5.0
_LOCK_TIMEOUT_S: Final = 120.0  # how long the migrations of another node are waited for
_STATEMENT_TIMEOUT_S: Final = 3600.0  # a migration may rewrite a large table
LOCK_KEY: Final = 0x6D6F6C7661
"""What a migration and a restore lock: "molva", any number that nothing else in this database locks."""
_NAME: Final = re.compile(r"\d{4}_[a-z0-9_]+")


class _Migration(NamedTuple):
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(url: str, *, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing; the names of what was applied, in order.

    ``StartupError`` when the server cannot be reached or is too old, when the database was changed by another version
    of the code, or when a migration fails (then nothing of it is applied).
    """
    known = _read(folder)
    async with connection_to(url) as connection:
        await _lock(connection)  # released with the connection
        missing = await _missing(connection, known)
        for migration in missing:
            await _apply(connection, migration)
    return [migration.name for migration in missing]


async def pending(url: str, *, folder: Path = FOLDER) -> list[str]:
    """The names of what :func:`migrate` would apply, changing nothing. Errors as there."""
    async with connection_to(url) as connection:
        return [migration.name for migration in await _missing(connection, _read(folder))]


def known_names(folder: Path = FOLDER) -> list[str]:
    """The names of the migrations of this version of the code, oldest first."""
    return [migration.name for migration in _read(folder)]


def _read(folder: Path) -> list[_Migration]:
    found = [_Migration(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))]
    numbers = [migration.name[:4] for migration in found]
    for migration, number in zip(found, numbers, strict=True):
        if not _NAME.fullmatch(migration.name) or numbers.count(number) > 1:
            raise StartupError(f"The migration {migration.name} must have a name like 0001_words and a unique number.")
    if not found:
        raise StartupError(f"There are no migrations in {folder}. Install Molva again.")
    return found


async def _missing(connection: "asyncpg.Connection[asyncpg.Record]", known: Sequence[_Migration]) -> list[_Migration]:
    applied: dict[str, str] = {}
    if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        rows = await connection.fetch("SELECT name, checksum FROM schema_migrations ORDER BY name")
        applied = {row["name"]: row["checksum"] for row in rows}
    unknown = sorted(applied.keys() - {migration.name for migration in known})
    if unknown:
        raise StartupError(f"The database has the migration {unknown[0]} of a newer version of Molva. Run that version.")
    for migration in known:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise StartupError(
                f"The file of the migration {migration.name} has changed since it was applied. Restore the file."
            )
    return [migration for migration in known if migration.name not in applied]


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: _Migration) -> None:
    try:
        async with connection.transaction():
            # Keeps the checksum of what was applied; not part of schema.sql, because it belongs to this module.
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, checksum text NOT NULL,"
                " applied_at timestamptz NOT NULL DEFAULT now())"
            )
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", migration.name, migration.checksum
            )
    except asyncpg.InsufficientPrivilegeError as error:
        raise StartupError(
            f"The migration {migration.name} is missing, and this database user may not apply it ({error}). Run "
            "`molva migrate` with MOLVA_DATABASE_OWNER_URL before the server."
        ) from error
    except asyncpg.PostgresError as error:
        raise StartupError(f"The migration {migration.name} failed and was rolled back: {error}.") from error


async def _lock(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """One migrator at a time, in this database."""
    try:
        await connection.execute(f"SET lock_timeout = {_LOCK_TIMEOUT_S * 1000:.0f}")
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
    except asyncpg.LockNotAvailableError:
        raise StartupError(
            f"Another process has been migrating this database for more than {_LOCK_TIMEOUT_S:.0f} s."
        ) from None


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
