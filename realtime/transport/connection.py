"""One connection in a namespace: what goes out, in order; what came in, one action at a time."""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from realtime.transport.link import CloseReason, Link
from realtime.transport.packets import Fault, encode_ack, encode_disconnect

ACTIONS_PENDING_MAX: Final = 256
"""Actions received and not yet answered above which the client has to wait: nothing more is read from it."""
EVENTS_HELD_MAX: Final = 1_000
"""Events kept for a client that is not told yet that it is in; with more it is closed and begins again."""

Act = Callable[["Connection", str, list[object] | Fault], Awaitable[bytes]]
"""Runs one action and returns the JSON of its ack; never raises."""
Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Starts a task that the end of the process waits for."""


class Connection:
    """A client in a namespace.

    Promises: packets leave in the order of :meth:`send`; actions run one after the other in the order in which they came,
    each acked before the next begins, and those that were received are run even if the client has gone.
    """

    def __init__(self, *, connection_id: str, namespace: str, link: Link, act: Act, spawn: Spawn) -> None:
        self.connection_id = connection_id
        self.client: str | None = None
        self.user_id = ""
        self.session_id = ""
        self.expires_at_s = 0
        self.active_chat_id: str | None = None
        self._namespace = namespace
        self._link = link
        self._act = act
        self._spawn = spawn
        self._held: list[bytes] | None = []
        self._actions: deque[tuple[str, list[object] | Fault, int | None]] = deque()
        self._is_working = False
        self._is_pausing = False

    @property
    def is_open(self) -> bool:
        """Whether the client has been told that it is in."""
        return self._held is None

    def open(self, first_packet: bytes) -> None:
        """The client knows that it is connected: ``first_packet`` goes out, then whatever was sent meanwhile."""
        held, self._held = self._held or [], None
        for packet in (first_packet, *held):
            self._link.send(packet)

    def send(self, packet: bytes) -> None:
        """Send an encoded packet. Never waits, never raises; a client that does not read is cut."""
        if self._held is None:
            self._link.send(packet)
        elif len(self._held) < EVENTS_HELD_MAX:
            self._held.append(packet)
        else:
            self._link.close(CloseReason.SLOW_CONSUMER)

    def receive(self, name: str, arguments: list[object] | Fault, ack_id: int | None) -> None:
        """Take an action in; it runs after those before it."""
        self._actions.append((name, arguments, ack_id))
        if len(self._actions) >= ACTIONS_PENDING_MAX and not self._is_pausing:
            self._is_pausing = True
            self._link.pause()
        if not self._is_working:
            self._is_working = True
            self._spawn(self._work())

    async def _work(self) -> None:
        try:
            while self._actions:
                name, arguments, ack_id = self._actions.popleft()
                answer = await self._act(self, name, arguments)
                if ack_id is not None:
                    self._link.send(encode_ack(self._namespace, ack_id, answer))
                if self._is_pausing and len(self._actions) <= ACTIONS_PENDING_MAX // 2:
                    self._is_pausing = False
                    self._link.resume()
                await self._link.writable()  # who asks for more than it reads waits
        finally:
            self._is_working = False

    def close(self, *, reason: CloseReason = CloseReason.SERVER) -> None:
        """Close after what was sent so far, so that the client stays away; actions that have not begun are dropped."""
        self._actions.clear()
        self._link.send(encode_disconnect(self._namespace))
        self._link.close(reason)
