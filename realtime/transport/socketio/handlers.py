"""The handlers of a namespace: a :class:`Namespace` of this server, or handlers for python-socketio's own API."""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

import socketio
from socketio.packet import ACK

from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.packets import Fault, encode_ack, encode_by_library

log = logging.getLogger("molva.transport")


class ConnectRefused(Exception):
    """A connect is refused: the client gets CONNECT_ERROR with a message and optional ``data``."""

    def __init__(self, message: str, data: object = None) -> None:
        self.error = {"message": message} if data is None else {"message": message, "data": data}
        super().__init__(message)


class Handlers(Protocol):
    """Receives what happens on the connections of one namespace."""

    answers_faults: bool
    """Whether events that cannot be actions (a :class:`Fault`) get an ack. Otherwise binary data is accepted, and any other
    fault closes the connection."""

    async def on_connect(self, connection: Connection, auth: Any) -> bytes | None:
        """A client connects. Returns the first packet for it, if any; raises :class:`ConnectRefused`."""

    async def handle_event(
        self, connection: Connection, name: str, arguments: list[object] | Fault, ack_id: int | None
    ) -> Sequence[bytes]:
        """The client emitted an event. Returns the frames of the ack. Never raises."""

    async def on_disconnect(self, connection: Connection, reason: str) -> None:
        """A connection that :meth:`on_connect` accepted has ended. Called once. Never raises."""

    def on_draining(self, connection: Connection) -> None:
        """The process is about to end: send a last packet, if any."""


class Namespace(socketio.AsyncNamespace):  # type: ignore[misc]  # the library has no types
    """A namespace whose handlers get the :class:`Connection`, and in which every event gets an ack."""

    answers_faults = True

    async def on_connect(self, connection: Connection, auth: Any) -> bytes | None:
        """A client connects. Returns the first packet for it; raises :class:`ConnectRefused`."""
        raise NotImplementedError

    async def on_action(self, connection: Connection, name: str, arguments: list[object] | Fault) -> bytes:
        """The client emitted an event. Returns the JSON of the ack. Never raises."""
        raise NotImplementedError

    async def handle_event(
        self, connection: Connection, name: str, arguments: list[object] | Fault, ack_id: int | None
    ) -> Sequence[bytes]:
        """The client emitted an event. Returns the frames of the ack. Never raises."""
        answer = await self.on_action(connection, name, arguments)
        return () if ack_id is None else (encode_ack(self.namespace, ack_id, answer),)

    async def on_disconnect(self, connection: Connection, reason: str) -> None:
        """A connection that :meth:`on_connect` accepted has ended. Called once. Never raises."""
        raise NotImplementedError

    def on_draining(self, connection: Connection) -> None:
        """The process is about to end: send a last packet, if any."""


def _plain(arguments: list[object] | Fault) -> list[object]:
    return [] if isinstance(arguments, Fault) else arguments


class LibraryHandlers:
    """Calls handlers that were registered by python-socketio's ``on``, ``event`` or a plain ``AsyncNamespace``."""

    answers_faults = False

    def __init__(self, server: Any, namespace: str) -> None:
        self._server = server
        self._namespace = namespace

    async def _trigger(self, name: str, *arguments: Any) -> Any:
        return await self._server._trigger_event(name, self._namespace, *arguments)  # noqa: SLF001  (the library's)

    async def on_connect(self, connection: Connection, auth: Any) -> None:
        """Call the handler; its ``False`` or ``ConnectionRefusedError`` becomes :class:`ConnectRefused`."""
        sid = connection.connection_id
        environ = self._server.get_environ(sid, self._namespace)
        try:
            if auth is None:
                is_accepted = await self._connect_without_auth(sid, environ)
            else:
                is_accepted = await self._trigger("connect", sid, environ, auth)
        except socketio.exceptions.ConnectionRefusedError as error:
            raise ConnectRefused(error.error_args["message"], error.error_args.get("data")) from None
        except ConnectionRefusedError:
            is_accepted = False
        except Exception:  # the application's handler: its bug must not harm the transport
            log.exception("connect crashed")
            is_accepted = False
        if is_accepted is False:
            raise ConnectRefused("Connection rejected by server")

    async def _connect_without_auth(self, sid: str, environ: dict[str, Any]) -> Any:
        try:
            return await self._trigger("connect", sid, environ, None)
        except TypeError:  # an older handler, without the parameter auth
            return await self._trigger("connect", sid, environ)

    async def handle_event(
        self, connection: Connection, name: str, arguments: list[object] | Fault, ack_id: int | None
    ) -> Sequence[bytes]:
        """The ack with what the handler returned; nothing if there is no handler, or it crashed."""
        try:
            result = await self._trigger(name, connection.connection_id, *_plain(arguments))
        except Exception:  # as above
            log.exception("handler crashed", extra={"event_name": name[:64]})
            return ()
        if ack_id is None or result is self._server.not_handled:
            return ()
        data = list(result) if isinstance(result, tuple) else [] if result is None else [result]
        return encode_by_library(self._server.packet_class(ACK, namespace=self._namespace, id=ack_id, data=data))

    async def on_disconnect(self, connection: Connection, reason: str) -> None:
        """Call the handler; an exception is logged."""
        try:
            await self._trigger("disconnect", connection.connection_id, reason)
        except Exception:  # as above
            log.exception("disconnect crashed")

    def on_draining(self, connection: Connection) -> None:
        """Nothing: the library has no such handler."""
