"""Whom a namespace's packets go to: a :class:`Namespace` of ours, or whatever was written against python-socketio's API."""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

import socketio
from socketio.packet import ACK

from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.packets import Fault, encode_ack, encode_by_library

log = logging.getLogger("molva.transport")


class Refused(Exception):
    """A connect that is not accepted: CONNECT_ERROR with a message and, if there is more to say, ``data``."""

    def __init__(self, message: str, data: object = None) -> None:
        self.error = {"message": message} if data is None else {"message": message, "data": data}
        super().__init__(message)


class Handlers(Protocol):
    """Who hears of the connections of one namespace."""

    answers_faults: bool
    """Whether what cannot be an action (a :class:`Fault`) is answered; otherwise binary is taken and the rest closes."""

    async def on_connect(self, connection: Connection, auth: Any) -> bytes | None:
        """A client wants in: the packet that greets it, if any, or :class:`Refused`."""

    async def answer(
        self, connection: Connection, name: str, arguments: list[object] | Fault, ack_id: int | None
    ) -> Sequence[bytes]:
        """The client emitted an event: the frames of the ack. Never raises."""

    async def on_disconnect(self, connection: Connection, reason: str) -> None:
        """The connection is gone, after :meth:`on_connect` accepted it; called once. Never raises."""

    def on_draining(self, connection: Connection) -> None:
        """The process is about to end: last words."""


class Namespace(socketio.AsyncNamespace):  # type: ignore[misc]  # the library has no types
    """A namespace whose handlers get the :class:`Connection` and answer every event."""

    answers_faults = True

    async def on_connect(self, connection: Connection, auth: Any) -> bytes | None:
        """A client wants in: the packet that greets it, or :class:`Refused`."""
        raise NotImplementedError

    async def on_action(self, connection: Connection, name: str, arguments: list[object] | Fault) -> bytes:
        """The client emitted an event; the JSON of the ack. Never raises."""
        raise NotImplementedError

    async def answer(
        self, connection: Connection, name: str, arguments: list[object] | Fault, ack_id: int | None
    ) -> Sequence[bytes]:
        """The ack of an event, as frames."""
        answer = await self.on_action(connection, name, arguments)
        return () if ack_id is None else (encode_ack(self.namespace, ack_id, answer),)

    async def on_disconnect(self, connection: Connection, reason: str) -> None:
        """The connection is gone, after :meth:`on_connect` accepted it; called once. Never raises."""
        raise NotImplementedError

    def on_draining(self, connection: Connection) -> None:
        """The process is about to end: last words."""


def _plain(arguments: list[object] | Fault) -> list[object]:
    return [] if isinstance(arguments, Fault) else arguments


class LibraryHandlers:
    """Handlers registered by python-socketio's ``on``, ``event`` or a plain ``AsyncNamespace``, called as it calls them."""

    answers_faults = False

    def __init__(self, server: Any, namespace: str) -> None:
        self._server = server
        self._namespace = namespace

    async def _trigger(self, name: str, *arguments: Any) -> Any:
        return await self._server._trigger_event(name, self._namespace, *arguments)  # noqa: SLF001  (the library's)

    async def on_connect(self, connection: Connection, auth: Any) -> None:
        """The handler's ``False`` or ``ConnectionRefusedError`` becomes :class:`Refused`."""
        sid = connection.connection_id
        environ = self._server.get_environ(sid, self._namespace)
        try:
            if auth is None:
                is_in = await self._connect_without_auth(sid, environ)
            else:
                is_in = await self._trigger("connect", sid, environ, auth)
        except socketio.exceptions.ConnectionRefusedError as error:
            raise Refused(error.error_args["message"], error.error_args.get("data")) from None
        except ConnectionRefusedError:
            is_in = False
        except Exception:
            log.exception("connect crashed")
            is_in = False
        if is_in is False:
            raise Refused("Connection rejected by server")

    async def _connect_without_auth(self, sid: str, environ: dict[str, Any]) -> Any:
        try:
            return await self._trigger("connect", sid, environ, None)
        except TypeError:  # an older handler, which knows of no auth
            return await self._trigger("connect", sid, environ)

    async def answer(
        self, connection: Connection, name: str, arguments: list[object] | Fault, ack_id: int | None
    ) -> Sequence[bytes]:
        """What the handler returned; nothing if there is no handler, or it crashed."""
        try:
            result = await self._trigger(name, connection.connection_id, *_plain(arguments))
        except Exception:
            log.exception("handler crashed", extra={"event_name": name[:64]})
            return ()
        if ack_id is None or result is self._server.not_handled:
            return ()
        data = list(result) if isinstance(result, tuple) else [] if result is None else [result]
        return encode_by_library(self._server.packet_class(ACK, namespace=self._namespace, id=ack_id, data=data))

    async def on_disconnect(self, connection: Connection, reason: str) -> None:
        """The handler, whatever it does."""
        try:
            await self._trigger("disconnect", connection.connection_id, reason)
        except Exception:
            log.exception("disconnect crashed")

    def on_draining(self, connection: Connection) -> None:
        """The library knows no last words."""
