"""WebSocket frames that the server sends (RFC 6455 §5.2).

Pure functions. Everything that goes out is kept as an encoded frame, so that a packet for many clients is encoded once.
"""

import struct
from typing import Final

_TEXT_FRAME: Final = 0x81
"""A text message in a single frame. A server masks nothing."""
BINARY_FRAME: Final = 0x82
"""A binary message in a single frame."""
_CONTROL_FRAME: Final = 0x80


def text_frame(text: bytes) -> bytes:
    """``text`` (UTF-8) as one frame."""
    return _header(_TEXT_FRAME, len(text)) + text


def binary_frame(data: bytes) -> bytes:
    """``data`` as one frame."""
    return _header(BINARY_FRAME, len(data)) + data


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """A close, ping or pong frame; ``payload`` has at most 125 bytes."""
    return _header(_CONTROL_FRAME | opcode, len(payload)) + payload


def content_of(frame: bytes) -> bytes:
    """The content of an unmasked frame."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


def _header(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)
