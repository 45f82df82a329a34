"""What the operator changes in chats: messages and chats are deleted, whoever wrote or created them.

Members see the same as if the sender or the creator had done it. What must stay true: it goes through the one door for
changes (``wire.changes``), like every change of a chat.
"""

from collections.abc import Sequence

from core.errors import NotFound
from db import chats, members, messages
from db.members import MovedPinRow
from db.operator_views import MessageSummaryRow, find_message
from realtime.messages.revisions import announce_revision, unpin_deleted
from realtime.model.chat_changes import lock_and_view, put_out
from realtime.model.events import Reason, Removal
from realtime.wire.changes import Change


async def delete_message(change: Change, chat_id: str, seq: int) -> MessageSummaryRow:
    """Empty a message of anybody's; what it was. ``NotFound`` (``chat_id``, ``seq``); nothing changes the second time."""
    tx = change.tx
    creator_id = await chats.find_creator(tx, chat_id)
    if creator_id is None:
        raise NotFound("chat_id")
    view = await lock_and_view(tx, chat_id, creator_id)
    before = await find_message(tx, chat_id, seq)
    if before is None or before.type == "system":
        raise NotFound("seq")
    if before.deleted_at is None:
        version = await chats.raise_version(tx, chat_id)
        row = await messages.delete_message(tx, chat_id, seq, version)
        await unpin_deleted(tx, view, seq)
        announce_revision(change, view, row, Reason.MESSAGE_DELETED)
    return before


async def delete_chat(change: Change, chat_id: str) -> Sequence[MovedPinRow]:
    """Delete a chat for all its members. Afterwards call ``announce_moved_pins`` with the pins that it returns.

    ``NotFound`` (``chat_id``) if there is none. Two people whose private chat is deleted may open another one.
    """
    tx = change.tx
    if await chats.lock_chat(tx, chat_id) is None:
        raise NotFound("chat_id")
    moved = await put_out(change, chat_id, await members.list_member_ids(tx, chat_id), why=Removal.DELETED)
    await chats.delete_chat(tx, chat_id)
    return moved
