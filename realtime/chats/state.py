"""A chat's present state as effects: for members who may have missed a change."""

from collections.abc import Sequence

from db import chats
from db.pool import Tx
from realtime.protocol.effects import Effect
from realtime.protocol.events import Reason, announce_chat
from realtime.protocol.objects import ChatView


async def state_of_chat(tx: Tx, chat_id: str) -> Sequence[Effect]:
    """``chat:updated`` with the present state; nothing if the chat is gone."""
    creator_id = await chats.find_creator(tx, chat_id)
    row = await chats.find_chat(tx, chat_id, creator_id) if creator_id else None
    if row is None:
        return []
    return [announce_chat(ChatView.of(row, row.creator_id).shared(), Reason.RECONCILED)]
