"""One connection in a namespace: what goes out, in order; what came in, one action at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from realtime.transport.engineio.session import CloseReason, Link
from realtime.transport.socketio.packets import Fault, encode_disconnect

ACTIONS_PENDING_MAX: Final = 2_000
"""Actions received and not yet answered; a client that sends more without waiting is cut."""
ACTIONS_PENDING_BYTES_MAX: Final = 256 * 1024
"""Bytes of such actions above which the client has to wait: nothing more is read from it."""
ACTIONS_PER_TURN: Final = 16
"""Actions of one client that are answered before others have their turn, if none of them has to wait."""
REFUSALS_MAX: Final = 2_000
REFUSALS_WINDOW_S: Final = 10.0
"""A client that had so many actions refused for being too fast in so many seconds is cut: it does not listen."""
EVENTS_HELD_MAX: Final = 1_000
"""Events kept for a client that is not told yet that it is in; with more it is closed and begins again."""

Action = tuple[str, list[object] | Fault, int | None, int]
"""Name, arguments, ack id, size in bytes."""
Answer = Callable[["Connection", str, list[object] | Fault, int | None], Awaitable[Sequence[bytes]]]
"""Runs one action and returns the frames of its ack; never raises."""
Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Starts a task that the end of the process waits for."""


class Connection:
    """A client in a namespace.

    Promises: packets leave in the order of :meth:`send`; actions run one after the other in the order in which they came,
    each acked before the next begins, and those that were received are run even if the client has gone.
    """

    __slots__ = (
        "_actions", "_actions_bytes", "_answer", "_held", "_is_pausing", "_is_working", "_link", "_namespace",
        "_refusals", "_refusals_since_s", "_settled", "_spawn", "active_chat_id", "client", "connection_id",
        "expires_at_s", "session_id", "user_id",
    )  # fmt: skip

    def __init__(self, *, connection_id: str, namespace: str, link: Link, answer: Answer, spawn: Spawn) -> None:
        self.connection_id = connection_id
        self.client = link.address
        """The client's network address."""
        self.user_id = ""
        self.session_id = ""
        self.expires_at_s = 0
        self.active_chat_id: str | None = None
        self._refusals = 0
        self._refusals_since_s = 0.0
        self._namespace = namespace
        self._link = link
        self._answer = answer
        self._spawn = spawn
        self._held: list[bytes] | None = []
        self._actions: deque[Action] | None = None
        self._actions_bytes = 0
        self._is_working = False
        self._is_pausing = False
        self._settled: asyncio.Event | None = None

    @property
    def is_open(self) -> bool:
        """Whether the client has been told that it is in."""
        return self._held is None

    def open(self, *first_packets: bytes) -> None:
        """The client knows that it is connected: ``first_packets`` go out, then whatever was sent meanwhile."""
        held, self._held = self._held or [], None
        for packet in (*first_packets, *held):
            self._link.send(packet)

    def send(self, packet: bytes) -> None:
        """Send an encoded packet. Never waits, never raises; a client that does not read is cut."""
        if self._held is None:
            self._link.send(packet)
        elif len(self._held) < EVENTS_HELD_MAX:
            self._held.append(packet)
        else:
            self._link.cut(CloseReason.SLOW_CONSUMER, "too much to hold")

    def receive(self, name: str, arguments: list[object] | Fault, ack_id: int | None, size_bytes: int) -> None:
        """Take an action in; it runs after those before it."""
        if self._actions is None:
            self._actions = deque()
        elif len(self._actions) >= ACTIONS_PENDING_MAX:
            self._actions.clear()
            self._link.cut(CloseReason.FLOOD, "too many actions under way")
            return
        self._actions.append((name, arguments, ack_id, size_bytes))
        self._actions_bytes += size_bytes
        if self._actions_bytes > ACTIONS_PENDING_BYTES_MAX and not self._is_pausing:
            self._is_pausing = True
            self._link.pause()
        if not self._is_working:
            self._is_working = True
            self._spawn(self._work())

    async def _work(self) -> None:
        done = 0
        try:
            while self._actions:
                name, arguments, ack_id, size_bytes = self._actions.popleft()
                for frame in await self._answer(self, name, arguments, ack_id):
                    self._link.send(frame)
                self._actions_bytes -= size_bytes
                if self._is_pausing and self._actions_bytes <= ACTIONS_PENDING_BYTES_MAX // 2:
                    self._is_pausing = False
                    self._link.resume()
                if self._link.is_congested:  # who asks for more than it reads waits
                    await self._link.writable()
                done += 1
                if not done % ACTIONS_PER_TURN:
                    await asyncio.sleep(0)
        finally:
            if self._is_pausing:
                self._is_pausing = False
                self._link.resume()
            self._actions = None
            self._actions_bytes = 0
            self._is_working = False
            if self._settled is not None:
                self._settled.set()
                self._settled = None

    async def settled(self) -> None:
        """Wait until every action that was received is answered."""
        if self._is_working:
            self._settled = self._settled or asyncio.Event()
            await self._settled.wait()

    def close(self, *, reason: CloseReason = CloseReason.SERVER) -> None:
        """Close after what was sent so far, so that the client stays away; actions that have not begun are dropped."""
        if self._actions:
            self._actions.clear()
        self._link.send(encode_disconnect(self._namespace))
        self._link.close(reason)

    def note_refusal(self) -> None:
        """An action was refused for being one too many."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._refusals_since_s > REFUSALS_WINDOW_S:
            self._refusals, self._refusals_since_s = 0, now_s
        self._refusals += 1
        if self._refusals > REFUSALS_MAX:
            self.cut(CloseReason.FLOOD, "goes on in spite of refusals")

    def cut(self, reason: CloseReason, problem: str) -> None:
        """Close a client that does what it must not."""
        if self._actions:
            self._actions.clear()
        self._link.cut(reason, problem)
