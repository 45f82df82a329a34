"""The expiry of a connection's access token, without a network."""

import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from realtime.connections import EXPIRY_NOTICE_S, ChatConnection
from tests.support.waiting import until


class RecordingExpiryHandler:
    def __init__(self) -> None:
        self.calls: list[tuple[str, ChatConnection]] = []

    def notify_expiry(self, connection: ChatConnection) -> None:
        self.calls.append(("notify", connection))

    def expire(self, connection: ChatConnection) -> None:
        self.calls.append(("expire", connection))


@pytest.fixture
def handler() -> RecordingExpiryHandler:
    return RecordingExpiryHandler()


@pytest.fixture
async def connection(handler: RecordingExpiryHandler) -> AsyncIterator[ChatConnection]:
    transport: Any = SimpleNamespace(send=lambda packet: None, connection_id="c", client="192.0.2.1")
    expires_at_s = int(time.time()) + EXPIRY_NOTICE_S + 600
    connection = ChatConnection(transport, handler, user_id="u", session_id="s", expires_at_s=expires_at_s)
    yield connection
    connection.ignore_expiry()


def test_nobody_is_told_of_the_expiry_before_the_admission(connection: ChatConnection):
    connection.extend(1)
    assert connection._expiry_timer is None
    assert connection.expires_at_s > time.time()


async def test_client_is_told_first_and_the_connection_expires_then(
    connection: ChatConnection, handler: RecordingExpiryHandler
):
    connection.expires_at_s = int(time.time()) - 1
    connection.watch_expiry()
    await until(lambda: len(handler.calls) == 2)
    assert handler.calls == [("notify", connection), ("expire", connection)]


async def test_extension_takes_the_place_of_the_expiry_before(connection: ChatConnection, handler: RecordingExpiryHandler):
    connection.watch_expiry()
    first = connection._expiry_timer
    connection.extend(connection.expires_at_s + 600)
    assert first.cancelled()
    assert not connection._expiry_timer.cancelled()
    assert connection._expiry_timer.when() == pytest.approx(first.when() + 600, abs=5)


async def test_connection_that_ended_has_no_timer_and_is_not_extended(connection: ChatConnection):
    connection.watch_expiry()
    timer = connection._expiry_timer
    connection.ignore_expiry()
    assert timer.cancelled()
    connection.extend(connection.expires_at_s + 600)
    assert connection._expiry_timer is None
