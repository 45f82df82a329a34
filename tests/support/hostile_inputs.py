"""Everything malformed or hostile that the wire is tried with, and what must come of it.

Each table is shown in docs/security.md. An input that nobody thought of yet is a row here.
"""

import base64
import json
from dataclasses import dataclass
from typing import Final

from tests.support.raw_socket import BINARY, CLOSE, CONTINUATION, PING, PONG, frame

ACK_ID: Final = 7
CLOSES, IGNORED = "closed", "ignored"
MIB: Final = 1 << 20


@dataclass(frozen=True)
class Hostile:
    """``content``: bytes as they are, or text packets. ``outcome``: closed, ignored, or the code of the error ack."""

    what: str
    content: bytes | tuple[str, ...]
    outcome: str

    @property
    def bytes(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else b"".join(map(frame, self.content))


def _frames(*rows: tuple[str, bytes], outcome: str = CLOSES) -> list[Hostile]:
    return [Hostile(what, content, outcome) for what, content in rows]


def _packets(*rows: tuple[str, str], outcome: str = CLOSES) -> list[Hostile]:
    return [Hostile(what, (packet,), outcome) for what, packet in rows]


def _events(outcome: str, *rows: tuple[str, str]) -> list[Hostile]:
    return [Hostile(what, (f"42/chat,{ACK_ID}{event}",), outcome) for what, event in rows]


FRAMES: Final = [
    *_frames(
        ("a frame without a mask", frame("3", masked=False)),
        ("the first reserved bit: compression that was not agreed on", frame("3", reserved=4)),
        ("the second reserved bit", frame("3", reserved=2)),
        ("the third reserved bit", frame("3", reserved=1)),
        ("an unknown opcode for data", frame("3", 3)),
        ("the last unknown opcode for data", frame("3", 7)),
        ("an unknown control opcode", frame(b"", 11)),
        ("the last unknown control opcode", frame(b"", 15)),
        ("the rest of a message that never began", frame("3", CONTINUATION)),
        ("a message inside another", frame("42/chat,", final=False) + frame("3")),
        ("a ping in fragments", frame(b"", PING, final=False)),
        ("a ping of 126 bytes", frame(b"x" * 126, PING)),
        ("a pong of 64 KiB", frame(b"x" * 65536, PONG)),
        ("a close of one byte", frame(b"\x03", CLOSE)),
        ("a close with a code below 1000", frame((999).to_bytes(2, "big"), CLOSE)),
        ("a close with the code that means none", frame((1005).to_bytes(2, "big"), CLOSE)),
        ("a close with the code of a lost connection", frame((1006).to_bytes(2, "big"), CLOSE)),
        ("a close with a code that nobody may use", frame((2999).to_bytes(2, "big"), CLOSE)),
        ("a close whose reason is not UTF-8", frame(b"\x03\xe8\xff", CLOSE)),
        ("a length in two bytes that fits in one", frame("3", size=b"\x7e\x00\x01")),
        ("a length in eight bytes that fits in one", frame("3", size=b"\x7f" + bytes(7) + b"\x01")),
        ("a length in eight bytes that fits in two", frame("3", size=b"\x7f" + bytes(6) + b"\xff\xff")),
        ("a length beyond 63 bits", frame("3", size=b"\x7f\xff" + bytes(7))),
        ("a terabyte announced", frame("3", size=b"\x7f" + (1 << 40).to_bytes(8, "big"))),
        ("a message just above the bound announced", frame("3", size=b"\x7f" + (MIB + 1).to_bytes(8, "big"))),
        ("fragments that together are above the bound", b"".join(
            [frame("42/chat,", final=False), *(frame(b"x" * 60_000, CONTINUATION, final=False) for _ in range(18))]
        )),
        ("thousands of empty fragments", frame("", final=False) + frame("", CONTINUATION, final=False) * 1100),
        ("text that is not UTF-8", frame(b"42/chat,\xff\xfe")),
        ("UTF-8 that breaks off", frame('42/chat,1["a","é"]'.encode()[:-3])),
        ("UTF-8 that is longer than need be", frame(b'42/chat,["\xc0\xaf"]')),
        ("a surrogate in UTF-8", frame(b'42/chat,["\xed\xa0\x80"]')),
        ("UTF-8 beyond Unicode", frame(b'42/chat,["\xf4\x90\x80\x80"]')),
        ("fragments whose whole is not UTF-8", frame(b"42/chat,\xc3", final=False) + frame(b"\x28", CONTINUATION)),
        ("binary that was not announced", frame(b"\x01\x02", BINARY)),
        ("empty binary that was not announced", frame(b"", BINARY)),
        ("an HTTP request in place of frames", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("a TLS greeting in place of frames", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ),
    *_frames(
        ("a ping", frame(b"hello", PING)),
        ("a hundred pings", frame(b"", PING) * 100),
        ("a pong that nobody asked for", frame(b"x", PONG)),
        ("a ping between fragments", frame("3", final=False) + frame(b"", PING) + frame("", CONTINUATION)),
        ("a message in single bytes", frame("3", final=False) + frame("", CONTINUATION)),
        ("a heartbeat that nobody asked for", frame("3")),
        ("a hundred heartbeats that nobody asked for", frame("3") * 100),
        outcome=IGNORED,
    ),
]  # fmt: skip

ENGINE_PACKETS: Final = _packets(
    ("an empty packet", ""),
    ("an open packet", "0"),
    ("an open packet with a handshake", '0{"sid":"x","upgrades":[]}'),
    ("a ping from the client", "2"),
    ("a probe outside an upgrade", "2probe"),
    ("a probe's answer", "3probe"),
    ("a pong with digits behind it", "31"),
    ("a pong with a space behind it", "3 "),
    ("a close with something behind it", "1x"),
    ("an upgrade outside an upgrade", "5"),
    ("a no-op from the client", "6"),
    ("an unknown type", "7"),
    ("the last digit", "9"),
    ("a letter", "a"),
    ("a space before the type", " 4"),
    ("a line break before the type", "\n4"),
    ("NUL", "\0"),
    ("an Arabic digit", "٤2/chat,[]"),
    ("a full-width digit", "４2/chat,[]"),
    ("a superscript digit", "⁴"),
    ("a sign before the type", "+4"),
    ("a byte order mark before the type", "\ufeff42/chat,[]"),
    ("JSON instead of a packet", '{"type":"message","data":"x"}'),
    ("a JSON array instead of a packet", '["a"]'),
    ("null instead of a packet", "null"),
    ("base64, which only polls carry", "bAQID"),
    ("an empty message", "4"),
    ("a second packet behind a separator", f'42/chat,{ACK_ID}["chat:list",{{}}]\x1e42/chat,8["chat:list",{{}}]'),
    ("a separator before the packet", '\x1e42/chat,1["chat:list",{}]'),
    ("nothing but separators", "\x1e\x1e\x1e"),
)

SOCKET_PACKETS: Final = [
    *_packets(
        ("a connect error from the client", '44/chat,{"message":"x"}'),
        ("an unknown type", "47"),
        ("the last digit", "49/chat,"),
        ("a letter", "4x"),
        ("an Arabic digit", "4٢/chat,[]"),
        ("a second connect", "40/chat,{}"),
        ("a connect with an array", '40/other,["a"]'),
        ("a connect with text", '40/other,"a"'),
        ("a connect with an ack id", "40/other,1{}"),
        ("a connect with a number that is not one", '40/other,{"a":NaN}'),
        ("a connect that is not JSON", "40/other,{"),
        ("a disconnect with an ack id", "41/chat,1"),
        ("a disconnect with data", "41/chat,{}"),
        ("an event with an object", '42/chat,{"a":1}'),
        ("an event with text", '42/chat,"a"'),
        ("an event with a number", "42/chat,1"),
        ("an event with null", "42/chat,null"),
        ("an event with true", "42/chat,true"),
        ("an event without data", "42/chat,"),
        ("an event without anything", "42"),
        ("an event without a name", "42/chat,[]"),
        ("an event whose name is a number", "42/chat,[1]"),
        ("an event whose name is null", "42/chat,[null]"),
        ("an event whose name is an array", '42/chat,[["a"]]'),
        ("an event whose name is an object", "42/chat,[{}]"),
        ("an event in a namespace that one is not in", '42/other,["a"]'),
        ("an event in the root namespace", '42["chat:list",{}]'),
        ("JSON that breaks off", '42/chat,["a"'),
        ("a comma too many", '42/chat,["a",]'),
        ("a bracket too many", '42/chat,["a"]]'),
        ("single quotes", "42/chat,['a']"),
        ("two arrays", '42/chat,["a"]["b"]'),
        ("text behind the array", '42/chat,["a"]x'),
        ("a comment", '42/chat,["a"/**/]'),
        ("a line break within text", '42/chat,["a\nb"]'),
        ("an escape that JSON has not", '42/chat,["\\x41"]'),
        ("a number with a leading zero", '42/chat,["a",01]'),
        ("a number in hexadecimal", '42/chat,["a",0x1]'),
        ("undefined", '42/chat,["a",undefined]'),
        ("an ack id of 16 digits", '42/chat,1234567890123456["a"]'),
        ("an ack id of a thousand digits", "42/chat," + "9" * 1000 + '["a"]'),
        ("a negative ack id", '42/chat,-1["a"]'),
        ("an ack id with a fraction", '42/chat,1.5["a"]'),
        ("an ack id with an exponent", '42/chat,1e3["a"]'),
        ("an ack id in Arabic digits", '42/chat,٣["a"]'),
        ("a space before the ack id", '42/chat, 1["a"]'),
        ("an ack without an id", "43/chat,[]"),
        ("an ack with an object", "43/chat,1{}"),
        ("an ack without data", "43/chat,1"),
        ("an ack in a namespace that one is not in", "43/other,1[]"),
        ("a binary event that does not count its attachments", '45/chat,["a"]'),
        ("a binary event without a dash", '451/chat,["a"]'),
        ("a binary event without digits", '45-/chat,["a"]'),
        ("a binary event with eleven attachments", '4511-/chat,["a"]'),
        ("a binary event with ten billion attachments", '459999999999-/chat,["a"]'),
        ("a binary ack without an id", "460-/chat,[]"),
        ("a namespace of a thousand bytes", "40/" + "x" * 1000 + ","),
    ),
    Hostile("a namespace that is not UTF-8", frame(b"40/\xff,"), CLOSES),
    Hostile("text where an attachment was announced", ('451-/chat,["a",{"_placeholder":true,"num":0}]', "4hello"), CLOSES),
    Hostile("a packet where an attachment was announced", ('451-/chat,["a"]', '42/chat,1["chat:list"]'), CLOSES),
    Hostile("an attachment too many", frame('451-/chat,["a"]') + frame(b"x", BINARY) * 2, CLOSES),
    *_packets(
        ("an ack that nobody waits for", "43/chat,1[]"),
        ("an ack with the id of the library's counter", "43/chat,0[]"),
        ("leaving a namespace that one is not in", "41/other,"),
        ("a connect to a namespace that is not there", "40/other,{}"),
        ("a connect to the root namespace", "40"),
        outcome=IGNORED,
    ),
]

EVENTS: Final = [
    *_events(
        "validation_failed",
        ("NaN", '["chat:list",{"limit":NaN}]'),
        ("Infinity", '["chat:list",{"limit":Infinity}]'),
        ("negative Infinity", '["chat:list",{"limit":-Infinity}]'),
        ("a number beyond a double", '["chat:list",{"limit":1e999}]'),
        ("an integer of a thousand digits", '["chat:list",{"limit":1' + "0" * 1000 + "}]"),
        ("an integer of ten thousand digits", '["chat:list",{"limit":1' + "0" * 10_000 + "}]"),
        ("a high surrogate alone", '["user:find",{"username":"\\ud800"}]'),
        ("a low surrogate alone", '["user:find",{"username":"\\udc00"}]'),
        ("surrogates in the wrong order", '["user:find",{"username":"\\udc00\\ud800"}]'),
        ("a surrogate in a name", '["chat:list",{"\\ud800":1}]'),
        ("arrays 65 deep", '["chat:list",' + "[" * 64 + "]" * 64 + "]"),
        ("objects 100 deep", '["chat:list",' + '{"a":' * 99 + "1" + "}" * 99 + "]"),
        ("arrays 1,100 deep", '["chat:list",' + "[" * 1100 + "]" * 1100 + "]"),
        ("arrays 30,000 deep", '["chat:list",' + "[" * 30_000 + "]" * 30_000 + "]"),
        ("NUL in text", '["user:find",{"username":"a\\u0000b"}]'),
        ("two arguments", '["chat:list",{},{}]'),
        ("a hundred arguments", '["chat:list"' + ",{}" * 100 + "]"),
        ("an array for an argument", '["chat:list",[]]'),
        ("null for an argument", '["chat:list",null]'),
        ("text for an argument", '["chat:list","{}"]'),
        ("a number for an argument", '["chat:list",5]'),
        ("text for a number", '["chat:list",{"limit":"5"}]'),
        ("a fraction for an integer", '["chat:list",{"limit":5.5}]'),
        ("true for a number", '["chat:list",{"limit":true}]'),
        ("an integer beyond 64 bits", '["chat:list",{"limit":18446744073709551616}]'),
        ("an unknown field", '["chat:list",{"limit":5,"admin":true}]'),
        ("a prototype for a field", '["chat:list",{"__proto__":{"limit":5}}]'),
        ("an object for an id", '["chat:get",{"chat_id":{"$ne":null}}]'),
        ("SQL for an id", '["chat:get",{"chat_id":"1 OR 1=1"}]'),
        ("six thousand fields", '["chat:list",{' + ",".join(f'"{n}":1' for n in range(6000)) + "}]"),
    ),
    *_events(
        "unknown_action",
        ("the reserved name connect", '["connect",{}]'),
        ("the reserved name connect_error", '["connect_error",{}]'),
        ("the reserved name disconnect", '["disconnect",{}]'),
        ("the reserved name disconnecting", '["disconnecting",{}]'),
        ("the reserved name newListener", '["newListener",{}]'),
        ("the reserved name removeListener", '["removeListener",{}]'),
        ("a handler's own name", '["on_connect",{}]'),
        ("a method's name", '["trigger_event",{}]'),
        ("a prototype for a name", '["__proto__",{}]'),
        ("a star for a name", '["*",{}]'),
        ("an empty name", '["",{}]'),
        ("a name in capitals", '["CHAT:LIST",{}]'),
        ("a name with NUL", '["chat:list\\u0000",{}]'),
        ("a name of 60,000 letters", '["' + "x" * 60_000 + '",{}]'),
        ("an event that only the server emits", '["message:created",{}]'),
    ),
    *_events("payload_too_large", ("an event above 64 KiB", '["chat:list",{"a":"' + "x" * 65_536 + '"}]')),
    Hostile("one attachment", frame(f'451-/chat,{ACK_ID}["a",{{"_placeholder":true,"num":0}}]') + frame(b"x", BINARY),
            "validation_failed"),
    Hostile("an attachment without a place", frame(f'451-/chat,{ACK_ID}["a"]') + frame(b"x", BINARY), "validation_failed"),
    Hostile("a heartbeat before the attachment", frame(f'451-/chat,{ACK_ID}["a"]') + frame("3") + frame(b"x", BINARY),
            "validation_failed"),
    Hostile("no attachments in a binary event", frame(f'450-/chat,{ACK_ID}["a"]'), "validation_failed"),
    Hostile("ten attachments", frame(f'4510-/chat,{ACK_ID}["a"]') + frame(b"x", BINARY) * 10, "validation_failed"),
]  # fmt: skip

STRANGERS: Final = _packets(
    ("an event before the connect", '42/chat,1["chat:list",{}]'),
    ("an ack before the connect", "43/chat,1[]"),
    ("a binary event before the connect", '451-/chat,["a"]'),
    ("a connect with a namespace and nothing of JSON", "40/chat,token"),
    ("a connect whose token is in an array", '40/chat,["token"]'),
)
"""Sent by clients that are in no namespace."""

AUTHS: Final[list[tuple[str, object]]] = [
    ("nothing", None),
    ("an empty object", {}),
    ("null for a token", {"token": None}),
    ("a number for a token", {"token": 1}),
    ("an array for a token", {"token": ["x"]}),
    ("an empty token", {"token": ""}),
    ("words for a token", {"token": "let me in"}),
    ("dots for a token", {"token": "..."}),
    ("a token of 10,000 letters", {"token": "x" * 10_000}),
    (
        "a token that nobody signed",
        {"token": base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=") + ".e30."},
    ),
]
"""Auths that are refused with ``unauthorized``."""

WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
HANDSHAKES: Final[list[tuple[str, str, dict[str, str | None], int]]] = [
    ("another path", "/other/?EIO=4&transport=websocket", {}, 404),
    ("a path above ours", "/?EIO=4&transport=websocket", {}, 404),
    ("no protocol version", "/socket.io/?transport=websocket", {}, 400),
    ("protocol version 3", "/socket.io/?EIO=3&transport=websocket", {}, 400),
    ("protocol version 5", "/socket.io/?EIO=5&transport=websocket", {}, 400),
    ("a version in Arabic digits", "/socket.io/?EIO=%D9%A4&transport=websocket", {}, 400),
    ("two versions", "/socket.io/?EIO=4&EIO=3&transport=websocket", {}, 400),
    ("no transport", "/socket.io/?EIO=4", {}, 400),
    ("polling by WebSocket", "/socket.io/?EIO=4&transport=polling", {}, 400),
    ("two transports", "/socket.io/?EIO=4&transport=websocket&transport=polling", {}, 400),
    ("an unknown transport", "/socket.io/?EIO=4&transport=webtransport", {}, 400),
    ("JSONP", WEBSOCKET + "&j=0", {}, 400),
    ("an invented session id", WEBSOCKET + "&sid=invented", {}, 400),
    ("an empty session id", WEBSOCKET + "&sid=", {}, 400),
    ("two session ids", WEBSOCKET + "&sid=a&sid=b", {}, 400),
    ("a hundred query fields", WEBSOCKET + "&x=1" * 100, {}, 400),
    ("no WebSocket key", WEBSOCKET, {"sec_websocket_key": None}, 400),
    ("a WebSocket key that is too short", WEBSOCKET, {"sec_websocket_key": "AAAA"}, 400),
    ("a WebSocket key that is no base64", WEBSOCKET, {"sec_websocket_key": "!" * 24}, 400),
    ("WebSocket version 8", WEBSOCKET, {"sec_websocket_version": "8"}, 426),
    ("no WebSocket version", WEBSOCKET, {"sec_websocket_version": None}, 426),
]
"""Requests for a WebSocket: what, target, headers, the status they get."""

POSTS: Final[list[tuple[str, bytes]]] = [
    ("nothing", b""),
    ("a letter", b"abc"),
    ("bytes that are not UTF-8", b"42/chat,\xff"),
    ("base64 that is none", b"b!!!!"),
    ("an attachment of nothing", b"bAQID"),
    ("a ping from the client", b"2"),
    ("an empty packet behind a good one", b"3\x1e"),
    ("nothing but separators", b"\x1e\x1e"),
    ("JSONP", b"d=42/chat,[]"),
    ("more packets than one post may hold", b"\x1e".join([b"3"] * 5_001)),
    ("an event before the connect", b'42/chat,["chat:list"]'),
    ("a packet of revision 3, with its length before it", b"2:40"),
]
"""Bodies that a polling client posts: each is refused and closes."""

IN_NAMESPACE: Final = {"frames": FRAMES, "Engine.IO": ENGINE_PACKETS, "Socket.IO": SOCKET_PACKETS, "events": EVENTS}
