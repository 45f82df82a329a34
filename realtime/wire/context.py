"""What a handler has: who calls, the database, and the way to change a chat and tell others.

A change of a chat goes through :meth:`Context.changing`: the process takes the chats' changes one by one, the work is one
transaction, and what it lists is delivered after the commit and before the next change of that chat begins. So events
leave in the order of commits, and nothing is announced that was not committed.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from core.errors import Unavailable
from core.logs import note_chat
from core.tokens import AccessTokens
from core.tracing import span
from db.pool import Database, Tx
from realtime.wire.effects import Effect
from realtime.wire.sends import Sends


class CallerConnection(Protocol):
    """One Socket.IO connection, as handlers see it."""

    connection_id: str

    def extend(self, expires_at_s: int) -> None:
        """Keep the connection until ``expires_at_s`` (Unix time)."""


class Delivery(Protocol):
    """Carries effects out."""

    def in_order(self, chat_id: str) -> AbstractAsyncContextManager[None]:
        """While inside, no other change of this chat begins in this process. Take no second chat inside."""

    def try_turn(self, chat_id: str) -> bool:
        """Take the chat's turn (:meth:`in_order`), if that needs no waiting; what is taken is given back."""

    async def take_turn(self, chat_id: str) -> None:
        """Wait for the chat's turn; what is taken is given back."""

    def give_turn(self, chat_id: str) -> None:
        """The next change of the chat may begin."""

    def carry_out(self, effects: Sequence[Effect]) -> None:
        """Carry out committed effects, in order, at once: returns when every packet is with its transport."""

    def reconcile(self, chat_id: str) -> None:
        """It is unknown whether a change of this chat was committed: find out later and tell its members."""

    def is_online(self, user_id: str) -> bool:
        """Whether the person has a connection."""

    def watch(self, user_id: str, connection_id: str, watched: Sequence[str]) -> None:
        """Replace whom a connection of ``user_id`` watches."""

    def watchers_of(self, user_id: str) -> frozenset[str]:
        """Who has a connection that watches the person."""


@dataclass(slots=True)
class Caller:
    """Who calls. ``connection`` is absent over HTTP."""

    user_id: str
    session_id: str
    connection: CallerConnection | None = None


@dataclass(slots=True)
class Change:
    """A change under way: its transaction, and what to tell others once it is committed."""

    tx: Tx
    effects: list[Effect] = field(default_factory=list)

    def then(self, *effects: Effect) -> None:
        """After the commit, in this order."""
        self.effects.extend(effects)


@dataclass(frozen=True, slots=True)
class Services:
    """What the house lends to every call."""

    database: Database
    delivery: Delivery
    sends: Sends
    tokens: AccessTokens
    phone_region: str
    limits_look_ups: bool = True


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

    @asynccontextmanager
    async def changing(self, chat_id: str, *, single_statement: bool = False) -> AsyncIterator[Change]:
        """A change of a chat: ordered, atomic, announced after the commit.

        ``single_statement``: the change is one statement, which needs no transaction around it.
        """
        note_chat(chat_id)
        database, delivery = self.services.database, self.services.delivery
        async with delivery.in_order(chat_id):
            opened = database.reading() if single_statement else database.transaction()
            try:
                async with opened as tx:
                    change = Change(tx)
                    yield change
            except (Unavailable, asyncio.CancelledError):
                delivery.reconcile(chat_id)
                raise
            with span("deliver", {"molva.effects": len(change.effects)}):
                delivery.carry_out(change.effects)
