"""Engine.IO: who may open a link, polls, posts, WebSockets, and the way from the ones to the other.

python-engineio's server with its request handling replaced: as shipped it reads JSON and Unicode digits at this layer,
takes a session id from anybody, drops posts of more than 16 packets with a 200, keeps a client whose poll was lost, and
lets a closed one miss what it was told last. Refusals carry the numbers of the reference implementation.
Protocol: https://socket.io/docs/v4/engine-io-protocol/
"""

import asyncio
import base64
import binascii
import functools
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import engineio
import orjson
from starlette.types import Receive, Scope, Send

from core.addresses import address_key, is_host_allowed
from realtime.transport.engineio.handshake import Handshake, Refusal
from realtime.transport.engineio.session import CloseReason, Heartbeat, Link, Owner
from realtime.transport.websocket import frames
from realtime.transport.websocket.connection import Flusher, Reader, WebSocket
from realtime.transport.websocket.frame_reader import CloseCode

log = logging.getLogger("molva.transport")

HEARTBEAT: Final = Heartbeat(interval_s=25.0, timeout_s=20.0)
POST_PACKETS_MAX: Final = 5_000
POST_TIMEOUT_S: Final = 10.0
"""How long the body of a post may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms clients are served."""

    path: str = "/socket.io/"
    heartbeat: Heartbeat = HEARTBEAT
    connect_timeout_s: float = 10.0
    """How long a client may be there without being in a namespace."""
    packet_bytes_max: int = 64 * 1024
    """A packet that is read; a larger one that is framed well gets an error ack."""
    message_bytes_max: int = 1024 * 1024
    """A post or a WebSocket message; a larger one closes the connection."""
    allows_polling: bool = True
    origins: Sequence[str] | None = None
    """Where browsers may come from, beside our own; ``None``: anywhere."""
    hosts: Sequence[str] = ()
    """What we are called, as for :func:`core.addresses.is_host_allowed`."""
    trusted_proxies: int = 0
    links_per_address_max: int | None = None
    """Clients of one address at a time; ``None``: any number."""


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """Engine.IO for one process. ``sockets`` holds the links by id."""

    def __init__(self, *, terms: Terms, **options: Any) -> None:
        super().__init__(max_http_buffer_size=terms.packet_bytes_max, monitor_clients=False, **options)
        self.terms = terms
        self.owner: Owner
        """Who hears of links; set before the first request."""
        self.is_draining = False
        """Nobody new is let in."""
        self.leaving: dict[str, Link] = {}
        """Links that are over and whose owner is still seeing them off."""
        self._links_of: Counter[str] = Counter()
        self._flusher = Flusher()

    @property
    def websocket_class(self) -> Callable[..., WebSocket]:
        """What uvicorn seats (its setting ``ws``)."""
        return functools.partial(
            WebSocket,
            self._admit,
            self._flusher,
            message_bytes_max=self.terms.message_bytes_max,
            trusted_proxies=self.terms.trusted_proxies,
        )

    # --- what python-socketio calls

    async def send(self, sid: str, data: Any) -> None:
        """A message to one client."""
        await self.send_packet(sid, engineio.packet.Packet(engineio.packet.MESSAGE, data=data))

    async def send_packet(self, sid: str, pkt: Any) -> None:
        """A packet to one client."""
        link = self.sockets.get(sid)
        if link is not None:
            encoded = pkt.encode()
            link.send(frames.binary_frame(encoded) if pkt.binary else frames.text_frame(encoded.encode()))

    async def get_session(self, sid: str) -> dict[str, Any]:
        """What handlers keep of a client, until the last of them has run; ``KeyError`` for nobody."""
        return self.link(sid).session

    def link(self, sid: str) -> Link:
        """A client that is there, or is being seen off; ``KeyError`` for nobody."""
        link: Link | None = self.sockets.get(sid) or self.leaving.get(sid)
        if link is None:
            raise KeyError("Session not found")
        return link

    async def disconnect(self, sid: str | None = None) -> None:
        """Close one client's link, or all."""
        for link in list(self.sockets.values()) if sid is None else filter(None, [self.sockets.get(sid)]):
            link.close(CloseReason.SERVER)

    async def shutdown(self) -> None:
        """Close everything."""
        await self.disconnect()

    # --- links

    def _open(self, handshake: Handshake, upgrades: list[str]) -> Link:
        if handshake.method != "GET":
            raise Refusal(2, "Bad handshake method")
        if self.is_draining:
            raise Refusal(3, "Shutting down", 503)
        bound = self.terms.links_per_address_max
        if bound is not None and self._links_of[address_key(handshake.address)] >= bound:
            log.warning("too many connections", extra={"client": handshake.address})
            raise Refusal(4, "Too many connections", 429)
        link = Link(self.generate_id(), handshake, self.owner, self.terms.heartbeat, self._forget)
        self.sockets[link.link_id] = link
        self._links_of[address_key(link.address)] += 1
        hello = {
            "sid": link.link_id,
            "upgrades": upgrades,
            "pingInterval": int(self.terms.heartbeat.interval_s * 1000),
            "pingTimeout": int(self.terms.heartbeat.timeout_s * 1000),
            "maxPayload": self.terms.packet_bytes_max,
        }
        link.send(frames.text_frame(b"0" + orjson.dumps(hello)))
        self.owner.opened(link)
        return link

    def _forget(self, link: Link) -> None:
        if self.sockets.pop(link.link_id, None) is not None:
            key = address_key(link.address)
            self._links_of[key] -= 1
            if not self._links_of[key]:
                del self._links_of[key]

    def _link_of(self, handshake: Handshake) -> Link:
        """The polling client that ``handshake`` is about; ``Refusal`` if there is none, or it is somebody else's."""
        link: Link | None = self.sockets.get(handshake.link_id)
        if link is None or (link.identity is not None and not link.identity.is_same(handshake.identity)):
            raise Refusal(1, "Session ID unknown")
        return link

    def _check_origin(self, handshake: Handshake) -> None:
        """``Refusal`` of who calls us by a name that is not ours, and of pages that are not ours or listed."""
        if not is_host_allowed(handshake.headers.get("host"), self.terms.hosts):
            raise Refusal(3, "Bad request")
        origin, origins = handshake.headers.get("origin"), self.terms.origins
        if origin is None or origins is None or origin in origins:
            return
        if urlsplit(origin).netloc != handshake.headers.get("host"):
            raise Refusal(4, "Forbidden", 403)

    # --- WebSocket

    def _admit(self, socket: WebSocket, handshake: Handshake) -> Reader:
        """Who uses a WebSocket that was asked for."""
        if handshake.path.rstrip("/") != self.terms.path.rstrip("/"):
            raise Refusal(3, "Not found", 404)
        self._check_origin(handshake)
        handshake.check("websocket")
        if handshake.link_id is None:
            link = self._open(handshake, upgrades=[])
            socket.accept(handshake)
            link.carry_by(socket)
            return link
        link = self._link_of(handshake)
        probe = link.probe(socket)
        socket.accept(handshake)
        if probe is None:  # as the reference does it: the handshake succeeds, and that is all
            socket.finish(CloseCode.POLICY)
        return probe or _Nobody()

    # --- polls

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application under the path."""
        if scope["type"] != "http":
            raise RuntimeError("WebSockets come through websocket_class")
        answer = _Answer(send)
        try:
            handshake = Handshake.of_scope(scope, trusted_proxies=self.terms.trusted_proxies)
            answer.request_id = handshake.request_id
            self._check_origin(handshake)
            answer.origin = handshake.headers.get("origin")
            if handshake.method == "OPTIONS":
                await answer.preflight()
                return
            await answer.ok(await self._handle_poll(handshake, receive))
        except Refusal as refusal:
            await answer.refuse(refusal)

    async def _handle_poll(self, handshake: Handshake, receive: Receive) -> bytes:
        if not self.terms.allows_polling:
            raise Refusal(0, "Transport unknown")
        handshake.check("polling")
        if handshake.link_id is None:
            link = self._open(handshake, upgrades=["websocket"])
            return frames.payload_of(await link.poll())
        link = self._link_of(handshake)
        if link.upgraded:
            raise Refusal(3, "Bad request")
        match handshake.method:
            case "GET":
                return await self._fetch(link, receive)
            case "POST":
                return await self._take_post(link, handshake, receive)
        raise Refusal(2, "Bad method", 405)

    async def _fetch(self, link: Link, receive: Receive) -> bytes:
        if link.is_polled:
            link.cut(CloseReason.BAD_PACKET, "overlapping polls")
            raise Refusal(3, "Overlapping polls")
        link.is_polled = True
        poll = asyncio.ensure_future(link.poll())
        gone = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            await asyncio.wait((poll, gone), return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():  # the answer could reach nobody
                link.close(CloseReason.TRANSPORT)
            return frames.payload_of(await poll)
        finally:
            gone.cancel()
            link.is_polled = False

    async def _take_post(self, link: Link, handshake: Handshake, receive: Receive) -> bytes:
        if link.is_posting:
            link.cut(CloseReason.BAD_PACKET, "overlapping posts")
            raise Refusal(3, "Overlapping posts")
        link.is_posting = True
        try:
            await link.taken_in()  # what the post before it brought
            async with asyncio.timeout(POST_TIMEOUT_S):
                body = await _read_body(handshake, receive, bytes_max=self.terms.message_bytes_max)
            self._take_in(link, body)
        except TimeoutError:
            link.cut(CloseReason.BAD_PACKET, "a post that does not end")
        except Refusal as refusal:
            link.cut(CloseReason.BAD_PACKET, str(refusal))
            raise
        finally:
            link.is_posting = False
        if link.reason is CloseReason.BAD_PACKET:
            raise Refusal(3, "Bad request")
        return b"ok"

    @staticmethod
    def _take_in(link: Link, body: bytes) -> None:
        packets = body.split(frames.SEPARATOR, POST_PACKETS_MAX)
        if len(packets) > POST_PACKETS_MAX:
            raise Refusal(3, "Too many packets", 413)
        for packet in packets:
            if packet.startswith(b"b"):
                link.receive(_attachment(packet), is_text=False)
            else:
                link.receive(packet)


class _Nobody:
    """Reads a WebSocket that is refused after its handshake."""

    def receive(self, data: bytes, *, is_text: bool) -> None:
        """Too late."""

    def note_congestion(self, *, is_congested: bool) -> None:
        """Nothing is sent."""

    def note_overflow(self) -> None:
        """Nothing is sent."""

    def note_broken(self) -> None:
        """It closes anyway."""

    def note_lost(self) -> None:
        """As was to be."""


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _attachment(packet: bytes) -> bytes:
    try:
        return base64.b64decode(packet[1:], validate=True)
    except binascii.Error:
        raise Refusal(3, "Bad request") from None


async def _read_body(handshake: Handshake, receive: Receive, *, bytes_max: int) -> bytes:
    declared = handshake.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()) or int(declared) > bytes_max:
        raise Refusal(3, "Payload too large", 413)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(3, "Bad request")
        body += message.get("body", b"")
        if len(body) > bytes_max:
            raise Refusal(3, "Payload too large", 413)
        more = message.get("more_body", False)
    return bytes(body)


class _Answer:
    """An answer of this side, with the headers that every answer of the house carries."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.request_id: str | None = None
        self.origin: str | None = None
        """Who may read the answer in a browser."""

    async def ok(self, body: bytes) -> None:
        await self._respond(200, body, "text/plain; charset=UTF-8")

    async def refuse(self, refusal: Refusal) -> None:
        await self._respond(refusal.status, refusal.body, "application/json")

    async def preflight(self) -> None:
        await self._respond(
            204,
            b"",
            "text/plain",
            {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Content-Type"},
        )

    async def _respond(self, status: int, body: bytes, media_type: str, more: dict[str, str] | None = None) -> None:
        headers = {
            "Content-Type": media_type,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **(more or {}),
        }
        if self.request_id is not None:
            headers["X-Request-ID"] = self.request_id
        if self.origin is not None:
            headers |= {"Access-Control-Allow-Origin": self.origin, "Vary": "Origin"}
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})
        await self._send({"type": "http.response.body", "body": body})
