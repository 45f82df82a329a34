"""Our end of a WebSocket, in uvicorn's seat for it: messages go straight to whoever reads, frames straight to the kernel.

uvicorn does the handshake and parses frames; ASGI is left once the socket is in use, because it costs a queue, a task
switch and two system calls a message, cannot tell how much is unsent, and waits without end for a client that reads
nothing.

What must stay true: :meth:`WebSocket.write` never waits; every way to an end leads to ``connection_lost`` within
:data:`CLOSE_TIMEOUT_S`, whatever the client does. It leans on names of ``WebSocketsSansIOProtocol`` that uvicorn does not
document: an upgrade of uvicorn means running tests/test_connect.py.
"""

import asyncio
from typing import Any, Final, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

CLOSE_TIMEOUT_S: Final = 5.0
"""How long a client has to take what was sent and answer the closing handshake."""
BACKLOG_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes that a client may leave unread; at the bound it is cut, and resynchronises when it comes back."""

EXTENSION: Final = "molva.websocket"
"""Where the ASGI scope holds the :class:`WebSocket`."""


class Reader(Protocol):
    """Whoever uses the socket. Every method is called from the event loop and returns at once."""

    def receive(self, data: bytes, *, is_text: bool) -> None:
        """A whole message came."""

    def note_congestion(self, *, is_congested: bool) -> None:
        """The kernel takes no more for now, or again."""

    def note_overflow(self) -> None:
        """More than :data:`BACKLOG_BYTES_MAX` are unread."""

    def note_lost(self) -> None:
        """Nothing comes any more, nothing can be sent any more."""


class WebSocket(WebSocketsSansIOProtocol):
    """One client's WebSocket."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._reader: Reader | None = None
        self._is_congested = False
        self._bound: asyncio.TimerHandle | None = None
        self.lost = asyncio.Event()
        """Set when the connection is no more."""

    def handle_connect(self, event: Request) -> None:
        """The opening handshake: the application finds this object in its scope."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    # --- for whoever uses it

    def use(self, reader: Reader) -> None:
        """From now on messages go to ``reader``."""
        self._reader = reader

    def write(self, frame: bytes) -> None:
        """Send an encoded frame. Never waits; tells the reader when too much is unread."""
        if self.close_sent or self.disconnected:
            return
        self.transport.write(frame)
        if self._is_congested and self._reader and self.transport.get_write_buffer_size() > BACKLOG_BYTES_MAX:
            self._reader.note_overflow()

    def pause_reading(self) -> None:
        """Leave what comes with the kernel, so that the client waits."""
        if not self.disconnected:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if not self.disconnected and not self.transport.is_closing():
            self.transport.resume_reading()

    def finish(self) -> None:
        """Close after what was written."""
        if self.disconnected:
            return
        if not self.close_sent and not self.transport.is_closing():
            self.conn.send_close(1000)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.resume_reading()  # or the client's answer is never seen
        self._bound_the_end()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        if not self.disconnected:
            self.transport.abort()

    def _bound_the_end(self) -> None:
        if self._bound is None and not self.disconnected:
            self._bound = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)
            self.close_timer = self._bound  # tells uvicorn that the closing handshake is under way

    # --- uvicorn's hooks

    def send_receive_event_to_app(self) -> None:
        """A message is complete."""
        if self._reader is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if not self.close_sent:
            self._reader.receive(bytes(data), is_text=self.curr_msg_data_type == "text")

    def handle_close(self, event: Frame) -> None:
        """The client closes, or answers our closing."""
        super().handle_close(event)
        if self.close_sent:
            self.transport.close()
        self._bound_the_end()

    def handle_parser_exception(self) -> None:
        """The client broke the protocol: it has been told, and the connection is closing."""
        super().handle_parser_exception()
        self._bound_the_end()

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        super().pause_writing()
        self._note_congestion(is_congested=True)

    def resume_writing(self) -> None:
        """The kernel takes more again."""
        super().resume_writing()
        self._note_congestion(is_congested=False)

    def _note_congestion(self, *, is_congested: bool) -> None:
        self._is_congested = is_congested
        if self._reader is not None:
            self._reader.note_congestion(is_congested=is_congested)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        if self._bound is not None:
            self._bound.cancel()
        super().connection_lost(exc)
        self.lost.set()
        if self._reader is not None:
            self._reader.note_lost()
