"""The messages of deleted chats: removed in the background, so that deleting a large chat keeps nobody waiting."""

import asyncio
from collections.abc import Mapping
from typing import Final

from db import chats, messages
from db.pool import Database

_BATCH: Final = 1_000
"""Rows that one statement removes: it holds its locks for some milliseconds."""
_PAUSE_S: Final = 0.05
"""Between two batches."""


async def remove_deleted_chats(database: Database) -> Mapping[str, int]:
    """Remove the messages of deleted chats, and mark chats that have none left."""
    removed = 0
    while True:
        async with database.reading() as tx:
            batch = await messages.sweep_messages(tx, _BATCH)
        removed += batch
        if batch < _BATCH:
            break
        await asyncio.sleep(_PAUSE_S)  # users' statements come in between
    async with database.reading() as tx:
        chats_done = await chats.mark_swept(tx)
    return {"messages": removed, "chats": chats_done}
