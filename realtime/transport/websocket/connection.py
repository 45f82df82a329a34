"""The server's end of a WebSocket, as the protocol class that uvicorn uses for WebSockets.

uvicorn hands over the connection together with the request for the upgrade. Messages go straight from here to the handler,
and frames straight to the kernel. ASGI is not involved, for these reasons: it costs a task for each connected client, and a
queue, a task switch and two system calls for each message; it does not tell how much is unsent; and it waits forever for a
client that reads nothing.

Everything written to a client in one turn of the event loop and in the next leaves in one system call, because that call
costs more than anything else about a packet. The next turn is included because the ack of an action comes one turn after
its events. Nothing is compressed. What RFC 6455 demands is in ``protocol``; this module does the I/O.

What must stay true: :meth:`WebSocket.write` never waits; the messages of one client take a bounded part of each turn of
the loop; whatever the client does, a connection that ends reaches ``connection_lost`` within a bound.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from core.ids import new_id
from realtime.transport.request import RequestRefused, TransportRequest
from realtime.transport.websocket.frame_reader import CloseCode, FrameError, Opcode
from realtime.transport.websocket.frames import control_frame
from realtime.transport.websocket.protocol import CLOSED, CONNECTING, OPEN, WebSocketProtocol, check_opening_request

log = logging.getLogger("molva.transport")

MESSAGES_PER_TURN: Final = 64
"""Messages of one client that are read before other clients have their turn."""
UNSENT_BYTES_MAX: Final = 1024 * 1024
"""Bytes beyond the kernel's buffers that a client may leave unread. At this limit it is disconnected."""
UNSENT_PACKETS_MAX: Final = 256
"""Packets sent to a client since it stopped reading. At this limit it is disconnected."""
STALLED_S: Final = 30.0
"""How long a client may leave data unread, however little it is."""
_CONGESTED_BYTES: Final = 64 * 1024
"""Unsent bytes above which a client counts as not reading."""
_CLOSING_S: Final = 0.5
"""How long a client has to answer the closing handshake."""
_FLUSHING_S: Final = 5.0
"""How long a client has to read what was sent before the close."""


class WebSocketHandler(Protocol):
    """Receives what happens on a WebSocket. Every method is called from the event loop and returns at once."""

    def receive(self, data: bytes, *, is_text: bool) -> None:
        """A whole message came. Text is valid UTF-8."""

    def on_congestion(self, *, is_congested: bool) -> None:
        """The client has much unread data (``True``), or has read most of it (``False``)."""

    def on_overflow(self) -> None:
        """The client has more unread data than allowed."""

    def on_protocol_error(self) -> None:
        """The client broke the WebSocket protocol; the connection is closing."""

    def on_connection_lost(self) -> None:
        """The connection is gone. Called once, after every other method."""


Admit = Callable[["WebSocket", TransportRequest], WebSocketHandler]
"""Returns the handler of a new WebSocket after calling :meth:`WebSocket.accept`, or raises ``RequestRefused``."""


class Flusher:
    """Sends what was written to the WebSockets of a process, for all of them together, at the end of the next turn."""

    __slots__ = ("_call_soon", "_written")

    def __init__(self) -> None:
        self._call_soon: Callable[[Callable[[], None]], object] | None = None
        self._written: list[WebSocket] = []

    def add(self, socket: "WebSocket") -> None:
        """``socket``, which had nothing to send, now has."""
        if not self._written:
            if self._call_soon is None:
                self._call_soon = asyncio.get_running_loop().call_soon
            self._call_soon(self._wait_for_acks)
        self._written.append(socket)

    def _wait_for_acks(self) -> None:
        if self._call_soon is not None:
            self._call_soon(self._flush)

    def _flush(self) -> None:
        written, self._written = self._written, []
        for socket in written:
            socket.flush()


