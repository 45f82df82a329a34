"""A client's connection to a namespace: sends packets in order, and runs the client's actions one at a time."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from realtime.transport.engineio.close_reason import CloseReason
from realtime.transport.engineio.session import EngineSession
from realtime.transport.socketio.packets import Fault, encode_disconnect

ACTIONS_PENDING_MAX: Final = 2_000
"""Actions received and not yet answered. A client that sends more is cut."""
ACTIONS_PENDING_BYTES_MAX: Final = 256 * 1024
"""Bytes of such actions above which nothing more is read from the client, so that it has to wait."""
ACTIONS_PER_TURN: Final = 16
"""Actions of one client that run before other clients have their turn, if none of them has to wait."""
REFUSALS_MAX: Final = 2_000
REFUSALS_WINDOW_S: Final = 10.0
"""A client is cut that had more than ``REFUSALS_MAX`` actions refused by the rate limit in so many seconds."""
EVENTS_HELD_MAX: Final = 1_000
"""Events kept for a client whose connect is not answered yet. With more it is cut, and connects again."""

Action = tuple[str, list[object] | Fault, int | None, int, float]
"""Name, arguments, ack id, size in bytes, when it was received (``time.perf_counter``)."""
EventHandler = Callable[["Connection", str, list[object] | Fault, int | None], Awaitable[Sequence[bytes]]]
"""Runs one action and returns the frames of its ack. Never raises."""
Spawn = Callable[[Coroutine[Any, Any, None]], object]
"""Starts a task; the shutdown waits for it."""


class Connection:
    """A client's connection to a namespace.

    Promises: packets leave in the order of :meth:`send`; actions run one after another in the order in which they came, and
    each is acked before the next begins; actions that were received run even if the client has gone.
    """

    __slots__ = (
        "_actions", "_actions_bytes", "_engine_session", "_handle_event", "_held", "_is_pausing", "_is_working",
        "_namespace", "_refusals", "_refusals_since_s", "_settled", "_spawn", "action_received_at", "client",
        "connection_id", "data",
    )  # fmt: skip

    def __init__(
        self,
        *,
        connection_id: str,
        namespace: str,
        engine_session: EngineSession,
        handle_event: EventHandler,
        spawn: Spawn,
    ) -> None:
        self.connection_id = connection_id
        self.client = engine_session.address
        """The client's network address."""
        self.action_received_at = 0.0
        """When the action that runs now was received (``time.perf_counter``): it may have waited for those before it."""
        self.data: Any = None
        """What the namespace keeps of the connection; the transport does not look at it."""
        self._refusals = 0
        self._refusals_since_s = 0.0
        self._namespace = namespace
        self._engine_session = engine_session
        self._handle_event = handle_event
        self._spawn = spawn
        self._held: list[bytes] | None = []
        self._actions: deque[Action] | None = None
        self._actions_bytes = 0
        self._is_working = False
        self._is_pausing = False
        self._settled: asyncio.Event | None = None

    @property
    def problem(self) -> str | None:
        """What the client did, if the connection was cut for it."""
        return self._engine_session.problem

    @property
    def is_open(self) -> bool:
        """Whether the client's connect is answered."""
        return self._held is None

    def open(self, *first_packets: bytes) -> None:
        """The connect is answered: send ``first_packets``, then whatever was sent before."""
        held, self._held = self._held or [], None
        for packet in (*first_packets, *held):
            self._engine_session.send(packet)

    def send(self, packet: bytes) -> None:
        """Send an encoded packet. Never waits and never raises. A client that does not read is cut."""
        if self._held is None:
            self._engine_session.send(packet)
        elif len(self._held) < EVENTS_HELD_MAX:
            self._held.append(packet)
        else:
            self._engine_session.cut(CloseReason.SLOW_CONSUMER, "too much to hold")

    def receive(self, name: str, arguments: list[object] | Fault, ack_id: int | None, size_bytes: int) -> None:
        """The client sent an action. It runs after those before it."""
        if self._actions is None:
            self._actions = deque()
        elif len(self._actions) >= ACTIONS_PENDING_MAX:
            self._actions.clear()
            self._engine_session.cut(CloseReason.FLOOD, "too many actions under way")
            return
        self._actions.append((name, arguments, ack_id, size_bytes, time.perf_counter()))
        self._actions_bytes += size_bytes
        if self._actions_bytes > ACTIONS_PENDING_BYTES_MAX and not self._is_pausing:
            self._is_pausing = True
            self._engine_session.pause()
        if not self._is_working:
            self._is_working = True
            self._spawn(self._work())

    async def _work(self) -> None:
        done = 0
        try:
            while self._actions:
                name, arguments, ack_id, size_bytes, self.action_received_at = self._actions.popleft()
                for frame in await self._handle_event(self, name, arguments, ack_id):
                    self._engine_session.send(frame)
                self._actions_bytes -= size_bytes
                if self._is_pausing and self._actions_bytes <= ACTIONS_PENDING_BYTES_MAX // 2:
                    self._is_pausing = False
                    self._engine_session.resume()
                if self._engine_session.is_congested:  # who asks for more than it reads waits
                    await self._engine_session.writable()
                done += 1
                if not done % ACTIONS_PER_TURN:
                    await asyncio.sleep(0)  # the other clients' turn
        finally:
            if self._is_pausing:
                self._is_pausing = False
                self._engine_session.resume()
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
        """Close after what was sent so far; the client does not reconnect. Actions that have not begun are dropped."""
        if self._actions:
            self._actions.clear()
        self._engine_session.send(encode_disconnect(self._namespace))
        self._engine_session.close(reason)

    def count_refusal(self) -> None:
        """The rate limit refused an action."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._refusals_since_s > REFUSALS_WINDOW_S:
            self._refusals, self._refusals_since_s = 0, now_s
        self._refusals += 1
        if self._refusals > REFUSALS_MAX:
            self.cut(CloseReason.FLOOD, "goes on in spite of refusals")

    def cut(self, reason: CloseReason, problem: str) -> None:
        """Disconnect a client that misbehaves."""
        if self._actions:
            self._actions.clear()
        self._engine_session.cut(reason, problem)
