"""The interface between ``message:send`` and the queue that stores messages, many in one commit."""

from dataclasses import dataclass
from typing import Protocol

import orjson

from db.messages import Draft, SentRow


@dataclass(slots=True)
class Sent:
    """The result of a send. ``message``: the stored message as its sender sees it, in JSON; ``None`` if none was stored."""

    row: SentRow
    message: bytes | None


class Sends(Protocol):
    """Stores messages."""

    async def send(self, draft: Draft, shown: orjson.Fragment | None = None) -> Sent:
        """Store ``draft``. Returns after the commit, when its events are handed over.

        ``shown``: the content as people get it, where it is not what is stored.
        ``Unavailable`` where it is not known whether the message was stored.
        """
