"""Changes of a message that was sent: editing, deleting, likes.

Each is a change of the chat: it raises the chat's ``version``, which becomes the message's, so that
``message:changes`` finds it.
"""

from typing import Any

from core.conflicts import ConflictReason
from core.errors import NotFound
from db import chats, likes, messages
from db.chats import raise_version
from db.messages import MessageRow
from db.pool import Tx
from realtime.messages.attachments import ATTACHMENTS, attach
from realtime.messages.contents import read_content
from realtime.messages.payloads import (
    LIKES_CURSOR,
    LikeCount,
    LikersPage,
    MessageAnswer,
    MessageAt,
    MessageEdit,
    MessageLikes,
)
from realtime.messages.rules import refuse_delete, refuse_edit
from realtime.model.chat_changes import lock_and_view, refuse_unreachable
from realtime.model.events import (
    CHAT_UPDATED,
    MESSAGE_LIKED,
    MESSAGE_UPDATED,
    MessageLiked,
    MessageUpdated,
    Reason,
    announce_chat,
    emit_chat,
)
from realtime.model.objects import Chat, ChatView, MessageView, User
from realtime.model.refusals import refuse_deleted
from realtime.wire.changes import Change
from realtime.wire.context import Context
from realtime.wire.effects import Advanced, Emit, Viewers, ViewersWithoutMessage
from realtime.wire.registry import Rate, Role, action


async def find_message(tx: Tx, chat_id: str, user_id: str, seq: int) -> MessageRow:
    """A message that the person may see; ``NotFound`` with the field that is wrong otherwise."""
    message = await messages.find_message(tx, chat_id, user_id, seq)
    if message is None:
        is_member = await chats.find_membership(tx, chat_id, user_id) is not None
        raise NotFound("seq" if is_member else "chat_id")
    return message


@action(
    "message:edit",
    role=Role.MEMBER,
    rate=Rate.WRITE,
    forbids=True,
    conflicts=(ConflictReason.MESSAGE_DELETED, ConflictReason.YOU_BLOCKED_USER, ConflictReason.PEER_UNAVAILABLE),
    emits=(CHAT_UPDATED, MESSAGE_UPDATED),
)
async def edit_message(context: Context, payload: MessageEdit) -> MessageAnswer:
    """Edit one of the caller's own messages. The new content must fit the type of the message."""
    async with context.changing(payload.chat_id) as change:
        tx, chat_id, user_id = change.tx, payload.chat_id, context.user_id
        view = await lock_and_view(tx, chat_id, user_id)
        message = await find_message(tx, chat_id, user_id, payload.seq)
        refuse_edit(message, user_id)
        await refuse_unreachable(tx, view, user_id)
        content = await _content_of(tx, message.type, payload.content, user_id)
        version = await raise_version(tx, chat_id)
        row = await messages.edit_message(tx, chat_id, user_id, payload.seq, content, version)
        return announce_revision(change, view, row, Reason.EDITED)


async def _content_of(tx: Tx, message_type: str, asked: dict[str, Any], user_id: str) -> dict[str, Any]:
    content = read_content(message_type, asked)
    if message_type not in ATTACHMENTS:
        return content
    attached = await attach(tx, message_type, content, user_id)
    if attached is None:
        raise NotFound("file_id")
    return attached


@action("message:delete", role=Role.MEMBER, rate=Rate.WRITE, forbids=True, emits=(CHAT_UPDATED, MESSAGE_UPDATED))
async def delete_message(context: Context, payload: MessageAt) -> MessageAnswer:
    """Delete a message: one of the caller's own, or as creator or admin any message of the group.

    The message keeps its place and its ``seq``, with ``content`` null, so that counts never go down.
    """
    async with context.changing(payload.chat_id) as change:
        tx, chat_id, user_id = change.tx, payload.chat_id, context.user_id
        view = await lock_and_view(tx, chat_id, user_id)
        message = await find_message(tx, chat_id, user_id, payload.seq)
        refuse_delete(message, view, user_id)
        if message.deleted_at is not None:
            return MessageAnswer(message=MessageView.model_validate(message))
        version = await raise_version(tx, chat_id)
        row = await messages.delete_message(tx, chat_id, payload.seq, version)
        await unpin_deleted(tx, view, payload.seq)
        return announce_revision(change, view, row, Reason.MESSAGE_DELETED)


async def unpin_deleted(tx: Tx, view: ChatView, seq: int) -> None:
    """A deleted message is no pinned message any more."""
    pinned_seqs = view.shared().pinned_seqs
    if seq in pinned_seqs:
        await chats.set_pinned_seqs(tx, view.id, [one for one in pinned_seqs if one != seq])


