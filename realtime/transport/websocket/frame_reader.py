"""Reads the frames of a client strictly and without I/O: bytes in, whole messages out (RFC 6455 §5).

This is our own code because it runs for every packet, and a general parser costs ten times as much.

What must stay true: whatever the bytes are, a call of :meth:`FrameReader.read` costs no more than the message that it
returns; nothing is kept of what was read.
"""

from enum import IntEnum
from typing import Final

from websockets.speedups import apply_mask


class Opcode(IntEnum):
    """The types of frames."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class CloseCode(IntEnum):
    """Why a WebSocket is closed (RFC 6455 §7.4)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    NOT_UTF8 = 1007
    POLICY = 1008
    TOO_BIG = 1009


class FrameError(ValueError):
    """The client sent a frame that the protocol does not allow. The connection is closed with ``code``."""

    def __init__(self, code: CloseCode, message: str) -> None:
        self.code = code
        super().__init__(message)


FRAGMENTS_MAX: Final = 1_024
"""Frames of one message."""
_CONTROL_BYTES_MAX: Final = 125
_FINAL: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_OPCODES: Final = frozenset(map(int, Opcode))


class FrameReader:
    """Reads the frames of one client."""

    __slots__ = ("_at", "_buffer", "_message_bytes_max", "_opcode", "_parts", "_parts_bytes")

    def __init__(self, message_bytes_max: int) -> None:
        self._message_bytes_max = message_bytes_max
        self._buffer: bytes | bytearray = b""
        self._at = 0
        self._opcode = 0
        self._parts: list[bytes] | None = None
        """The fragments of a message that is not complete."""
        self._parts_bytes = 0

    def feed(self, data: bytes) -> None:
        """More bytes came."""
        if self._at == len(self._buffer):
            self._buffer, self._at = data, 0
            return
        if isinstance(self._buffer, bytes):
            self._buffer = bytearray(memoryview(self._buffer)[self._at :])
        else:
            del self._buffer[: self._at]
        self._at = 0
        self._buffer += data

    def read(self) -> tuple[int, bytes] | None:
        """The next message or control frame, as its opcode and content; ``None`` until more comes.

        Raises ``FrameError``; after that nothing more can be read.
        """
        while True:
            frame = self._read_frame()
            if frame is None:
                return None
            first, content = frame
            opcode = first & 0x0F
            if opcode >= Opcode.CLOSE:
                return opcode, content
            if first & _FINAL and opcode and self._parts is None:
                return opcode, content
            message = self._join(opcode, content, is_final=bool(first & _FINAL))
            if message is not None:
                return message

    def _read_frame(self) -> tuple[int, bytes] | None:
        buffer, start = self._buffer, self._at
        head = start + 2
        if len(buffer) < head:
            self._forget_read()
            return None
        first, second = buffer[start], buffer[start + 1]
        size = second & 0x7F
        self._check_head(first, second, size)
        if size >= 126:
            digits = 2 if size == 126 else 8
            if len(buffer) < head + digits:
                return None
            size = int.from_bytes(buffer[head : head + digits], "big")
            if size < 126 or (digits == 8 and size < 1 << 16):
                raise FrameError(CloseCode.PROTOCOL_ERROR, "a length that is longer than it needs to be")
            head += digits
        if self._parts_bytes + size > self._message_bytes_max:
            raise FrameError(CloseCode.TOO_BIG, "a message that is too big")
        content = head + 4
        end = content + size
        if len(buffer) < end:
            return None
        self._at = end
        return first, apply_mask(buffer[content:end], buffer[head:content])

    def _forget_read(self) -> None:
        if self._at == len(self._buffer):
            self._buffer, self._at = b"", 0

    @staticmethod
    def _check_head(first: int, second: int, size: int) -> None:
        if first & _RESERVED:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a reserved bit: no extension was agreed on")
        if not second & _MASKED:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a frame without a mask")
        opcode = first & 0x0F
        if opcode not in _OPCODES:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "an unknown opcode")
        if opcode >= Opcode.CLOSE and (size > _CONTROL_BYTES_MAX or not first & _FINAL):
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a control frame that is long or in parts")

    def _join(self, opcode: int, content: bytes, *, is_final: bool) -> tuple[int, bytes] | None:
        if (opcode == Opcode.CONTINUATION) is (self._parts is None):
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a message inside another, or the rest of none")
        if self._parts is None:
            self._parts, self._opcode = [], opcode
        self._parts.append(content)
        self._parts_bytes += len(content)
        if len(self._parts) > FRAGMENTS_MAX:
            raise FrameError(CloseCode.POLICY, "a message in too many parts")
        if not is_final:
            return None
        message, self._parts, self._parts_bytes = b"".join(self._parts), None, 0
        return self._opcode, message


def close_code_of(content: bytes) -> CloseCode:
    """The code that answers a close frame with this content: ``NORMAL`` if it is well formed."""
    if not content:
        return CloseCode.NORMAL
    code = int.from_bytes(content[:2], "big")
    is_known = 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code < 5000
    try:
        content[2:].decode()
    except UnicodeDecodeError:
        return CloseCode.NOT_UTF8
    return CloseCode.NORMAL if is_known and len(content) >= 2 else CloseCode.PROTOCOL_ERROR
