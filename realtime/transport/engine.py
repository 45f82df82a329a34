"""Engine.IO's HTTP side: who may open a link, polls, posts, and the way from them to a WebSocket.

python-engineio's server with its request handling replaced: as shipped it drops posts of more than 16 packets with a 200,
keeps a client whose poll was lost, and lets a closed one miss what it was told last. Refusals carry the numbers of the
reference implementation. Protocol: https://socket.io/docs/v4/engine-io-protocol/
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

import engineio
import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from core.logs import accept_request_id
from realtime.transport import frames
from realtime.transport.link import CloseReason, Heartbeat, Link, Owner
from realtime.transport.websocket import EXTENSION, WebSocket

log = logging.getLogger("molva.transport")

POST_BYTES_MAX: Final = 1024 * 1024
"""A post and a WebSocket message at the most; a packet in it may be smaller, and is told so where it can be."""
POST_PACKETS_MAX: Final = 5_000
_PROTOCOL: Final = "4"
_TRANSPORTS: Final = ("polling", "websocket")


class _Refusal(Exception):
    """The request is not one that this protocol has."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        self.status = status
        self.body = orjson.dumps({"code": code, "message": message})
        super().__init__(message)


class LinkOwner(Owner, Protocol):
    """Who hears of links."""

    def opened(self, link: Link, environ: dict[str, Any]) -> None:
        """A client is there."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What of a request matters here."""

    method: str
    transport: str
    link_id: str | None
    headers: Headers

    @classmethod
    def of(cls, scope: Scope) -> "_Request":
        """Read; ``_Refusal`` for another transport or protocol version."""
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        is_socket = scope["type"] == "websocket"
        transport = query.get("transport", "")
        if transport not in _TRANSPORTS or is_socket != (transport == "websocket"):
            raise _Refusal(0, "Transport unknown")
        if query.get("EIO") != _PROTOCOL:
            raise _Refusal(5, "Unsupported protocol version")
        return cls("GET" if is_socket else scope["method"], transport, query.get("sid"), Headers(scope=scope))


