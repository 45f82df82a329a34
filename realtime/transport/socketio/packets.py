"""Socket.IO packets (protocol revision 5), read strictly: what the protocol does not allow is refused.

Pure functions, no I/O. A well-formed event that cannot be an action (too large, or JSON that cannot be stored) keeps its
ack id, so that the client gets an error as its ack. Source: https://socket.io/docs/v4/socket-io-protocol/
"""

import json
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Final

import orjson

from realtime.transport.websocket.frames import binary_frame, text_frame

_ACK_ID_DIGITS_MAX: Final = 15
"""The most digits of which JavaScript represents every number exactly."""
ATTACHMENTS_MAX: Final = 10
DEPTH_MAX: Final = 64
"""How deep arrays and objects may be nested."""
NAMESPACE_BYTES_MAX: Final = 128
_DIGITS: Final = b"0123456789"


class PacketType(IntEnum):
    """The packet types that clients may send."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    BINARY_EVENT = 5
    BINARY_ACK = 6

    @property
    def is_binary(self) -> bool:
        """Whether attachments follow."""
        return self in _BINARY


_BINARY: Final = frozenset({PacketType.BINARY_EVENT, PacketType.BINARY_ACK})
_TYPES: Final = {b"%d" % packet_type: packet_type for packet_type in PacketType}


class BadPacket(ValueError):
    """The client sent something that is not a packet. The connection is closed."""


class Fault(Enum):
    """Why a well-formed event cannot be an action."""

    NOT_JSON = "not_json"
    """It has the grammar of JSON, and lone surrogates, NaN, Infinity or nesting beyond :data:`DEPTH_MAX`."""
    BINARY = "binary"
    """It has attachments, and the namespace accepts none."""
    TOO_LARGE = "too_large"


@dataclass(slots=True)
class Packet:
    """A decoded packet. ``data`` is its JSON value; for an event, that is an array or a :class:`Fault`."""

    type: PacketType
    namespace: str
    ack_id: int | None
    data: Any
    attachments: int = 0
    """How many binary messages follow that belong to this packet."""


def decode_packet(packet: bytes, *, size_bytes_max: int) -> Packet:
    """Decode ``packet``; ``BadPacket`` if the protocol does not allow it."""
    packet_type = _TYPES.get(packet[:1])
    if packet_type is None:
        raise BadPacket("unknown packet type")
    rest = packet[1:]
    attachments = 0
    if packet_type in _BINARY:
        attachments, rest = _split_attachments(rest)
    namespace, rest = _split_namespace(rest)
    ack_id, rest = _split_ack_id(rest)
    data = None
    if rest:
        data = Fault.TOO_LARGE if len(packet) > size_bytes_max else _decode_json(rest)
    _check_shape(packet_type, ack_id, data)
    return Packet(packet_type, namespace, ack_id, data, attachments)


def _check_shape(packet_type: PacketType, ack_id: int | None, data: Any) -> None:
    match packet_type:
        case PacketType.EVENT | PacketType.BINARY_EVENT:
            if isinstance(data, Fault):
                return
            if not isinstance(data, list) or not data or not isinstance(data[0], str):
                raise BadPacket("an event is an array that begins with its name")
        case PacketType.ACK | PacketType.BINARY_ACK:
            if ack_id is None or not isinstance(data, list):
                raise BadPacket("an ack is an array with an id")
        case PacketType.CONNECT:
            if ack_id is not None or not (data is None or isinstance(data, dict)):
                raise BadPacket("a connect holds an object or nothing")
        case PacketType.DISCONNECT:
            if ack_id is not None or data is not None:
                raise BadPacket("a disconnect holds nothing")


def _split_namespace(rest: bytes) -> tuple[str, bytes]:
    if not rest.startswith(b"/"):
        return "/", rest
    namespace, _, rest = rest.partition(b",")
    if len(namespace) > NAMESPACE_BYTES_MAX:
        raise BadPacket("a namespace that is too long")
    try:
        return namespace.partition(b"?")[0].decode(), rest
    except UnicodeDecodeError:
        raise BadPacket("a namespace that is not text") from None


def _split_number(rest: bytes, digits_max: int) -> tuple[int | None, bytes]:
    digits = len(rest) - len(rest.lstrip(_DIGITS))
    if digits > digits_max:
        raise BadPacket("a number that is too long")
    return (int(rest[:digits]) if digits else None), rest[digits:]


def _split_ack_id(rest: bytes) -> tuple[int | None, bytes]:
    return _split_number(rest, _ACK_ID_DIGITS_MAX)


def _split_attachments(rest: bytes) -> tuple[int, bytes]:
    count, rest = _split_number(rest, len(str(ATTACHMENTS_MAX)))
    if count is None or count > ATTACHMENTS_MAX or not rest.startswith(b"-"):
        raise BadPacket("a binary event without the number of its attachments")
    return count, rest[1:]


def _decode_json(text: bytes) -> Any:
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _find_json_fault(text)
    if text.count(b"[") + text.count(b"{") > DEPTH_MAX and _is_too_deep(data):
        return Fault.NOT_JSON
    return data


def _is_too_deep(data: Any) -> bool:
    level = [data]
    for _ in range(DEPTH_MAX + 1):
        inner = (value.values() if isinstance(value, dict) else value for value in level)
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
        if not level:
            return False
    return True


def _find_json_fault(text: bytes) -> Fault:
    """Why orjson does not read ``text``; ``BadPacket`` if Python's parser does not read it either."""
    try:
        json.loads(text.decode(), parse_int=float)  # float: Python refuses to read thousands of digits as an integer
    except RecursionError:
        return Fault.NOT_JSON
    except ValueError:
        raise BadPacket("data is not JSON") from None
    return Fault.NOT_JSON


