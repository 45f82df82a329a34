"""WebSocket without I/O: the opening handshake, messages, the closing handshake, and the states between them.

The expected values come from RFC 6455.
"""

import itertools

import pytest

from core.transitions import InvalidTransition
from realtime.transport.request import RequestRefused, TransportRequest
from realtime.transport.websocket.frame_reader import FRAGMENTS_MAX, CloseCode, FrameError
from realtime.transport.websocket.protocol import (
    CLOSED,
    CLOSING,
    CONNECTING,
    OPEN,
    TRANSITIONS,
    State,
    WebSocketProtocol,
    check_opening_request,
)
from tests.support.raw_socket import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame

MESSAGE_BYTES_MAX = 1000
OPENING = {
    "Host": "server.example.com",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "X-Request-ID": "mine",
}


def request_of(method: str = "GET", **headers: str | None) -> TransportRequest:
    """The example of RFC 6455 §1.3 with other headers (``_`` for ``-``); ``None`` leaves one out."""
    fields = OPENING | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    head = "\r\n".join([f"{method} /socket.io/?EIO=4&transport=websocket HTTP/1.1", *lines, "", ""])
    return TransportRequest.of_head(head.encode(), "192.0.2.1", trusted_proxies=0)


def opened() -> WebSocketProtocol:
    protocol = WebSocketProtocol(MESSAGE_BYTES_MAX)
    protocol.accept(request_of())
    return protocol


def close_frame(code: int | None, reason: bytes = b"") -> bytes:
    return frame((b"" if code is None else code.to_bytes(2, "big")) + reason, CLOSE)


def read_all(protocol: WebSocketProtocol, data: bytes) -> list[tuple[int, bytes]]:
    protocol.feed(data)
    return list(iter(protocol.read, None))


# --- opening handshake


def test_opening_handshake_is_answered_with_the_token_of_the_key():
    protocol = WebSocketProtocol(MESSAGE_BYTES_MAX)
    request = request_of()
    check_opening_request(request)
    status, *headers = protocol.accept(request).decode().split("\r\n")
    assert status == "HTTP/1.1 101 Switching Protocols"
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in headers
    assert "X-Request-ID: mine" in headers
    assert headers[-2:] == ["", ""]
    assert protocol.state is OPEN


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (request_of("POST"), 405),
        (request_of(Sec_WebSocket_Version="8"), 426),
        (request_of(Sec_WebSocket_Version=None), 426),
        (request_of(Sec_WebSocket_Key=None), 400),
        (request_of(Sec_WebSocket_Key="c2hvcnQ="), 400),
        (request_of(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZ!=="), 400),
    ],
)
def test_opening_request_that_breaks_the_protocol_is_refused(request_: TransportRequest, status: int):
    with pytest.raises(RequestRefused) as refusal:
        check_opening_request(request_)
    assert refusal.value.status == status


def test_refusal_is_an_http_response_and_ends_the_websocket():
    protocol = WebSocketProtocol(MESSAGE_BYTES_MAX)
    head, _, body = protocol.refuse(RequestRefused(4, "Forbidden", 403), "mine").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert body == b'{"code":4,"message":"Forbidden"}'
    assert protocol.state is CLOSING
    assert protocol.close(CloseCode.NORMAL) == b""


# --- messages


def test_messages_are_read_in_order_however_the_bytes_are_cut():
    data = frame("one") + frame(b"\xff", BINARY) + frame("", PING) + frame("пять")
    for size in (1, 2, 7, len(data)):
        protocol, messages = opened(), []
        for start in range(0, len(data), size):
            messages += read_all(protocol, data[start : start + size])
        assert messages == [(TEXT, b"one"), (BINARY, b"\xff"), (PING, b""), (TEXT, "пять".encode())]


def test_control_frame_comes_before_the_fragmented_message_around_it():
    data = frame("a", final=False) + frame("x", PING) + frame("b", CONTINUATION)
    assert read_all(opened(), data) == [(PING, b"x"), (TEXT, b"ab")]


