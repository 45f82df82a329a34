"""Who may change which message. Pure: what is known in, an error out."""

from core.errors import Conflict, Forbidden
from db.messages import MessageRow
from realtime.model.objects import ChatView


def refuse_edit(message: MessageRow, user_id: str) -> None:
    """One's own message, not a system one, not a deleted one."""
    if message.type == "system" or message.sender_id != user_id:
        raise Forbidden("Only a message's author may edit it.")
    if message.deleted_at is not None:
        raise Conflict("message_deleted", "The message was deleted.")


def refuse_delete(message: MessageRow, chat: ChatView, user_id: str) -> None:
    """One's own message, or any in a group of one's own; never a system one."""
    is_master = chat.type == "group" and chat.me.role == "creator"
    if message.type == "system" or not (message.sender_id == user_id or is_master):
        raise Forbidden("Only a message's author, or the group's creator, may delete it.")


def refuse_like(message: MessageRow) -> None:
    """A tombstone is not liked."""
    if message.deleted_at is not None:
        raise Conflict("message_deleted", "The message was deleted.")
