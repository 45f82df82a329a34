"""The server side of one WebSocket (RFC 6455), without I/O: bytes in, messages and bytes to send out.

What must stay true: the state changes in :meth:`WebSocketProtocol.change_state` alone, along :data:`TRANSITIONS`; nothing
but the answer to the opening handshake is sent before the state is ``OPEN``; after our close frame nothing is sent.
"""

import base64
import binascii
import hashlib
from enum import Enum
from http import HTTPStatus
from typing import Final

from core.transitions import InvalidTransition
from realtime.transport.request import RequestRefused, TransportRequest
from realtime.transport.websocket.frame_reader import CloseCode, FrameError, FrameReader, Opcode, close_code_of
from realtime.transport.websocket.frames import control_frame

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""The constant of RFC 6455 §1.3."""
_VERSION: Final = "13"


class State(Enum):
    """The phases of a WebSocket, in the order in which it goes through them."""

    CONNECTING = "connecting"
    """The opening handshake is not answered yet."""
    OPEN = "open"
    """Messages go both ways."""
    CLOSING = "closing"
    """We sent our close frame or refused the handshake. Nothing more is sent; the TCP connection is still there."""
    CLOSED = "closed"
    """The TCP connection is gone."""


CONNECTING, OPEN, CLOSING, CLOSED = State
TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    CONNECTING: frozenset({OPEN, CLOSING, CLOSED}),
    OPEN: frozenset({CLOSING, CLOSED}),
    CLOSING: frozenset({CLOSED}),
    CLOSED: frozenset(),
}
"""The states that may follow each state."""


class WebSocketProtocol:
    """One WebSocket."""

    __slots__ = ("_frames", "state")

    def __init__(self, message_bytes_max: int) -> None:
        self.state = CONNECTING
        self._frames = FrameReader(message_bytes_max)

    def change_state(self, state: State) -> None:
        """Go on to ``state``; ``InvalidTransition`` unless it may follow the present one."""
        if state not in TRANSITIONS[self.state]:
            raise InvalidTransition(f"{self.state.value} to {state.value}")
        self.state = state

    # --- opening handshake

    def accept(self, request: TransportRequest) -> bytes:
        """The answer that opens the WebSocket. Call :func:`check_opening_request` before."""
        key = request.headers["sec-websocket-key"].encode()
        token = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        self.change_state(OPEN)
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"X-Request-ID: %b\r\nSec-WebSocket-Accept: %b\r\n\r\n" % (request.request_id.encode(), token)
        )

    def refuse(self, refusal: RequestRefused, request_id: str) -> bytes:
        """The answer that refuses the WebSocket."""
        self.change_state(CLOSING)
        return (
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

    # --- messages

    def feed(self, data: bytes) -> None:
        """Bytes came from the client, after the opening handshake."""
        self._frames.feed(data)

    def read(self) -> tuple[int, bytes] | None:
        """The next message or control frame, as opcode and content; ``None`` until more bytes come.

        Raises ``FrameError``: answer it with :meth:`fail`, after which nothing can be read.
        """
        message = self._frames.read()
        if message is not None and message[0] == Opcode.TEXT and self.state is OPEN and not message[1].isascii():
            _check_utf8(message[1])
        return message

    # --- closing handshake

    def close(self, code: CloseCode) -> bytes:
        """Our close frame, once the WebSocket is ``OPEN``; nothing if it was sent before. Then the client answers it."""
        if self.state is not OPEN:
            return b""
        self.change_state(CLOSING)
        return control_frame(Opcode.CLOSE, code.to_bytes(2, "big"))

    def answer_close(self, content: bytes) -> bytes:
        """The answer to a close frame of the client with this content; nothing if it was the answer to ours."""
        return self.close(close_code_of(content))

    def fail(self, error: FrameError) -> bytes:
        """The close frame for a client that broke the protocol; nothing if ours was sent before."""
        return self.close(error.code)

    def stop_sending(self) -> None:
        """Close without a close frame."""
        if self.state in (CONNECTING, OPEN):
            self.change_state(CLOSING)


def check_opening_request(request: TransportRequest) -> None:
    """``RequestRefused`` unless the request opens a WebSocket (RFC 6455 §4.2.1)."""
    headers = request.headers
    if request.method != "GET":
        raise RequestRefused(2, "Bad handshake method", 405)
    if headers.get("sec-websocket-version") != _VERSION:
        raise RequestRefused(3, "Unsupported WebSocket version", 426)
    try:
        key = base64.b64decode(headers.get("sec-websocket-key", ""), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 16:
        raise RequestRefused(3, "Bad WebSocket key")


def _check_utf8(content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError:
        raise FrameError(CloseCode.NOT_UTF8, "text that is not UTF-8") from None
