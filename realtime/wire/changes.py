"""The one door for changes: ordered, atomic, announced after the commit, put right after a doubt.

A change is about a :class:`Subject`: a chat or a person. The process makes the changes of one subject
one by one. The work is one transaction. The effects that it lists are delivered after the commit and before the next change
of the same subject begins. So events leave in the order of the commits, and nothing is announced that was not committed.

When nobody can know whether a change was committed (the database went away in the middle), the subject is *in doubt*.
Before its next change, or as soon as the database answers, those concerned are told its present state.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from core.errors import Unavailable
from core.logs import note_chat
from core.tracing import span
from db.pool import Database, Tx
from realtime.wire.effects import Effect


class SubjectKind(StrEnum):
    """What a change can be about."""

    CHAT = "chat"
    USER = "user"

    __hash__ = str.__hash__  # that of an enum is Python code, and subjects are looked up several times a message


class Subject(NamedTuple):
    """What is changed: one chat or one person."""

    kind: SubjectKind
    id: str


def chat_subject(chat_id: str) -> Subject:
    """The chat with this ID."""
    return Subject(SubjectKind.CHAT, chat_id)


def user_subject(user_id: str) -> Subject:
    """The person with this ID."""
    return Subject(SubjectKind.USER, user_id)


class Turns(Protocol):
    """Takes the changes of each subject one by one.

    Guarantees: between taking a turn and giving it back, no other change of the subject begins in this process; turns are
    given in the order in which they were asked for; a doubt about the change before is settled first, if the database
    answers. Never two subjects of one kind.
    """

    def try_take(self, subject: Subject) -> bool:
        """Take the turn if that needs no waiting, and tell whether it was taken. Give it back with :meth:`give_back`."""

    async def take(self, subject: Subject) -> None:
        """Wait for the turn. Give it back with :meth:`give_back`, whatever happens meanwhile."""

    def give_back(self, subject: Subject) -> None:
        """End the turn: the next change of the subject may begin."""

    def note_doubt(self, subject: Subject) -> None:
        """It is unknown whether a change of the subject was committed: tell those concerned its state, once it is known."""


class Delivery(Protocol):
    """Carries effects out."""

    def deliver(self, effects: Sequence[Effect]) -> None:
        """Carry out committed effects, in order and at once: it returns when every packet is with its transport."""


@dataclass(slots=True)
class Change:
    """A change in progress: its transaction, and what to tell others once it is committed."""

    tx: Tx
    effects: list[Effect] = field(default_factory=list)

    def then(self, *effects: Effect) -> None:
        """Add effects, to be carried out after the commit in this order."""
        self.effects.extend(effects)


class Changes:
    """The door. One for the process."""

    def __init__(self, database: Database, turns: Turns, delivery: Delivery) -> None:
        self._database = database
        self._turns = turns
        self._delivery = delivery

    @asynccontextmanager
    async def of(self, *subjects: Subject, single_statement: bool = False) -> AsyncIterator[Change]:
        """Change ``subjects``, whose turns are taken in this order.

        ``single_statement``: the change is one statement, which needs no transaction around it. ``Unavailable`` when the
        database is away; then the subjects are in doubt.
        """
        held: list[Subject] = []
        try:
            for subject in subjects:
                if subject.kind is SubjectKind.CHAT:
                    note_chat(subject.id)
                await self._turns.take(subject)
                held.append(subject)
            opened = self._database.reading() if single_statement else self._database.transaction()
            try:
                async with opened as tx:
                    change = Change(tx)
                    yield change
            except (Unavailable, asyncio.CancelledError):
                for subject in subjects:
                    self._turns.note_doubt(subject)
                raise
            with span("deliver", {"molva.effects": len(change.effects)}):
                self._delivery.deliver(change.effects)
        finally:
            for subject in reversed(held):
                self._turns.give_back(subject)
