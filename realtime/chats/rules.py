"""Who may do what to a chat. Pure: what is known in, an error out."""

from core import limits
from core.errors import Conflict, Forbidden
from realtime.model.objects import ChatView


def refuse_unless_group(chat: ChatView) -> None:
    """``conflict not_a_group`` for a private chat."""
    if chat.type != "group":
        raise Conflict("not_a_group", "This is a private chat, not a group.")


def refuse_unless_creator(chat: ChatView) -> None:
    """A group's creator alone; ``forbidden`` for the other members."""
    refuse_unless_group(chat)
    if chat.me.role != "creator":
        raise Forbidden("Only the group's creator may do this.")


def refuse_creator_leaving(chat: ChatView) -> None:
    """Anyone but the creator may leave."""
    refuse_unless_group(chat)
    if chat.me.role == "creator":
        raise Conflict("creator_cannot_leave", "The creator cannot leave: transfer the group, or delete it.")


def place_pin(pins: list[str], chat_id: str, position: int | None) -> list[str]:
    """The pins with ``chat_id`` at ``position`` (from 1; none: a new pin on top, an old one where it is)."""
    if chat_id not in pins and len(pins) >= limits.PINS_MAX:
        raise Conflict("pin_limit", f"At most {limits.PINS_MAX} chats can be pinned.")
    if position is None and chat_id in pins:
        return pins
    others = [pin for pin in pins if pin != chat_id]
    place = min((position or 1) - 1, len(others))
    return [*others[:place], chat_id, *others[place:]]
