"""Pictures that nobody has: left over where a crash or a storage that was away kept them from being removed at once."""

from collections.abc import Mapping
from typing import Final

from accounts.avatars import remove_unused_avatar
from db import avatars
from db.pool import Database
from storage.objects import Objects

_BATCH: Final = 100
"""Pictures that one run looks at."""


async def remove_unused_avatars(database: Database, objects: Objects) -> Mapping[str, int]:
    """Remove pictures that nobody has."""
    async with database.reading() as tx:
        doubtful = await avatars.list_doubtful(tx, _BATCH)
    return {"avatars": sum([await remove_unused_avatar(database, objects, avatar_id) for avatar_id in doubtful])}
