"""The rules about changing messages. Each function gets what is known and raises the refusal, or nothing."""

from core.errors import Conflict, Forbidden
from db.messages import MessageRow
from realtime.model.objects import ChatView


def refuse_edit(message: MessageRow, user_id: str) -> None:
    """Refuse unless it is the user's own message, neither a system message nor deleted."""
    if message.type == "system" or message.sender_id != user_id:
        raise Forbidden("Only a message's author may edit it.")
    if message.deleted_at is not None:
        raise Conflict("message_deleted", "The message was deleted.")


def refuse_delete(message: MessageRow, chat: ChatView, user_id: str) -> None:
    """Refuse unless it is the user's own message, or one in a group that they created. Never a system message."""
    is_master = chat.type == "group" and chat.me.role == "creator"
    if message.type == "system" or not (message.sender_id == user_id or is_master):
        raise Forbidden("Only a message's author, or the group's creator, may delete it.")


def refuse_like(message: MessageRow) -> None:
    """Refuse for a deleted message."""
    if message.deleted_at is not None:
        raise Conflict("message_deleted", "The message was deleted.")
