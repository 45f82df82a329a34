"""Carries committed effects out: who is where changes, and events go to those whom they are for.

What must stay true: effects of one chat are carried out in the order of its commits (:meth:`Fanout.in_order` takes the
chat's changes one by one); an event is encoded once; carrying out never waits, so nothing comes between the effects of
one change. If it is unknown whether a change was committed, the chat's members are told its present state as soon as the
database answers again, so that a client sees the gap in ``version`` and fetches what it missed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from core import metrics
from core.errors import Unavailable
from realtime.delivery.audience import People
from realtime.protocol.effects import Activated, Effect, Emit, Joined, Left

log = logging.getLogger("molva.delivery")

_RECONCILE_TRIES_MAX: Final = 60
_RECONCILE_PAUSE_S: Final = 1.0

Encode = Callable[[str, bytes], bytes]
"""An event's name and JSON payload as one packet, for every connection the same."""

StateOf = Callable[[str], Awaitable[Sequence[Effect]]]
"""Given a chat's id, the effects that tell its members its present state."""


class _Turn:
    """A lock that knows how many hold or want it, so that it can be forgotten when nobody does."""

    __slots__ = ("lock", "wanted")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class Fanout:
    """The delivery of one process."""

    def __init__(self, people: People, encode: Encode, state_of: StateOf) -> None:
        self._people = people
        self._encode = encode
        self._state_of = state_of
        self._turns: dict[str, _Turn] = {}
        self._reconciling: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def in_order(self, chat_id: str) -> AsyncIterator[None]:
        """While inside, no other change of this chat begins in this process."""
        turn = self._turns.setdefault(chat_id, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[chat_id]

    def is_online(self, user_id: str) -> bool:
        """Whether the person has a connection."""
        return self._people.is_online(user_id)

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Carry out committed effects, in order."""
        for effect in effects:
            match effect:
                case Emit():
                    self._emit(effect)
                case Joined(chat_id, user_id, first_seq):
                    self._people.join(chat_id, user_id, first_seq)
                case Left(chat_id, user_id):
                    self._people.leave(chat_id, user_id)
                case Activated(session_id, user_id, chat_id):
                    self._people.activate(session_id, user_id, chat_id)

    def _emit(self, emit: Emit) -> None:
        listeners = list(self._people.resolve(emit.audience))
        if listeners:
            payload = emit.payload.__pydantic_serializer__.to_json(emit.payload, by_alias=True)
            packet = self._encode(emit.event.name, payload)
            for listener in listeners:
                listener.send(packet)
            metrics.DELIVERIES.labels(emit.event.name).inc(len(listeners))
        log.info(
            "event",
            extra={"event_name": emit.event.name, "to": type(emit.audience).__name__, "recipients": len(listeners)},
        )

    def reconcile(self, chat_id: str) -> None:
        """Find out, as soon as the database answers, what became of a change, and tell the chat's members."""
        if chat_id not in self._reconciling and self._people.knows(chat_id):
            task = asyncio.get_running_loop().create_task(self._reconcile(chat_id))
            self._reconciling[chat_id] = task
            task.add_done_callback(lambda _: self._reconciling.pop(chat_id, None))

    async def _reconcile(self, chat_id: str) -> None:
        for _ in range(_RECONCILE_TRIES_MAX):
            await asyncio.sleep(_RECONCILE_PAUSE_S)
            try:
                async with self.in_order(chat_id):
                    self.carry_out(await self._state_of(chat_id))
            except Unavailable:
                continue
            log.info("chat reconciled", extra={"chat_id": chat_id})
            return

    async def close(self) -> None:
        """Stop reconciling."""
        for task in list(self._reconciling.values()):
            task.cancel()
        await asyncio.gather(*self._reconciling.values(), return_exceptions=True)
