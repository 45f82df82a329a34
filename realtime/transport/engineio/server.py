"""The Engine.IO server: opens sessions, and serves their polls, posts, WebSockets and upgrades.

It is python-engineio's server with the request handling replaced. As shipped, that server reads JSON and Unicode digits at
this layer, accepts a session id from anybody, drops posts of more than 16 packets with a 200, keeps a client whose poll was
lost, and loses the last packets of a session that is closed. Errors carry the numbers of the reference implementation.
Protocol: https://socket.io/docs/v4/engine-io-protocol/
"""

import asyncio
import functools
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import engineio
import orjson
from starlette.types import Receive, Scope, Send

from core.addresses import address_key, is_host_allowed
from realtime.transport.engineio.close_reason import CloseReason
from realtime.transport.engineio.packets import BadEnginePacket, TooManyPackets, poll_body, split_post
from realtime.transport.engineio.poll_http import PollResponse, read_body, wait_for_disconnect
from realtime.transport.engineio.session import EngineSession, SessionHandler
from realtime.transport.options import TransportOptions
from realtime.transport.request import RequestRefused, TransportRequest
from realtime.transport.websocket.connection import Flusher, WebSocket, WebSocketHandler
from realtime.transport.websocket.frame_reader import CloseCode
from realtime.transport.websocket.frames import binary_frame, text_frame

log = logging.getLogger("molva.transport")

