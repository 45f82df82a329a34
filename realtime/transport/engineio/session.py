"""One Engine.IO session: sends packets to a client in order, over polls or a WebSocket, and receives the client's packets.

A session starts over polls or over a WebSocket, and may change from polls to a WebSocket once (an upgrade). Promises:
packets leave in the order of :meth:`EngineSession.send`; an upgrade loses none; a client that is gone, silent or does not
read is noticed within a bound; :meth:`EngineSession.close` has an effect once.

What must stay true: the state changes in :meth:`EngineSession._change_state` alone, along :data:`TRANSITIONS`.
Protocol: https://socket.io/docs/v4/engine-io-protocol/
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol

from core import metrics
from core.transitions import InvalidTransition
from realtime.transport.engineio.close_reason import CLOSED_BY_CLIENT, CUT, LINGERS_AFTER, CloseReason
from realtime.transport.engineio.packets import CLOSE, NOOP, PING, BadEnginePacket, EnginePacket, read_packet
from realtime.transport.engineio.poll_outbox import PollOutbox
from realtime.transport.engineio.probe import Probe
from realtime.transport.request import ClientFingerprint, TransportRequest
from realtime.transport.websocket.connection import WebSocket
from realtime.transport.websocket.frame_reader import CloseCode

log = logging.getLogger("molva.transport")

LINGER_S: Final = 5.0
"""How long a closed client that polls can still fetch what it was sent."""


class State(Enum):
    """The phases of a session."""

    POLLING = "polling"
    """The client polls."""
    UPGRADING = "upgrading"
    """The client polls, and tries a WebSocket."""
    WEBSOCKET = "websocket"
    """A WebSocket is in use. There is no way back to polls."""
    LINGERING = "lingering"
    """Closed, and the client can still fetch what it was sent before."""
    CLOSED = "closed"
    """Closed, and the server has forgotten the session."""


POLLING, UPGRADING, WEBSOCKET, LINGERING, CLOSED = State
_LIVING: Final = frozenset({POLLING, UPGRADING, WEBSOCKET})
TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    POLLING: frozenset({UPGRADING, WEBSOCKET, LINGERING, CLOSED}),
    UPGRADING: frozenset({POLLING, WEBSOCKET, LINGERING, CLOSED}),
    WEBSOCKET: frozenset({CLOSED}),
    LINGERING: frozenset({CLOSED}),
    CLOSED: frozenset(),
}
"""The states that may follow each state."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How often a client is pinged, and how long it has to answer."""

    interval_s: float
    timeout_s: float


class SessionHandler(Protocol):
    """Receives what happens on sessions. Nothing here waits or raises."""

    def opened(self, session: "EngineSession") -> None:
        """A client opened a session."""

    def received(self, session: "EngineSession", message: bytes, *, is_text: bool) -> None:
        """The client sent a message."""

    def closed(self, session: "EngineSession") -> None:
        """The session was closed. Called once."""


