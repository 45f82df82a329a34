"""``molva restored``: after a backup was put back, the history of the database begins anew.

Clients hold versions and cursors of what happened after the backup was made. With a new epoch they drop them and begin
afresh; see ``db/epochs.py``.
"""

import asyncio

from core.settings import Settings
from db import epochs
from db.pool import Database
from server import database_url_of


def renew_epoch(settings: Settings) -> str:
    """Write a new epoch and return it. Servers that are running notice it within seconds and close their connections."""
    with database_url_of(settings, beside_server=True) as url:
        return asyncio.run(_renew(url))


async def _renew(url: str) -> str:
    database = Database(url)
    await database.connect()
    try:
        async with database.reading() as tx:
            return await epochs.renew_epoch(tx)
    finally:
        await database.disconnect()
