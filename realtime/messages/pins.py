"""Pinned messages of a chat: the same for all its members, as far as they may see them."""

from core import limits
from core.conflicts import ConflictReason
from core.errors import Conflict, NotFound
from db import chats, messages
from realtime.messages.payloads import ChatWithPins, MessageAt, MessagesPinnedIn, PinnedMessages
from realtime.model.chat_changes import add_system_message, lock_and_view, refuse_unreachable, view_chat
from realtime.model.events import CHAT_UPDATED, MESSAGE_CREATED, Reason, announce_chat
from realtime.model.objects import ChatView, MessageView
from realtime.model.people import find_people
from realtime.model.refusals import refuse_deleted, refuse_unless_admin
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


def refuse_pinning(chat: ChatView) -> None:
    """In a private chat both may pin; in a group the creator and admins, ``forbidden`` for others."""
    if chat.type == "group":
        refuse_unless_admin(chat)


@action(
    "message:pin",
    role=Role.MEMBER,
    rate=Rate.WRITE,
    forbids=True,
    conflicts=(
        ConflictReason.MESSAGE_DELETED,
        ConflictReason.PIN_LIMIT,
        ConflictReason.YOU_BLOCKED_USER,
        ConflictReason.PEER_UNAVAILABLE,
    ),
    emits=(CHAT_UPDATED, MESSAGE_CREATED),
)
async def pin_message(context: Context, payload: MessageAt) -> ChatWithPins:
    """Pin a message for all members of the chat: in a private chat both may, in a group the creator and admins.

    A system message, `message_pinned`, tells of it. At most 50 in a chat. A pinned message stays so.
    """
    async with context.changing(payload.chat_id) as change:
        tx, chat_id, user_id = change.tx, payload.chat_id, context.user_id
        view = await lock_and_view(tx, chat_id, user_id)
        message = await messages.find_message(tx, chat_id, user_id, payload.seq)
        if message is None:
            raise NotFound("seq")
        refuse_pinning(view)
        if payload.seq in view.pinned_seqs:
            return ChatWithPins(chat=view)
        refuse_deleted(message)
        await refuse_unreachable(tx, view, user_id)
        chat = view.shared()
        if len(chat.pinned_seqs) >= limits.PINNED_MESSAGES_MAX:
            raise Conflict(ConflictReason.PIN_LIMIT)
        pinned_seqs = sorted([*chat.pinned_seqs, payload.seq], reverse=True)
        await chats.set_pinned_seqs(tx, chat_id, pinned_seqs)
        content = {"event": "message_pinned", "user_id": user_id, "seq": payload.seq}
        after = chat.model_copy(update={"pinned_seqs": pinned_seqs})
        await add_system_message(change, after, user_id, content, reason=Reason.MESSAGE_PINNED)
        return ChatWithPins(chat=await view_chat(tx, chat_id, user_id))


@action("message:unpin", role=Role.MEMBER, rate=Rate.WRITE, forbids=True, emits=(CHAT_UPDATED,))
async def unpin_message(context: Context, payload: MessageAt) -> ChatWithPins:
    """Take a message from the pinned messages of the chat. One that is not pinned stays so."""
    async with context.changing(payload.chat_id) as change:
        tx, chat_id, user_id = change.tx, payload.chat_id, context.user_id
        view = await lock_and_view(tx, chat_id, user_id)
        if await messages.find_message(tx, chat_id, user_id, payload.seq) is None:
            raise NotFound("seq")
        refuse_pinning(view)
        if payload.seq in view.pinned_seqs:
            kept = [seq for seq in view.shared().pinned_seqs if seq != payload.seq]
            await chats.set_pinned_seqs(tx, chat_id, kept)
            await chats.raise_version(tx, chat_id)
            view = await view_chat(tx, chat_id, user_id)
            change.then(*announce_chat(view.shared(), Reason.MESSAGE_PINNED))
        return ChatWithPins(chat=view)


@action("message:pinned", role=Role.MEMBER, rate=Rate.READ)
async def list_pinned(context: Context, payload: MessagesPinnedIn) -> PinnedMessages:
    """The pinned messages of a chat that the caller may see, newest first."""
    async with context.reading() as tx:
        view = await view_chat(tx, payload.chat_id, context.user_id)
        rows = await messages.find_messages(tx, payload.chat_id, context.user_id, view.pinned_seqs)
        page = [MessageView.model_validate(row) for row in rows]
        return PinnedMessages(messages=page, users=await find_people(tx, context.user_id, messages=page))
