"""One Engine.IO client: what it is told, in order, over whatever carries it at the moment; what comes from it.

Carried by a WebSocket, or by polls until it upgrades to one. Promises: packets leave in the order of :meth:`Link.send`,
none is lost in an upgrade; a client that is gone, silent, or does not read is found out within a bound; :meth:`Link.close`
has an effect once. Protocol: https://socket.io/docs/v4/engine-io-protocol/
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from realtime.transport import frames
from realtime.transport.websocket import BACKLOG_BYTES_MAX, WebSocket

PROBE_TIMEOUT_S: Final = 10.0
"""How long an upgrade may take."""
LINGER_S: Final = 5.0
"""How long a closed client that polls can still fetch what it was told."""
_CONGESTED_BYTES: Final = 64 * 1024
"""Unread bytes above which a polling client's actions wait."""


class CloseReason(StrEnum):
    """Why a client is gone."""

    CLIENT = "client disconnect"
    SERVER = "server disconnect"
    TRANSPORT = "transport close"
    PING_TIMEOUT = "ping timeout"
    BAD_PACKET = "bad packet"
    SLOW_CONSUMER = "slow consumer"
    NO_NAMESPACE = "no namespace"
    DRAINING = "draining"


_LEFT_BY_ITSELF: Final = (CloseReason.CLIENT, CloseReason.TRANSPORT, CloseReason.PING_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How often a client is asked for a sign of life, and how long it has for that."""

    interval_s: float
    timeout_s: float


class Owner(Protocol):
    """Who hears of a link. Nothing here waits or raises."""

    def received(self, link: "Link", message: bytes | None) -> None:
        """A message; ``None`` for a binary one."""

    def closed(self, link: "Link") -> None:
        """It is over; called once."""


class Link:
    """The Engine.IO client ``link_id``."""

    def __init__(self, link_id: str, owner: Owner, heartbeat: Heartbeat, forget: Callable[["Link"], None]) -> None:
        self.link_id = link_id
        self.reason: CloseReason | None = None
        """Why it was closed; ``None`` while it lives."""
        self.session: dict[str, object] = {}
        """Where python-socketio keeps what ``save_session`` is given."""
        self._owner = owner
        self._heartbeat = heartbeat
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._socket: WebSocket | None = None
        self._probe: Probe | None = None
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._poll: asyncio.Future[None] | None = None
        self._inbox: deque[bytes | None] = deque()
        self._pauses = 0
        self._is_congested = False
        self._changed: asyncio.Event | None = None
        self._timer = self._loop.call_later(heartbeat.interval_s, self._ping)
        self._is_pinged = False

    @property
    def closed(self) -> bool:
        """Whether it is over (the name is python-engineio's)."""
        return self.reason is not None

    @property
    def upgraded(self) -> bool:
        """Whether a WebSocket carries it (the name is python-engineio's)."""
        return self._socket is not None

    # --- out

    def send(self, frame: bytes) -> None:
        """Send an encoded packet. Never waits, never raises; a client that does not read is cut."""
        if self.reason is not None:
            return
        if self._socket is not None:
            self._socket.write(frame)
            return
        self._outbox.append(frame)
        self._outbox_bytes += len(frame)
        self._answer_poll()
        if self._outbox_bytes > BACKLOG_BYTES_MAX:
            self.note_overflow()
        elif self._outbox_bytes > _CONGESTED_BYTES:
            self._is_congested = True

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
        kind = data[:1]
        if not is_text:
            self._take_in(None)
        elif kind == b"4":
            self._take_in(data[1:])
        elif kind == b"3":
            self._note_pong()
        elif kind == b"1":
            self.close(CloseReason.CLIENT)
        else:
            self.close(CloseReason.BAD_PACKET)

    def _take_in(self, message: bytes | None) -> None:
        if self._pauses:
            self._inbox.append(message)
        else:
            self._owner.received(self, message)

    def pause(self) -> None:
        """Let the client wait: what it sends stays with the kernel, what has come already stays here."""
        self._pauses += 1
        if self._pauses == 1 and self._socket is not None:
            self._socket.pause_reading()

    def resume(self) -> None:
        """Undo one :meth:`pause`."""
        self._pauses -= 1
        while self._inbox and not self._pauses:
            self._owner.received(self, self._inbox.popleft())
        if not self._pauses:
            self._note_change()
            if self._socket is not None:
                self._socket.resume_reading()

    async def taken_in(self) -> None:
        """Wait until what has come is with the owner; not longer than the client lives."""
        while self._inbox and self.reason is None:
            await self._change()

    # --- heartbeat

    def _ping(self) -> None:
        self._is_pinged = True
        self.send(frames.PING)
        self._timer = self._loop.call_later(self._heartbeat.timeout_s, self._miss_pong)

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
        self._socket, self._probe = socket, None
        socket.use(self)
        for frame in self._outbox:
            socket.write(frame)
        self._outbox.clear()
        self._outbox_bytes = 0
        self.note_congestion(is_congested=False)
        self._answer_poll()
        if self._pauses:
            socket.pause_reading()

    @property
    def is_polled(self) -> bool:
        """Whether a poll waits."""
        return self._poll is not None

    async def poll(self) -> list[bytes]:
        """What the client has not been told yet, as soon as there is something; at once while it upgrades."""
        if not self._outbox and self.reason is None and self._probe is None:
            self._poll = self._loop.create_future()
            try:
                await self._poll
            finally:
                self._poll = None
        found, self._outbox = self._outbox or [frames.NOOP], []
        self._outbox_bytes = 0
        if self.reason is not None:
            self._timer.cancel()
            self._forget(self)
        elif self._socket is None:
            self.note_congestion(is_congested=False)
        return found

    def _answer_poll(self) -> None:
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def probe(self, socket: WebSocket) -> bool:
        """``socket`` wants to take over: whether it may try."""
        if self.reason is not None or self._socket is not None or self._probe is not None:
            return False
        self._probe = Probe(self, socket)
        return True

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
        self.close(CloseReason.SLOW_CONSUMER)
        if self._socket is not None:
            self._socket.abort()

    def note_lost(self) -> None:
        """The WebSocket is no more."""
        self.close(CloseReason.TRANSPORT)

    # --- the end

    def close(self, reason: CloseReason) -> None:
        """Close after what was sent so far. What came from a client that went by itself is still handed on."""
        if self.reason is not None:
            return
        self.reason = reason
        self._timer.cancel()
        if self._probe is not None:
            self._probe.give_up()
        if self._socket is not None:
            self._socket.finish()
            self._forget(self)
        else:
            self._outbox.append(frames.NOOP if reason is CloseReason.CLIENT else frames.CLOSE)
            self._answer_poll()
            self._timer = self._loop.call_later(LINGER_S, self._forget, self)
        if reason in _LEFT_BY_ITSELF:
            while self._inbox:
                self._owner.received(self, self._inbox.popleft())
        self._inbox.clear()
        self._note_change()
        self._owner.closed(self)


class Probe:
    """A WebSocket that is about to take a polling client over."""

    def __init__(self, link: Link, socket: WebSocket) -> None:
        self._link = link
        self._socket = socket
        self._timer = asyncio.get_running_loop().call_later(PROBE_TIMEOUT_S, self.give_up)
        socket.use(self)

    def receive(self, data: bytes, *, is_text: bool) -> None:
        """First ``2probe``, then ``5``."""
        if is_text and data == b"2probe":
            self._socket.write(frames.PROBE_ANSWER)
            self._link.note_probed()
        elif is_text and data == b"5":
            self._timer.cancel()
            self._link.carry_by(self._socket)
        else:
            self.give_up()

    def give_up(self) -> None:
        """The polls go on."""
        self._timer.cancel()
        self._link.forget_probe()
        self._socket.finish()

    def note_lost(self) -> None:
        """It went."""
        self.give_up()

    def note_congestion(self, *, is_congested: bool) -> None:
        """Nothing that long is sent here."""

    def note_overflow(self) -> None:
        """Nothing that long is sent here."""
