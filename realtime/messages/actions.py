"""``message:*``: sending once, history, the read mark."""

from typing import Any, Final

import orjson

from core.conflicts import ConflictReason
from core.errors import AppError, Conflict, NotFound
from core.limits import SEQ_MAX
from core.logs import note_chat
from db import chats, members, messages
from db.messages import Draft, MessageBody, MessageRow
from db.pool import Tx
from realtime.messages.attachments import ATTACHMENTS, attach
from realtime.messages.contents import stored_content
from realtime.messages.payloads import (
    AnySend,
    MessageList,
    MessagePage,
    MessageRead,
    MessageReadUpTo,
    MessageSend,
    MessageSent,
)
from realtime.model.active_chat import find_active_chat
from realtime.model.chat_changes import announce_unarchived, view_chat
from realtime.model.events import (
    CHAT_READ,
    CHAT_UPDATED,
    MESSAGE_CREATED,
    Reason,
    announce_personal,
    announce_read,
)
from realtime.model.files import show_content
from realtime.model.objects import MessageView
from realtime.model.people import find_people
from realtime.model.refusals import chosen_chat
from realtime.wire.context import Context
from realtime.wire.fields import EncodedPayload
from realtime.wire.registry import Rate, Role, action

SEND_CONFLICTS: Final = (
    ConflictReason.CLIENT_ID_REUSED,
    ConflictReason.YOU_BLOCKED_USER,
    ConflictReason.PEER_UNAVAILABLE,
)
"""Reasons for which the database may refuse to store any message."""


@action(
    "message:send",
    role=Role.MEMBER,
    rate=Rate.SEND,
    conflicts=(ConflictReason.NO_ACTIVE_CHAT, *SEND_CONFLICTS, ConflictReason.MENTION_NOT_MEMBER),
    emits=(CHAT_UPDATED, MESSAGE_CREATED),
)
async def send_message(context: Context, payload: MessageSend) -> MessageSent | EncodedPayload:
    """Send a message. The ack means that the message is stored.

    ``client_id`` makes a retry safe: with the same ``client_id`` the server stores nothing and returns the first message
    with ``duplicate: true``. The same ``client_id`` with another body is a ``conflict``. Sending also marks all messages
    up to the sent one as read.
    """
    send = payload.root
    content = stored_content(send.content)
    chat_id = send.chat_id or await _chat_of_send(context, send.client_id)
    body = MessageBody.of(send, content)
    draft = Draft(chat_id, context.user_id, send.client_id, body.hash(), body)
    shown = None
    if send.type in ATTACHMENTS:  # after the hash, which is that of what was asked for
        attached = await _attached(context, send, chat_id, content)
        body.content = orjson.Fragment(orjson.dumps(attached))
        shown = orjson.Fragment(orjson.dumps(show_content(attached, context.services.file_urls)))
    note_chat(chat_id)
    return await store_draft(context, draft, shown)


async def store_draft(
    context: Context, draft: Draft, shown: orjson.Fragment | None, *, chat_field: str = "chat_id"
) -> MessageSent | EncodedPayload:
    """Store a message through the send queue, and answer its sender.

    ``shown``: the content as people get it, where it is not what is stored. ``chat_field``: the field of the request that
    names the chat.
    """
    sent = await context.services.sends.send(draft, shown)
    if sent.row.stored is not None and sent.row.stored.unarchived:
        await announce_unarchived(context.services, draft.chat_id, sent.row.stored.unarchived)
    if sent.message is not None:
        return EncodedPayload(b'{"message":%b,"duplicate":false}' % sent.message)
    if sent.row.outcome != "duplicate" or sent.row.seq is None:
        raise _refusal(sent.row.outcome, chat_field)
    async with context.reading() as tx:
        first = await messages.find_sent_message(tx, draft.chat_id, context.user_id, sent.row.seq)
    if first is None:
        raise NotFound(chat_field)
    return MessageSent(message=MessageView.model_validate(first), duplicate=True)


async def _attached(context: Context, send: AnySend, chat_id: str, content: dict[str, Any]) -> dict[str, Any]:
    """What is stored of a message with a file: what was sent, and what is known of the file."""
    async with context.reading() as tx:
        attached = await attach(tx, send.type, content, context.user_id)
        if attached is None and not await messages.was_sent(tx, context.user_id, send.client_id, chat_id):
            is_member = await chats.find_membership(tx, chat_id, context.user_id) is not None
            raise NotFound("file_id" if is_member else "chat_id")
    return attached or content  # a repeat stores nothing, even if its file has gone since


