"""The states of one HTTP connection. What it answers is tried over real connections in ``test_http_strictness``."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from core.transitions import InvalidTransition
from http_api.connection_caps import ConnectionCaps
from http_api.http_protocol import (
    CLOSED,
    HANDED_OVER,
    IN_BODY,
    IN_HEAD,
    REFUSED,
    TRANSITIONS,
    WAITING,
    HttpProtocol,
    State,
)

HEAD = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\n"
WEBSOCKET = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
BEFORE = {WAITING: b"", IN_HEAD: HEAD[:20], IN_BODY: HEAD, REFUSED: b"\0garbage\r\n\r\n"}
"""What brings a new connection into each state."""


class RecordingTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self._closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        pass

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class RecordingWebSocket(asyncio.Protocol):
    """Keeps what is handed over."""

    def __init__(self, **_: Any) -> None:
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data


async def answer(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.fixture
async def protocol() -> AsyncIterator[HttpProtocol]:
    """A connection that was just accepted."""
    config = uvicorn.Config(answer, ws=RecordingWebSocket, lifespan="off", log_config=None)
    protocol = HttpProtocol.with_caps(ConnectionCaps())(config=config, server_state=ServerState(), app_state={})
    protocol.connection_made(RecordingTransport())
    yield protocol
    if protocol.state not in {HANDED_OVER, CLOSED}:
        protocol.connection_lost(None)


def test_state_follows_the_bytes_of_requests(protocol: HttpProtocol):
    for _ in range(2):
        assert protocol.state is WAITING
        protocol.data_received(HEAD[:20])
        assert protocol.state is IN_HEAD
        protocol.data_received(HEAD[20:])
        assert protocol.state is IN_BODY
        protocol.data_received(b"{}")
    assert protocol.state is WAITING


def test_refused_client_is_answered_once_and_not_read_again(protocol: HttpProtocol):
    protocol.data_received(BEFORE[REFUSED])
    assert protocol.state is REFUSED
    assert protocol.transport.written.startswith(b"HTTP/1.1 400 ")
    written = protocol.transport.written
    protocol.data_received(HEAD)
    assert (protocol.state, protocol.transport.written) == (REFUSED, written)


def test_websocket_is_handed_over_and_counted_no_more(protocol: HttpProtocol):
    protocol.data_received(WEBSOCKET)
    assert protocol.state is HANDED_OVER
    assert protocol.transport.protocol.received.startswith(b"GET / HTTP/1.1\r\n")
    assert protocol.caps._total == 0


@pytest.mark.parametrize("state", BEFORE)
def test_connection_may_close_in_every_state_and_is_counted_no_more(protocol: HttpProtocol, state: State):
    protocol.data_received(BEFORE[state])
    assert protocol.state is state
    protocol.connection_lost(None)
    assert protocol.state is CLOSED
    assert protocol.caps._total == 0


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_state_changes_along_the_table_alone(protocol: HttpProtocol, before: State, after: State):
    protocol.state = before
    if after in TRANSITIONS[before]:
        protocol._change_state(after)
        assert protocol.state is after
    else:
        with pytest.raises(InvalidTransition):
            protocol._change_state(after)
        assert protocol.state is before
    protocol.state = WAITING
