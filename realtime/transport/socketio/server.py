"""The Socket.IO server: python-socketio, with the ways that a client's packets take through it made strict and orderly.

As shipped, python-socketio lets a client call the connect and disconnect handlers by emitting those names, runs one
client's events side by side, answers an unknown event with an empty ack and a failed one with none. Here every event goes
through its connection's queue to its namespace's handlers, and everything that is not in the protocol closes. Rooms,
sessions, ``emit``, ``call`` and handlers written against the library's API work as its documentation says.

What must stay true: for every ``on_connect`` that accepted, ``on_disconnect`` runs exactly once; nothing is kept of a
client that is gone; what was received is answered before :meth:`SocketServer.settle` returns.
"""

import asyncio
import logging
import random
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import engineio
import socketio

from realtime.transport.engineio.handshake import Handshake
from realtime.transport.engineio.server import EngineServer, Terms
from realtime.transport.engineio.session import CloseReason, Link
from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.handlers import Handlers, LibraryHandlers, Namespace, Refused
from realtime.transport.socketio.packets import (
    BadPacket,
    Fault,
    Packet,
    PacketType,
    decode_packet,
    encode_by_library,
    encode_connect,
    encode_connect_error,
    encode_disconnect,
    join_attachments,
)
from realtime.transport.socketio.rooms import Rooms
from realtime.wire.registry import RESERVED_NAMES

log = logging.getLogger("molva.transport")

ATTACHMENTS_TIMEOUT_S: Final = 10.0
"""How long the attachments of one packet may take."""
CONNECTS_REFUSED_MAX: Final = 20
"""Refused connects after which a client is cut."""
SETTLE_TIMEOUT_S: Final = 10.0
"""How long the end waits for what was received to be answered."""
NOTICE_S: Final = 1.0
"""How long clients and load balancers have between the first word of the end and the first close."""
_WAVE_LINKS_MIN: Final = 200
_WAVES_MAX: Final = 50
_WAVE_PAUSE_S: Final = 0.1


@dataclass(slots=True)
class _Client:
    """What Socket.IO knows of a link."""

    connections: dict[str, Connection] = field(default_factory=dict)
    connecting: set[str] = field(default_factory=set)
    refusals: int = 0
    partial: Packet | None = None
    """A packet whose attachments are still to come."""
    attachments: list[bytes] = field(default_factory=list)
    attachments_bytes: int = 0
    deadline: asyncio.TimerHandle | None = None
    """When it must be in a namespace."""
    attachments_deadline: asyncio.TimerHandle | None = None


