"""What ``message:send`` hands over, and what it gets back: the border to the queue that stores messages together."""

from dataclasses import dataclass
from typing import Any, Protocol

from db.messages import SentRow


@dataclass(slots=True, kw_only=True)
class Draft:
    """A message to store. ``body_hash``: SHA-256 of what a retry must repeat."""

    chat_id: str
    sender_id: str
    client_id: str
    body_hash: bytes
    type: str
    content: dict[str, Any]
    reply_to: int | None
    mentions: list[str]


@dataclass(slots=True)
class Sent:
    """What became of a draft. ``message``: JSON of the stored message as its sender sees it; none if nothing was stored."""

    row: SentRow
    message: bytes | None


class Sends(Protocol):
    """Stores messages."""

    async def send(self, draft: Draft) -> Sent:
        """Store ``draft``; returns after the commit, its events handed over. ``Unavailable`` if that is in doubt."""
