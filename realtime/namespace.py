"""The namespace ``/chat``: admits clients, closes connections whose login session ends, gives every event to dispatch.

What must stay true: a client is admitted only with a valid access token of a login session that has not ended; it gets chat
events after ``session:ready`` and none before; when its token expires or its session ends, the connection is closed.
"""

import logging
import time
from typing import Any, Final

import orjson
from pydantic import Field

from accounts.network_bans import NETWORK_BANNED, NetworkBans
from core import metrics
from core.clock import now_wire, wire_time_of_unix
from core.errors import AppError, ErrorCode, Forbidden, PayloadTooLarge, Unauthorized, ValidationFailed
from core.ids import new_id
from core.limits import PACKET_BYTES_MAX
from core.logs import Request, current_request, request_scope
from core.tokens import AccessTokens
from db import sessions
from db.batched_lookup import BatchedLookup
from db.pool import Database
from db.sessions import EndReason
from realtime.announcements import Announcements
from realtime.connections import ChatConnection
from realtime.delivery.hub import Hub
from realtime.model.objects import Profile, Unread
from realtime.presence.tracker import PresenceTracker
from realtime.sessions.payloads import (
    SESSION_EXPIRING,
    SESSION_READY,
    SESSION_REVOKED,
    SessionExpiring,
    SessionReady,
    SessionRevoked,
)
from realtime.transport.engineio.close_reason import CloseReason
from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.handlers import ConnectRefused, Namespace
from realtime.transport.socketio.packets import Fault, encode_event
from realtime.wire.context import Caller, Epoch
from realtime.wire.dispatch import Dispatcher
from realtime.wire.fields import ServerPayload
from realtime.wire.registry import Event, event

log = logging.getLogger("molva.socket")

NAMESPACE: Final = "/chat"
_RECONNECT_WITHIN_S: Final = 10

_FAULTS: Final[dict[Fault, AppError]] = {
    Fault.NOT_JSON: ValidationFailed.at("", "must be valid JSON, without lone surrogates, NaN, Infinity or deep nesting"),
    Fault.BINARY: ValidationFailed.at("", "must be JSON without binary data"),
    Fault.TOO_LARGE: PayloadTooLarge(f"A packet must be at most {PACKET_BYTES_MAX:,} bytes."),
}


class ServerDraining(ServerPayload):
    """The process is about to end: what was sent is still answered, then the connection closes. Connect again."""

    reconnect_within: int = Field(
        description="Seconds over which clients should spread their return, each at a random moment.", examples=[10]
    )


SERVER_DRAINING = event("server:draining", ServerDraining, to="every connection of the process that ends")


NO_NAMESPACE: Final = ConnectRefused(f"The only namespace is {NAMESPACE}.", {"code": ErrorCode.NOT_FOUND.value})
"""The answer to a connect to another namespace."""


def encode(name: str, payload: bytes) -> bytes:
    """An event of this namespace as a packet."""
    return encode_event(NAMESPACE, name, payload)


