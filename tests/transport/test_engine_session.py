"""Engine.IO without a network: packets, the outbox of a polling client, the states of a session and of an upgrade."""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.transitions import InvalidTransition
from realtime.transport.engineio import poll_outbox, session
from realtime.transport.engineio.close_reason import CloseReason
from realtime.transport.engineio.packets import (
    CLOSE,
    NOOP,
    POST_PACKETS_MAX,
    PROBE_ANSWER,
    BadEnginePacket,
    EnginePacket,
    TooManyPackets,
    poll_body,
    read_packet,
    split_post,
)
from realtime.transport.engineio.poll_outbox import POLL_PACKETS_MAX, PollOutbox
from realtime.transport.engineio.session import (
    CLOSED,
    LINGERING,
    POLLING,
    TRANSITIONS,
    UPGRADING,
    WEBSOCKET,
    EngineSession,
    Heartbeat,
    State,
)
from realtime.transport.request import TransportRequest
from realtime.transport.socketio.client import PartialPacket
from realtime.transport.socketio.packets import BadPacket, Packet, PacketType
from realtime.transport.websocket.frame_reader import CloseCode
from realtime.transport.websocket.frames import binary_frame, text_frame
from tests.support.waiting import until

REQUEST = TransportRequest.of_head(
    b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a.example\r\n\r\n", "192.0.2.1", trusted_proxies=0
)

# --- packets


@pytest.mark.parametrize(
    ("data", "is_text", "expected"),
    [
        (b"4hello", True, (EnginePacket.MESSAGE, b"hello")),
        (b"4", True, (EnginePacket.MESSAGE, b"")),
        (b"\x01\x02", False, (EnginePacket.MESSAGE, b"\x01\x02")),
        (b"4", False, (EnginePacket.MESSAGE, b"4")),
        (b"3", True, (EnginePacket.PONG, b"")),
        (b"1", True, (EnginePacket.CLOSE, b"")),
    ],
)
def test_packet_is_read(data: bytes, is_text: bool, expected: tuple[EnginePacket, bytes]):
    assert read_packet(data, is_text=is_text) == expected


@pytest.mark.parametrize(
    "data", [b"", b"0", b"0{}", b"2", b"2probe", b"3probe", b"1x", b"5", b"6", b"7", b"x", b"\xd9\xa4"]
)
def test_packet_that_a_client_may_not_send_is_refused(data: bytes):
    with pytest.raises(BadEnginePacket):
        read_packet(data, is_text=True)


def test_post_is_split_into_text_and_binary_packets():
    assert list(split_post(b"4hello\x1ebAQIDBA==\x1e3")) == [(b"4hello", True), (b"\x01\x02\x03\x04", False), (b"3", True)]


def test_packets_before_invalid_base64_are_read():
    packets = split_post(b"4hello\x1eb!")
    assert next(packets) == (b"4hello", True)
    with pytest.raises(BadEnginePacket):
        next(packets)


def test_post_with_too_many_packets_is_refused_as_a_whole():
    packets = split_post(b"\x1e".join([b"3"] * (POST_PACKETS_MAX + 1)))
    with pytest.raises(TooManyPackets):
        next(packets)
    assert len(list(split_post(b"\x1e".join([b"3"] * POST_PACKETS_MAX)))) == POST_PACKETS_MAX


def test_poll_carries_binary_packets_as_base64():
    assert poll_body([text_frame(b"4hello"), binary_frame(b"\x01\x02\x03\x04")]) == b"4hello\x1ebAQIDBA=="


# --- outbox of a polling client


def test_outbox_is_taken_in_order_and_in_parts():
    outbox = PollOutbox()
    frames = [text_frame(b"4%d" % number) for number in range(POLL_PACKETS_MAX + 2)]
    for frame in frames:
        outbox.add(frame)
    assert outbox.take() == frames[:POLL_PACKETS_MAX]
    assert outbox.take_all() == frames[POLL_PACKETS_MAX:]
    assert not outbox
    assert outbox.take() == []


def test_outbox_is_congested_and_full_by_bytes_and_by_packets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(poll_outbox, "UNSENT_BYTES_MAX", 200_000)
    for frame in (text_frame(b"4" * 50_000), text_frame(b"4")):
        outbox, phases = PollOutbox(), []
        while not outbox.is_over_limit:
            phases.append(outbox.is_congested)
            outbox.add(frame)
        assert phases == sorted(phases)
        assert set(phases) == {False, True}
        outbox.take_all()
        assert not outbox.is_congested


# --- attachments


def partial(count: int, **options: Any) -> PartialPacket:
    data = ["a", *({"_placeholder": True, "num": number} for number in range(count))]
    packet = Packet(PacketType.BINARY_EVENT, "/", 1, data, count)
    return PartialPacket(packet, **{"bytes_max": 10, "keeps_content": True, **options})


def test_packet_is_whole_with_its_last_attachment():
    packet = partial(2)
    assert [packet.add(b"12345"), packet.add(b"67890")] == [False, True]
    assert packet.join().data == ["a", b"12345", b"67890"]


def test_attachments_are_bounded_together():
    packet = partial(2)
    packet.add(b"12345")
    with pytest.raises(BadPacket):
        packet.add(b"678901")


def test_attachments_nobody_wants_are_dropped():
    packet = partial(1, keeps_content=False)
    assert packet.add(b"12345")
    assert packet.size_bytes == 5
    assert packet.join() is packet.packet


# --- session