POST_TIMEOUT_S: Final = 10.0
"""How long the body of a post may take."""


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """Engine.IO for one process. ``sockets`` holds the sessions by id."""

    def __init__(self, *, options: TransportOptions, **library_options: Any) -> None:
        super().__init__(max_http_buffer_size=options.packet_bytes_max, monitor_clients=False, **library_options)
        self.options = options
        self.session_handler: SessionHandler
        """Is told what happens on sessions; set before the first request."""
        self.is_draining = False
        """No new sessions are opened."""
        self.disconnecting: dict[str, EngineSession] = {}
        """Closed sessions whose disconnect handlers are still running."""
        self._session_counts: Counter[str] = Counter()
        """Open sessions by network address."""
        self._flusher = Flusher()

    @property
    def websocket_class(self) -> Callable[..., WebSocket]:
        """The protocol class for uvicorn's setting ``ws``."""
        return functools.partial(
            WebSocket,
            self._admit,
            self._flusher,
            message_bytes_max=self.options.message_bytes_max,
            trusted_proxies=self.options.trusted_proxies,
        )

    # --- what python-socketio calls

    async def send(self, sid: str, data: Any) -> None:
        """Send a message to one client."""
        await self.send_packet(sid, engineio.packet.Packet(engineio.packet.MESSAGE, data=data))

    async def send_packet(self, sid: str, pkt: Any) -> None:
        """Send a packet to one client."""
        session = self.sockets.get(sid)
        if session is not None:
            encoded = pkt.encode()
            session.send(binary_frame(encoded) if pkt.binary else text_frame(encoded.encode()))

    async def get_session(self, sid: str) -> dict[str, Any]:
        """What handlers saved for a client, until its last handler has run; ``KeyError`` if there is no such client."""
        return self.engine_session(sid).session

    def engine_session(self, sid: str) -> EngineSession:
        """An open session, or one whose disconnect handlers still run; ``KeyError`` if there is none."""
        session: EngineSession | None = self.sockets.get(sid) or self.disconnecting.get(sid)
        if session is None:
            raise KeyError("Session not found")
        return session

    async def disconnect(self, sid: str | None = None) -> None:
        """Close one session, or all."""
        for session in list(self.sockets.values()) if sid is None else filter(None, [self.sockets.get(sid)]):
            session.close(CloseReason.SERVER)

    async def shutdown(self) -> None:
        """Close all sessions."""
        await self.disconnect()

    # --- sessions

    def _open_session(self, request: TransportRequest, upgrades: list[str]) -> EngineSession:
        if request.method != "GET":
            raise RequestRefused(2, "Bad handshake method")
        if self.is_draining:
            raise RequestRefused(3, "Shutting down", 503)
        count_max = self.options.connections_per_address_max
        if count_max is not None and self._session_counts[address_key(request.address)] >= count_max:
            log.warning("too many connections", extra={"client": request.address})
            raise RequestRefused(4, "Too many connections", 429)
        heartbeat = self.options.heartbeat
        session = EngineSession(self.generate_id(), request, self.session_handler, heartbeat, self._forget_session)
        self.sockets[session.sid] = session
        self._session_counts[address_key(session.address)] += 1
        handshake = {
            "sid": session.sid,
            "upgrades": upgrades,
            "pingInterval": int(heartbeat.interval_s * 1000),
            "pingTimeout": int(heartbeat.timeout_s * 1000),
            "maxPayload": self.options.packet_bytes_max,
        }
        session.send(text_frame(b"0" + orjson.dumps(handshake)))
        self.session_handler.opened(session)
        return session

    def _forget_session(self, session: EngineSession) -> None:
        if self.sockets.pop(session.sid, None) is not None:
            key = address_key(session.address)
            self._session_counts[key] -= 1
            if not self._session_counts[key]:
                del self._session_counts[key]

    def _find_session(self, request: TransportRequest) -> EngineSession:
        """The session that ``request`` names; ``RequestRefused`` if there is none, or it belongs to another client."""
        session: EngineSession | None = self.sockets.get(request.sid)
        if session is None or (session.fingerprint is not None and not session.fingerprint.is_same(request.fingerprint)):
            raise RequestRefused(1, "Session ID unknown")
        return session

    def _check_origin(self, request: TransportRequest) -> None:
        """``RequestRefused`` if the request names another host, or comes from a page of an origin that is not allowed."""
        if not is_host_allowed(request.headers.get("host"), self.options.hosts):
            raise RequestRefused(3, "Bad request")
        origin, origins = request.headers.get("origin"), self.options.origins
        if origin is None or origins is None or origin in origins:
            return
        if urlsplit(origin).netloc != request.headers.get("host"):
            raise RequestRefused(4, "Forbidden", 403)

    # --- WebSocket

    def _admit(self, websocket: WebSocket, request: TransportRequest) -> WebSocketHandler:
        """Open or upgrade a session by a WebSocket: the handler of the WebSocket."""
        if request.path.rstrip("/") != self.options.path.rstrip("/"):
            raise RequestRefused(3, "Not found", 404)
        self._check_origin(request)
        request.check("websocket")
        if request.sid is None:
            session = self._open_session(request, upgrades=[])
            websocket.accept(request)
            session.attach_websocket(websocket)
            return session
        probe = self._find_session(request).start_upgrade(websocket)
        websocket.accept(request)
        if probe is None:  # like the reference implementation: the opening handshake succeeds, then we close
            websocket.finish(CloseCode.POLICY)
        return probe or _RejectedUpgrade()

    # --- polls

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application under the path."""
        if scope["type"] != "http":
            raise RuntimeError("WebSockets come through websocket_class")
        response = PollResponse(send)
        try:
            request = TransportRequest.of_scope(scope, trusted_proxies=self.options.trusted_proxies)
            response.request_id = request.request_id
            self._check_origin(request)
            response.origin = request.headers.get("origin")
            if request.method == "OPTIONS":
                await response.preflight()
                return
            await response.ok(await self._handle_polling(request, receive))
        except RequestRefused as refusal:
            await response.refuse(refusal)

    async def _handle_polling(self, request: TransportRequest, receive: Receive) -> bytes:
        if not self.options.allows_polling:
            raise RequestRefused(0, "Transport unknown")
        request.check("polling")
        if request.sid is None:
            session = self._open_session(request, upgrades=["websocket"])
            return poll_body(await session.poll())
        session = self._find_session(request)
        if session.upgraded:
            raise RequestRefused(3, "Bad request")
        match request.method:
            case "GET":
                return await self._handle_poll(session, receive)
            case "POST":
                return await self._handle_post(session, request, receive)
        raise RequestRefused(2, "Bad method", 405)

    async def _handle_poll(self, session: EngineSession, receive: Receive) -> bytes:
        if session.has_poll:
            session.cut(CloseReason.BAD_PACKET, "overlapping polls")
            raise RequestRefused(3, "Overlapping polls")
        session.has_poll = True
        poll = asyncio.ensure_future(session.poll())
        disconnected = asyncio.ensure_future(wait_for_disconnect(receive))
        try:
            await asyncio.wait((poll, disconnected), return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():  # nobody is left to get the answer
                session.close(CloseReason.TRANSPORT)
            return poll_body(await poll)
        finally:
            disconnected.cancel()
            session.has_poll = False

    async def _handle_post(self, session: EngineSession, request: TransportRequest, receive: Receive) -> bytes:
        if session.has_post:
            session.cut(CloseReason.BAD_PACKET, "overlapping posts")
            raise RequestRefused(3, "Overlapping posts")
        session.has_post = True
        try:
            await session.wait_for_empty_inbox()  # of the messages of the post before
            async with asyncio.timeout(POST_TIMEOUT_S):
                body = await read_body(request, receive, bytes_max=self.options.message_bytes_max)
            _receive_post(session, body)
        except TimeoutError:
            session.cut(CloseReason.BAD_PACKET, "a post that does not end")
        except RequestRefused as refusal:
            session.cut(CloseReason.BAD_PACKET, str(refusal))
            raise
        finally:
            session.has_post = False
        if session.reason is CloseReason.BAD_PACKET:
            raise RequestRefused(3, "Bad request")
        return b"ok"


def _receive_post(session: EngineSession, body: bytes) -> None:
    try:
        for packet, is_text in split_post(body):
            session.receive(packet, is_text=is_text)
    except BadEnginePacket as error:
        raise RequestRefused(3, str(error), 413 if isinstance(error, TooManyPackets) else 400) from None


class _RejectedUpgrade:
    """Handles a WebSocket that is closed right after its opening handshake: nothing of it matters."""

    def receive(self, data: bytes, *, is_text: bool) -> None:
        """Ignored."""

    def on_congestion(self, *, is_congested: bool) -> None:
        """Ignored."""

    def on_overflow(self) -> None:
        """Ignored."""

    def on_protocol_error(self) -> None:
        """Ignored."""

    def on_connection_lost(self) -> None:
        """Ignored."""