def join_attachments(data: Any, attachments: list[bytes]) -> Any:
    """``data`` with its placeholders replaced; ``BadPacket`` unless each attachment has exactly one placeholder."""
    used: set[int] = set()

    def join(value: Any) -> Any:
        if isinstance(value, list):
            return [join(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("_placeholder") is not True:
            return {name: join(item) for name, item in value.items()}
        number = value.get("num")
        if type(number) is not int or not 0 <= number < len(attachments) or number in used:
            raise BadPacket("a placeholder for no attachment")
        used.add(number)
        return attachments[number]

    joined = join(data)
    if len(used) != len(attachments):
        raise BadPacket("an attachment without a place")
    return joined


def encode_connect(namespace: str, connection_id: str) -> bytes:
    """CONNECT: the client's connect is accepted."""
    return text_frame(b'40%b{"sid":"%b"}' % (_prefix(namespace), connection_id.encode()))


def encode_connect_error(namespace: str, error: object) -> bytes:
    """CONNECT_ERROR: the connect is refused. ``error``: ``message``, and optional ``data``."""
    return text_frame(b"44%b%b" % (_prefix(namespace), orjson.dumps(error)))


def encode_event(namespace: str, name: str, payload: bytes) -> bytes:
    """EVENT with a declared ``name`` (plain ASCII) and a payload of encoded JSON."""
    return text_frame(b'42%b["%b",%b]' % (_prefix(namespace), name.encode(), payload))


def encode_disconnect(namespace: str) -> bytes:
    """DISCONNECT: the server ends the connection to the namespace. The client does not reconnect by itself."""
    return text_frame(b"41%b" % _prefix(namespace))


def encode_ack(namespace: str, ack_id: int, answer: bytes) -> bytes:
    """ACK with one argument, which is encoded JSON."""
    return text_frame(b"43%b%d[%b]" % (_prefix(namespace), ack_id, answer))


def encode_by_library(packet: Any) -> list[bytes]:
    """A packet object of python-socketio, followed by its attachments."""
    encoded = packet.encode()
    first, *attachments = encoded if isinstance(encoded, list) else [encoded]
    return [text_frame(b"4" + first.encode()), *map(binary_frame, attachments)]


def _prefix(namespace: str) -> bytes:
    return b"" if namespace == "/" else namespace.encode() + b","
