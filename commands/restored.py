"""``molva restored``: after a backup was put back, the history of the database begins anew.

Clients hold versions and cursors of what happened after the backup was made. With a new epoch they drop them and begin
afresh; see ``db/epochs.py``.
"""

import asyncio
from typing import Final

from core.settings import Settings
from db import epochs
from db.pool import Database
from server import database_url_of

_TIMEOUT_S: Final = 3600.0
"""After a restore into another cluster every chat may have to be touched."""


def renew_epoch(settings: Settings) -> str:
    """Write a new epoch and return it. Servers that are running notice it within seconds and close their connections."""
    with database_url_of(settings, beside_server=True) as url:
        return asyncio.run(renew_epoch_of(url))


async def renew_epoch_of(url: str) -> str:
    """As :func:`renew_epoch`, in the database ``url``."""
    database = Database(url, timeout_s=_TIMEOUT_S)
    await database.connect()
    try:
        async with database.transaction() as tx:
            for settle in (epochs.settle_users, epochs.settle_chats, epochs.settle_members):
                await settle(tx)
            return await epochs.renew_epoch(tx)
    finally:
        await database.disconnect()
