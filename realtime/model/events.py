"""Events that more than one concept causes, and the effects that announce a change of a chat.

What all members share is announced with the chat's new ``version``: to every member as ``chat:updated``, and behind it,
where a message came, to those who look at the chat. What is one member's alone goes to that person, with ``me``.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from pydantic import Field

from db import blocks, chats, users
from db.pool import Tx
from realtime.model.objects import Chat, ChatView, Message, Reaction, User
from realtime.wire.effects import (
    Advanced,
    Audience,
    Effect,
    Emit,
    Members,
    Narrowed,
    ProfileChanged,
    SharedChats,
    SingleUser,
    Viewers,
)
from realtime.wire.fields import CHAT_ID, USER_ID, Id, ServerPayload
from realtime.wire.registry import event


class Reason(StrEnum):
    """Why a chat was updated.

    `archived` and `message_pinned` also tell of the opposite: the chat says how it is now.
    """

    CREATED = "created"
    MESSAGE = "message"
    EDITED = "edited"
    MESSAGE_DELETED = "message_deleted"
    LIKED = "liked"
    REACTED = "reacted"
    BECAME_GROUP = "became_group"
    MEMBER_ADDED = "member_added"
    MEMBER_REMOVED = "member_removed"
    MEMBER_LEFT = "member_left"
    TRANSFERRED = "transferred"
    UPDATED = "updated"
    ROLE_CHANGED = "role_changed"
    MESSAGE_PINNED = "message_pinned"
    RECONCILED = "reconciled"
    RENAMED = "renamed"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    MUTED = "muted"
    ARCHIVED = "archived"
    CLEARED = "cleared"
    READ = "read"
    ACTIVATED = "activated"


class Removal(StrEnum):
    """Why somebody lost a chat."""

    DELETED = "deleted"
    LEFT = "left"
    REMOVED = "removed"


class ChatUpdated(ServerPayload):
    """A chat changed, or is new in the caller's chat list.

    ``chat`` is the whole chat after the change. An event that goes to all members has no ``me`` and no ``peer``: keep the
    ones that you have. An event about a new chat, or about the caller's personal settings, has both.
    """

    chat: ChatView | Chat = Field(description="The chat after the change.", union_mode="left_to_right")
    reason: Reason = Field(description="What changed.", examples=["message"])


class ChatRemoved(ServerPayload):
    """The caller is no longer a member of the chat, or the chat was deleted. No event of the chat follows."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])
    reason: Removal = Field(description="Why the caller lost the chat.", examples=["removed"])


class MessageCreated(ServerPayload):
    """The active chat of this connection has a new message."""

    message: Message = Field(description="The new message.")
    message_count: int = Field(description="Number of messages in the chat, this one included.", examples=[42])
    sender: User = Field(
        description="Profile of the sender; for a system message, of the person who caused it. `last_seen_at` is null here."
    )


class MessageUpdated(ServerPayload):
    """A message was edited or deleted. The event contains the whole message."""

    message: Message = Field(description="The message, as it is now.")


class MessageLiked(ServerPayload):
    """A person liked a message, or took a like back."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])
    seq: int = Field(description="`seq` of the message in the chat.", examples=[42])
    user_id: Id = Field(description="ID of the person who changed their like.", examples=[USER_ID])
    liked: bool = Field(description="True if the person likes the message now, false if not.", examples=[True])
    like_count: int = Field(description="Number of people who like the message now.", examples=[3])
    version: int = Field(description="New version of the chat, and of the message.", examples=[58])


class MessageReacted(ServerPayload):
    """A person reacted to a message, or took a reaction back."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])
    seq: int = Field(description="`seq` of the message in the chat.", examples=[42])
    user_id: Id = Field(description="ID of the person who changed their reaction.", examples=[USER_ID])
    emoji: str = Field(description="The emoji.", examples=["🎉"])
    added: bool = Field(description="True if the person added the emoji, false if they took it back.", examples=[True])
    reactions: list[Reaction] = Field(description="All reactions to the message now.")
    version: int = Field(description="New version of the chat, and of the message.", examples=[58])


class ChatTyping(ServerPayload):
    """A person is typing. The server does not store it: hide it after a few seconds."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])
    user_id: Id = Field(description="ID of the person who is typing.", examples=[USER_ID])


class ChatRead(ServerPayload):
    """A member has read the messages up to ``read_seq``. The read mark only moves forward."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])
    user_id: Id = Field(description="ID of the member whose read mark moved.", examples=[USER_ID])
    read_seq: int = Field(description="All messages up to this `seq` are read by this member.", examples=[42])


class UserUpdated(ServerPayload):
    """A person changed their name, username, text about themselves or picture, or deleted the account."""

    user: User = Field(description="The public profile, as it is now.")