async def _chat_of_send(context: Context, client_id: str) -> str:
    """Where a send without a chat goes: a repeat to where the first went, anything else to the active chat."""
    async with context.reading() as tx:
        chat_id = await messages.find_chat_of_send(tx, context.user_id, client_id)
        chat_id = chat_id or await find_active_chat(context, tx)
    return chosen_chat(chat_id)


def _refusal(outcome: str, chat_field: str) -> AppError:
    match outcome:
        case "not_found":
            return NotFound(chat_field)
        case "reply_not_found":
            return NotFound("reply_to")
        case "reused":
            return Conflict(ConflictReason.CLIENT_ID_REUSED)
        case "you_blocked_user":
            return Conflict(ConflictReason.YOU_BLOCKED_USER)
        case "peer_unavailable":
            return Conflict(ConflictReason.PEER_UNAVAILABLE)
        case "mention_not_found":
            return Conflict(ConflictReason.MENTION_NOT_MEMBER)
    raise ValueError(f"send_message answered {outcome}")


@action("message:list", role=Role.MEMBER, rate=Rate.READ, conflicts=(ConflictReason.NO_ACTIVE_CHAT,))
async def list_messages(context: Context, payload: MessageList) -> MessagePage:
    """Return one page of the history of a chat, in ascending order of ``seq``.

    Without ``before``, ``after`` and ``around`` it is the newest page. Messages before the caller's ``first_seq`` do not
    exist for them. A page ``around`` a message is half before it and half from it on. If one side has fewer messages, the
    other side fills the page.
    """
    async with context.reading() as tx:
        chat_id = chosen_chat(payload.chat_id or await find_active_chat(context, tx))
        bounds = await messages.find_bounds(tx, chat_id, context.user_id)
        if bounds is None:
            raise NotFound("chat_id")
        rows, has_more = await _page(tx, chat_id, context.user_id, payload)
        page = [MessageView.model_validate(row) for row in rows]
        people = await find_people(tx, context.user_id, messages=page)
    # An empty page lies where the bound is: before everything, or behind it.
    first, last = (rows[0].seq, rows[-1].seq) if rows else _edges(payload)
    return MessagePage(
        messages=page,
        users=people,
        has_more=has_more,
        has_before=first > bounds.first_seq,
        has_after=last < bounds.last_seq,
    )


def _edges(payload: MessageList) -> tuple[int, int]:
    if payload.after is not None:
        return payload.after + 1, payload.after
    before = payload.before or payload.around or SEQ_MAX
    return before, before - 1


async def _page(tx: Tx, chat_id: str, user_id: str, payload: MessageList) -> tuple[list[MessageRow], bool]:
    limit = payload.limit
    if payload.after is not None:
        rows = await messages.list_after(tx, chat_id, user_id, payload.after, limit + 1)
        return rows[:limit], len(rows) > limit
    if payload.around is not None:
        # A page's worth of each side, so that near an end of the chat the other side fills the page.
        newer = await messages.list_after(tx, chat_id, user_id, payload.around - 1, limit + 1)
        older = await messages.list_before(tx, chat_id, user_id, payload.around, limit + 1)
        newer_count = min(len(newer), max(limit - limit // 2, limit - len(older)))
        older_count = min(len(older), limit - newer_count)
        has_more = newer_count < len(newer) or older_count < len(older)
        return older[:older_count][::-1] + newer[:newer_count], has_more
    rows = await messages.list_before(tx, chat_id, user_id, payload.before or SEQ_MAX, limit + 1)
    return rows[:limit][::-1], len(rows) > limit


@action("message:read", role=Role.MEMBER, rate=Rate.SIGNAL, emits=(CHAT_UPDATED, CHAT_READ))
async def read_messages(context: Context, payload: MessageRead) -> MessageReadUpTo:
    """Mark all messages up to ``seq`` as read. The read mark only moves forward."""
    async with context.changing(payload.chat_id) as change:
        moved = await members.move_read_mark(change.tx, payload.chat_id, context.user_id, payload.seq)
        view = await view_chat(change.tx, payload.chat_id, context.user_id)
        if moved is not None:
            change.then(
                announce_personal(view, context.user_id, Reason.READ),
                announce_read(payload.chat_id, context.user_id, moved.read_seq, without=moved.estranged),
            )
    return MessageReadUpTo(read_seq=view.me.read_seq, unread_count=view.me.unread_count)
