"""Deleted accounts that are still in groups, because leaving them was interrupted: they leave now."""

from collections.abc import Mapping
from typing import Final

from db import account_deletion
from realtime.chats.account_deletion import leave_group
from realtime.wire.context import Services

_BATCH: Final = 100
"""Memberships that one run ends."""


async def leave_groups_of_deleted_accounts(services: Services) -> Mapping[str, int]:
    """Take deleted accounts out of the groups that they are still in."""
    async with services.database.reading() as tx:
        unfinished = await account_deletion.list_unfinished(tx, _BATCH)
    for row in unfinished:
        await leave_group(services, row.user_id, row.chat_id)
    return {"memberships": len(unfinished)}
