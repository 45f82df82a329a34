"""Engine.IO packets as WebSocket text frames: how everything that goes out is kept, encoded once for however many get it.

Pure functions. A client that polls gets the same text without the frame's header. Sources: RFC 6455 §5.2;
https://socket.io/docs/v4/engine-io-protocol/
"""

import struct
from typing import Final

_TEXT_FRAME: Final = 0x81
"""One frame, which is the whole message; a server masks nothing."""


def text_frame(text: bytes) -> bytes:
    """``text`` (UTF-8) as one frame."""
    size = len(text)
    if size < 126:
        return b"%c%c%b" % (_TEXT_FRAME, size, text)
    if size < 1 << 16:
        return struct.pack("!BBH", _TEXT_FRAME, 126, size) + text
    return struct.pack("!BBQ", _TEXT_FRAME, 127, size) + text


def text_of(frame: bytes) -> bytes:
    """What :func:`text_frame` was given."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


CLOSE: Final = text_frame(b"1")
PING: Final = text_frame(b"2")
PROBE_ANSWER: Final = text_frame(b"3probe")
NOOP: Final = text_frame(b"6")
SEPARATOR: Final = b"\x1e"
"""Between the packets of one poll."""


def payload_of(frames: list[bytes]) -> bytes:
    """The packets in ``frames`` as the body of one poll."""
    return SEPARATOR.join(map(text_of, frames))
