"""Refusals that several concepts share: each rule and its words once. Pure: what is known in, an error out."""

from core.conflicts import ConflictReason
from core.errors import Conflict, Forbidden
from core.limits import GROUP_MEMBERS_MAX
from db.messages import MessageRow
from realtime.model.objects import ChatView


def refuse_unless_group(chat: ChatView) -> None:
    """``not_a_group`` for a private chat."""
    if chat.type != "group":
        raise Conflict(ConflictReason.NOT_A_GROUP)


def refuse_unless_creator(chat: ChatView) -> None:
    """``not_a_group`` for a private chat, ``forbidden`` for members who are not the group's creator."""
    refuse_unless_group(chat)
    if chat.me.role != "creator":
        raise Forbidden("Only the creator of the group is allowed to do this.")


def refuse_unless_admin(chat: ChatView) -> None:
    """``not_a_group`` for a private chat, ``forbidden`` for members who are neither the group's creator nor an admin."""
    refuse_unless_group(chat)
    if chat.me.role == "member":
        raise Forbidden("Only the creator and the admins of the group are allowed to do this.")


def refuse_creator_leaving(chat: ChatView, user_id: str) -> None:
    """``not_a_group`` for a private chat, ``creator_cannot_leave`` if ``user_id`` is the group's creator."""
    refuse_unless_group(chat)
    if chat.creator_id == user_id:
        raise Conflict(ConflictReason.CREATOR_CANNOT_LEAVE)


def refuse_overfull(member_count: int) -> None:
    """``member_limit`` for a group that would have so many members."""
    if member_count > GROUP_MEMBERS_MAX:
        raise Conflict(ConflictReason.MEMBER_LIMIT)


def refuse_yourself(caller_id: str, user_id: str) -> None:
    """``with_yourself`` where an action needs another person."""
    if user_id == caller_id:
        raise Conflict(ConflictReason.WITH_YOURSELF)


def refuse_deleted(message: MessageRow) -> None:
    """``message_deleted`` for a message of which only the tombstone is left."""
    if message.deleted_at is not None:
        raise Conflict(ConflictReason.MESSAGE_DELETED)


def chosen_chat(chat_id: str | None) -> str:
    """The chat that a request is about: the one it names, or the active one; ``no_active_chat`` without both."""
    if chat_id is None:
        raise Conflict(ConflictReason.NO_ACTIVE_CHAT)
    return chat_id
