"""Our end of a WebSocket, in uvicorn's seat for it: messages go straight to whoever reads, frames straight to the kernel.

uvicorn hands over the connection with the request that asked for the upgrade; ASGI has no part in it, because it costs a
task for as long as the client stays, a queue, a task switch and two system calls a message, cannot tell how much is unsent,
and waits without end for a client that reads nothing. What is written to a client in a turn of the loop, and in the next,
leaves in one system call, because the call costs more than everything else about a packet; the next turn belongs to it
because the ack of an action follows its events by one. Nothing is compressed.

What must stay true: :meth:`WebSocket.write` never waits; one client's messages take a bounded part of each turn of the
loop; every way to an end leads to ``connection_lost`` within a bound, whatever the client does.
"""

import asyncio
import base64
import binascii
import hashlib
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Protocol, cast

from core.ids import new_id
from realtime.transport.engineio.handshake import Handshake, Refusal
from realtime.transport.websocket.frame_reader import CloseCode, FrameError, FrameReader, Opcode, close_code_of
from realtime.transport.websocket.frames import control_frame

log = logging.getLogger("molva.transport")

MESSAGES_PER_TURN: Final = 64
"""Messages of one client that are taken in before others have their turn."""
UNSENT_BYTES_MAX: Final = 1024 * 1024
"""Bytes beyond the kernel's buffers that a client may leave unread; at the bound it is cut, and resynchronises."""
UNSENT_PACKETS_MAX: Final = 256
"""Packets sent to a client since it stopped reading; at the bound it is cut."""
STALLED_S: Final = 30.0
"""How long a client may stay behind, however little is sent to it."""
_CONGESTED_BYTES: Final = 64 * 1024
"""Unsent bytes above which a client counts as not reading."""
_CLOSING_S: Final = 0.5
"""How long a client has to answer the closing handshake."""
_FLUSHING_S: Final = 5.0
"""How long a client has to take what was sent before the close."""
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION: Final = "13"


class Reader(Protocol):
    """Whoever uses the socket. Every method is called from the event loop and returns at once."""

    def receive(self, data: bytes, *, is_text: bool) -> None:
        """A whole message came; text is UTF-8."""

    def note_congestion(self, *, is_congested: bool) -> None:
        """The kernel takes no more for now, or again."""

    def note_overflow(self) -> None:
        """Too much is unread."""

    def note_broken(self) -> None:
        """The client broke the WebSocket protocol; the connection is closing."""

    def note_lost(self) -> None:
        """Nothing comes any more, nothing can be sent any more. Called once, after anything else."""


Admit = Callable[["WebSocket", Handshake], Reader]
"""Who uses a socket: calls :meth:`WebSocket.accept`, or raises ``Refusal``."""


class Flusher:
    """Hands what was written to the kernel, for all sockets of a process together."""

    __slots__ = ("_call_soon", "_written")

    def __init__(self) -> None:
        self._call_soon: Callable[[Callable[[], None]], object] | None = None
        self._written: list[WebSocket] = []

    def add(self, socket: "WebSocket") -> None:
        """Something was written to ``socket``, which had nothing to send."""
        if not self._written:
            if self._call_soon is None:
                self._call_soon = asyncio.get_running_loop().call_soon
            self._call_soon(self._let_acks_come)
        self._written.append(socket)

    def _let_acks_come(self) -> None:
        if self._call_soon is not None:
            self._call_soon(self._flush)

    def _flush(self) -> None:
        written, self._written = self._written, []
        for socket in written:
            socket.flush()


