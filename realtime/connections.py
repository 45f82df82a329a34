"""A connection of a signed-in user: what the chat knows of a Socket.IO connection, in one object.

The namespace makes one for each client that it admits, and hangs it on the transport's connection as ``Connection.data``.
The transport knows none of its fields. The hub keeps it and sends events through it; handlers see it as their caller's
connection.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

from realtime.transport.socketio.connection import Connection

EXPIRY_NOTICE_S: Final = 60
"""How long before the access token expires the client is told."""


class ExpiryHandler(Protocol):
    """Is told of the expiry of access tokens. Every method returns at once."""

    def notify_expiry(self, connection: "ChatConnection") -> None:
        """The access token expires in :data:`EXPIRY_NOTICE_S`."""

    def expire(self, connection: "ChatConnection") -> None:
        """The access token has expired."""


class ChatConnection:
    """One connection of one user, in one login session.

    Only the hub changes which chats the client looks at (``active_chat_id``, ``watched_chat_ids``).
    """

    __slots__ = (
        "_expiry_handler", "_expiry_timer", "active_chat_id", "client", "connected_at", "connection_id", "ended_by",
        "expires_at_s", "send", "session_id", "transport", "user_id", "watched_chat_ids",
    )  # fmt: skip

    def __init__(
        self,
        transport: Connection,
        expiry_handler: ExpiryHandler,
        *,
        user_id: str,
        session_id: str,
        expires_at_s: int,
    ) -> None:
        self.transport = transport
        """The Socket.IO connection."""
        self.send: Callable[[bytes], None] = transport.send
        """Sends an encoded packet. Never waits and never raises. Not a method, because it runs for each delivery."""
        self.connection_id = transport.connection_id
        self.client = transport.client
        """The client's network address."""
        self.user_id = user_id
        self.session_id = session_id
        self.expires_at_s = expires_at_s
        """When the access token expires (Unix time)."""
        self.connected_at = time.monotonic()
        self.ended_by: dict[str, str] = {}
        """Why the server ended it, and which request made it do so: log fields."""
        self.active_chat_id: str | None = None
        """The chat that the client has open."""
        self.watched_chat_ids: tuple[str, ...] = ()
        """More chats that the client looks at (``chat:watch``)."""
        self._expiry_handler = expiry_handler
        self._expiry_timer: asyncio.TimerHandle | None = None
        """Set from :meth:`watch_expiry` to :meth:`ignore_expiry`."""

    def watch_expiry(self) -> None:
        """The client is admitted: from now on the expiry handler is told."""
        self._call_at(self.expires_at_s - EXPIRY_NOTICE_S, self._notify_expiry)

    def ignore_expiry(self) -> None:
        """The connection has ended: the expiry handler is not told any more."""
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None

    def extend(self, expires_at_s: int) -> None:
        """The client has a new access token, which expires at ``expires_at_s``. Does nothing once the connection ended."""
        if self._expiry_timer is not None:
            self.expires_at_s = expires_at_s
            self.watch_expiry()

    def _notify_expiry(self) -> None:
        self._call_at(self.expires_at_s, self._expire)
        self._expiry_handler.notify_expiry(self)

    def _expire(self) -> None:
        self._expiry_handler.expire(self)

    def _call_at(self, unix_time_s: float, call: Callable[[], None]) -> None:
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
        delay_s = max(0.0, unix_time_s - time.time())
        self._expiry_timer = asyncio.get_running_loop().call_later(delay_s, call)