class ChatNamespace(Namespace):
    """``/chat``."""

    def __init__(
        self,
        *,
        database: Database,
        tokens: AccessTokens,
        hub: Hub,
        dispatcher: Dispatcher,
        presence: PresenceTracker,
        connections_max: int,
        limits: dict[str, int],
        epoch: Epoch,
        network_bans: NetworkBans,
        announcements: Announcements,
    ) -> None:
        """``connections_max``: of one user at a time. ``limits``: what clients are shown of them."""
        super().__init__(NAMESPACE)
        self._database = database
        self._admissions = BatchedLookup(
            "sessions.list_admissions", database, sessions.list_admissions, lambda row: row.session.id
        )
        self._tokens = tokens
        self._hub = hub
        self._dispatcher = dispatcher
        self._presence = presence
        self._connections_max = connections_max
        self._limits = limits
        self._epoch = epoch
        self._network_bans = network_bans
        self._announcements = announcements
        self._by_session: dict[str, dict[str, ChatConnection]] = {}
        """The connections of each login session, including those whose session is still being read."""

    # --- connecting

    async def on_connect(self, connection: Connection, auth: Any) -> bytes:
        """Admit a client with a valid access token of a session that has not ended. Refuse others with an error code."""
        request = Request(new_id(), client=connection.client, connection_id=connection.connection_id)
        with request_scope(request):
            try:
                greeting = await self._admit(connection, auth, request)
            except AppError as error:
                raise self._refused(connection, error, request) from None
            except Exception:  # a bug: the client is told `internal`, like after an action
                log.exception("connect crashed")
                raise self._refused(connection, AppError(), request) from None
            metrics.CONNECTS.labels("ok").inc()
            metrics.CONNECTIONS.inc()
            log.info("connect", extra={"outcome": "ok", **request.close()})
        return greeting

    def _refused(self, connection: Connection, error: AppError, request: Request) -> ConnectRefused:
        if connection.data is not None:
            self._forget_session_of(connection.data)
            connection.data.ignore_expiry()
        metrics.CONNECTS.labels(error.code.value).inc()
        why = {} if error.why is None else {"why": error.why}
        log.info("connect refused", extra={"outcome": error.code.value, **why, **request.close()})
        return ConnectRefused(error.message, {"code": error.code.value})

    async def _admit(self, transport: Connection, auth: Any, request: Request) -> bytes:
        if self._network_bans.is_banned(transport.client):
            raise Forbidden(NETWORK_BANNED)
        token = auth.get("token") if isinstance(auth, dict) else None
        if not isinstance(token, str):
            raise Unauthorized(why="no token")
        claims = self._tokens.verify(token)
        request.user_id, request.session_id = claims.user_id, claims.session_id
        connection = transport.data = ChatConnection(
            transport, self, user_id=claims.user_id, session_id=claims.session_id, expires_at_s=claims.expires_at_s
        )
        # Known before the session is read, so that one which is ended from here on is not missed: see end_session.
        self._by_session.setdefault(claims.session_id, {})[connection.connection_id] = connection
        with self._hub.loading(claims.user_id):
            admission = await self._admissions.find(claims.session_id)
            if admission is None or admission.session.owner.user.id != claims.user_id:
                raise Unauthorized(why="no such session")
            session = admission.session
            if session.revoked_at is not None:
                raise Unauthorized(ErrorCode.SESSION_REVOKED, why=f"session ended at {session.revoked_at}")
            if connection.connection_id not in self._by_session.get(claims.session_id, {}):
                raise Unauthorized(ErrorCode.SESSION_REVOKED, why="session ended meanwhile")
            connection.active_chat_id = session.active_chat_id
            self._hub.enter(connection, zip(admission.chat_ids, admission.first_seqs, strict=True))
            if session.active_chat_id is not None and admission.active is not None:
                self._hub.advance(session.active_chat_id, admission.active.version, admission.active.message_count)
        connection.watch_expiry()
        self._close_oldest(connection)
        self._presence.came(claims.user_id)
        ready = SessionReady(
            user=Profile.of_owner(session.owner),
            session_id=claims.session_id,
            active_chat_id=connection.active_chat_id,
            epoch=self._epoch.epoch,
            server_time=now_wire(),
            limits=self._limits,
            announcements=self._announcements.current,
            unread=Unread.of(admission.unread),
        )
        return _packet(SESSION_READY, ready)

    def _close_oldest(self, newest: ChatConnection) -> None:
        """The newest device of a user always works: with too many connections, the oldest are closed."""
        connections = [other for other in self._hub.listeners_of(newest.user_id) if isinstance(other, ChatConnection)]
        for oldest in connections[: -self._connections_max]:
            self._end(oldest, "too_many_connections")

    async def on_disconnect(self, transport: Connection, reason: str) -> None:
        """Forget the connection, and store when its user was last seen."""
        connection: ChatConnection = transport.data
        self._hub.exit(connection)
        self._forget_session_of(connection)
        connection.ignore_expiry()
        metrics.CONNECTIONS.dec()
        metrics.DISCONNECTS.labels(reason).inc()
        with request_scope(self._request_of(connection)):
            try:
                async with self._database.reading() as tx:
                    await sessions.note_last_seen(tx, connection.session_id)
            except AppError as error:
                log.warning("last seen not noted", extra={"outcome": error.code.value})
            except Exception:  # the rest of the leaving must still happen
                log.exception("last seen not noted")
            duration_s = round(time.monotonic() - connection.connected_at, 1)
            problem = {"problem": transport.problem} if transport.problem else {}
            log.info("disconnect", extra={"reason": reason, "duration_s": duration_s, **problem, **connection.ended_by})
        self._presence.went(connection.user_id)

    def on_draining(self, connection: Connection) -> None:
        """Tell the client to reconnect soon, to another process or to the next one here."""
        connection.send(_packet(SERVER_DRAINING, ServerDraining(reconnect_within=_RECONNECT_WITHIN_S)))

    # --- acting

    async def on_action(self, transport: Connection, name: str, arguments: list[object] | Fault) -> bytes:
        """Handle an event of the client."""
        connection: ChatConnection = transport.data
        request = self._request_of(connection)
        request.started = transport.action_received_at
        if isinstance(arguments, Fault):
            return _refuse_unread(_FAULTS[arguments], request)
        if connection.expires_at_s <= time.time():
            return _refuse_unread(Unauthorized(ErrorCode.TOKEN_EXPIRED), request)
        caller = Caller(connection.user_id, connection.session_id, connection)
        reply = await self._dispatcher.dispatch(name, arguments, caller, request)
        if reply.error is not None and reply.error["code"] == ErrorCode.RATE_LIMITED:
            transport.count_refusal()
        return reply.ack()

    def _request_of(self, connection: ChatConnection) -> Request:
        return Request(
            new_id(),
            client=connection.client,
            connection_id=connection.connection_id,
            session_id=connection.session_id,
            user_id=connection.user_id,
        )

    # --- ending

    def notify_expiry(self, connection: ChatConnection) -> None:
        """Tell the client that its access token is about to expire."""
        expires_at = wire_time_of_unix(connection.expires_at_s)
        connection.send(_packet(SESSION_EXPIRING, SessionExpiring(expires_at=expires_at)))

    def expire(self, connection: ChatConnection) -> None:
        """Close a connection whose access token has expired."""
        self._end(connection, "token_expired")

    def _forget_session_of(self, connection: ChatConnection) -> None:
        connections = self._by_session.get(connection.session_id, {})
        connections.pop(connection.connection_id, None)
        if not connections:
            self._by_session.pop(connection.session_id, None)

    def end_session(self, session_id: str, reason: str) -> None:
        """A login session was ended: tell and close its connections. One that is being admitted is refused."""
        for connection in self._by_session.pop(session_id, {}).values():
            if connection.transport.is_open:
                self._end(connection, reason)

    def end_connection(self, user_id: str, connection_id: str, reason: str) -> None:
        """Tell one connection of a user the reason, and close it. Its login session goes on."""
        for listener in self._hub.listeners_of(user_id):
            if listener.connection_id == connection_id and isinstance(listener, ChatConnection):
                self._end(listener, reason)

    def end_banned(self) -> None:
        """Other addresses are banned now: close the connections that come from them."""
        connections = [one for session in self._by_session.values() for one in session.values()]
        for connection in connections:
            if connection.transport.is_open and self._network_bans.is_banned(connection.client):
                self._end(connection, EndReason.BANNED)

    def begin_afresh(self) -> None:
        """The database has another history: close all connections, so that the clients reconnect and read it."""
        for connection in [one for session in self._by_session.values() for one in session.values()]:
            connection.send(_packet(SERVER_DRAINING, ServerDraining(reconnect_within=_RECONNECT_WITHIN_S)))
            connection.transport.cut(CloseReason.EPOCH, "the database has another history")

    def _end(self, connection: ChatConnection, reason: str) -> None:
        connection.ended_by = {"cause": reason}
        request = current_request()
        # A timer runs in the context of the connect that set it, which ended nothing.
        if request is not None and request.connection_id != connection.connection_id:
            connection.ended_by |= {"ended_by_request": request.request_id}
            if request.session_id is not None and request.session_id != connection.session_id:
                connection.ended_by |= {"ended_by_session": request.session_id}
        self._hub.exit(connection)
        connection.send(_packet(SESSION_REVOKED, SessionRevoked(reason=reason)))
        connection.transport.close()


def _refuse_unread(error: AppError, request: Request) -> bytes:
    """Refuse an event before dispatch: the ack. Logs the refusal."""
    with request_scope(request):
        metrics.ACTIONS.labels("unread", error.code.value).inc()
        log.info("action refused", extra={"outcome": error.code.value, **request.close()})
    return orjson.dumps({"error": error.body(request.request_id)})


def _packet(declared: Event, payload: ServerPayload) -> bytes:
    return encode(declared.name, payload.encode())