class RecordingHandler:
    """A session handler that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.closed_sessions: list[EngineSession] = []

    def opened(self, session: EngineSession) -> None:
        pass

    def received(self, session: EngineSession, message: bytes, *, is_text: bool) -> None:
        self.messages.append(message)

    def closed(self, session: EngineSession) -> None:
        self.closed_sessions.append(session)


class RecordingWebSocket:
    """A WebSocket that keeps what it is told."""

    def __init__(self) -> None:
        self.handler: Any = None
        self.frames: list[bytes] = []
        self.close_code: CloseCode | None = None

    def set_handler(self, handler: Any) -> None:
        self.handler = handler

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def flush(self) -> None:
        pass

    def finish(self, code: CloseCode) -> None:
        self.close_code = self.close_code or code


class Opened:
    """An open session, with what it tells others."""

    def __init__(self) -> None:
        self.handler = RecordingHandler()
        self.forgotten: list[EngineSession] = []
        self.session = EngineSession("s", REQUEST, self.handler, Heartbeat(60, 60), self.forgotten.append)

    def upgrade(self) -> tuple[Any, RecordingWebSocket]:
        websocket: Any = RecordingWebSocket()
        return self.session.start_upgrade(websocket), websocket


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    opened = Opened()
    yield opened
    opened.session.close(CloseReason.TRANSPORT)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
async def test_state_changes_along_the_table_alone(opened: Opened, before: State, after: State):
    engine_session = opened.session
    engine_session.close(CloseReason.TRANSPORT)
    engine_session.state = before
    if after in TRANSITIONS[before]:
        engine_session._change_state(after)
        assert engine_session.state is after
    else:
        with pytest.raises(InvalidTransition):
            engine_session._change_state(after)
        assert engine_session.state is before


async def test_upgrade_moves_what_waits_to_the_websocket(opened: Opened):
    engine_session = opened.session
    probe, websocket = opened.upgrade()
    assert engine_session.state is UPGRADING
    probe.receive(b"2probe", is_text=True)
    engine_session.send(text_frame(b"4between"))
    assert websocket.frames == [PROBE_ANSWER]
    probe.receive(b"5", is_text=True)
    assert engine_session.state is WEBSOCKET
    engine_session.send(text_frame(b"4after"))
    assert websocket.frames == [PROBE_ANSWER, text_frame(b"4between"), text_frame(b"4after")]
    assert websocket.handler is engine_session


async def test_end_of_a_failed_upgrade_does_not_end_the_next(opened: Opened):
    first, websocket = opened.upgrade()
    first.receive(b"5", is_text=True)
    assert websocket.close_code is CloseCode.POLICY
    assert opened.session.state is POLLING
    second, _ = opened.upgrade()
    first.on_connection_lost()
    assert opened.session.state is UPGRADING
    assert opened.upgrade()[0] is None
    second.receive(b"2probe", is_text=True)
    second.receive(b"5", is_text=True)
    assert opened.session.state is WEBSOCKET


async def test_session_cannot_be_upgraded_twice(opened: Opened):
    probe, _ = opened.upgrade()
    probe.receive(b"2probe", is_text=True)
    probe.receive(b"5", is_text=True)
    assert opened.upgrade()[0] is None


async def test_session_closed_by_the_server_lingers_until_its_last_packets_are_fetched(opened: Opened):
    opened.session.send(text_frame(b"4last"))
    opened.session.close(CloseReason.SERVER)
    assert (opened.session.state, opened.forgotten) == (LINGERING, [])
    assert await opened.session.poll() == [text_frame(b"4last"), CLOSE]
    assert (opened.session.state, opened.forgotten) == (CLOSED, [opened.session])


async def test_session_that_misbehaves_does_not_linger(opened: Opened):
    opened.session.receive(b"nonsense")
    assert (opened.session.reason, opened.session.state) == (CloseReason.BAD_PACKET, CLOSED)
    assert opened.forgotten == [opened.session]


async def test_close_during_an_upgrade_ends_the_upgrade(opened: Opened):
    _, websocket = opened.upgrade()
    opened.session.close(CloseReason.SERVER)
    assert websocket.close_code is CloseCode.POLICY
    assert opened.session.state is LINGERING


async def test_session_is_closed_once_and_sends_nothing_after(opened: Opened):
    probe, websocket = opened.upgrade()
    probe.receive(b"2probe", is_text=True)
    probe.receive(b"5", is_text=True)
    opened.session.close(CloseReason.SERVER)
    opened.session.on_connection_lost()
    opened.session.send(text_frame(b"4late"))
    assert opened.session.reason is CloseReason.SERVER
    assert websocket.frames == [PROBE_ANSWER]
    assert opened.handler.closed_sessions == [opened.session]


async def test_messages_of_a_paused_session_are_held_and_kept_in_order(opened: Opened):
    opened.session.pause()
    opened.session.receive(b"4one")
    opened.session.receive(b"4two")
    assert opened.handler.messages == []
    opened.session.resume()
    opened.session.receive(b"4three")
    assert opened.handler.messages == [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("reason", "messages"), [(CloseReason.CLIENT, [b"held"]), (CloseReason.TRANSPORT, [b"held"]), (CloseReason.SERVER, [])]
)
async def test_held_messages_are_handed_on_if_the_client_left_by_itself(
    opened: Opened, reason: CloseReason, messages: list[bytes]
):
    opened.session.pause()
    opened.session.receive(b"4held")
    opened.session.close(reason)
    assert opened.handler.messages == messages


async def test_poll_during_an_upgrade_does_not_wait(opened: Opened):
    opened.upgrade()
    assert await opened.session.poll() == [NOOP]


async def test_session_that_nobody_fetches_is_forgotten(opened: Opened, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "LINGER_S", 0)
    opened.session.close(CloseReason.SERVER)
    await until(lambda: opened.forgotten)
    assert opened.forgotten == [opened.session]