def announce_revision(change: Change, view: ChatView, row: MessageRow, reason: Reason) -> MessageAnswer:
    """Announce a changed message to those who have the chat open and may see it.

    The chat is announced to all members if the message is its newest, because chat lists show that one, or was pinned and
    is deleted. Otherwise it is announced to those who have the chat open and may not see the message: they need the new
    version.
    """
    message = MessageView.model_validate(row)
    after = _after(view, message)
    if row.seq == view.message_count or after.pinned_seqs != view.shared().pinned_seqs:
        change.then(*announce_chat(after, reason))
    else:
        change.then(announce_version(after, row.seq, reason))
    change.then(
        Emit(MESSAGE_UPDATED, MessageUpdated(message=message.shared()), Viewers(view.id, seq=row.seq)),
        Advanced(view.id, after.version, after.message_count),
    )
    return MessageAnswer(message=message)


def _after(view: ChatView, message: MessageView) -> Chat:
    """The chat after one of its messages was changed."""
    chat = view.shared()
    is_last = message.seq == chat.message_count
    return chat.model_copy(
        update={
            "version": message.version,
            "last_message": message.shared() if is_last else chat.last_message,
            "pinned_seqs": [seq for seq in chat.pinned_seqs if message.deleted_at is None or seq != message.seq],
        }
    )


def announce_version(after: Chat, seq: int, reason: Reason) -> Emit:
    """The new version, for those who have the chat open and may not see the message."""
    return emit_chat(after, reason, ViewersWithoutMessage(after.id, seq))


@action(
    "message:like",
    role=Role.MEMBER,
    rate=Rate.WRITE,
    conflicts=(ConflictReason.MESSAGE_DELETED, ConflictReason.YOU_BLOCKED_USER, ConflictReason.PEER_UNAVAILABLE),
    emits=(MESSAGE_LIKED,),
)
async def like_message(context: Context, payload: MessageAt) -> LikeCount:
    """Like a message. If the caller likes it already, nothing changes."""
    return await _set_like(context, payload, liked=True)


@action(
    "message:unlike", role=Role.MEMBER, rate=Rate.WRITE, conflicts=(ConflictReason.MESSAGE_DELETED,), emits=(MESSAGE_LIKED,)
)
async def unlike_message(context: Context, payload: MessageAt) -> LikeCount:
    """Take back the caller's like. If there is none, nothing changes."""
    return await _set_like(context, payload, liked=False)


async def _set_like(context: Context, payload: MessageAt, *, liked: bool) -> LikeCount:
    async with context.changing(payload.chat_id) as change:
        tx, chat_id, user_id = change.tx, payload.chat_id, context.user_id
        view = await lock_and_view(tx, chat_id, user_id)
        message = await find_message(tx, chat_id, user_id, payload.seq)
        refuse_deleted(message)
        if message.liked_by_me == liked:
            return LikeCount(like_count=message.like_count)
        if liked:
            await refuse_unreachable(tx, view, user_id)
        version = await raise_version(tx, chat_id)
        set_like = likes.like_message if liked else likes.unlike_message
        count = await set_like(tx, chat_id, payload.seq, user_id, version)
        if count is None:
            raise RuntimeError("a like changed under the chat's lock")
        told = MessageLiked(
            chat_id=chat_id, seq=payload.seq, user_id=user_id, liked=liked, like_count=count, version=version
        )
        change.then(
            announce_version(view.shared().model_copy(update={"version": version}), payload.seq, Reason.LIKED),
            Emit(MESSAGE_LIKED, told, Viewers(chat_id, seq=payload.seq, with_user_id=message.sender_id)),
            Advanced(chat_id, version, view.message_count),
        )
        return LikeCount(like_count=count)


@action("message:likes", role=Role.MEMBER, rate=Rate.READ)
async def list_likes(context: Context, payload: MessageLikes) -> LikersPage:
    """List the people who like a message, in the order of their likes."""
    liked_at, user_id = LIKES_CURSOR.read(payload.cursor)
    async with context.reading() as tx:
        await find_message(tx, payload.chat_id, context.user_id, payload.seq)
        rows = await likes.list_likers(
            tx, payload.chat_id, payload.seq, context.user_id, liked_at, user_id, payload.limit + 1
        )
    page = rows[: payload.limit]
    return LikersPage(
        users=[User.of(row.user) for row in page],
        next_cursor=LIKES_CURSOR.write(page[-1].liked_at, page[-1].user.id) if len(rows) > len(page) else None,
    )