VIEWERS = "connections whose active (or watched) chat it is"
CHAT_UPDATED = event(
    "chat:updated", ChatUpdated, to="all connections of all members; a change of personal settings goes to their owner only"
)
MESSAGE_CREATED = event("message:created", MessageCreated, to=f"{VIEWERS}, those of the sender included")
CHAT_REMOVED = event("chat:removed", ChatRemoved, to="all connections of the person who lost the chat")
CHAT_READ = event("chat:read", ChatRead, to=f"{VIEWERS}, except across a block")
CHAT_TYPING = event(
    "chat:typing", ChatTyping, to=f"{VIEWERS}, except those of the person who is typing, and across a block"
)
MESSAGE_UPDATED = event("message:updated", MessageUpdated, to=VIEWERS)
MESSAGE_LIKED = event("message:liked", MessageLiked, to=f"{VIEWERS}, and all connections of the author of the message")
MESSAGE_REACTED = event(
    "message:reacted", MessageReacted, to=f"{VIEWERS}, and all connections of the author of the message"
)

USER_UPDATED = event(
    "user:updated",
    UserUpdated,
    to="all connections of the person and of everybody who shares a chat with them, except across a block",
)


def emit_chat(chat: Chat, reason: Reason, audience: Audience) -> Emit:
    """Tell ``audience``, who are members, what the chat is now. Nobody is shown a message that does not exist for them."""

    def from_seq(first_seq: int) -> ChatUpdated:
        return ChatUpdated.model_construct(chat=chat.from_seq(first_seq), reason=reason)

    shown = {*chat.pinned_seqs, *((chat.last_message.seq,) if chat.last_message is not None else ())}
    return Emit(
        CHAT_UPDATED,
        ChatUpdated.model_construct(chat=chat, reason=reason),
        audience,
        Narrowed(chat.id, tuple(sorted(shown)), from_seq) if shown else None,
    )


def announce_message(chat: Chat, message: Message, sender: User, reason: Reason) -> list[Effect]:
    """``sender`` added a message to ``chat``."""
    return [
        emit_chat(chat, reason, Members(chat.id)),
        _show_created(message, sender),
        Advanced(chat.id, chat.version, chat.message_count),
    ]


def announce_reconciled(
    chat: Chat, changed: Sequence[Message], people: Mapping[str, User], *, known_message_count: int
) -> list[Effect]:
    """Nobody could know what became of changes of ``chat``; this is what became of them.

    ``changed``: the messages that those who look at the chat have not been told of, in the order of their versions. A
    message beyond ``known_message_count`` is new to them. ``people``: who sent them, by ID.
    """
    created = sorted((one for one in changed if one.seq > known_message_count), key=lambda one: one.seq)
    updated = [one for one in changed if one.seq <= known_message_count]
    return [
        emit_chat(chat, Reason.RECONCILED, Members(chat.id)),
        *(_show_created(message, people[message.sender_id]) for message in created),
        *(Emit(MESSAGE_UPDATED, MessageUpdated(message=one), Viewers(chat.id, seq=one.seq)) for one in updated),
        Advanced(chat.id, chat.version, chat.message_count),
    ]


def _show_created(message: Message, sender: User) -> Emit:
    created = MessageCreated.model_construct(message=message, message_count=message.seq, sender=sender.shared())
    return Emit(MESSAGE_CREATED, created, Viewers(message.chat_id, seq=message.seq))


def announce_personal(chat: ChatView, user_id: str, reason: Reason) -> Emit:
    """Something that is ``user_id``'s alone changed, or the chat is new for them."""
    return Emit(CHAT_UPDATED, ChatUpdated(chat=chat, reason=reason), SingleUser(user_id))


def announce_chat(chat: Chat, reason: Reason, *, without: frozenset[str] = frozenset()) -> list[Effect]:
    """Something that all members share changed."""
    return [
        emit_chat(chat, reason, Members(chat.id, without)),
        Advanced(chat.id, chat.version, chat.message_count),
    ]


def announce_read(chat_id: str, user_id: str, read_seq: int, *, without: Iterable[str]) -> Emit:
    """Somebody's read mark moved. ``without``: those across a block from them."""
    told = ChatRead(chat_id=chat_id, user_id=user_id, read_seq=read_seq)
    return Emit(CHAT_READ, told, Viewers(chat_id, without=frozenset(without)))


async def announce_user(tx: Tx, user_id: str) -> list[Effect]:
    """Somebody's profile changed, or may have: tell them, and who shares a chat with them, but for those across a block."""
    user = User.of(await users.find_user_for_sharers(tx, user_id))
    chat_ids = tuple(membership.chat_id for membership in await chats.list_memberships(tx, user_id))
    estranged = frozenset(await blocks.list_all_estranged(tx, user_id))
    return [
        ProfileChanged(user_id, user.shared().encode()),
        Emit(USER_UPDATED, UserUpdated(user=user), SharedChats(user_id, chat_ids, estranged)),
    ]
