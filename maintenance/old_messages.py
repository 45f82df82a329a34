"""Messages that are older than the retention rules allow: they are deleted, as their senders could have done it."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from core.errors import NotFound
from db import retention
from realtime import moderation
from realtime.wire.changes import chat_subject
from realtime.wire.context import Services

_CHATS: Final = 200
"""Chats that one statement looks at."""
_BATCH: Final = 100
"""Messages of a chat that one transaction deletes, so that the chat's members wait for it only a moment."""


async def delete_old_messages(services: Services) -> Mapping[str, int]:
    """Go through all chats once and delete what is too old."""
    async with services.database.reading() as tx:
        if not await retention.list_rules(tx):
            return {"messages": 0}
    deleted, after_id = 0, None
    while True:
        async with services.database.reading() as tx:
            page = await retention.list_old_messages(tx, after_id, _CHATS, _BATCH)
        for row in page:
            if row.seqs:
                with suppress(NotFound):  # the chat was deleted meanwhile
                    async with services.changes.of(chat_subject(row.chat_id)) as change:
                        for seq in row.seqs:
                            await moderation.delete_message(change, row.chat_id, seq)
                    deleted += len(row.seqs)
        if len(page) < _CHATS and not any(len(row.seqs) == _BATCH for row in page):
            return {"messages": deleted}
        if not any(len(row.seqs) == _BATCH for row in page):
            after_id = page[-1].chat_id
