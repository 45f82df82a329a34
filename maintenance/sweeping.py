"""What is put in order in the background: pictures and files that nobody needs, groups that deleted accounts are still in.

Each step is bounded and can be interrupted anywhere: the bytes go before the row that names them, so a crash in between is
made good the next time. Several nodes may do it at once.
"""

import asyncio
import logging
from typing import Final

from core.errors import AppError
from db import accounts, avatars, files
from db.pool import Database
from realtime.chats.account_deletion import leave_group
from realtime.model.objects import AVATAR_SIZES
from realtime.wire.context import Services
from storage.keys import avatar_key, file_key, thumbnail_key
from storage.objects import Objects

log = logging.getLogger("molva.sweeper")

_BATCH: Final = 100
_EVERY_S: Final = 60.0


async def sweep_forever(services: Services, objects: Objects) -> None:
    """Sweep every so often; what is away is tried again the next time."""
    while True:
        await asyncio.sleep(_EVERY_S)
        await sweep(services, objects)


async def sweep(services: Services, objects: Objects) -> None:
    """One round of everything."""
    try:
        removed = {
            "files": await sweep_files(services.database, objects),
            "avatars": await sweep_avatars(services.database, objects),
            "memberships": await finish_account_deletions(services),
        }
    except AppError as error:
        log.warning("sweeping put off", extra={"outcome": error.code.value})
        return
    if any(removed.values()):
        log.info("swept", extra=removed)


async def sweep_files(database: Database, objects: Objects) -> int:
    """Remove files that have expired and that no message holds; how many."""
    removed = 0
    while True:
        async with database.transaction() as tx:
            expired = await files.lock_expired(tx, _BATCH)
            held = set(await files.keep_held(tx, expired))
            unheld = [file_id for file_id in expired if file_id not in held]
            await objects.delete(key for file_id in unheld for key in (thumbnail_key(file_id), file_key(file_id)))
            await files.delete_files(tx, unheld)
        removed += len(unheld)
        if len(expired) < _BATCH:
            return removed


async def sweep_avatars(database: Database, objects: Objects) -> int:
    """Remove pictures that are nobody's; how many."""
    async with database.reading() as tx:
        doubtful = await avatars.list_doubtful(tx, _BATCH)
    return sum([await remove_unused_avatar(database, objects, avatar_id) for avatar_id in doubtful])


async def remove_unused_avatar(database: Database, objects: Objects, avatar_id: str) -> bool:
    """Remove a picture if nobody has it and nobody is about to; whether it was removed."""
    async with database.transaction() as tx:
        if await avatars.lock_doubtful(tx, avatar_id) is None or await avatars.keep_used(tx, avatar_id) is not None:
            return False
        await objects.delete(avatar_key(avatar_id, size) for size in AVATAR_SIZES)
        await avatars.delete_avatar(tx, avatar_id)
    return True


async def finish_account_deletions(services: Services) -> int:
    """Take deleted accounts out of groups that they are still in because their farewell was interrupted; how many."""
    async with services.database.reading() as tx:
        unfinished = await accounts.list_unfinished(tx, _BATCH)
    for row in unfinished:
        await leave_group(services, row.user_id, row.chat_id)
    return len(unfinished)
