"""What is one member's alone about a chat: its name for them, its place among their pins, its silence, whether it is
in their list, where its history begins for them.

Nobody else ever hears of it.
"""

from core.conflicts import ConflictReason
from db import blocks, members
from db.members import MovedPinRow
from realtime.chats.payloads import ChatAnswer, ChatClear, ChatGet, ChatMute, ChatPin, ChatRename
from realtime.chats.rules import place_pin
from realtime.model.chat_changes import announce_moved_pins, lock_and_view, view_chat
from realtime.model.events import CHAT_READ, CHAT_UPDATED, Reason, announce_personal, announce_read
from realtime.model.refusals import refuse_unless_group
from realtime.wire.changes import Change
from realtime.wire.context import Context
from realtime.wire.effects import Joined
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

    Without ``position`` it goes above the other pinned chats. At most 10 chats can be pinned. An archived chat that is
    pinned is archived no longer.
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


@action("chat:archive", role=Role.MEMBER, rate=Rate.WRITE, emits=(CHAT_UPDATED,))
async def archive_chat(context: Context, payload: ChatGet) -> ChatAnswer:
    """Archive a chat: take it out of the caller's chat list, and unpin it.

    `chat:list` returns it with `archived: true`. A message from somebody else brings it back, unless the chat is muted.
    """
    chat_id, user_id = payload.chat_id, context.user_id
    async with context.changing(chat_id) as change:
        await members.lock_pins(change.tx, user_id)
        await lock_and_view(change.tx, chat_id, user_id)
        moved = await members.list_pins_behind(change.tx, chat_id, [user_id])
        await members.archive_chat(change.tx, chat_id, user_id)
        answer = await _answer(context, change, chat_id, Reason.ARCHIVED)
    await announce_moved_pins(context.services, moved)
    return answer


@action("chat:unarchive", role=Role.MEMBER, rate=Rate.WRITE, emits=(CHAT_UPDATED,))
async def unarchive_chat(context: Context, payload: ChatGet) -> ChatAnswer:
    """Put an archived chat back into the caller's chat list. If it is not archived, nothing changes."""
    async with context.changing(payload.chat_id) as change:
        await lock_and_view(change.tx, payload.chat_id, context.user_id)
        await members.unarchive_chat(change.tx, payload.chat_id, context.user_id)
        return await _answer(context, change, payload.chat_id, Reason.ARCHIVED)


@action("chat:clear", role=Role.MEMBER, rate=Rate.WRITE, emits=(CHAT_UPDATED, CHAT_READ))
async def clear_chat(context: Context, payload: ChatClear) -> ChatAnswer:
    """Remove the history of a chat, for the caller only: `me.first_seq` moves behind the newest message.

    All messages count as read. This cannot be undone.
    """
    chat_id, user_id = payload.chat_id, context.user_id
    async with context.changing(chat_id) as change:
        before = await lock_and_view(change.tx, chat_id, user_id)
        first_seq = await members.clear_chat(change.tx, chat_id, user_id)
        if first_seq is not None:  # from here on this is what the person's connections may see
            change.then(Joined(chat_id, user_id, first_seq))
        answer = await _answer(context, change, chat_id, Reason.CLEARED)
        if before.me.unread_count:
            estranged = frozenset(await blocks.list_estranged(change.tx, user_id, chat_id))
            change.then(announce_read(chat_id, user_id, before.message_count, without=estranged))
        return answer


async def _answer(context: Context, change: Change, chat_id: str, reason: Reason) -> ChatAnswer:
    view = await view_chat(change.tx, chat_id, context.user_id)
    change.then(announce_personal(view, context.user_id, reason))
    return ChatAnswer(chat=view)