class WebSocket(asyncio.Protocol):
    """One client's WebSocket."""

    __slots__ = (
        "_admit", "_close_timer", "_connections", "_flusher", "_handler", "_has_backlog", "_is_paused", "_outbox",
        "_outbox_bytes", "_protocol", "_stall_timer", "_transport", "_trusted_proxies", "_unsent",
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
        self._protocol = WebSocketProtocol(message_bytes_max)
        self._transport: asyncio.Transport
        self._handler: WebSocketHandler | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        """Limits how long the client may take over the close."""
        self._stall_timer: asyncio.TimerHandle | None = None
        """Set while the client is congested: while the kernel accepts no more data for it."""
        self._unsent = 0
        """Packets written since the client became congested."""
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._is_paused = False
        """The handler wants no messages for now."""
        self._has_backlog = False
        """More messages came than are read in one turn; the rest is read in the next."""

    # --- for the handler

    def accept(self, request: TransportRequest) -> None:
        """Answer the opening handshake. Nothing is sent before."""
        self._append(self._protocol.accept(request))

    def set_handler(self, handler: WebSocketHandler) -> None:
        """From now on messages go to ``handler``."""
        self._handler = handler

    def write(self, frame: bytes) -> None:
        """Send an encoded frame. Never waits. Tells the handler when the client has too much unread data."""
        if self._protocol.state is not OPEN:
            return
        if not self._outbox:
            self._flusher.add(self)
        self._outbox.append(frame)
        self._outbox_bytes += len(frame)
        if self._outbox_bytes > _CONGESTED_BYTES:
            self.flush()
        if self._stall_timer is not None:
            self._count_unsent()

    def _append(self, data: bytes) -> None:
        """Send bytes of the opening or closing handshake, whatever the state is."""
        if not data:
            return
        if not self._outbox:
            self._flusher.add(self)
        self._outbox.append(data)
        self._outbox_bytes += len(data)

    def flush(self) -> None:
        """Hand what was written to the kernel."""
        outbox = self._outbox
        if outbox and self._protocol.state is not CLOSED:
            self._outbox, self._outbox_bytes = [], 0
            self._transport.write(outbox[0] if len(outbox) == 1 else b"".join(outbox))

    def _count_unsent(self) -> None:
        self._unsent += 1
        unsent_bytes = self._transport.get_write_buffer_size() + self._outbox_bytes
        if self._unsent > UNSENT_PACKETS_MAX or unsent_bytes > UNSENT_BYTES_MAX:
            self._overflow()

    def _overflow(self) -> None:
        if self._handler is not None and self._protocol.state is OPEN:
            self._handler.on_overflow()

    def pause_reading(self) -> None:
        """Read nothing more. What the client sends stays in the kernel, so that the client has to wait."""
        self._is_paused = True
        self._update_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._is_paused = False
        if not self._has_backlog and self._protocol.state is not CLOSED:
            self._read()

    def finish(self, code: CloseCode = CloseCode.NORMAL) -> None:
        """Close after what was written."""
        if self._protocol.state is not OPEN:
            return
        self._append(self._protocol.close(code))
        self.flush()
        self._is_paused = False
        self._update_reading()  # otherwise the client's answer is never seen
        self._close_timer = asyncio.get_running_loop().call_later(_CLOSING_S, self._close_transport)

    def abort(self) -> None:
        """Close at once. What was not sent is lost."""
        self._protocol.stop_sending()
        self._outbox = []
        if self._protocol.state is not CLOSED:
            self._transport.abort()

    def shutdown(self) -> None:
        """uvicorn is about to stop."""
        if self._protocol.state is CONNECTING:
            self._close_transport()
        self.finish(CloseCode.GOING_AWAY)

    def _close_transport(self) -> None:
        """Close the TCP connection after what was written."""
        self.flush()
        self._protocol.stop_sending()
        if self._close_timer is not None:
            self._close_timer.cancel()
        if self._protocol.state is not CLOSED:
            self._close_timer = asyncio.get_running_loop().call_later(_FLUSHING_S, self.abort)
            self._transport.close()

    # --- asyncio's hooks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """uvicorn hands the connection over."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._transport.set_write_buffer_limits(high=_CONGESTED_BYTES)

    def data_received(self, data: bytes) -> None:
        """Bytes came: first the request, from uvicorn, then frames."""
        if self._handler is not None:
            self._protocol.feed(data)
            if not self._has_backlog:
                self._read()
        elif self._protocol.state is CONNECTING:
            self._receive_request(data)

    def _receive_request(self, head: bytes) -> None:
        try:
            peer = (self._transport.get_extra_info("peername") or ("unknown",))[0]
            request = TransportRequest.of_head(head, peer, trusted_proxies=self._trusted_proxies)
            check_opening_request(request)
            self.set_handler(self._admit(self, request))
        except RequestRefused as refusal:
            self._refuse(refusal)
        except ValueError:
            self._refuse(RequestRefused(3, "Bad request"))

    def _refuse(self, refusal: RequestRefused) -> None:
        request_id = new_id()
        log.info("handshake refused", extra={"request_id": request_id, "status": refusal.status})
        self._append(self._protocol.refuse(refusal, request_id))
        self._close_transport()

    def _read(self) -> None:
        self._has_backlog = False
        try:
            for _ in range(MESSAGES_PER_TURN):
                if self._is_paused:
                    break
                message = self._protocol.read()
                if message is None:
                    break
                self._receive_message(*message)
            else:
                self._has_backlog = True
                asyncio.get_running_loop().call_soon(self._read)
        except FrameError as error:
            self._fail(error)
        self._update_reading()

    def _update_reading(self) -> None:
        """Tell the transport whether to read, if that has changed."""
        transport = self._transport
        if self._protocol.state is CLOSED or transport.is_closing():
            return
        if self._is_paused or self._has_backlog:
            if transport.is_reading():
                transport.pause_reading()
        elif not transport.is_reading():
            transport.resume_reading()

    def _receive_message(self, opcode: int, content: bytes) -> None:
        if opcode == Opcode.CLOSE:
            self._append(self._protocol.answer_close(content))
            self._close_transport()
        elif self._protocol.state is not OPEN or self._handler is None:
            pass
        elif opcode == Opcode.TEXT:
            self._handler.receive(content, is_text=True)
        elif opcode == Opcode.BINARY:
            self._handler.receive(content, is_text=False)
        elif opcode == Opcode.PING and self._stall_timer is None:  # who does not read gets no answers to collect
            self.write(control_frame(Opcode.PONG, content))

    def _fail(self, error: FrameError) -> None:
        if self._protocol.state is OPEN:
            log.warning("bad frame", extra={"problem": str(error)})
        self._append(self._protocol.fail(error))
        self._close_transport()
        if self._handler is not None:
            self._handler.on_protocol_error()

    def pause_writing(self) -> None:
        """The kernel accepts no more data for the client."""
        self._unsent = 0
        self._stall_timer = asyncio.get_running_loop().call_later(STALLED_S, self._overflow)
        if self._handler is not None:
            self._handler.on_congestion(is_congested=True)

    def resume_writing(self) -> None:
        """The kernel has sent most of the data."""
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None
        if self._handler is not None:
            self._handler.on_congestion(is_congested=False)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's)
        """The TCP connection is gone."""
        self._protocol.change_state(CLOSED)
        self._outbox = []
        self._connections.discard(self)
        for timer in (self._close_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        if self._handler is not None:
            self._handler.on_connection_lost()
