"""``molva keys``: make, list and revoke the keys of operators. It works on the database, beside a running server or not."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from admin import keys
from admin.keys import Scope
from commands.tables import print_table
from core.settings import Settings
from db.pool import Database
from server import database_url_of

T = TypeVar("T")


def create_key(settings: Settings, name: str, scopes: Sequence[Scope]) -> str:
    """A new key, which is shown once. ``StartupError`` if a key that works has the name."""
    return _with_database(settings, lambda database: keys.make_key(database, name, scopes))


def show_keys(settings: Settings) -> None:
    """Print every key, without the keys themselves."""
    rows = _with_database(settings, keys.list_keys)
    print_table(
        ("name", "scopes", "created", "last used", "revoked"),
        [(row.name, ",".join(row.scopes), row.created_at, row.last_used_at, row.revoked_at) for row in rows],
    )


def revoke_key(settings: Settings, name: str) -> None:
    """The key of this name stops working at once. ``StartupError`` if there is none."""
    _with_database(settings, lambda database: keys.revoke_key(database, name))


def _with_database(settings: Settings, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        database = Database(url, pool_max=1, timeout_s=settings.database_timeout_s)
        await database.connect()
        try:
            return await work(database)
        finally:
            await database.disconnect()

    with database_url_of(settings, beside_server=True) as url:
        return asyncio.run(run(url))
