"""Who may change which message. Pure: what is known in, an error out."""

from core.errors import Forbidden
from db.messages import MessageRow
from realtime.model.objects import ChatView
from realtime.model.refusals import refuse_deleted


def refuse_edit(message: MessageRow, user_id: str) -> None:
    """One's own message, not a system one, not a deleted one."""
    if message.type == "system" or message.sender_id != user_id:
        raise Forbidden("Only the sender of a message is allowed to edit it.")
    refuse_deleted(message)


def refuse_delete(message: MessageRow, chat: ChatView, user_id: str) -> None:
    """One's own message, or any in a group of one's own; never a system one."""
    is_master = chat.type == "group" and chat.me.role == "creator"
    if message.type == "system" or not (message.sender_id == user_id or is_master):
        raise Forbidden("Only the sender of a message or the creator of the group is allowed to delete it.")
