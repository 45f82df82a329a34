"""One Socket.IO connection: actions with their acks, events in the order in which they came, everything in the history."""

import asyncio
import time
from contextlib import suppress
from typing import Any, Final

import aiohttp
import socketio
from socketio.exceptions import SocketIOError

from tests.faults.history import Attempt, History, Json

_CONNECT_S: Final = 4.0
_CLOSE_S: Final = 1.0


class ConnectRefused(Exception):
    """No connection. ``code``: the server's, if it said one."""

    def __init__(self, code: str | None) -> None:
        super().__init__(code)
        self.code = code


class Refused(Exception):
    """An error ack."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["code"], error.get("message"))
        self.code: str = error["code"]
        details = error.get("details")
        self.reason: str | None = details.get("reason") if isinstance(details, dict) else None


class Unanswered(Exception):
    """The connection closed, or was given up, before the ack."""


class Connection:
    """Use once: ``open``, ``call``, ``events``, ``close``."""

    def __init__(self, history: History, device: str, user_id: str, *, patience_s: float) -> None:
        self.number = history.new_connection()
        self.events: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.ready: Json = {}
        self._history = history
        self._device = device
        self._user_id = user_id
        self._patience_s = patience_s
        self._refusal: str | None = None
        self._is_ready = asyncio.Event()
        self._waiting: dict[asyncio.Future[Json], Attempt] = {}

    async def open(self, address: str, token: str) -> None:
        """Connect and wait for ``session:ready``; ``ConnectRefused`` otherwise."""
        self._session = aiohttp.ClientSession()
        self._sio = socketio.AsyncClient(reconnection=False, http_session=self._session, handle_sigint=False)
        self._sio.on("*", self._hear, namespace="/chat")
        self._sio.on("disconnect", self._end, namespace="/chat")
        self._sio.on("connect_error", self._note_refusal, namespace="/chat")
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._sio.connect(
                    address, namespaces=["/chat"], auth={"token": token}, transports=["websocket"], wait_timeout=_CONNECT_S
                )
                await self._is_ready.wait()
        except (SocketIOError, TimeoutError, OSError, aiohttp.ClientError):
            await self.close()
            raise ConnectRefused(self._refusal) from None

    async def close(self) -> None:
        """Leave, whatever state the connection is in."""
        with suppress(SocketIOError, TimeoutError, OSError, aiohttp.ClientError):
            async with asyncio.timeout(_CLOSE_S):
                await self._sio.disconnect()
        await self._session.close()
        self._end()

    async def call(self, action: str, payload: Json) -> Json:
        """The data of an action. ``Refused`` or ``Unanswered`` otherwise."""
        attempt = self._history.ask(self._device, self._user_id, self.number, action, payload)
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[answer] = attempt

        def acked(*ack: Json) -> None:
            if not answer.done():
                attempt.answered_at = time.monotonic()
                answer.set_result(ack[0] if len(ack) == 1 else {"error": {"code": f"no envelope: {ack}"}})

        try:
            if self.closed.is_set():
                raise Unanswered
            await self._sio.emit(action, payload, namespace="/chat", callback=acked)
            async with asyncio.timeout(self._patience_s):
                envelope = await answer
        except (SocketIOError, OSError, aiohttp.ClientError, Unanswered):
            attempt.lost = "closed"
            raise Unanswered from None
        except TimeoutError:
            attempt.lost = "silence"
            self._end()
            raise Unanswered from None
        except asyncio.CancelledError:
            attempt.lost = "given up"
            raise
        finally:
            self._waiting.pop(answer, None)
        if "error" in envelope:
            attempt.error = envelope["error"]["code"]
            raise Refused(envelope["error"])
        attempt.data = envelope["data"]
        return attempt.data

    def _hear(self, event: str, payload: Json) -> None:
        if self.closed.is_set():
            return
        self._history.hear(self._device, self._user_id, self.number, event, payload)
        if event == "session:ready":
            self.ready = payload
            self._is_ready.set()
        else:
            self.events.put_nowait((event, payload))

    def _note_refusal(self, told: Any = None) -> None:
        if isinstance(told, dict):
            self._refusal = (told.get("data") or {}).get("code")

    def _end(self, *_: object) -> None:
        self.closed.set()
        for answer in list(self._waiting):
            if not answer.done():
                answer.set_exception(Unanswered())
