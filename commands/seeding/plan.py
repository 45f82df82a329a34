"""How much is made, and when it is said to have happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from core.clock import wire_time
from core.errors import StartupError

EXAMPLE_MESSAGES: Final = 60
"""Messages in each chat of the examples."""
_MESSAGES_APART_S: Final = 60.0
_CHAT_AGE_S_MAX: Final = 365 * 86_400.0
_CHATS_SPREAD_S: Final = 14 * 86_400.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to make.

    ``messages`` is the total over all chats and spread evenly; the system message that opens a group counts. With
    ``examples`` the people and chats that the examples of the documents name are made too, once.
    """

    users: int
    chats: int
    members: int
    messages: int
    examples: bool = False

    def check(self) -> None:
        """``StartupError`` if the plan is impossible."""
        if self.chats and self.members > self.users:
            raise StartupError(f"{self.users} users cannot make chats of {self.members} members.")
        pairs = self.users * (self.users - 1) // 2
        if self.members == 2 and self.chats > pairs:
            raise StartupError(f"{self.users} users have {pairs} private chats at the most: more users, or fewer chats.")

    @property
    def messages_per_chat_max(self) -> int:
        """The number of messages of the longest chat."""
        each = -(-self.messages // self.chats) if self.chats else 0
        return max(each, EXAMPLE_MESSAGES) if self.examples else each


class Calendar:
    """When everything happened.

    First all people registered, then the chats were opened. The newest message of each chat is later than that of the
    chat before it; the newest message of the last chat is sent now.
    """

    def __init__(self, plan: Plan) -> None:
        self._now = datetime.now(UTC)
        self._chats = max(plan.chats, 1)
        self._apart_s = min(_MESSAGES_APART_S, _CHAT_AGE_S_MAX / (plan.messages_per_chat_max + 1))
        longest_s = self._apart_s * (plan.messages_per_chat_max + 2)
        self.registered_at = wire_time(self._now - timedelta(seconds=_CHATS_SPREAD_S + longest_s))

    def moments(self, place: int, count: int) -> Iterator[str]:
        """First when the chat number ``place`` was opened, then when each of its ``count`` messages was sent."""
        return self.moments_until(_CHATS_SPREAD_S * (self._chats - 1 - place) / self._chats, count)

    def moments_until(self, ended_s: float, count: int) -> Iterator[str]:
        """The same for a chat whose newest message was sent ``ended_s`` seconds ago."""
        for behind in range(count, -1, -1):
            yield wire_time(self._now - timedelta(seconds=ended_s + self._apart_s * behind))
