"""Socket.IO packets and the frames they leave in: what is read, what is refused, what is written."""

import orjson
import pytest

from realtime.transport.engineio.packets import SEPARATOR, poll_body, poll_packet
from realtime.transport.socketio.packets import (
    BadPacket,
    Fault,
    Packet,
    PacketType,
    decode_packet,
    encode_ack,
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    encode_event,
)
from realtime.transport.websocket.frames import text_frame

SIZE_MAX = 65536


def decode(text: str | bytes) -> Packet:
    return decode_packet(text.encode() if isinstance(text, str) else text, size_bytes_max=SIZE_MAX)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0/chat,", (PacketType.CONNECT, "/chat", None, None)),
        ("0", (PacketType.CONNECT, "/", None, None)),
        ('0/chat,{"token":"x"}', (PacketType.CONNECT, "/chat", None, {"token": "x"})),
        ("0/chat?token=x,", (PacketType.CONNECT, "/chat", None, None)),
        ("0/chat", (PacketType.CONNECT, "/chat", None, None)),
        ("1/chat,", (PacketType.DISCONNECT, "/chat", None, None)),
        ('2/chat,["chat:list"]', (PacketType.EVENT, "/chat", None, ["chat:list"])),
        ('2/chat,0["chat:list",{}]', (PacketType.EVENT, "/chat", 0, ["chat:list", {}])),
        ('2/chat,999999999999999["a"]', (PacketType.EVENT, "/chat", 999999999999999, ["a"])),
        ('2["a","б"]', (PacketType.EVENT, "/", None, ["a", "б"])),
        ("3/chat,7[]", (PacketType.ACK, "/chat", 7, [])),
    ],
)
def test_packet_is_read(text: str, expected: tuple[object, ...]):
    packet = decode(text)
    assert (packet.type, packet.namespace, packet.ack_id, packet.data) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4/chat,{}",
        "6/chat,1[]",
        "7",
        "9",
        "x",
        "²",
        "2",
        "2/chat",
        "2/chat,",
        "2/chat,1",
        "2/chat,{}",
        "2/chat,null",
        "2/chat,[]",
        "2/chat,[1]",
        "2/chat,[null]",
        '2/chat,["a"',
        '2/chat,["a"]x',
        "2/chat,abc",
        "2/chat,-1[]",
        '2/chat,1234567890123456["a"]',
        '2/chat,٣["a"]',
        "3/chat,[]",
        "3/chat,1",
        "3/chat,1{}",
        "0/chat,[]",
        '0/chat,"token"',
        "0/chat,1{}",
        "0/chat,{",
        "0/chat,abc",
        '0/chat,{"token":"\\ud800"}',
        "1/chat,1",
        "1/chat,{}",
        "5/chat,",
        '5["a"]',
        '5-["a"]',
        '511-["a"]',
        '5123456789-["a"]',
        b"2/\xff,[]",
        b'2["\xff"]',
    ],
)
def test_what_is_no_packet_is_refused(text: str | bytes):
    with pytest.raises(BadPacket):
        decode(text)


@pytest.mark.parametrize(
    "data",
    [
        '["a","\\ud800"]',
        '["a",NaN]',
        '["a",-Infinity]',
        '["a",' + "[" * 5000 + "]" * 5000 + "]",
        '["a",NaN,' + "9" * 5000 + "]",
    ],
    ids=["lone surrogate", "NaN", "Infinity", "deep", "many digits"],
)
def test_json_that_nothing_can_store_keeps_its_ack_id(data: str):
    packet = decode(f"2/chat,5{data}")
    assert (packet.type, packet.ack_id, packet.data) == (PacketType.EVENT, 5, Fault.NOT_JSON)


def test_event_over_the_limit_keeps_its_ack_id_and_is_not_parsed():
    packet = decode('2/chat,5["a",' + "x" * SIZE_MAX)
    assert (packet.ack_id, packet.data) == (5, Fault.TOO_LARGE)


def test_packet_of_exactly_the_limit_is_read():
    head, tail = '2/chat,5["', '"]'
    packet = decode(head + "x" * (SIZE_MAX - len(head) - len(tail)) + tail)
    assert isinstance(packet.data, list)


def test_connect_over_the_limit_is_refused():
    with pytest.raises(BadPacket):
        decode('0/chat,{"token":"' + "x" * SIZE_MAX + '"}')


def test_binary_event_keeps_its_ack_id_and_counts_its_attachments():
    packet = decode('52-/chat,3["a",{"_placeholder":true,"num":0}]')
    assert packet == Packet(PacketType.BINARY_EVENT, "/chat", 3, ["a", {"_placeholder": True, "num": 0}], 2)


def test_integer_beyond_64_bits_is_read():
    assert decode(f'2["a",{10**30}]').data[1] == pytest.approx(1e30)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_frame_holds_what_it_was_given(size: int):
    text = b"x" * size
    frame = text_frame(text)
    assert poll_packet(frame) == text
    assert frame[0] == 0x81
    assert len(frame) == size + (2 if size < 126 else 4 if size < 65536 else 10)


def test_packets_of_a_poll_are_separated():
    assert poll_body([text_frame(b"2"), text_frame(b"4x" * 100)]) == b"2" + SEPARATOR + b"4x" * 100


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (encode_connect("/chat", "abc"), '40/chat,{"sid":"abc"}'),
        (encode_connect("/", "abc"), '40{"sid":"abc"}'),
        (encode_event("/chat", "a:b", b'{"x":1}'), '42/chat,["a:b",{"x":1}]'),
        (encode_event("/", "a:b", '{"x":"б"}'.encode()), '42["a:b",{"x":"б"}]'),
        (encode_ack("/chat", 12, b'{"data":{}}'), '43/chat,12[{"data":{}}]'),
        (encode_disconnect("/chat"), "41/chat,"),
        (encode_disconnect("/"), "41"),
    ],
)
def test_packet_is_written(frame: bytes, text: str):
    assert poll_packet(frame).decode() == text


def test_refusal_is_written_with_message_and_code():
    text = poll_packet(encode_connect_error("/chat", {"message": "No.", "data": {"code": "unauthorized"}}))
    assert text.startswith(b"44/chat,{")
    assert orjson.loads(text[len("44/chat,") :]) == {"message": "No.", "data": {"code": "unauthorized"}}
