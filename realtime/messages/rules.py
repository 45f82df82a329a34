"""The rules about changing messages. Each function gets what is known and raises the refusal, or nothing."""

from core.errors import Forbidden
from db.messages import MessageRow
from realtime.model.objects import ChatView
from realtime.model.refusals import refuse_deleted


def refuse_edit(message: MessageRow, user_id: str) -> None:
    """Refuse unless it is the user's own message, neither a system message nor deleted."""
    if message.type == "system" or message.sender_id != user_id:
        raise Forbidden("Only the sender of a message is allowed to edit it.")
    refuse_deleted(message)


def refuse_delete(message: MessageRow, chat: ChatView, user_id: str) -> None:
    """Refuse unless it is the user's own message, or in a group whose creator or admin they are. No system message."""
    is_master = chat.type == "group" and chat.me.role != "member"
    if message.type == "system" or not (message.sender_id == user_id or is_master):
        raise Forbidden("Only the sender of a message or the creator and admins of the group are allowed to delete it.")
