"""The caller's pins. Pure: what is known in, an error out."""

from core import limits
from core.conflicts import ConflictReason
from core.errors import Conflict


def place_pin(pins: list[str], chat_id: str, position: int | None) -> list[str]:
    """The pins with ``chat_id`` at ``position`` (from 1; none: a new pin on top, an old one where it is)."""
    if chat_id not in pins and len(pins) >= limits.PINS_MAX:
        raise Conflict(ConflictReason.PIN_LIMIT)
    if position is None and chat_id in pins:
        return pins
    others = [pin for pin in pins if pin != chat_id]
    place = min((position or 1) - 1, len(others))
    return [*others[:place], chat_id, *others[place:]]
