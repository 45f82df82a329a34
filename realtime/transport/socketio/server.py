"""The Socket.IO server: python-socketio, with a strict and ordered way for the packets of clients.

As shipped, python-socketio lets a client call the connect and disconnect handlers by emitting events of those names, runs
the events of one client concurrently, acks an unknown event with nothing, and never acks one whose handler failed. Here
each event goes through the queue of its connection to the handlers of its namespace, and whatever the protocol does not
allow closes the session. Rooms, sessions, ``emit``, ``call`` and handlers written for the library's API work as it
documents.

What must stay true: for each ``on_connect`` that accepted, ``on_disconnect`` runs exactly once; nothing is kept of a client
that is gone; what was received is answered before :meth:`SocketServer.settle` returns.
"""

import asyncio
import logging
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

import engineio
import socketio

from realtime.transport.engineio.close_reason import CloseReason
from realtime.transport.engineio.server import EngineServer
from realtime.transport.engineio.session import EngineSession
from realtime.transport.options import TransportOptions
from realtime.transport.request import TransportRequest
from realtime.transport.socketio.client import PartialPacket, SocketClient
from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.handlers import ConnectRefused, Handlers, LibraryHandlers, Namespace
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
)
from realtime.transport.socketio.rooms import Rooms
from realtime.transport.workers import Workers
from realtime.wire.registry import RESERVED_NAMES

log = logging.getLogger("molva.transport")

ATTACHMENTS_TIMEOUT_S: Final = 10.0
"""How long the attachments of one packet may take."""
CONNECTS_REFUSED_MAX: Final = 20
"""Refused connects after which a client is cut."""
SETTLE_TIMEOUT_S: Final = 10.0
"""How long the shutdown waits until everything that was received is answered."""
NOTICE_S: Final = 1.0
"""Time between telling clients of the shutdown and closing the first session, for them and for load balancers."""
_WAVE_SESSIONS_MIN: Final = 200
_WAVES_MAX: Final = 50
_WAVE_PAUSE_S: Final = 0.1