class WebSocket(asyncio.Protocol):
    """One client's WebSocket."""

    __slots__ = (
        "_admit", "_bound", "_connections", "_flusher", "_frames", "_is_behind", "_is_congested", "_is_ending", "_is_held",
        "_is_lost", "_is_reading", "_outbox", "_outbox_bytes", "_reader", "_stalled", "_transport", "_trusted_proxies",
        "_unsent",
    )  # fmt: skip

    def __init__(
        self,
        admit: Admit,
        flusher: Flusher,
        *,
        message_bytes_max: int,
        trusted_proxies: int,
        config: Any,  # noqa: ARG002  (uvicorn passes it)
        server_state: Any,
        app_state: Any,  # noqa: ARG002  (uvicorn passes it)
    ) -> None:
        self._admit = admit
        self._flusher = flusher
        self._trusted_proxies = trusted_proxies
        self._connections: set[Any] = server_state.connections
        self._frames = FrameReader(message_bytes_max)
        self._transport: asyncio.Transport
        self._reader: Reader | None = None
        self._bound: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._is_behind = False
        self._is_congested = False
        self._is_ending = False
        self._is_held = False
        self._is_lost = False
        self._is_reading = True

    # --- for whoever uses it

    def accept(self, handshake: Handshake) -> None:
        """Answer the opening handshake. Nothing is sent before."""
        key = handshake.headers["sec-websocket-key"].encode()
        token = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"X-Request-ID: %b\r\nSec-WebSocket-Accept: %b\r\n\r\n" % (handshake.request_id.encode(), token)
        )

    def use(self, reader: Reader) -> None:
        """From now on messages go to ``reader``."""
        self._reader = reader

    def write(self, frame: bytes) -> None:
        """Send an encoded frame. Never waits; tells the reader when too much is unread."""
        if self._is_ending:
            return
        if not self._outbox:
            self._flusher.add(self)
        self._outbox.append(frame)
        self._outbox_bytes += len(frame)
        if self._outbox_bytes > _CONGESTED_BYTES:
            self.flush()
        if self._is_congested:
            self._count_unsent()

    def flush(self) -> None:
        """Hand what was written to the kernel."""
        outbox = self._outbox
        if outbox and not self._is_lost:
            self._outbox, self._outbox_bytes = [], 0
            self._transport.write(outbox[0] if len(outbox) == 1 else b"".join(outbox))

    def _count_unsent(self) -> None:
        self._unsent += 1
        unsent_bytes = self._transport.get_write_buffer_size() + self._outbox_bytes
        if self._unsent > UNSENT_PACKETS_MAX or unsent_bytes > UNSENT_BYTES_MAX:
            self._overflow()

    def _overflow(self) -> None:
        if self._reader is not None and not self._is_ending:
            self._reader.note_overflow()

    def pause_reading(self) -> None:
        """Leave what comes with the kernel, so that the client waits."""
        self._is_held = True
        self._keep_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._is_held = False
        if not self._is_behind and not self._is_lost:
            self._read()

    def finish(self, code: CloseCode = CloseCode.NORMAL) -> None:
        """Close after what was written."""
        if self._is_ending:
            return
        self.write(control_frame(Opcode.CLOSE, code.to_bytes(2, "big")))
        self.flush()
        self._is_ending = True
        self._is_held = False
        self._keep_reading()  # or the client's answer is never seen
        self._bound = asyncio.get_running_loop().call_later(_CLOSING_S, self._hang_up)

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._is_ending = True
        self._outbox = []
        if not self._is_lost:
            self._transport.abort()

    def shutdown(self) -> None:
        """uvicorn is about to stop."""
        self.finish(CloseCode.GOING_AWAY)

    def _hang_up(self) -> None:
        self.flush()
        self._is_ending = True
        if self._bound is not None:
            self._bound.cancel()
        if not self._is_lost:
            self._bound = asyncio.get_running_loop().call_later(_FLUSHING_S, self.abort)
            self._transport.close()

    # --- asyncio's hooks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """uvicorn hands the connection over."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._transport.set_write_buffer_limits(high=_CONGESTED_BYTES)

    def data_received(self, data: bytes) -> None:
        """First the request, from uvicorn; then frames."""
        if self._reader is None:
            self._shake_hands(data)
            return
        self._frames.feed(data)
        if not self._is_behind:
            self._read()

    def _shake_hands(self, head: bytes) -> None:
        try:
            peer = (self._transport.get_extra_info("peername") or ("unknown",))[0]
            handshake = Handshake.of_head(head, peer, trusted_proxies=self._trusted_proxies)
            _check(handshake)
            self.use(self._admit(self, handshake))
        except Refusal as refusal:
            self._refuse(refusal)
        except ValueError:
            self._refuse(Refusal(3, "Bad request"))

    def _refuse(self, refusal: Refusal) -> None:
        request_id = new_id()
        log.info("handshake refused", extra={"request_id": request_id, "status": refusal.status})
        self.write(
            b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n"
            b"X-Request-ID: %b\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n%b"
            % (
                refusal.status,
                HTTPStatus(refusal.status).phrase.encode(),
                len(refusal.body),
                request_id.encode(),
                refusal.body,
            )
        )
        self._hang_up()

    def _read(self) -> None:
        self._is_behind = False
        try:
            for _ in range(MESSAGES_PER_TURN):
                if self._is_held:
                    break
                message = self._frames.read()
                if message is None:
                    break
                self._take(*message)
            else:
                self._is_behind = True
                asyncio.get_running_loop().call_soon(self._read)
        except FrameError as error:
            self._break_off(error)
        self._keep_reading()

    def _keep_reading(self) -> None:
        """Tell the transport, if something has changed about it."""
        is_reading = not (self._is_held or self._is_behind)
        if is_reading is self._is_reading or self._is_lost or self._transport.is_closing():
            return
        self._is_reading = is_reading
        if is_reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _take(self, opcode: int, content: bytes) -> None:
        if opcode == Opcode.CLOSE:
            self._answer_close(content)
        elif self._is_ending or self._reader is None:
            pass
        elif opcode == Opcode.TEXT:
            if not content.isascii():
                _check_utf8(content)
            self._reader.receive(content, is_text=True)
        elif opcode == Opcode.BINARY:
            self._reader.receive(content, is_text=False)
        elif opcode == Opcode.PING and not self._is_congested:  # who does not read gets no answers to collect
            self.write(control_frame(Opcode.PONG, content))

    def _answer_close(self, content: bytes) -> None:
        self.write(control_frame(Opcode.CLOSE, close_code_of(content).to_bytes(2, "big")))
        self._hang_up()

    def _break_off(self, error: FrameError) -> None:
        if not self._is_ending:
            log.warning("bad frame", extra={"problem": str(error)})
            self.write(control_frame(Opcode.CLOSE, error.code.to_bytes(2, "big")))
        self._hang_up()
        if self._reader is not None:
            self._reader.note_broken()

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        self._is_congested, self._unsent = True, 0
        self._stalled = asyncio.get_running_loop().call_later(STALLED_S, self._overflow)
        if self._reader is not None:
            self._reader.note_congestion(is_congested=True)

    def resume_writing(self) -> None:
        """The kernel has taken most of it."""
        self._is_congested = False
        if self._stalled is not None:
            self._stalled.cancel()
        if self._reader is not None:
            self._reader.note_congestion(is_congested=False)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's)
        """The end."""
        self._is_ending = self._is_lost = True
        self._outbox = []
        self._connections.discard(self)
        for timer in (self._bound, self._stalled):
            if timer is not None:
                timer.cancel()
        if self._reader is not None:
            self._reader.note_lost()


def _check(handshake: Handshake) -> None:
    """``Refusal`` unless the request opens a WebSocket (RFC 6455 §4.2.1)."""
    headers = handshake.headers
    if handshake.method != "GET":
        raise Refusal(2, "Bad handshake method", 405)
    if headers.get("sec-websocket-version") != _VERSION:
        raise Refusal(3, "Unsupported WebSocket version", 426)
    try:
        key = base64.b64decode(headers.get("sec-websocket-key", ""), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 16:
        raise Refusal(3, "Bad WebSocket key")


def _check_utf8(content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError:
        raise FrameError(CloseCode.NOT_UTF8, "text that is not UTF-8") from None
