"""Who may search now: one search per person at a time, few in all, the longest waiting person first.

What must stay true: searches never take more than ``AT_ONCE_MAX`` connections of the pool; whoever asks for many waits
behind their own, not before others; nobody waits longer than ``WAIT_S``.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.errors import Unavailable

AT_ONCE_MAX: Final = 4
"""Searches at the same time in this process."""
WAITING_PER_PERSON_MAX: Final = 4
"""Searches of one person that wait, as one types; more are refused with ``unavailable``."""
WAITING_MAX: Final = 200
"""People whose search waits."""
WAIT_S: Final = 5.0


class SearchQueue:
    """A place in line for each person who searches."""

    def __init__(self) -> None:
        self._running = asyncio.Semaphore(AT_ONCE_MAX)  # hands out its places in the order of asking
        self._people: dict[str, tuple[asyncio.Lock, int]] = {}
        """For each person with a search: the lock that one of them holds, and how many there are."""

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Wait until a search of ``user_id`` may start. ``Unavailable`` if too many wait, or after ``WAIT_S``."""
        lock, count = self._people.get(user_id) or (asyncio.Lock(), 0)
        if count > WAITING_PER_PERSON_MAX or (not count and len(self._people) >= WAITING_MAX + AT_ONCE_MAX):
            raise Unavailable
        self._people[user_id] = (lock, count + 1)
        try:
            async with asyncio.timeout(WAIT_S) as limit, lock, self._running:
                limit.reschedule(None)  # the wait is over; statements have limits of their own
                yield
        except TimeoutError:
            raise Unavailable from None
        finally:
            count = self._people[user_id][1] - 1
            if count:
                self._people[user_id] = (lock, count)
            else:
                del self._people[user_id]