class _Environs(Mapping[str, dict[str, Any]]):
    """The request of each client, as python-socketio gives it to handlers; made when it is asked for."""

    def __init__(self, eio: EngineServer) -> None:
        self._eio = eio

    def __getitem__(self, eio_sid: str) -> dict[str, Any]:
        session = self._eio.engine_session(eio_sid)
        return TransportRequest.of_head(session.request_head, session.address, trusted_proxies=0).environ()

    def __iter__(self) -> Iterator[str]:
        return iter(self._eio.sockets)

    def __len__(self) -> int:
        return len(self._eio.sockets)


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]  # the library has no types
    """python-socketio's server on our transport."""

    def __init__(self, options: TransportOptions, *, no_namespace: ConnectRefused | None = None) -> None:
        """``no_namespace``: the answer to a connect to a namespace that does not exist."""
        super().__init__(
            client_manager=Rooms(), async_mode="asgi", namespaces=[], logger=False, engineio_logger=False, options=options
        )
        self.eio: EngineServer
        self.eio.session_handler = self
        self.environ = _Environs(self.eio)
        self._no_namespace = no_namespace or ConnectRefused("Invalid namespace")
        self._options = options
        self._library_handlers: dict[str, LibraryHandlers] = {}
        self._workers = Workers()
        self._spawn = self._workers.start

    def _engineio_server_class(self) -> type[engineio.AsyncServer]:
        return EngineServer

    @property
    def busy(self) -> int:
        """How many connects, actions and disconnects are under way."""
        return self._workers.busy

    def _handlers_of(self, namespace: str) -> Handlers | None:
        handler = self.namespace_handlers.get(namespace)
        if isinstance(handler, Namespace):
            return handler
        if handler is None and namespace not in self.handlers:
            return None
        return self._library_handlers.setdefault(namespace, LibraryHandlers(self, namespace))

    # --- sessions

    def opened(self, engine_session: EngineSession) -> None:
        """A client is there. It must enter a namespace within a bound."""
        engine_session.data = client = SocketClient()
        self._expect_connect(engine_session, client)

    def _expect_connect(self, engine_session: EngineSession, client: SocketClient) -> None:
        if client.deadline is not None:
            client.deadline.cancel()
        loop = asyncio.get_running_loop()
        client.deadline = loop.call_later(self._options.connect_timeout_s, self._check_connect, engine_session, client)

    def _check_connect(self, engine_session: EngineSession, client: SocketClient) -> None:
        if client.connecting:
            self._expect_connect(engine_session, client)
        elif not client.connections:
            engine_session.cut(CloseReason.NO_NAMESPACE, "in no namespace")

    def closed(self, engine_session: EngineSession) -> None:
        """The client is gone."""
        client, engine_session.data = engine_session.data, None
        client.cancel_timers()
        if client.connections:
            self._spawn(self._leave_all(engine_session, client))

    async def _leave_all(self, engine_session: EngineSession, client: SocketClient) -> None:
        self.eio.disconnecting[engine_session.sid] = engine_session
        try:
            for namespace in list(client.connections):
                await self._leave(engine_session, client, namespace)
        finally:
            del self.eio.disconnecting[engine_session.sid]

    async def _leave(self, engine_session: EngineSession, client: SocketClient, namespace: str) -> None:
        connection = client.connections.pop(namespace)
        handlers = self._handlers_of(namespace)
        self.manager.pre_disconnect(connection.connection_id, namespace)
        try:
            if handlers is not None:
                await handlers.on_disconnect(connection, (engine_session.reason or CloseReason.CLIENT).value)
        finally:
            self.manager.basic_disconnect(connection.connection_id, namespace)

    # --- packets

    def received(self, engine_session: EngineSession, message: bytes, *, is_text: bool) -> None:
        """The client sent a packet, or an attachment of one."""
        client: SocketClient = engine_session.data
        try:
            if client.partial is not None:
                self._receive_attachment(client, client.partial, None if is_text else message)
            elif is_text:
                if len(message) > 2 * self._options.packet_bytes_max:
                    raise BadPacket("a packet of more than twice the allowed size")
                packet = decode_packet(message, size_bytes_max=self._options.packet_bytes_max)
                self._receive_packet(engine_session, client, packet, len(message))
            else:
                raise BadPacket("an attachment of nothing")
        except BadPacket as error:
            engine_session.cut(CloseReason.BAD_PACKET, str(error))

    def _receive_packet(self, engine_session: EngineSession, client: SocketClient, packet: Packet, size_bytes: int) -> None:
        match packet.type:
            case PacketType.EVENT | PacketType.BINARY_EVENT | PacketType.ACK | PacketType.BINARY_ACK:
                if packet.namespace not in client.connections:
                    raise BadPacket("an event before the connect")
                if packet.attachments:
                    self._expect_attachments(engine_session, client, packet)
                else:
                    self._receive_whole(client, packet, size_bytes)
            case PacketType.CONNECT:
                self._receive_connect(engine_session, client, packet)
            case PacketType.DISCONNECT:
                if packet.namespace in client.connections:
                    engine_session.pause()  # packets behind this one, a connect perhaps, are handled after it has left
                    self._spawn(self._leave_on_request(engine_session, client, packet.namespace))

    async def _leave_on_request(self, engine_session: EngineSession, client: SocketClient, namespace: str) -> None:
        try:
            if namespace in client.connections:
                await self._leave(engine_session, client, namespace)
            if engine_session.reason is None:
                self._expect_connect(engine_session, client)
        finally:
            engine_session.resume()

    def _receive_whole(self, client: SocketClient, packet: Packet, size_bytes: int) -> None:
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

    def _expect_attachments(self, engine_session: EngineSession, client: SocketClient, packet: Packet) -> None:
        handlers = self._handlers_of(packet.namespace)
        keeps_content = handlers is not None and not handlers.answers_faults
        client.partial = PartialPacket(packet, bytes_max=self._options.message_bytes_max, keeps_content=keeps_content)
        client.attachments_deadline = asyncio.get_running_loop().call_later(
            ATTACHMENTS_TIMEOUT_S, engine_session.cut, CloseReason.BAD_PACKET, "attachments that do not come"
        )

    def _receive_attachment(self, client: SocketClient, partial: PartialPacket, attachment: bytes | None) -> None:
        if attachment is None:
            raise BadPacket("text where an attachment was announced")
        if not partial.add(attachment):
            return
        client.partial = None
        if client.attachments_deadline is not None:
            client.attachments_deadline.cancel()
        if partial.packet.namespace in client.connections:  # unless we closed the namespace meanwhile
            self._receive_whole(client, partial.join(), partial.size_bytes)

    # --- entering a namespace

    def _receive_connect(self, engine_session: EngineSession, client: SocketClient, packet: Packet) -> None:
        if packet.namespace in client.connections or packet.namespace in client.connecting:
            raise BadPacket("connected already")
        if engine_session.reason is not None:
            return
        handlers = self._handlers_of(packet.namespace)
        if handlers is None:
            self._refuse_connect(engine_session, client, packet.namespace, self._no_namespace)
            return
        client.connecting.add(packet.namespace)
        engine_session.pause()  # packets behind this one are handled once the client is connected
        self._spawn(self._connect(engine_session, client, packet, handlers))

    def _refuse_connect(
        self, engine_session: EngineSession, client: SocketClient, namespace: str, refused: ConnectRefused
    ) -> None:
        engine_session.send(encode_connect_error(namespace, refused.error))
        client.refusals += 1
        if client.refusals >= CONNECTS_REFUSED_MAX:
            engine_session.cut(CloseReason.NO_NAMESPACE, "too many refused connects")

    async def _connect(
        self, engine_session: EngineSession, client: SocketClient, packet: Packet, handlers: Handlers
    ) -> None:
        namespace = packet.namespace
        sid = await self.manager.pre_connect(engine_session.sid, namespace)
        connection = Connection(
            connection_id=sid,
            namespace=namespace,
            engine_session=engine_session,
            handle_event=handlers.handle_event,
            spawn=self._spawn,
        )
        try:
            greeting = await handlers.on_connect(connection, packet.data)
        except ConnectRefused as refused:
            self.manager.basic_disconnect(sid, namespace)
            self._refuse_connect(engine_session, client, namespace, refused)
        else:
            await self.manager.connect(sid, namespace)
            client.connections[namespace] = connection
            if engine_session.reason is not None:  # the client left meanwhile
                await self._leave(engine_session, client, namespace)
                return
            if client.deadline is not None:
                client.deadline.cancel()
                client.deadline = None
            engine_session.send(encode_connect(namespace, sid))
            connection.open(*([] if greeting is None else [greeting]))
        finally:
            client.connecting.discard(namespace)
            engine_session.resume()

    # --- python-socketio's API where it reaches into its own transport

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        engine_session = self.eio.sockets.get(eio_sid)
        for frame in encode_by_library(pkt) if engine_session is not None else ():
            engine_session.send(frame)

    async def disconnect(self, sid: str, namespace: str | None = None, **_: Any) -> None:
        """Take a client out of a namespace."""
        namespace = namespace or "/"
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace)
        engine_session = self.eio.sockets.get(eio_sid)
        client = engine_session.data if engine_session is not None else None
        if client is not None and namespace in client.connections:
            engine_session.send(encode_disconnect(namespace))
            self._expect_connect(engine_session, client)
            await self._leave(engine_session, client, namespace)

    # --- the end

    async def drain(self) -> None:
        """Shut down: open no sessions, tell the clients, answer all that was received, close the sessions in waves."""
        self.eio.is_draining = True
        engine_sessions: list[EngineSession] = list(self.eio.sockets.values())
        for engine_session in engine_sessions:
            client: SocketClient | None = engine_session.data
            for namespace, connection in client.connections.items() if client is not None else ():
                handlers = self._handlers_of(namespace)
                if handlers is not None:
                    handlers.on_draining(connection)
        if engine_sessions:
            await asyncio.sleep(NOTICE_S)  # clients that heed the notice leave by themselves
        random.shuffle(engine_sessions)
        wave_size = max(_WAVE_SESSIONS_MIN, -(-len(engine_sessions) // _WAVES_MAX))
        for start in range(0, len(engine_sessions), wave_size):
            if start:
                await asyncio.sleep(_WAVE_PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311  (spreads load)
            for engine_session in engine_sessions[start : start + wave_size]:
                self._spawn(self._finish(engine_session))
        await self.settle()

    async def _finish(self, engine_session: EngineSession) -> None:
        engine_session.pause()
        client: SocketClient | None = engine_session.data
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                for connection in list(client.connections.values()) if client else ():
                    await connection.settled()
        except TimeoutError:
            log.error("not answered in time", extra={"client": engine_session.address})
        engine_session.close(CloseReason.DRAINING)

    async def settle(self) -> None:
        """Wait, within a bound, until all that was received is answered and all disconnect handlers have run."""
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S + 1):
                await self._workers.settled()
        except TimeoutError:
            log.error("not settled in time", extra={"tasks": self._workers.busy})
        finally:
            self._workers.close()


def with_sockets(server: SocketServer, app: Any) -> Any:
    """One ASGI application: polling under the server's path, ``app`` for everything else."""
    return socketio.ASGIApp(server, other_asgi_app=app, socketio_path=server.eio.options.path.strip("/"))