def test_character_may_be_cut_by_fragments():
    first, second = "й".encode()[:1], "й".encode()[1:]
    data = frame(first, final=False) + frame(second, CONTINUATION)
    assert read_all(opened(), data) == [(TEXT, "й".encode())]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(b"\xff"), CloseCode.NOT_UTF8),
        (frame(b"\xed\xa0\x80"), CloseCode.NOT_UTF8),
        (frame("й".encode()[:1]), CloseCode.NOT_UTF8),
        (frame("a", masked=False), CloseCode.PROTOCOL_ERROR),
        (frame("a", reserved=4), CloseCode.PROTOCOL_ERROR),
        (frame("a", 3), CloseCode.PROTOCOL_ERROR),
        (frame("a", CONTINUATION), CloseCode.PROTOCOL_ERROR),
        (frame("a", final=False) + frame("b"), CloseCode.PROTOCOL_ERROR),
        (frame("a", PING, final=False), CloseCode.PROTOCOL_ERROR),
        (frame("a" * 126, PING), CloseCode.PROTOCOL_ERROR),
        (frame("a" * (MESSAGE_BYTES_MAX + 1)), CloseCode.TOO_BIG),
        (frame("", final=False) + frame("", CONTINUATION, final=False) * FRAGMENTS_MAX, CloseCode.POLICY),
    ],
)
def test_frame_that_breaks_the_protocol_is_answered_with_its_close_code(data: bytes, code: CloseCode):
    protocol = opened()
    with pytest.raises(FrameError) as error:
        read_all(protocol, data)
    assert protocol.fail(error.value) == b"\x88\x02" + code.to_bytes(2, "big")
    assert protocol.state is CLOSING


# --- closing handshake


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (close_frame(None), 1000),
        (close_frame(1000), 1000),
        (close_frame(1001, b"bye"), 1000),
        (close_frame(4999), 1000),
        (close_frame(1000, b"\xff"), 1007),
        (close_frame(999), 1002),
        (close_frame(1005), 1002),
        (close_frame(5000), 1002),
        (frame(b"\x03", CLOSE), 1002),
    ],
)
def test_close_of_the_client_is_answered_once(sent: bytes, answered: int):
    protocol = opened()
    ((opcode, content),) = read_all(protocol, sent)
    assert opcode == CLOSE
    assert protocol.answer_close(content) == b"\x88\x02" + answered.to_bytes(2, "big")
    assert protocol.state is CLOSING
    assert protocol.answer_close(content) == b""


def test_close_of_the_server_is_sent_once_and_its_answer_is_not_answered():
    protocol = opened()
    assert protocol.close(CloseCode.GOING_AWAY) == b"\x88\x02\x03\xe9"
    assert protocol.close(CloseCode.NORMAL) == b""
    ((_, content),) = read_all(protocol, close_frame(1001))
    assert protocol.answer_close(content) == b""


def test_text_after_our_close_need_not_be_utf8():
    protocol = opened()
    protocol.close(CloseCode.NORMAL)
    assert read_all(protocol, frame(b"\xff")) == [(TEXT, b"\xff")]


def test_close_before_the_opening_handshake_sends_nothing():
    protocol = WebSocketProtocol(MESSAGE_BYTES_MAX)
    assert protocol.close(CloseCode.GOING_AWAY) == b""
    protocol.stop_sending()
    assert protocol.state is CLOSING


# --- states


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_state_changes_along_the_table_alone(before: State, after: State):
    protocol = WebSocketProtocol(MESSAGE_BYTES_MAX)
    protocol.state = before
    if after in TRANSITIONS[before]:
        protocol.change_state(after)
        assert protocol.state is after
    else:
        with pytest.raises(InvalidTransition):
            protocol.change_state(after)
        assert protocol.state is before


def test_states_follow_one_another_and_never_return():
    order = [CONNECTING, OPEN, CLOSING, CLOSED]
    assert list(TRANSITIONS) == order
    for state, following in TRANSITIONS.items():
        assert all(order.index(later) > order.index(state) for later in following)
        assert CLOSED in following or state is CLOSED


def test_websocket_is_accepted_once():
    protocol = opened()
    with pytest.raises(InvalidTransition):
        protocol.accept(request_of())
