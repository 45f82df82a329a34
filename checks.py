"""``molva check``: whether a deploy would work, told line by line before it is done."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Final

from core.errors import StartupError
from core.settings import Settings, load_settings
from db.health import read_clock
from db.migrate import pending
from db.pool import Database
from server import database_url_of

_CLOCK_DIFFERENCE_S_MAX: Final = 5.0


def run_checks() -> bool:
    """Run every check and print a line for each; whether all are well."""
    try:
        settings = load_settings()
    except StartupError as error:
        return _say("settings", str(error), well=False)
    _say("settings", f"environment {settings.environment.value}", well=True)
    outcomes = [_check("data directory", lambda: _check_data_dir(settings))]
    try:
        with database_url_of(settings, beside_server=True) as url:
            outcomes.append(_check("migrations", lambda: _check_migrations(url)))
            outcomes.append(_check("clock", lambda: _check_clock(url)))
    except StartupError as error:
        outcomes.append(_say("database", str(error), well=False))
    return all(outcomes)


def _check(name: str, check: Callable[[], str]) -> bool:
    try:
        return _say(name, check(), well=True)
    except StartupError as error:
        return _say(name, str(error), well=False)


def _say(name: str, text: str, *, well: bool) -> bool:
    print(f"{'ok    ' if well else 'failed'}  {name}: {text}", file=sys.stdout)
    return well


def _check_data_dir(settings: Settings) -> str:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.data_dir):
            return f"{settings.data_dir} can be written"
    except OSError as error:
        raise StartupError(f"{settings.data_dir} cannot be written: {error.strerror or error}.") from None


def _check_migrations(url: str) -> str:
    names = asyncio.run(pending(url))
    return f"to be applied at the next start: {', '.join(names)}" if names else "up to date"


def _check_clock(url: str) -> str:
    async def difference_s() -> float:
        database = Database(url, pool_max=2)
        await database.connect()
        try:
            async with database.reading() as tx:
                return await read_clock(tx) - time.time()
        finally:
            await database.disconnect()

    found_s = asyncio.run(difference_s())
    if abs(found_s) > _CLOCK_DIFFERENCE_S_MAX:
        raise StartupError(f"the database's clock differs by {found_s:+.1f} s: synchronise both machines.")
    return f"the database's clock differs by {found_s:+.3f} s"