class EngineServer(engineio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """Engine.IO for one process. ``sockets`` holds the links by id."""

    owner: LinkOwner
    heartbeat: Heartbeat
    origins: Sequence[str] | None
    """Origins that browsers may come from, beside our own; ``None``: any."""
    is_draining = False

    # --- what python-socketio calls

    async def send(self, sid: str, data: Any) -> None:
        """A message to one client."""
        await self.send_packet(sid, engineio.packet.Packet(engineio.packet.MESSAGE, data=data))

    async def send_packet(self, sid: str, pkt: Any) -> None:
        """A packet to one client."""
        link = self.sockets.get(sid)
        if link is not None:
            link.send(frames.text_frame(pkt.encode(b64=True).encode()))

    async def disconnect(self, sid: str | None = None) -> None:
        """Close one client's link, or all."""
        for link in list(self.sockets.values()) if sid is None else filter(None, [self.sockets.get(sid)]):
            link.close(CloseReason.SERVER)

    async def shutdown(self) -> None:
        """Close everything."""
        await self.disconnect()

    # --- requests

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application of ``/socket.io/``."""
        respond = _Responder(scope, send)
        try:
            self._check_origin(respond, Headers(scope=scope))
            if scope["type"] == "http" and scope["method"] == "OPTIONS":
                await respond.preflight()
                return
            request = _Request.of(scope)
            if scope["type"] == "websocket":
                await self._handle_socket(request, scope, receive, send)
            else:
                await respond.ok(await self._handle_poll(request, scope, receive))
        except _Refusal as refusal:
            await respond.refuse(refusal)

    def _check_origin(self, respond: "_Responder", headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is None:
            return
        if self.origins is not None and origin not in self.origins and urlsplit(origin).netloc != headers.get("host"):
            raise _Refusal(4, "Forbidden", 403)
        respond.origin = origin

    def _open(self, request: _Request, scope: Scope, upgrades: list[str]) -> Link:
        if request.method != "GET":
            raise _Refusal(2, "Bad handshake method")
        if self.is_draining:
            raise _Refusal(3, "Shutting down", 503)
        link = Link(self.generate_id(), self.owner, self.heartbeat, self._forget)
        self.sockets[link.link_id] = link
        link.send(
            frames.text_frame(
                b"0"
                + orjson.dumps(
                    {
                        "sid": link.link_id,
                        "upgrades": upgrades,
                        "pingInterval": int(self.heartbeat.interval_s * 1000),
                        "pingTimeout": int(self.heartbeat.timeout_s * 1000),
                        "maxPayload": self.max_http_buffer_size,
                    }
                )
            )
        )
        self.owner.opened(link, _environ_of(scope, request.headers))
        return link

    def _forget(self, link: Link) -> None:
        self.sockets.pop(link.link_id, None)

    def _link(self, link_id: str) -> Link:
        link: Link | None = self.sockets.get(link_id)
        if link is None:
            raise _Refusal(1, "Session ID unknown")
        return link

    async def _handle_socket(self, request: _Request, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        socket: WebSocket | None = scope["extensions"].get(EXTENSION)
        if socket is None:
            raise RuntimeError("the server does not seat WebSocket")
        if request.link_id is None:
            link = self._open(request, scope, upgrades=[])
            await send({"type": "websocket.accept"})
            link.carry_by(socket)
        else:
            link = self._link(request.link_id)
            if not link.probe(socket):
                raise _Refusal(3, "Bad request")
            await send({"type": "websocket.accept"})
        await socket.lost.wait()

    async def _handle_poll(self, request: _Request, scope: Scope, receive: Receive) -> bytes:
        if request.link_id is None:
            link = self._open(request, scope, upgrades=["websocket"])
            return frames.payload_of(await link.poll())
        link = self._link(request.link_id)
        if link.upgraded:
            raise _Refusal(3, "Bad request")
        match request.method:
            case "GET":
                return await self._fetch(link, receive)
            case "POST":
                return await self._take_in(link, await _read_body(request.headers, receive))
        raise _Refusal(2, "Bad method")

    async def _fetch(self, link: Link, receive: Receive) -> bytes:
        if link.is_polled:
            link.close(CloseReason.BAD_PACKET)
            raise _Refusal(3, "Overlapping polls")
        poll = asyncio.ensure_future(link.poll())
        gone = asyncio.ensure_future(_wait_for_disconnect(receive))
        await asyncio.wait((poll, gone), return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not poll.done():  # the answer could reach nobody
            link.close(CloseReason.TRANSPORT)
        return frames.payload_of(await poll)

    async def _take_in(self, link: Link, body: bytes) -> bytes:
        packets = body.split(frames.SEPARATOR)
        if len(packets) > POST_PACKETS_MAX:
            link.close(CloseReason.BAD_PACKET)
        for packet in packets:
            if packet.startswith(b"b"):
                link.receive(_attachment(packet), is_text=False)
            else:
                link.receive(packet)
        await link.taken_in()
        if link.reason is CloseReason.BAD_PACKET:
            raise _Refusal(3, "Bad request")
        return b"ok"


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _attachment(packet: bytes) -> bytes:
    try:
        return base64.b64decode(packet[1:], validate=True)
    except binascii.Error:
        raise _Refusal(3, "Bad request") from None


async def _read_body(headers: Headers, receive: Receive) -> bytes:
    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > POST_BYTES_MAX:
        raise _Refusal(3, "Payload too large", 413)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Refusal(3, "Bad request")
        body += message.get("body", b"")
        if len(body) > POST_BYTES_MAX:
            raise _Refusal(3, "Payload too large", 413)
        more = message.get("more_body", False)
    return bytes(body)


def _environ_of(scope: Scope, headers: Headers) -> dict[str, Any]:
    """What handlers may ask about the request that opened a link: as little as they need, it is kept for as long."""
    return {
        "REMOTE_ADDR": (scope.get("client") or ("unknown",))[0],
        "HTTP_X_FORWARDED_FOR": ",".join(headers.getlist("x-forwarded-for")),
    }


class _Responder:
    """Answers of this side, each with the headers that every answer of the house carries."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._is_socket = scope["type"] == "websocket"
        self._send = send
        self._request_id = accept_request_id(Headers(scope=scope).get("x-request-id"))
        self.origin: str | None = None
        """Who may read the answer in a browser."""

    async def ok(self, body: bytes) -> None:
        await self._respond(200, body, "text/plain; charset=UTF-8")

    async def refuse(self, refusal: _Refusal) -> None:
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
            "X-Request-ID": self._request_id,
            **(more or {}),
        }
        if self.origin is not None:
            headers |= {"Access-Control-Allow-Origin": self.origin, "Vary": "Origin"}
        kind = "websocket.http.response" if self._is_socket else "http.response"
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": f"{kind}.start", "status": status, "headers": encoded})
        await self._send({"type": f"{kind}.body", "body": body})
