"""Made-up people and chats, and the rows that they become.

What must stay true: everybody is in about as many chats as everybody else; a chat looks as if its messages had been sent.
Whoever changes what a send changes in the database (``send_message`` in ``schema.sql``) changes :class:`SeededChat` too.
"""

import itertools
import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from commands.seeding.plan import Calendar, Plan
from commands.seeding.texts import LANGUAGES
from core.ids import new_id
from db.messages import MessageBody, encode_content

T = TypeVar("T")
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A made-up user with one login session. ``chat_ids``: the chats they are in, added when each is made."""

    user_id: str
    session_id: str
    phone: str
    chat_ids: list[str] = field(default_factory=list)


class SeededChat:
    """One chat. Its messages are made one by one; :meth:`row` and :meth:`members` are right once all of them were made."""

    def __init__(
        self, people: Sequence[Person], count: int, moments: Iterator[str], *, example_id: str | None = None
    ) -> None:
        """A chat of ``people``, its creator first, with ``count`` messages.

        ``moments`` says when the chat was opened, then when each message was sent. ``example_id`` is given for a chat of
        the examples: there people write in turn, because the examples name the author of a message.
        """
        self.chat_id = example_id or new_id()
        self._takes_turns = example_id is not None
        self._people = people
        self._is_private = len(people) == 2
        self._language = random.choice(LANGUAGES)
        self._title = None if self._is_private else random.choice(self._language.titles)
        self.count = count
        self._moments = moments
        self._opened_at = self._updated_at = next(moments)
        self._spoke_at = dict.fromkeys(people, 0)
        for person in people:
            person.chat_ids.append(self.chat_id)

    def messages(self) -> Iterator[Row]:
        """The rows of its messages, by seq."""
        for seq, moment in enumerate(self._moments, 1):
            self._updated_at = moment
            yield self._opening() if seq == 1 and not self._is_private else self._message(seq)

    def _opening(self) -> Row:
        creator = self._people[0]
        self._spoke_at[creator] = 1
        content = {"event": "group_created", "user_id": creator.user_id, "title": self._title}
        return (self.chat_id, 1, creator.user_id, None, None, "system", content, self._version(1), self._updated_at)

    def _message(self, seq: int) -> Row:
        sender = self._people[seq % len(self._people)] if self._takes_turns else random.choice(self._people)
        self._spoke_at[sender] = seq
        body = MessageBody("text", encode_content({"text": self._language.sentence()}))
        return (
            self.chat_id, seq, sender.user_id, str(uuid.uuid4()), body.hash(), body.type, body.content, self._version(seq),
            self._updated_at,
        )  # fmt: skip

    def _version(self, seq: int) -> int:
        """A private chat has version 1 before its first message, a group with it."""
        return seq + 1 if self._is_private else seq

    def row(self) -> Row:
        """The chat's own row."""
        pair = ":".join(sorted(person.user_id for person in self._people)) if self._is_private else None
        kind, creator_id = "private" if self._is_private else "group", self._people[0].user_id
        size, version = len(self._people), self._version(self.count)
        return (
            self.chat_id, kind, self._title, creator_id, pair, size, self.count, version, self._opened_at, self._updated_at,
        )  # fmt: skip

    def members(self) -> Iterator[Row]:
        """The rows of its members. All have read their own messages, some have read everything."""
        creator_id = self._people[0].user_id
        for person in self._people:
            read_seq = random.choice((self.count, random.randint(self._spoke_at[person], self.count)))
            yield self.chat_id, person.user_id, read_seq, creator_id, self._opened_at


def made_up_chats(plan: Plan, people: Sequence[Person], calendar: Calendar) -> Iterator[SeededChat]:
    """The chats of ``plan``, made one after the other."""
    each, more = divmod(plan.messages, plan.chats)
    member_lists = _pairs(people) if plan.members == 2 else _groups(people, plan.members)
    for place, chosen in enumerate(itertools.islice(member_lists, plan.chats)):
        count = max(each + (place < more), 0 if plan.members == 2 else 1)
        yield SeededChat(chosen, count, calendar.moments(place, count))


def _pairs(people: Sequence[Person]) -> Iterator[list[Person]]:
    """Every pair once, in rounds in which everybody has a partner.

    It is the circle method of a round-robin tournament: https://en.wikipedia.org/wiki/Round-robin_tournament#Circle_method.
    """
    ring: list[Person | None] = [*people] if len(people) % 2 == 0 else [*people, None]
    half = len(ring) // 2
    for _ in range(len(ring) - 1):
        for one, other in zip(ring[:half], reversed(ring[half:]), strict=True):
            if one is not None and other is not None:
                yield [one, other]
        ring.insert(1, ring.pop())


def _groups(people: Sequence[Person], size: int) -> Iterator[list[Person]]:
    """Groups without end. Everybody is in one group of each round; who is left over in a round comes first in the next."""
    left: list[Person] = []
    while True:
        others = random.sample(people, len(people))
        if left:
            waiting = set(left)
            others = [person for person in others if person not in waiting]
        first, rest = left + others[: size - len(left)], others[size - len(left) :] + left
        deck = first + random.sample(rest, len(rest))
        whole = len(deck) // size * size
        yield from batches_of(deck[:whole], size)
        left = deck[whole:]


def batches_of(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """``items`` in lists of ``size``; the last may be shorter."""
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
