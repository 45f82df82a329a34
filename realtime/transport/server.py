"""The Socket.IO server: python-socketio, with the ways that a client's packets take through it made strict and orderly.

As shipped, python-socketio lets a client call the connect and disconnect handlers by emitting those names, runs one
client's events side by side, answers an unknown event with an empty ack and a failed one with none. Here every event goes
through its connection's queue to :meth:`Namespace.on_action`, and everything else that is not in the protocol closes.

What must stay true: for every ``on_connect`` that accepted, ``on_disconnect`` runs exactly once; nothing is kept of a
client that is gone; what was received is answered before :meth:`SocketServer.settle` returns.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import engineio
import socketio

from core.errors import ErrorCode
from realtime.transport.connection import Connection
from realtime.transport.engine import EngineServer
from realtime.transport.link import CloseReason, Heartbeat, Link
from realtime.transport.packets import (
    BadPacket,
    Fault,
    Packet,
    PacketType,
    decode_packet,
    encode_connect,
    encode_connect_error,
)

log = logging.getLogger("molva.transport")

CONNECT_TIMEOUT_S: Final = 10.0
"""How long a client may be there without being in a namespace."""
SETTLE_TIMEOUT_S: Final = 5.0
"""How long a shutdown waits for what was received to be answered."""


class Refused(Exception):
    """A connect that is not accepted: CONNECT_ERROR with a message and ``{"code": …}``."""

    def __init__(self, message: str, code: str) -> None:
        self.message = message
        self.code = code
        super().__init__(message)


class Namespace(socketio.AsyncNamespace):  # type: ignore[misc]  # the library has no types
    """A namespace whose handlers get the :class:`Connection`."""

    async def on_connect(self, connection: Connection, environ: dict[str, Any], auth: Any) -> bytes:
        """A client wants in: the packet that greets it, or :class:`Refused`."""
        raise NotImplementedError

    async def on_action(self, connection: Connection, name: str, arguments: list[object] | Fault) -> bytes:
        """The client emitted an event; the JSON of the ack. Never raises."""
        raise NotImplementedError

    async def on_disconnect(self, connection: Connection, reason: str) -> None:
        """The connection is gone, after :meth:`on_connect` accepted it; called once. Never raises."""
        raise NotImplementedError

    def on_draining(self, connection: Connection) -> None:
        """The process is about to end: last words."""


@dataclass(slots=True)
class _Client:
    """What Socket.IO knows of a link."""

    connections: dict[str, Connection] = field(default_factory=dict)
    connecting: set[str] = field(default_factory=set)
    attachments: int = 0
    """Binary messages still to come that belong to an event which was refused."""
    deadline: asyncio.TimerHandle | None = None


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """python-socketio's server with strict packets and ordered actions.

    ``cors_allowed_origins``: ``"*"`` or a list; ``max_http_buffer_size``: a packet at the most; ``ping_interval`` and
    ``ping_timeout`` in seconds.
    """

    def __init__(
        self,
        *,
        cors_allowed_origins: list[str] | str,
        max_http_buffer_size: int,
        ping_interval: float,
        ping_timeout: float,
    ) -> None:
        super().__init__(
            async_mode="asgi",
            namespaces=[],
            logger=False,
            engineio_logger=False,
            max_http_buffer_size=max_http_buffer_size,
            monitor_clients=False,
        )
        self.eio.owner = self
        self.eio.heartbeat = Heartbeat(ping_interval, ping_timeout)
        self.eio.origins = None if cors_allowed_origins == "*" else cors_allowed_origins
        self._packet_bytes_max = max_http_buffer_size
        self._clients: dict[str, _Client] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def _engineio_server_class(self) -> type[engineio.AsyncServer]:
        return EngineServer

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- links

    def opened(self, link: Link, environ: dict[str, Any]) -> None:
        """A client is there; it has a while to enter a namespace."""
        self.environ[link.link_id] = environ
        self._clients[link.link_id] = client = _Client()
        self._expect_connect(link, client)

    def _expect_connect(self, link: Link, client: _Client) -> None:
        if client.deadline is not None:
            client.deadline.cancel()
        client.deadline = asyncio.get_running_loop().call_later(CONNECT_TIMEOUT_S, self._check_connect, link, client)

    def _check_connect(self, link: Link, client: _Client) -> None:
        if client.connecting:
            self._expect_connect(link, client)
        elif not client.connections:
            link.close(CloseReason.NO_NAMESPACE)

    def closed(self, link: Link) -> None:
        """The client is gone."""
        client = self._clients.pop(link.link_id)
        self.environ.pop(link.link_id, None)
        if client.deadline is not None:
            client.deadline.cancel()
        for namespace in list(client.connections):
            self._leave(link, client, namespace)

    def _leave(self, link: Link, client: _Client, namespace: str) -> None:
        connection = client.connections.pop(namespace)
        self.manager.basic_disconnect(connection.connection_id, namespace)
        self._spawn(self._say_goodbye(namespace, connection, link.reason or CloseReason.CLIENT))

    async def _say_goodbye(self, namespace: str, connection: Connection, reason: CloseReason) -> None:
        await self.namespace_handlers[namespace].on_disconnect(connection, reason.value)

    # --- packets

    def received(self, link: Link, message: bytes | None) -> None:
        """A packet came (``None``: binary)."""
        client = self._clients[link.link_id]
        try:
            if message is None:
                self._drop_attachment(client)
            else:
                self._take(link, client, decode_packet(message, size_bytes_max=self._packet_bytes_max))
        except BadPacket as error:
            ids = [connection.connection_id for connection in client.connections.values()]
            log.warning("bad packet", extra={"problem": str(error), "connection_ids": ids})
            link.close(CloseReason.BAD_PACKET)

    def _drop_attachment(self, client: _Client) -> None:
        if not client.attachments:
            raise BadPacket("not text")
        client.attachments -= 1

    def _take(self, link: Link, client: _Client, packet: Packet) -> None:
        if client.attachments:
            raise BadPacket("text where an attachment was announced")
        connection = client.connections.get(packet.namespace)
        match packet.type:
            case PacketType.CONNECT:
                self._take_connect(link, client, packet)
            case PacketType.DISCONNECT:
                if connection is not None:
                    self._leave(link, client, packet.namespace)
                    self._expect_connect(link, client)
            case PacketType.EVENT | PacketType.BINARY_EVENT:
                if connection is None:
                    raise BadPacket("an event before the connect")
                client.attachments = packet.attachments
                if isinstance(packet.data, Fault):
                    connection.receive("", packet.data, packet.ack_id)
                else:
                    connection.receive(packet.data[0], packet.data[1:], packet.ack_id)
            case PacketType.ACK:
                pass  # no event asks for an ack

    def _take_connect(self, link: Link, client: _Client, packet: Packet) -> None:
        if packet.namespace in client.connections or packet.namespace in client.connecting:
            raise BadPacket("connected already")
        if link.reason is not None:
            return
        if packet.namespace not in self.namespace_handlers:
            link.send(encode_connect_error(packet.namespace, "Invalid namespace", ErrorCode.NOT_FOUND.value))
            return
        client.connecting.add(packet.namespace)
        link.pause()  # what follows in the same breath belongs to a client that is in
        self._spawn(self._connect(link, client, packet))

    async def _connect(self, link: Link, client: _Client, packet: Packet) -> None:
        namespace = packet.namespace
        handler: Namespace = self.namespace_handlers[namespace]
        connection = Connection(
            connection_id=self.eio.generate_id(),
            namespace=namespace,
            link=link,
            act=handler.on_action,
            spawn=self._spawn,
        )
        try:
            greeting = await handler.on_connect(connection, self.environ[link.link_id], packet.data)
        except Refused as refused:
            link.send(encode_connect_error(namespace, refused.message, refused.code))
        else:
            if link.reason is not None:  # it went while we looked it up
                await handler.on_disconnect(connection, link.reason.value)
                return
            client.connections[namespace] = connection
            self._enter_rooms(connection, namespace, link)
            link.send(encode_connect(namespace, connection.connection_id))
            connection.open(greeting)
        finally:
            client.connecting.discard(namespace)
            link.resume()

    def _enter_rooms(self, connection: Connection, namespace: str, link: Link) -> None:
        """So that python-socketio's own ``emit`` finds the client."""
        for room in (None, connection.connection_id):
            self.manager.basic_enter_room(connection.connection_id, namespace, room, eio_sid=link.link_id)

    # --- the end

    async def drain(self) -> None:
        """Before the listener closes its sockets: nobody new, last words, everything received answered, all closed."""
        self.eio.is_draining = True
        links: list[Link] = list(self.eio.sockets.values())
        for link in links:
            link.pause()
            client = self._clients.get(link.link_id)
            for namespace, connection in client.connections.items() if client else ():
                self.namespace_handlers[namespace].on_draining(connection)
        await self.settle()
        for link in links:
            link.close(CloseReason.DRAINING)
        await self.settle()

    async def settle(self) -> None:
        """Wait until everything that was received is answered and everybody who went is seen off, within a bound."""
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            log.error("not settled in time", extra={"tasks": len(self._tasks)})


def with_sockets(server: SocketServer, app: Any) -> Any:
    """One ASGI application: Socket.IO under ``/socket.io/``, ``app`` for everything else."""
    return socketio.ASGIApp(server, other_asgi_app=app, socketio_path="socket.io")
