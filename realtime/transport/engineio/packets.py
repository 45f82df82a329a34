"""Engine.IO packets (protocol revision 4): read strictly, and written as WebSocket frames or as the body of a poll.

Pure functions, no I/O. An outgoing packet is always kept as a WebSocket frame. A client that polls gets the same content
without the frame header. Source: https://socket.io/docs/v4/engine-io-protocol/
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from realtime.transport.websocket.frames import BINARY_FRAME, content_of, text_frame

CLOSE: Final = text_frame(b"1")
PING: Final = text_frame(b"2")
PROBE_ANSWER: Final = text_frame(b"3probe")
NOOP: Final = text_frame(b"6")
SEPARATOR: Final = b"\x1e"
"""Separates the packets in the body of a poll or a post."""
POST_PACKETS_MAX: Final = 5_000
"""Packets in the body of one post."""


class EnginePacket(Enum):
    """The packets that a client may send once its session is open."""

    CLOSE = b"1"
    PONG = b"3"
    MESSAGE = b"4"
    """A message of the protocol above (Socket.IO): text, or binary data, which has no type byte."""


_MESSAGE, _PONG, _CLOSE = EnginePacket.MESSAGE, EnginePacket.PONG, EnginePacket.CLOSE


class BadEnginePacket(ValueError):
    """The client sent something that is not a packet. The session is closed."""


class TooManyPackets(BadEnginePacket):
    """A post holds more than :data:`POST_PACKETS_MAX` packets."""


def read_packet(data: bytes, *, is_text: bool) -> tuple[EnginePacket, bytes]:
    """The type and the content of a packet; ``BadEnginePacket`` if a client may not send it."""
    if not is_text:
        return _MESSAGE, data
    if data[:1] == b"4":
        return _MESSAGE, data[1:]
    if data == b"3":
        return _PONG, b""
    if data == b"1":
        return _CLOSE, b""
    raise BadEnginePacket("not an Engine.IO packet that a client sends")


def split_post(body: bytes) -> Iterator[tuple[bytes, bool]]:
    """The packets in the body of a post, each with whether it is text.

    Raises ``TooManyPackets`` before the first packet, and ``BadEnginePacket`` when it reaches invalid base64.
    """
    packets = body.split(SEPARATOR, POST_PACKETS_MAX)
    if len(packets) > POST_PACKETS_MAX:
        raise TooManyPackets("Too many packets")
    for packet in packets:
        if not packet.startswith(b"b"):
            yield packet, True
            continue
        try:
            yield base64.b64decode(packet[1:], validate=True), False
        except binascii.Error:
            raise BadEnginePacket("Bad request") from None


def poll_packet(frame: bytes) -> bytes:
    """The packet in ``frame``, as the body of a poll carries it."""
    content = content_of(frame)
    return b"b" + base64.b64encode(content) if frame[0] == BINARY_FRAME else content


def poll_body(frames: Iterable[bytes]) -> bytes:
    """The packets in ``frames`` as the body of one poll."""
    return SEPARATOR.join(map(poll_packet, frames))
