"""``molva check``: tells before a deployment whether it would work, a line for each check.

To add a check, write a function that returns a short description or raises ``StartupError``, and call it in ``run_checks``.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from commands.tables import readable
from core.errors import AppError, StartupError, Unavailable
from core.logs import configure_logs
from core.settings import Settings, load_settings
from db.health import read_clock, read_version
from db.migrate import Tables, pending, read_tables
from db.migration_files import Effect, Migration, Waiting
from db.pool import Database
from server import database_url_of
from storage.objects import Objects

_CLOCK_DIFFERENCE_S_MAX: Final = 5.0
_STORAGE_KEY: Final = "checks/molva-check"


def run_checks() -> bool:
    """Run every check and print a line for each. Returns whether all passed."""
    try:
        settings = load_settings()
    except StartupError as error:
        return _say("settings", str(error), well=False)
    configure_logs(level="error", log_format="text")  # what a library says of its fault stands above our sentence
    _say("settings", f"environment {settings.environment.value}", well=True)
    data_dir_is_well = _check("data directory", lambda: _check_data_dir(settings))
    try:
        found = _look_at_database(settings)
    except (StartupError, Unavailable) as error:
        return _say("database", str(error), well=False)
    _say("database", f"PostgreSQL {found.version}", well=True)
    names = [migration.name for migration in found.pending]
    _say("migrations", f"pending: {', '.join(names)}" if names else "up to date", well=True)
    for migration in found.pending:
        _explain(migration, found.tables)
    clock_is_well = _check("clock", lambda: _check_clock(found.clock_difference_s))
    if settings.files_url is None and not data_dir_is_well:
        return False  # the storage is in that directory
    return _check("storage", lambda: _check_storage(settings)) and clock_is_well and data_dir_is_well


def _check(name: str, check: Callable[[], str]) -> bool:
    try:
        return _say(name, check(), well=True)
    except StartupError as error:
        return _say(name, str(error), well=False)


def _say(name: str, text: str, *, well: bool) -> bool:
    print(f"{'ok    ' if well else 'failed'}  {name}: {text}", flush=True)
    return well


def _explain(migration: Migration, tables: Tables) -> None:
    """Say what a pending migration locks, how large these tables are, and who waits."""
    rollback = "the version before works with it" if migration.is_additive else "the version before does not work with it"
    print(f"        {migration.name}: {rollback}")
    effects = migration.effects(tables.table_of_index)
    locked = [table for table in sorted(effects) if table in tables.sizes]
    for table in locked:
        print(f"          {table} ({readable(tables.sizes[table])}): {_waits(effects[table])}")
    if not migration.is_known:
        print("          it has statements that this check does not know: read db/migrations")
    elif not locked:
        print("          locks no table that is there")


def _waits(effect: Effect) -> str:
    if effect.waiting is Waiting.NOBODY:
        return "nobody waits" + ("; the whole table is read" if effect.is_long else "")
    who = "writes wait" if effect.waiting is Waiting.WRITES else "reads and writes wait"
    return f"{who}, {'as long as the migration works through its tables' if effect.is_long else 'for milliseconds'}"


def _check_data_dir(settings: Settings) -> str:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.data_dir):
            return f"{settings.data_dir} can be written"
    except OSError as error:
        raise StartupError(f"{settings.data_dir} cannot be written: {error.strerror or error}.") from None


def _check_storage(settings: Settings) -> str:
    async def write_and_read() -> None:
        objects, content = Objects(settings.files_place), b"molva check"
        try:
            await objects.put(_STORAGE_KEY, content)
            opened = await objects.open(_STORAGE_KEY)
            if b"".join([chunk async for chunk in opened.chunks]) != content:
                raise StartupError(f"{settings.files_place} returned other bytes than were stored.")
            await objects.delete([_STORAGE_KEY])
        finally:
            await objects.close()

    try:
        asyncio.run(write_and_read())
    except (AppError, OSError):
        raise StartupError(f"{settings.files_place} cannot be written and read. The line above says why.") from None
    return f"{settings.files_place} can be written and read"


@dataclass(frozen=True, slots=True)
class _Found:
    """What the database reports. ``clock_difference_s``: how many seconds its clock is ahead of this machine's."""

    version: str
    pending: list[Migration]
    tables: Tables
    clock_difference_s: float


def _look_at_database(settings: Settings) -> _Found:
    async def look(url: str) -> _Found:
        missing = await pending(url)  # first: it also says in words why a server cannot be used
        tables = await read_tables(url)
        database = Database(url, pool_max=2, timeout_s=settings.database_timeout_s)
        await database.connect()
        try:
            async with database.reading() as tx:
                version = await read_version(tx)
                return _Found(version, missing, tables, await read_clock(tx) - time.time())
        finally:
            await database.disconnect()

    with database_url_of(settings, beside_server=True) as url:
        return asyncio.run(look(url))


def _check_clock(difference_s: float) -> str:
    if abs(difference_s) > _CLOCK_DIFFERENCE_S_MAX:
        raise StartupError(f"The clock of the database differs by {difference_s:+.1f} s. Synchronise both machines.")
    return f"the database's clock differs by {difference_s:+.3f} s"
