"""One Engine.IO client: what it is told, in order, over whatever carries it at the moment; what comes from it.

Carried by a WebSocket, or by polls until it upgrades to one. Promises: packets leave in the order of :meth:`Link.send`,
none is lost in an upgrade; a client that is gone, silent, or does not read is found out within a bound; :meth:`Link.close`
has an effect once. Protocol: https://socket.io/docs/v4/engine-io-protocol/
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from core import metrics
from realtime.transport.engineio.handshake import ClientFingerprint, Handshake
from realtime.transport.websocket import frames
from realtime.transport.websocket.connection import UNSENT_BYTES_MAX, UNSENT_PACKETS_MAX, WebSocket
from realtime.transport.websocket.frame_reader import CloseCode

log = logging.getLogger("molva.transport")

PROBE_TIMEOUT_S: Final = 10.0
"""How long an upgrade may take."""
LINGER_S: Final = 5.0
"""How long a closed client that polls can still fetch what it was told."""
POLL_PACKETS_MAX: Final = 16
"""Packets in the answer to one poll; python-engineio's client takes no more."""
_CONGESTED_BYTES: Final = 64 * 1024
_CONGESTED_PACKETS: Final = 128
"""Unfetched bytes or packets above which a polling client's actions wait."""


class CloseReason(StrEnum):
    """Why a client is gone."""

    CLIENT = "client disconnect"
    SERVER = "server disconnect"
    TRANSPORT = "transport close"
    PING_TIMEOUT = "ping timeout"
    BAD_PACKET = "bad packet"
    FLOOD = "flood"
    SLOW_CONSUMER = "slow consumer"
    NO_NAMESPACE = "no namespace"
    DRAINING = "draining"
    EPOCH = "epoch"


_LEFT_BY_ITSELF: Final = (CloseReason.CLIENT, CloseReason.TRANSPORT, CloseReason.PING_TIMEOUT)
_CUT: Final = (CloseReason.BAD_PACKET, CloseReason.FLOOD, CloseReason.SLOW_CONSUMER, CloseReason.NO_NAMESPACE)
_LAST_WORDS: Final = (CloseReason.SERVER, CloseReason.DRAINING, CloseReason.EPOCH, CloseReason.CLIENT)
"""After these a polling client may still fetch what it was told, once."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How often a client is asked for a sign of life, and how long it has for that."""

    interval_s: float
    timeout_s: float


class Owner(Protocol):
    """Who hears of a link. Nothing here waits or raises."""

    def opened(self, link: "Link") -> None:
        """A client is there."""

    def received(self, link: "Link", message: bytes, *, is_text: bool) -> None:
        """A message came."""

    def closed(self, link: "Link") -> None:
        """It is over; called once."""


