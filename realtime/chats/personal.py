"""What is one member's alone about a chat: its name for them, its place among their pins, its silence.

Nobody else ever hears of it.
"""

from core.conflicts import ConflictReason
from db import members
from db.members import MovedPinRow
from realtime.chats.payloads import ChatAnswer, ChatGet, ChatMute, ChatPin, ChatRename
from realtime.chats.rules import place_pin
from realtime.model.chat_changes import announce_moved_pins, view_chat
from realtime.model.events import CHAT_UPDATED, Reason, announce_personal
from realtime.model.refusals import refuse_unless_group
from realtime.wire.changes import Change
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


@action("chat:rename", role=Role.MEMBER, rate=Rate.WRITE, conflicts=(ConflictReason.NOT_A_GROUP,), emits=(CHAT_UPDATED,))
async def rename_chat(context: Context, payload: ChatRename) -> ChatAnswer:
    """Set the caller's own title for a group. Nobody else sees it. Null removes it."""
    async with context.changing(payload.chat_id) as change:
        refuse_unless_group(await view_chat(change.tx, payload.chat_id, context.user_id))
        await members.rename_chat(change.tx, payload.chat_id, context.user_id, payload.title)
        return await _answer(context, change, payload.chat_id, Reason.RENAMED)


@action("chat:mute", role=Role.MEMBER, rate=Rate.WRITE, emits=(CHAT_UPDATED,))
async def mute_chat(context: Context, payload: ChatMute) -> ChatAnswer:
    """Turn off the notifications of a chat until a given time, or on again with null.

    Events of the chat still arrive.
    """
    async with context.changing(payload.chat_id) as change:
        await view_chat(change.tx, payload.chat_id, context.user_id)
        await members.mute_chat(change.tx, payload.chat_id, context.user_id, payload.until)
        return await _answer(context, change, payload.chat_id, Reason.MUTED)


@action("chat:pin", role=Role.MEMBER, rate=Rate.WRITE, conflicts=(ConflictReason.PIN_LIMIT,), emits=(CHAT_UPDATED,))
async def pin_chat(context: Context, payload: ChatPin) -> ChatAnswer:
    """Pin a chat to the top of the caller's chat list.

    Without ``position`` it goes above the other pinned chats. At most 10 chats can be pinned.
    """
    return await _arrange_pins(context, payload.chat_id, payload.position, pinned=True)


@action("chat:unpin", role=Role.MEMBER, rate=Rate.WRITE, emits=(CHAT_UPDATED,))
async def unpin_chat(context: Context, payload: ChatGet) -> ChatAnswer:
    """Unpin a chat. If it is not pinned, nothing changes."""
    return await _arrange_pins(context, payload.chat_id, None, pinned=False)


async def _arrange_pins(context: Context, chat_id: str, position: int | None, *, pinned: bool) -> ChatAnswer:
    """The positions are made gapless again, so other pins may move too: their chats are announced as well."""
    reason = Reason.PINNED if pinned else Reason.UNPINNED
    async with context.changing(chat_id) as change:
        tx, user_id = change.tx, context.user_id
        await members.lock_pins(tx, user_id)
        await view_chat(tx, chat_id, user_id)
        pins = [row.chat_id for row in await members.list_pins(tx, user_id)]
        kept = place_pin(pins, chat_id, position) if pinned else [pin for pin in pins if pin != chat_id]
        moved = await members.set_pins(tx, user_id, kept, [pin for pin in pins if pin not in kept])
        answer = await _answer(context, change, chat_id, reason)
    others = [MovedPinRow(context.user_id, other) for other in moved if other != chat_id]
    await announce_moved_pins(context.services, others, reason)
    return answer


async def _answer(context: Context, change: Change, chat_id: str, reason: Reason) -> ChatAnswer:
    view = await view_chat(change.tx, chat_id, context.user_id)
    change.then(announce_personal(view, context.user_id, reason))
    return ChatAnswer(chat=view)
