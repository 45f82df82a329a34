"""Uploaded files that no message holds: removed after their time.

What must stay true: a file that a message holds is never removed. ``db.files`` says how that is ensured while a message is
being sent. The bytes are removed before the row that names them, so that a crash in between leaves something to try again.
"""

from collections.abc import Mapping
from typing import Final

from db import files
from db.pool import Database
from storage.keys import file_key, thumbnail_key
from storage.objects import Objects

_BATCH: Final = 100
"""Files that one transaction looks at."""


async def remove_unused_files(database: Database, objects: Objects) -> Mapping[str, int]:
    """Remove files that have expired and that no message holds."""
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
            return {"files": removed}
