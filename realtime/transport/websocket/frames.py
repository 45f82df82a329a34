"""Engine.IO packets as WebSocket frames: how everything that goes out is kept, encoded once for however many get it.

Pure functions. A client that polls gets the same text without the frame's header. Sources: RFC 6455 §5.2;
https://socket.io/docs/v4/engine-io-protocol/
"""

import base64
import struct
from collections.abc import Iterable
from typing import Final

_TEXT_FRAME: Final = 0x81
"""One frame, which is the whole message; a server masks nothing."""
_BINARY_FRAME: Final = 0x82
_CONTROL_FRAME: Final = 0x80


def text_frame(text: bytes) -> bytes:
    """``text`` (UTF-8) as one frame."""
    return _head(_TEXT_FRAME, len(text)) + text


def binary_frame(data: bytes) -> bytes:
    """``data`` as one frame."""
    return _head(_BINARY_FRAME, len(data)) + data


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """A close, ping or pong; ``payload`` has at most 125 bytes."""
    return _head(_CONTROL_FRAME | opcode, len(payload)) + payload


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)


def text_of(frame: bytes) -> bytes:
    """The packet in a frame, as a poll carries it."""
    content = frame[{126: 4, 127: 10}.get(frame[1], 2) :]
    return b"b" + base64.b64encode(content) if frame[0] == _BINARY_FRAME else content


CLOSE: Final = text_frame(b"1")
PING: Final = text_frame(b"2")
PROBE_ANSWER: Final = text_frame(b"3probe")
NOOP: Final = text_frame(b"6")
SEPARATOR: Final = b"\x1e"
"""Between the packets of one poll."""


def payload_of(frames: Iterable[bytes]) -> bytes:
    """The packets in ``frames`` as the body of one poll."""
    return SEPARATOR.join(map(text_of, frames))
