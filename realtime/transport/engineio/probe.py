"""The upgrade of a session from polls to a WebSocket: the client's WebSocket, until the session uses it.

The client sends ``2probe``, gets ``3probe``, waits for its poll to end and sends ``5``. After anything else the upgrade
fails, and the client goes on with polls. Protocol: https://socket.io/docs/v4/engine-io-protocol/#upgrade
"""

import asyncio
from enum import Enum
from typing import Final, Protocol

from realtime.transport.engineio.packets import PROBE_ANSWER
from realtime.transport.websocket.connection import WebSocket
from realtime.transport.websocket.frame_reader import CloseCode

PROBE_TIMEOUT_S: Final = 10.0
"""How long an upgrade may take."""


class State(Enum):
    """The phases of an upgrade."""

    WAITING = "waiting"
    """The client has not sent ``2probe`` yet."""
    ANSWERED = "answered"
    """The client has its ``3probe``."""
    ENDED = "ended"
    """The upgrade succeeded or failed."""


WAITING, ANSWERED, ENDED = State


class Upgradable(Protocol):
    """The session that is to be upgraded."""

    def on_probe_answered(self) -> None:
        """The probe was answered."""

    def on_probe_failed(self) -> None:
        """The upgrade failed."""

    def attach_websocket(self, websocket: WebSocket) -> None:
        """The upgrade succeeded."""


class Probe:
    """Handles the WebSocket of an upgrade."""

    __slots__ = ("_session", "_timer", "_websocket", "state")

    def __init__(self, session: Upgradable, websocket: WebSocket) -> None:
        self._session = session
        self._websocket = websocket
        self.state = WAITING
        self._timer = asyncio.get_running_loop().call_later(PROBE_TIMEOUT_S, self.give_up)

    def receive(self, data: bytes, *, is_text: bool) -> None:
        """The client sent a packet: first ``2probe``, then ``5``."""
        match self.state, is_text and data:
            case State.WAITING, b"2probe":
                self.state = ANSWERED
                self._websocket.write(PROBE_ANSWER)
                self._websocket.flush()  # before the answer to any other request of the client
                self._session.on_probe_answered()
            case State.ANSWERED, b"5":
                self._end()
                self._session.attach_websocket(self._websocket)
            case _:
                self.give_up()

    def give_up(self) -> None:
        """End the upgrade, if it has not ended; the client goes on with polls."""
        if self.state is ENDED:
            return
        self._end()
        self._session.on_probe_failed()
        self._websocket.finish(CloseCode.POLICY)

    def _end(self) -> None:
        self.state = ENDED
        self._timer.cancel()

    def on_connection_lost(self) -> None:
        """The WebSocket is gone."""
        self.give_up()

    def on_protocol_error(self) -> None:
        """The client broke the WebSocket protocol."""
        self.give_up()

    def on_congestion(self, *, is_congested: bool) -> None:
        """Does not happen: too little is sent."""

    def on_overflow(self) -> None:
        """Does not happen: too little is sent."""