class _Environs(Mapping[str, dict[str, Any]]):
    """The request of each client, as python-socketio hands it to handlers: made when asked for."""

    def __init__(self, eio: EngineServer) -> None:
        self._eio = eio

    def __getitem__(self, eio_sid: str) -> dict[str, Any]:
        link = self._eio.link(eio_sid)
        return Handshake.of_head(link.handshake, link.address, trusted_proxies=0).environ()

    def __iter__(self) -> Iterator[str]:
        return iter(self._eio.sockets)

    def __len__(self) -> int:
        return len(self._eio.sockets)


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """python-socketio's server on our transport."""

    def __init__(self, terms: Terms, *, no_namespace: Refused | None = None) -> None:
        """``no_namespace``: what a client hears that asks for a namespace which is not there."""
        super().__init__(
            client_manager=Rooms(), async_mode="asgi", namespaces=[], logger=False, engineio_logger=False, terms=terms
        )
        self.eio: EngineServer
        self.eio.owner = self
        self.environ = _Environs(self.eio)
        self._no_namespace = no_namespace or Refused("Invalid namespace")
        self._terms = terms
        self._clients: dict[str, _Client] = {}
        self._library: dict[str, LibraryHandlers] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def _engineio_server_class(self) -> type[engineio.AsyncServer]:
        return EngineServer

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _handlers_of(self, namespace: str) -> Handlers | None:
        handler = self.namespace_handlers.get(namespace)
        if isinstance(handler, Namespace):
            return handler
        if handler is None and namespace not in self.handlers:
            return None
        return self._library.setdefault(namespace, LibraryHandlers(self, namespace))

    # --- links

    def opened(self, link: Link) -> None:
        """A client is there; it has a while to enter a namespace."""
        self._clients[link.link_id] = client = _Client()
        self._expect_connect(link, client)

    def _expect_connect(self, link: Link, client: _Client) -> None:
        if client.deadline is not None:
            client.deadline.cancel()
        loop = asyncio.get_running_loop()
        client.deadline = loop.call_later(self._terms.connect_timeout_s, self._check_connect, link, client)

    def _check_connect(self, link: Link, client: _Client) -> None:
        if client.connecting:
            self._expect_connect(link, client)
        elif not client.connections:
            link.cut(CloseReason.NO_NAMESPACE, "in no namespace")

    def closed(self, link: Link) -> None:
        """The client is gone."""
        client = self._clients.pop(link.link_id)
        for timer in (client.deadline, client.attachments_deadline):
            if timer is not None:
                timer.cancel()
        if client.connections:
            self._spawn(self._see_off(link, client))

    async def _see_off(self, link: Link, client: _Client) -> None:
        self.eio.leaving[link.link_id] = link
        try:
            for namespace in list(client.connections):
                await self._leave(link, client, namespace)
        finally:
            del self.eio.leaving[link.link_id]

    async def _leave(self, link: Link, client: _Client, namespace: str) -> None:
        connection = client.connections.pop(namespace)
        handlers = self._handlers_of(namespace)
        self.manager.pre_disconnect(connection.connection_id, namespace)
        try:
            if handlers is not None:
                await handlers.on_disconnect(connection, (link.reason or CloseReason.CLIENT).value)
        finally:
            self.manager.basic_disconnect(connection.connection_id, namespace)

    # --- packets

    def received(self, link: Link, message: bytes, *, is_text: bool) -> None:
        """A packet came, or an attachment of one."""
        client = self._clients[link.link_id]
        try:
            if client.partial is not None:
                self._take_attachment(client, client.partial, None if is_text else message)
            elif is_text:
                packet = decode_packet(message, size_bytes_max=self._terms.packet_bytes_max)
                self._take(link, client, packet, len(message))
            else:
                raise BadPacket("an attachment of nothing")
        except BadPacket as error:
            link.cut(CloseReason.BAD_PACKET, str(error))

    def _take(self, link: Link, client: _Client, packet: Packet, size_bytes: int) -> None:
        match packet.type:
            case PacketType.EVENT | PacketType.BINARY_EVENT | PacketType.ACK | PacketType.BINARY_ACK:
                if packet.namespace not in client.connections:
                    raise BadPacket("an event before the connect")
                if packet.attachments:
                    self._expect_attachments(link, client, packet)
                else:
                    self._take_whole(client, packet, size_bytes)
            case PacketType.CONNECT:
                self._take_connect(link, client, packet)
            case PacketType.DISCONNECT:
                if packet.namespace in client.connections:
                    link.pause()  # what follows in the same breath, a connect perhaps, comes after it has left
                    self._spawn(self._leave_alone(link, client, packet.namespace))

    async def _leave_alone(self, link: Link, client: _Client, namespace: str) -> None:
        try:
            if namespace in client.connections:
                await self._leave(link, client, namespace)
            if link.reason is None:
                self._expect_connect(link, client)
        finally:
            link.resume()

    def _take_whole(self, client: _Client, packet: Packet, size_bytes: int) -> None:
        connection = client.connections[packet.namespace]
        if packet.type in (PacketType.ACK, PacketType.BINARY_ACK):
            ack = self.manager.trigger_callback(connection.connection_id, packet.ack_id, packet.data)
            self._spawn(ack)
            return
        handlers = self._handlers_of(packet.namespace)
        fault = packet.data if isinstance(packet.data, Fault) else None
        if handlers is not None and handlers.answers_faults:
            fault = Fault.BINARY if packet.type.is_binary else fault
        elif fault is not None or packet.data[0] in RESERVED_NAMES:
            raise BadPacket("an event that nothing can be done with")
        if fault is not None:
            connection.receive("", fault, packet.ack_id, size_bytes)
        else:
            connection.receive(packet.data[0], packet.data[1:], packet.ack_id, size_bytes)

    # --- attachments

    def _expect_attachments(self, link: Link, client: _Client, packet: Packet) -> None:
        client.partial = packet
        client.attachments_deadline = asyncio.get_running_loop().call_later(
            ATTACHMENTS_TIMEOUT_S, link.cut, CloseReason.BAD_PACKET, "attachments that do not come"
        )

    def _take_attachment(self, client: _Client, packet: Packet, attachment: bytes | None) -> None:
        if attachment is None:
            raise BadPacket("text where an attachment was announced")
        handlers = self._handlers_of(packet.namespace)
        client.attachments_bytes += len(attachment)
        if client.attachments_bytes > self._terms.message_bytes_max:
            raise BadPacket("attachments that are too large")
        client.attachments.append(b"" if handlers is None or handlers.answers_faults else attachment)
        if len(client.attachments) < packet.attachments:
            return
        whole, client.attachments = client.attachments, []
        size_bytes, client.attachments_bytes, client.partial = client.attachments_bytes, 0, None
        if client.attachments_deadline is not None:
            client.attachments_deadline.cancel()
        if packet.namespace not in client.connections:
            return  # we closed the namespace meanwhile
        if not isinstance(packet.data, Fault) and not (handlers and handlers.answers_faults):
            packet = Packet(packet.type, packet.namespace, packet.ack_id, join_attachments(packet.data, whole))
        self._take_whole(client, packet, size_bytes)

    # --- entering a namespace

    def _take_connect(self, link: Link, client: _Client, packet: Packet) -> None:
        if packet.namespace in client.connections or packet.namespace in client.connecting:
            raise BadPacket("connected already")
        if link.reason is not None:
            return
        handlers = self._handlers_of(packet.namespace)
        if handlers is None:
            self._refuse_connect(link, client, packet.namespace, self._no_namespace)
            return
        client.connecting.add(packet.namespace)
        link.pause()  # what follows in the same breath belongs to a client that is in
        self._spawn(self._connect(link, client, packet, handlers))

    def _refuse_connect(self, link: Link, client: _Client, namespace: str, refused: Refused) -> None:
        link.send(encode_connect_error(namespace, refused.error))
        client.refusals += 1
        if client.refusals >= CONNECTS_REFUSED_MAX:
            link.cut(CloseReason.NO_NAMESPACE, "too many refused connects")

    async def _connect(self, link: Link, client: _Client, packet: Packet, handlers: Handlers) -> None:
        namespace = packet.namespace
        sid = await self.manager.pre_connect(link.link_id, namespace)
        connection = Connection(
            connection_id=sid, namespace=namespace, link=link, answer=handlers.answer, spawn=self._spawn
        )
        try:
            greeting = await handlers.on_connect(connection, packet.data)
        except Refused as refused:
            self.manager.basic_disconnect(sid, namespace)
            self._refuse_connect(link, client, namespace, refused)
        else:
            await self.manager.connect(sid, namespace)
            client.connections[namespace] = connection
            if link.reason is not None:  # it went while we looked it up
                await self._leave(link, client, namespace)
                return
            if client.deadline is not None:
                client.deadline.cancel()
                client.deadline = None
            link.send(encode_connect(namespace, sid))
            connection.open(*([] if greeting is None else [greeting]))
        finally:
            client.connecting.discard(namespace)
            link.resume()

    # --- python-socketio's API where it reaches into its own transport

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        link = self.eio.sockets.get(eio_sid)
        for frame in encode_by_library(pkt) if link is not None else ():
            link.send(frame)

    async def disconnect(self, sid: str, namespace: str | None = None, **_: Any) -> None:
        """Take a client out of a namespace."""
        namespace = namespace or "/"
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace)
        client = self._clients.get(eio_sid)
        if client is not None and namespace in client.connections:
            link = self.eio.link(eio_sid)
            link.send(encode_disconnect(namespace))
            self._expect_connect(link, client)
            await self._leave(link, client, namespace)

    # --- the end

    async def drain(self) -> None:
        """Let everybody go in good order: nobody new, last words, everything received answered, all closed in waves."""
        self.eio.is_draining = True
        links: list[Link] = list(self.eio.sockets.values())
        for link in links:
            client = self._clients.get(link.link_id)
            for namespace, connection in client.connections.items() if client else ():
                handlers = self._handlers_of(namespace)
                if handlers is not None:
                    handlers.on_draining(connection)
        if links:
            await asyncio.sleep(NOTICE_S)
        random.shuffle(links)
        size = max(_WAVE_LINKS_MIN, -(-len(links) // _WAVES_MAX))
        for start in range(0, len(links), size):
            if start:
                await asyncio.sleep(_WAVE_PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311  (spreads load)
            for link in links[start : start + size]:
                self._spawn(self._finish(link))
        await self.settle()

    async def _finish(self, link: Link) -> None:
        link.pause()
        client = self._clients.get(link.link_id)
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                for connection in list(client.connections.values()) if client else ():
                    await connection.settled()
        except TimeoutError:
            log.error("not answered in time", extra={"client": link.address})
        link.close(CloseReason.DRAINING)

    async def settle(self) -> None:
        """Wait until everything that was received is answered and everybody who went is seen off, within a bound."""
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S + 1):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            log.error("not settled in time", extra={"tasks": len(self._tasks)})


def with_sockets(server: SocketServer, app: Any) -> Any:
    """One ASGI application: polling under the server's path, ``app`` for everything else."""
    return socketio.ASGIApp(server, other_asgi_app=app, socketio_path=server.eio.terms.path.strip("/"))