class Link:
    """The Engine.IO client ``link_id``."""

    __slots__ = (
        "_changed", "_forget", "_heartbeat", "_inbox", "_is_congested", "_is_pinged", "_loop", "_outbox", "_outbox_bytes",
        "_owner", "_pauses", "_poll", "_probe", "_session", "_socket", "_timer", "address", "handshake", "identity",
        "is_polled", "is_posting", "link_id", "reason",
    )  # fmt: skip

    def __init__(
        self, link_id: str, handshake: Handshake, owner: Owner, heartbeat: Heartbeat, forget: Callable[["Link"], None]
    ) -> None:
        self.link_id = link_id
        self.address = handshake.address
        self.handshake = handshake.head
        self.identity: ClientFingerprint | None = handshake.identity
        """Who may go on with it by its id; nobody once a WebSocket carries it."""
        self.is_polled = False
        """Whether a poll of it is being answered."""
        self.is_posting = False
        """Whether a post of it is being read."""
        self.reason: CloseReason | None = None
        """Why it was closed; ``None`` while it lives."""
        self._owner = owner
        self._heartbeat = heartbeat
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._session: dict[str, Any] | None = None
        self._socket: WebSocket | None = None
        self._probe: Probe | None = None
        self._outbox: list[bytes] | None = None
        self._outbox_bytes = 0
        self._poll: asyncio.Future[None] | None = None
        self._inbox: deque[tuple[bytes, bool]] | None = None
        self._pauses = 0
        self._is_congested = False
        self._changed: asyncio.Event | None = None
        self._timer = self._loop.call_later(heartbeat.interval_s, self._ping)
        self._is_pinged = False

    # --- what python-engineio's server asks of its sockets

    @property
    def closed(self) -> bool:
        """Whether it is over."""
        return self.reason is not None

    @property
    def upgraded(self) -> bool:
        """Whether a WebSocket carries it."""
        return self._socket is not None

    @property
    def session(self) -> dict[str, Any]:
        """What ``save_session`` was given."""
        if self._session is None:
            self._session = {}
        return self._session

    @session.setter
    def session(self, session: dict[str, Any]) -> None:
        self._session = session

    # --- out

    def send(self, frame: bytes) -> None:
        """Send an encoded packet. Never waits, never raises; a client that does not read is cut."""
        if self.reason is not None:
            return
        if self._socket is not None:
            self._socket.write(frame)
            return
        if self._outbox is None:
            self._outbox = []
        self._outbox.append(frame)
        self._outbox_bytes += len(frame)
        self._answer_poll()
        if self._outbox_bytes > UNSENT_BYTES_MAX or len(self._outbox) > UNSENT_PACKETS_MAX:
            self.note_overflow()
        else:
            self._check_outbox()

    def _check_outbox(self) -> None:
        packets = len(self._outbox or ())
        self.note_congestion(is_congested=self._outbox_bytes > _CONGESTED_BYTES or packets > _CONGESTED_PACKETS)

    @property
    def is_congested(self) -> bool:
        """Whether the client has much unread."""
        return self._is_congested

    async def writable(self) -> None:
        """Wait while the client has much unread; not longer than it lives."""
        while self._is_congested and self.reason is None:
            await self._change()

    async def _change(self) -> None:
        self._changed = self._changed or asyncio.Event()
        await self._changed.wait()

    def _note_change(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    # --- in

    def receive(self, data: bytes, *, is_text: bool = True) -> None:
        """An Engine.IO packet came."""
        if self.reason is not None:
            return
        if not is_text:
            self._take_in(data, is_text=False)
        elif data[:1] == b"4":
            self._take_in(data[1:], is_text=True)
        elif data == b"3":
            self._note_pong()
        elif data == b"1":
            self.close(CloseReason.CLIENT)
        else:
            self.cut(CloseReason.BAD_PACKET, "not an Engine.IO packet that a client sends")

    def _take_in(self, message: bytes, *, is_text: bool) -> None:
        if self._pauses:
            self._inbox = self._inbox or deque()
            self._inbox.append((message, is_text))
        else:
            self._owner.received(self, message, is_text=is_text)

    def pause(self) -> None:
        """Let the client wait: what it sends stays with the kernel, what has come already stays here."""
        self._pauses += 1
        if self._pauses == 1 and self._socket is not None:
            self._socket.pause_reading()

    def resume(self) -> None:
        """Undo one :meth:`pause`."""
        self._pauses -= 1
        self._hand_on()
        if not self._pauses:
            self._note_change()
            if self._socket is not None:
                self._socket.resume_reading()

    def _hand_on(self) -> None:
        while self._inbox and not self._pauses:
            message, is_text = self._inbox.popleft()
            self._owner.received(self, message, is_text=is_text)

    async def taken_in(self) -> None:
        """Wait until what has come is with the owner; not longer than the client lives."""
        while self._inbox and self.reason is None:
            await self._change()

    # --- heartbeat

    def _ping(self) -> None:
        self._is_pinged = True
        self._timer = self._loop.call_later(self._heartbeat.timeout_s, self._miss_pong)
        self.send(frames.PING)

    def _miss_pong(self) -> None:
        if self._pauses:  # its answer waits behind what we do not read yet
            self._timer = self._loop.call_later(self._heartbeat.timeout_s, self._miss_pong)
        else:
            self.close(CloseReason.PING_TIMEOUT)

    def _note_pong(self) -> None:
        if self._is_pinged:
            self._is_pinged = False
            self._timer.cancel()
            self._timer = self._loop.call_later(self._heartbeat.interval_s, self._ping)

    # --- carriers

    def carry_by(self, socket: WebSocket) -> None:
        """From now on ``socket`` carries everything; a poll that waits goes home empty."""
        self._socket, self._probe, self.identity = socket, None, None
        socket.use(self)
        waiting, self._outbox, self._outbox_bytes = self._outbox or [], None, 0
        for frame in waiting:
            socket.write(frame)
        self.note_congestion(is_congested=False)
        self._answer_poll()
        if self._pauses:
            socket.pause_reading()

    async def poll(self) -> list[bytes]:
        """What the client has not been told yet, as soon as there is something; at once while it upgrades."""
        if not self._outbox and self.reason is None and self._probe is None:
            self._poll = self._loop.create_future()
            try:
                await self._poll
            finally:
                self._poll = None
        waiting = self._outbox or []
        found, self._outbox = waiting[:POLL_PACKETS_MAX], waiting[POLL_PACKETS_MAX:]
        self._outbox_bytes -= sum(map(len, found))
        if self.reason is not None and not self._outbox:
            self._timer.cancel()
            self._forget(self)
        elif self._socket is None:
            self._check_outbox()
        return found or [frames.NOOP]

    def _answer_poll(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def probe(self, socket: WebSocket) -> "Probe | None":
        """``socket`` wants to take over: the way to it, if there is one."""
        if self.reason is None and self._socket is None and self._probe is None:
            self._probe = Probe(self, socket)
            return self._probe
        return None

    def note_probed(self) -> None:
        """The probe was answered: the client waits for its poll to end before it upgrades."""
        self._answer_poll()

    def forget_probe(self) -> None:
        """The upgrade came to nothing."""
        self._probe = None

    # --- what a carrier notes

    def note_congestion(self, *, is_congested: bool) -> None:
        """The client has much unread, or no more."""
        self._is_congested = is_congested
        if not is_congested:
            self._note_change()

    def note_overflow(self) -> None:
        """The client has too much unread."""
        self.cut(CloseReason.SLOW_CONSUMER, "too much unread")
        if self._socket is not None:
            self._socket.abort()

    def note_broken(self) -> None:
        """The client broke the WebSocket protocol."""
        self.cut(CloseReason.BAD_PACKET, "not WebSocket")

    def note_lost(self) -> None:
        """The WebSocket is no more."""
        self.close(CloseReason.TRANSPORT)

    # --- the end

    def cut(self, reason: CloseReason, problem: str) -> None:
        """Close a client that does what it must not."""
        if self.reason is None:
            log.warning("connection cut", extra={"reason": reason.value, "problem": problem, "client": self.address})
            self.close(reason)

    def close(self, reason: CloseReason) -> None:
        """Close after what was sent so far. What came from a client that went by itself is still handed on."""
        if self.reason is not None:
            return
        self.reason = reason
        self._timer.cancel()
        if reason in _CUT:
            metrics.CONNECTIONS_CUT.labels(reason.value).inc()
        if self._probe is not None:
            self._probe.give_up()
        if self._socket is not None:
            self._socket.finish(CloseCode.NORMAL if reason not in _CUT else CloseCode.POLICY)
            self._forget(self)
        else:
            self._close_polls(reason)
        if reason in _LEFT_BY_ITSELF:
            self._pauses = 0
            self._hand_on()
        self._inbox = None
        self._note_change()
        self._owner.closed(self)

    def _close_polls(self, reason: CloseReason) -> None:
        self._outbox = self._outbox or []
        self._outbox.append(frames.NOOP if reason is CloseReason.CLIENT else frames.CLOSE)
        self._answer_poll()
        if reason in _LAST_WORDS:
            self._timer = self._loop.call_later(LINGER_S, self._forget, self)
        else:
            self._forget(self)


class Probe:
    """A WebSocket that is about to take a polling client over."""

    __slots__ = ("_is_asked", "_link", "_socket", "_timer")

    def __init__(self, link: Link, socket: WebSocket) -> None:
        self._link = link
        self._socket = socket
        self._is_asked = False
        self._timer = asyncio.get_running_loop().call_later(PROBE_TIMEOUT_S, self.give_up)

    def receive(self, data: bytes, *, is_text: bool) -> None:
        """First ``2probe``, then ``5``."""
        if is_text and data == b"2probe" and not self._is_asked:
            self._is_asked = True
            self._socket.write(frames.PROBE_ANSWER)
            self._socket.flush()  # before anything that the client asks for elsewhere is answered
            self._link.note_probed()
        elif is_text and data == b"5" and self._is_asked:
            self._timer.cancel()
            self._link.carry_by(self._socket)
        else:
            self.give_up()

    def give_up(self) -> None:
        """The polls go on."""
        self._timer.cancel()
        self._link.forget_probe()
        self._socket.finish(CloseCode.POLICY)

    def note_lost(self) -> None:
        """It went."""
        self.give_up()

    def note_broken(self) -> None:
        """It was none."""
        self.give_up()

    def note_congestion(self, *, is_congested: bool) -> None:
        """Nothing that long is sent here."""

    def note_overflow(self) -> None:
        """Nothing that long is sent here."""
