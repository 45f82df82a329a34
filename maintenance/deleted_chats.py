"""What is removed in the background, in bounded batches, so that nobody waits for it."""

import asyncio
import logging
from typing import Final

from core.errors import Unavailable
from db import chats, messages
from db.pool import Database

log = logging.getLogger("molva.sweeper")

_BATCH: Final = 1_000
"""Rows that one statement removes: it holds its locks for some milliseconds."""
_PAUSE_S: Final = 0.05
_EVERY_S: Final = 30.0


async def sweep_forever(database: Database) -> None:
    """Sweep every so often; what fails is tried again the next time."""
    while True:
        try:
            await sweep(database)
        except Unavailable:
            log.warning("sweeping put off")
        except Exception:
            log.exception("sweeping failed")
        await asyncio.sleep(_EVERY_S)


async def sweep(database: Database) -> None:
    """Remove the messages of deleted chats."""
    swept = 0
    while True:
        async with database.reading() as tx:
            batch = await messages.sweep_messages(tx, _BATCH)
        swept += batch
        if batch < _BATCH:
            break
        await asyncio.sleep(_PAUSE_S)
    async with database.reading() as tx:
        chats_swept = await chats.mark_swept(tx)
    if swept or chats_swept:
        log.info("swept", extra={"messages": swept, "chats": chats_swept})
