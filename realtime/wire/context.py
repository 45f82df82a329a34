"""What a handler has: who calls, the database to read, the door for changes, and who is online."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from accounts.daily_budgets import DailyBudgets
from core.file_urls import FileUrls
from core.tokens import AccessTokens
from db.pool import Database, Tx
from realtime.wire.changes import Change, Changes, Delivery, chat_subject
from realtime.wire.sends import Sends


class CallerConnection(Protocol):
    """One Socket.IO connection, as handlers see it."""

    connection_id: str
    active_chat_id: str | None
    """The chat that the client has open."""
    watched_chat_ids: tuple[str, ...]
    """More chats that it looks at."""

    def extend(self, expires_at_s: int) -> None:
        """Keep the connection until ``expires_at_s`` (Unix time)."""


class OnlineConnection(Protocol):
    """A connection of somebody who is online."""

    connection_id: str
    session_id: str
    client: str
    """The client's network address."""
    active_chat_id: str | None


class Online(Protocol):
    """Who is online, and who wants to know."""

    def listeners_of(self, user_id: str) -> Sequence[OnlineConnection]:
        """The connections of a person."""

    def is_online(self, user_id: str) -> bool:
        """Whether the person has a connection."""

    def watch(self, user_id: str, connection_id: str, watched: Sequence[str]) -> None:
        """Replace the list of people whom a connection of ``user_id`` watches."""

    def watchers_of(self, user_id: str) -> frozenset[str]:
        """The people who have a connection that watches the person."""


class Epoch(Protocol):
    """Which history of the database this is."""

    epoch: str


@dataclass(slots=True)
class Caller:
    """Who calls. ``connection`` is absent over HTTP."""

    user_id: str
    session_id: str
    connection: CallerConnection | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """What every call may use."""

    database: Database
    changes: Changes
    delivery: Delivery
    online: Online
    epoch: Epoch
    sends: Sends
    tokens: AccessTokens
    file_urls: FileUrls
    phone_region: str
    limits_look_ups: bool = True
    budgets: DailyBudgets | None = None
    """What one person may do in a day; none for load tests."""


@dataclass(slots=True)
class Context:
    """One call of one action."""

    caller: Caller
    services: Services

    @property
    def user_id(self) -> str:
        """The caller."""
        return self.caller.user_id

    def reading(self) -> AbstractAsyncContextManager[Tx]:
        """A connection to read on; every statement stands alone."""
        return self.services.database.reading()

    def changing(self, chat_id: str, *, single_statement: bool = False) -> AbstractAsyncContextManager[Change]:
        """Change a chat: see :class:`realtime.wire.changes.Changes`."""
        return self.services.changes.of(chat_subject(chat_id), single_statement=single_statement)
