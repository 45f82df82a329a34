"""Carries committed effects out: who is where changes, and events go to those whom they are for.

What must stay true: effects of one chat are carried out in the order of its commits (:meth:`Fanout.in_order` takes the
chat's changes one by one); an event is encoded once; carrying out never waits, so nothing comes between the effects of
one change. If it is unknown whether a change was committed, the chat's members are told its present state, and who is a
member is put right, as soon as the database answers again and before the next change of that chat: a client sees the gap in
``version`` and fetches what it missed.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from core import metrics
from core.errors import Unavailable
from core.logs import current_request
from realtime.delivery.hub import Hub
from realtime.wire.effects import Activated, Effect, Emit, Joined, Left

log = logging.getLogger("molva.delivery")

DOUBTS_MAX: Final = 100_000
"""Chats in doubt at once."""
_SETTLE_PAUSE_S: Final = 0.5
_SETTLE_TIMEOUT_S: Final = 1.0
"""How long a change waits for the doubt about the one before it to be settled."""

Encode = Callable[[str, bytes], bytes]
"""An event's name and JSON payload as one packet, for every connection the same."""

StateOf = Callable[[str], Awaitable[Sequence[Effect]]]
"""Given a chat's id, the effects that make its members, and the audience here, what the database has."""


class _Order:
    """A chat's turn, as a context: a generator would cost several times as much with every message."""

    __slots__ = ("_chat_id", "_fanout")

    def __init__(self, fanout: "Fanout", chat_id: str) -> None:
        self._fanout = fanout
        self._chat_id = chat_id

    async def __aenter__(self) -> None:
        await self._fanout.take_turn(self._chat_id)

    async def __aexit__(self, *_: object) -> None:
        self._fanout.give_turn(self._chat_id)


def _record(emit: Emit, recipients: int) -> None:
    """In the line that closes the request which caused the event; what no request caused has a line of its own."""
    name, audience = emit.event.name, type(emit.audience).__name__
    request = current_request()
    if request is not None and not request.is_closed:
        request.note_event(name, audience, recipients)
    else:
        log.info("event", extra={"event_name": name, "to": audience, "recipients": recipients})


class Fanout:
    """The delivery of one process."""

    def __init__(self, hub: Hub, encode: Encode, state_of: StateOf) -> None:
        self._hub = hub
        self._encode = encode
        self._state_of = state_of
        self._turns: dict[str, deque[asyncio.Future[None]]] = {}
        """The chats that are being changed, each with those who wait for their turn."""
        self._doubtful: dict[str, None] = {}
        self._settling: asyncio.Task[None] | None = None

    def in_order(self, chat_id: str) -> "_Order":
        """While inside, no other change of this chat begins in this process, and none before it is in doubt.

        Only while the database is away a doubt may stay; then what is done inside fails too.
        """
        return _Order(self, chat_id)

    def try_turn(self, chat_id: str) -> bool:
        """Take the chat's turn, if that needs no waiting. What is taken is given back."""
        if chat_id in self._turns or chat_id in self._doubtful:
            return False
        self._turns[chat_id] = deque()
        return True

    async def take_turn(self, chat_id: str) -> None:
        """Wait for the chat's turn. What is taken is given back: see :meth:`in_order`."""
        line = self._turns.get(chat_id)
        if line is None:
            self._turns[chat_id] = deque()
        else:
            await self._stand_in_line(chat_id, line)
        try:
            if chat_id in self._doubtful:
                await self._settle(chat_id)
        except BaseException:
            self.give_turn(chat_id)
            raise

    async def _stand_in_line(self, chat_id: str, line: deque[asyncio.Future[None]]) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            await mine
        except BaseException:
            if not mine.cancelled():  # the turn came with the end
                self.give_turn(chat_id)
            raise

    def give_turn(self, chat_id: str) -> None:
        """The next change of the chat may begin."""
        line = self._turns[chat_id]
        while line:
            following = line.popleft()
            if not following.done():
                following.set_result(None)
                return
        del self._turns[chat_id]

    def is_online(self, user_id: str) -> bool:
        """Whether the person has a connection."""
        return self._hub.is_online(user_id)

    def watch(self, user_id: str, connection_id: str, watched: Sequence[str]) -> None:
        """Replace whom a connection of ``user_id`` watches."""
        self._hub.watch(user_id, connection_id, watched)

    def watchers_of(self, user_id: str) -> frozenset[str]:
        """Who has a connection that watches the person."""
        return self._hub.watchers_of(user_id)

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Carry out committed effects, in order."""
        for effect in effects:
            match effect:
                case Emit():
                    self._emit(effect)
                case Joined(chat_id, user_id, first_seq):
                    self._hub.join(chat_id, user_id, first_seq)
                case Left(chat_id, user_id):
                    self._hub.leave(chat_id, user_id)
                case Activated(session_id, user_id, chat_id):
                    self._hub.activate(session_id, user_id, chat_id)

    def _emit(self, emit: Emit) -> None:
        listeners = list(self._hub.resolve(emit.audience))
        if listeners:
            packet = self._encode(emit.event.name, emit.payload.encode())
            for listener in listeners:
                listener.send(packet)
            metrics.delivered(emit.event.name).inc(len(listeners))
        _record(emit, len(listeners))

    def reconcile(self, chat_id: str) -> None:
        """It is unknown what became of a change of this chat: tell its members the state before the next change begins."""
        if len(self._doubtful) >= DOUBTS_MAX:
            log.error("too many chats in doubt", extra={"chat_id": chat_id})
            return
        self._doubtful[chat_id] = None
        if self._settling is None:
            self._settling = asyncio.get_running_loop().create_task(self._settle_all())

    async def _settle_all(self) -> None:
        """For the chats that nobody changes meanwhile."""
        try:
            while self._doubtful:
                await asyncio.sleep(_SETTLE_PAUSE_S)
                for chat_id in list(self._doubtful):
                    async with self.in_order(chat_id):
                        pass
                    if chat_id in self._doubtful:
                        break  # the database is still away: no use in asking it for the others now
        finally:
            self._settling = None

    async def _settle(self, chat_id: str) -> None:
        """Tell the present state, if the database answers. The caller has the chat's turn."""
        del self._doubtful[chat_id]
        try:
            async with asyncio.timeout(_SETTLE_TIMEOUT_S):
                effects = await self._state_of(chat_id)
        except (Unavailable, TimeoutError):
            self._doubtful[chat_id] = None
        except Exception:
            log.exception("chat not reconciled", extra={"chat_id": chat_id})
        else:
            self.carry_out(effects)
            log.info("chat reconciled", extra={"chat_id": chat_id})

    async def close(self) -> None:
        """Stop reconciling."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)