class EngineSession:
    """The Engine.IO session with the id ``sid``."""

    __slots__ = (
        "_awaits_pong", "_changed", "_forget", "_handler", "_heartbeat", "_inbox", "_is_congested", "_loop", "_outbox",
        "_pauses", "_poll", "_probe", "_saved", "_timer", "_websocket", "address", "data", "fingerprint", "has_poll",
        "has_post", "problem", "reason", "request_head", "sid", "state",
    )  # fmt: skip

    def __init__(
        self,
        sid: str,
        request: TransportRequest,
        handler: SessionHandler,
        heartbeat: Heartbeat,
        forget: Callable[["EngineSession"], None],
    ) -> None:
        self.sid = sid
        self.state = POLLING
        self.address = request.address
        """The client's network address."""
        self.request_head = request.head
        """The request that opened the session."""
        self.fingerprint: ClientFingerprint | None = request.fingerprint
        """Who may use the session by its id; nobody once a WebSocket is in use."""
        self.has_poll = False
        """A poll is being answered."""
        self.has_post = False
        """A post is being read."""
        self.reason: CloseReason | None = None
        """Why it was closed; ``None`` while it is open."""
        self.problem: str | None = None
        """What the client did, if the session was closed for it."""
        self.data: Any = None
        """What the session handler keeps of the client; the session does not look at it."""
        self._handler = handler
        self._heartbeat = heartbeat
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._saved: dict[str, Any] | None = None
        self._websocket: WebSocket | None = None
        self._probe: Probe | None = None
        self._outbox: PollOutbox | None = None
        self._poll: asyncio.Future[None] | None = None
        """Done when the poll that waits is to be answered."""
        self._inbox: deque[tuple[bytes, bool]] | None = None
        """Messages that came while the session was paused."""
        self._pauses = 0
        self._is_congested = False
        self._changed: asyncio.Event | None = None
        self._timer = self._loop.call_later(heartbeat.interval_s, self._ping)
        self._awaits_pong = False

    def _change_state(self, state: State) -> None:
        """Go on to ``state``; ``InvalidTransition`` unless it may follow the present one."""
        if state not in TRANSITIONS[self.state]:
            raise InvalidTransition(f"{self.state.value} to {state.value}")
        self.state = state
        if state is CLOSED:
            self._timer.cancel()
            self._forget(self)

    # --- what python-engineio's server asks of its sockets

    @property
    def closed(self) -> bool:
        """Whether the session is closed."""
        return self.reason is not None

    @property
    def upgraded(self) -> bool:
        """Whether the session uses, or used at its end, a WebSocket."""
        return self._websocket is not None

    @property
    def session(self) -> dict[str, Any]:
        """What ``save_session`` was given."""
        if self._saved is None:
            self._saved = {}
        return self._saved

    @session.setter
    def session(self, saved: dict[str, Any]) -> None:
        self._saved = saved

    # --- sending

    def send(self, frame: bytes) -> None:
        """Send an encoded packet. Never waits and never raises. A client that does not read is cut."""
        if self.state is WEBSOCKET:
            self._websocket.write(frame)  # type: ignore[union-attr]  # set before the state
        elif self.reason is None:
            self._send_by_poll(frame)

    def _send_by_poll(self, frame: bytes) -> None:
        if self._outbox is None:
            self._outbox = PollOutbox()
        self._outbox.add(frame)
        self._answer_poll()
        if self._outbox.is_over_limit:
            self.on_overflow()
        else:
            self.on_congestion(is_congested=self._outbox.is_congested)

    @property
    def is_congested(self) -> bool:
        """Whether the client has much unread data."""
        return self._is_congested

    async def writable(self) -> None:
        """Wait while the client has much unread data and the session is open."""
        while self._is_congested and self.reason is None:
            await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        self._changed = self._changed or asyncio.Event()
        await self._changed.wait()

    def _notify_change(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    # --- receiving

    def receive(self, data: bytes, *, is_text: bool = True) -> None:
        """The client sent an Engine.IO packet."""
        if self.reason is not None:
            return
        try:
            packet, content = read_packet(data, is_text=is_text)
        except BadEnginePacket as error:
            self.cut(CloseReason.BAD_PACKET, str(error))
            return
        if packet is EnginePacket.MESSAGE:
            self._receive_message(content, is_text=is_text)
        elif packet is EnginePacket.PONG:
            self._on_pong()
        else:
            self.close(CloseReason.CLIENT)

    def _receive_message(self, message: bytes, *, is_text: bool) -> None:
        if self._pauses:
            self._inbox = self._inbox or deque()
            self._inbox.append((message, is_text))
        else:
            self._handler.received(self, message, is_text=is_text)

    def pause(self) -> None:
        """Hand on no more messages. New ones stay in the kernel, those that were read already stay here."""
        self._pauses += 1
        if self._pauses == 1 and self._websocket is not None:
            self._websocket.pause_reading()

    def resume(self) -> None:
        """Undo one :meth:`pause`."""
        self._pauses -= 1
        self._deliver_held()
        if not self._pauses:
            self._notify_change()
            if self._websocket is not None:
                self._websocket.resume_reading()

    def _deliver_held(self) -> None:
        while self._inbox and not self._pauses:
            message, is_text = self._inbox.popleft()
            self._handler.received(self, message, is_text=is_text)

    async def wait_for_empty_inbox(self) -> None:
        """Wait until the handler has every message that came, or the session is closed."""
        while self._inbox and self.reason is None:
            await self._wait_for_change()

    # --- heartbeat

    def _ping(self) -> None:
        self._awaits_pong = True
        self._timer = self._loop.call_later(self._heartbeat.timeout_s, self._miss_pong)
        self.send(PING)

    def _miss_pong(self) -> None:
        if self._pauses:  # its answer waits behind what we do not read yet
            self._timer = self._loop.call_later(self._heartbeat.timeout_s, self._miss_pong)
        else:
            self.close(CloseReason.PING_TIMEOUT)

    def _on_pong(self) -> None:
        if self._awaits_pong:
            self._awaits_pong = False
            self._timer.cancel()
            self._timer = self._loop.call_later(self._heartbeat.interval_s, self._ping)

    # --- polls and upgrade

    def attach_websocket(self, websocket: WebSocket) -> None:
        """Use ``websocket`` from now on. A poll that waits is answered with nothing."""
        self._websocket, self._probe, self.fingerprint = websocket, None, None
        self._change_state(WEBSOCKET)
        websocket.set_handler(self)
        outbox, self._outbox = self._outbox, None
        for frame in outbox.take_all() if outbox is not None else ():
            websocket.write(frame)
        self.on_congestion(is_congested=False)
        self._answer_poll()
        if self._pauses:
            websocket.pause_reading()

    async def poll(self) -> list[bytes]:
        """The packets for one poll, as soon as there are any. During an upgrade it does not wait."""
        if not self._outbox and self.state is POLLING:
            self._poll = self._loop.create_future()
            try:
                await self._poll
            finally:
                self._poll = None
        taken = self._outbox.take() if self._outbox is not None else []
        if self.state is LINGERING and not self._outbox:
            self._change_state(CLOSED)
        elif self._outbox is not None and self.state in _LIVING:
            self.on_congestion(is_congested=self._outbox.is_congested)
        return taken or [NOOP]

    def _answer_poll(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def start_upgrade(self, websocket: WebSocket) -> Probe | None:
        """Begin the upgrade to ``websocket``; ``None`` if the session cannot be upgraded now."""
        if self.state is not POLLING:
            return None
        self._change_state(UPGRADING)
        self._probe = Probe(self, websocket)
        return self._probe

    def on_probe_answered(self) -> None:
        """The probe was answered: the client waits for its poll to end before it upgrades."""
        self._answer_poll()

    def on_probe_failed(self) -> None:
        """The upgrade failed; the client goes on with polls."""
        self._probe = None
        if self.state is UPGRADING:
            self._change_state(POLLING)

    # --- what happens on the WebSocket

    def on_congestion(self, *, is_congested: bool) -> None:
        """The client has much unread data (``True``), or has read most of it (``False``)."""
        self._is_congested = is_congested
        if not is_congested:
            self._notify_change()

    def on_overflow(self) -> None:
        """The client has more unread data than allowed."""
        self.cut(CloseReason.SLOW_CONSUMER, "too much unread")
        if self._websocket is not None:
            self._websocket.abort()

    def on_protocol_error(self) -> None:
        """The client broke the WebSocket protocol."""
        self.cut(CloseReason.BAD_PACKET, "not WebSocket")

    def on_connection_lost(self) -> None:
        """The WebSocket is gone."""
        self.close(CloseReason.TRANSPORT)

    # --- closing

    def cut(self, reason: CloseReason, problem: str) -> None:
        """Close the session of a client that misbehaves."""
        if self.reason is None:
            self.problem = problem
            log.warning("connection cut", extra={"reason": reason.value, "problem": problem, "client": self.address})
            self.close(reason)

    def close(self, reason: CloseReason) -> None:
        """Close after what was sent so far. What came from a client that left by itself is still handed on."""
        if self.reason is not None:
            return
        self.reason = reason
        self._timer.cancel()
        if reason in CUT:
            metrics.CONNECTIONS_CUT.labels(reason.value).inc()
        if self._probe is not None:
            self._probe.give_up()
        if self._websocket is not None:
            self._websocket.finish(CloseCode.NORMAL if reason not in CUT else CloseCode.POLICY)
            self._change_state(CLOSED)
        else:
            self._close_polls(reason)
        if reason in CLOSED_BY_CLIENT:
            self._pauses = 0
            self._deliver_held()
        self._inbox = None
        self._notify_change()
        self._handler.closed(self)

    def _close_polls(self, reason: CloseReason) -> None:
        self._outbox = self._outbox or PollOutbox()
        self._outbox.add(NOOP if reason is CloseReason.CLIENT else CLOSE)
        self._answer_poll()
        if reason in LINGERS_AFTER:
            self._change_state(LINGERING)
            self._timer = self._loop.call_later(LINGER_S, self._change_state, CLOSED)
        else:
            self._change_state(CLOSED)
