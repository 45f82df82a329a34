"""Turns: the changes of one subject are made one after the other, and a doubt about one is settled before the next.

What must stay true: a turn that was taken is given back once, and then goes to whoever has waited longest; no turn begins
while the change before it is in doubt, unless the database is still away (then whatever is done in that turn fails too);
nothing is kept of a subject that nobody changes.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from core.errors import Unavailable
from realtime.wire.changes import Subject

log = logging.getLogger("molva.delivery")

DOUBTS_MAX: Final = 100_000
"""Subjects in doubt at once."""
_RETRY_PAUSE_S: Final = 0.5
"""Between two tries to settle doubts while the database is away."""
_SETTLE_TIMEOUT_S: Final = 1.0
"""How long a change waits for the doubt about the one before it to be settled."""

Repair = Callable[[Subject], Awaitable[None]]
"""Reads the present state of a subject and tells it to those concerned; ``Unavailable`` if the database is away."""


class TurnQueue:
    """The turns of one process (:class:`realtime.wire.changes.Turns`)."""

    def __init__(self, repair: Repair) -> None:
        self._repair = repair
        self._waiting: dict[Subject, deque[asyncio.Future[None]]] = {}
        """The subjects whose turn is taken, each with those who wait for it."""
        self._doubtful: dict[Subject, None] = {}
        self._settling: asyncio.Task[None] | None = None

    def try_take(self, subject: Subject) -> bool:
        """Take the turn if that needs no waiting, and tell whether it was taken."""
        if subject in self._waiting or subject in self._doubtful:
            return False
        self._waiting[subject] = deque()
        return True

    async def take(self, subject: Subject) -> None:
        """Wait for the turn, and for the doubt about the change before to be settled."""
        queue = self._waiting.get(subject)
        if queue is None:
            self._waiting[subject] = deque()
        else:
            await self._wait_in(queue, subject)
        try:
            if subject in self._doubtful:
                await self._settle(subject)
        except BaseException:  # even cancelled: a turn that is kept would stop all later changes
            self.give_back(subject)
            raise

    async def _wait_in(self, queue: deque[asyncio.Future[None]], subject: Subject) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except BaseException:
            if not place.cancelled():  # the turn came at the moment of the cancellation
                self.give_back(subject)
            raise

    def give_back(self, subject: Subject) -> None:
        """End the turn: it goes to whoever has waited longest."""
        queue = self._waiting[subject]
        while queue:
            place = queue.popleft()
            if not place.done():
                place.set_result(None)
                return
        del self._waiting[subject]

    def note_doubt(self, subject: Subject) -> None:
        """It is unknown what became of a change of the subject: settle that before the next one, or as soon as possible."""
        if len(self._doubtful) >= DOUBTS_MAX:
            log.error("too many doubts", extra={"subject": subject.kind.value, "subject_id": subject.id})
            return
        self._doubtful[subject] = None
        if self._settling is None:
            self._settling = asyncio.get_running_loop().create_task(self._settle_all())

    async def _settle_all(self) -> None:
        """Settle the doubts about subjects that nobody changes meanwhile."""
        try:
            while self._doubtful:
                await asyncio.sleep(_RETRY_PAUSE_S)
                for subject in list(self._doubtful):
                    await self.take(subject)
                    self.give_back(subject)
                    if subject in self._doubtful:
                        break  # the database is still away: asking for the others would be in vain
        finally:
            self._settling = None

    async def _settle(self, subject: Subject) -> None:
        """Tell the present state, if the database answers. The caller holds the turn."""
        del self._doubtful[subject]
        about = {"subject": subject.kind.value, "subject_id": subject.id}
        try:
            async with asyncio.timeout(_SETTLE_TIMEOUT_S):
                await self._repair(subject)
        except (Unavailable, TimeoutError):
            self._doubtful[subject] = None
        except Exception:  # a bug in one repair must not end the repairs of the other subjects
            log.exception("not reconciled", extra=about)
        else:
            log.info("reconciled", extra=about)

    async def close(self) -> None:
        """Stop settling doubts."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)
