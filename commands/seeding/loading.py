"""Loads made-up people and chats into the database.

A million messages take well under two minutes: rows go in by COPY, and while PostgreSQL takes one batch the next is made.

What must stay true: a chat is committed as a whole, with all its messages; memory is bounded by the batch, whatever the
size of a chat; nothing that was there before is changed.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from commands.seeding.chats import Person, Row, SeededChat, batches_of, made_up_chats
from commands.seeding.plan import Calendar, Plan
from commands.seeding.texts import random_name
from core.clock import wire_time
from core.errors import StartupError
from core.ids import new_id
from core.tokens import RefreshClaim, RefreshTokens, refresh_hash
from db import seed as tables
from db.pool import Database, Tx
from db.sessions import IDLE_DAYS_MAX

LOADERS: Final = 2
"""Batches that are loaded at once, each on a connection of its own."""
_FIRST_PHONE: Final = 79_000_000_000
_LAST_PHONE: Final = 79_009_999_999
_BATCH_ROWS: Final = 20_000
_BATCH_PEOPLE: Final = 10_000
_PROGRESS_EVERY_S: Final = 5.0
_BAR_WIDTH: Final = 40


async def make_people(database: Database, count: int, tokens: RefreshTokens, registered_at: str) -> list[Person]:
    """Add ``count`` people with phone numbers that nobody has, each signed in on one device."""
    people: list[Person] = []
    for numbers in batches_of(range(_FIRST_PHONE, _LAST_PHONE + 1), _BATCH_PEOPLE):
        phones = [f"+{number}" for number in numbers]
        async with database.transaction() as tx:
            taken = set(await tables.find_taken_phones(tx, phones))
            free = [phone for phone in phones if phone not in taken]
            made = [Person(new_id(), new_id(), phone) for phone in free[: count - len(people)]]
            await load_people(tx, {person: random_name() for person in made}, tokens, registered_at)
        people += made
        if len(people) == count:
            return people
    raise StartupError("the numbers for seeded users are used up.")


async def load_people(
    tx: Tx, names: dict[Person, str], tokens: RefreshTokens, registered_at: str, *, registered_id: str | None = None
) -> None:
    """Add people with these names, and a session for each; the person ``registered_id`` exists already."""
    users = [
        (person.user_id, person.phone, name, registered_at)
        for person, name in names.items()
        if person.user_id != registered_id
    ]
    await tables.load(tx, "users", tables.USERS, users)
    expires_at = wire_time(datetime.now(UTC) + timedelta(days=IDLE_DAYS_MAX))
    sessions = [_session(person, tokens, expires_at) for person in names]
    await tables.load(tx, "login_sessions", tables.SESSIONS, sessions)


def _session(person: Person, tokens: RefreshTokens, expires_at: str) -> Row:
    refresh_seed = tokens.new_seed()
    refresh_token = tokens.derive(RefreshClaim(person.session_id, 1), refresh_seed)
    return (person.session_id, person.user_id, "Seeded", refresh_seed, refresh_hash(refresh_token), expires_at)


async def make_chats(database: Database, plan: Plan, people: Sequence[Person], calendar: Calendar) -> None:
    """Add the chats of ``plan``. Several loaders take batches of whole chats from one generator, each in a transaction."""
    progress = _Progress(plan.chats)
    per_batch = max(1, _BATCH_ROWS // max(plan.members, plan.messages_per_chat_max))
    batches = batches_of(made_up_chats(plan, people, calendar), per_batch)

    async def load_batches() -> None:
        for chats in batches:
            async with database.transaction() as tx:
                await load_chats(tx, chats)
            progress.advance(len(chats), sum(chat.count for chat in chats))

    try:
        async with asyncio.TaskGroup() as loaders:
            for _ in range(LOADERS):
                loaders.create_task(load_batches())
    except ExceptionGroup as failures:  # of one exception: it had the other loaders cancelled
        raise failures.exceptions[0] from None
    progress.end()


async def load_chats(tx: Tx, chats: Sequence[SeededChat]) -> None:
    """Add these chats with their messages and members."""
    messages = itertools.chain.from_iterable(chat.messages() for chat in chats)
    for rows in batches_of(messages, _BATCH_ROWS):
        await tables.load(tx, "messages", tables.MESSAGES, rows)
    await tables.load(tx, "chats", tables.CHATS, [chat.row() for chat in chats])
    await tables.load(tx, "members", tables.MEMBERS, [member for chat in chats for member in chat.members()])


class _Progress:
    """Shows how far it is: a bar on a terminal, elsewhere a line every few seconds.

    It goes to standard error, because the people are written to standard output.
    """

    def __init__(self, chats: int) -> None:
        self._chats = chats
        self._done_chats = self._done_messages = 0
        self._began = self._shown_at = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    def advance(self, chats: int, messages: int) -> None:
        """Count what was loaded since the last call, and show it."""
        self._done_chats += chats
        self._done_messages += messages
        now = time.monotonic()
        if self._is_terminal:
            share = self._done_chats / self._chats
            bar = "#" * int(_BAR_WIDTH * share)
            print(f"\r[{bar:<{_BAR_WIDTH}}] {share:4.0%} {self._counts()}", end="", file=sys.stderr, flush=True)
        elif now - self._shown_at > _PROGRESS_EVERY_S:
            self._shown_at = now
            print(f"seed: {self._counts()}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Show the totals."""
        print(f"{chr(10) if self._is_terminal else ''}seed: {self._counts()}", file=sys.stderr, flush=True)

    def _counts(self) -> str:
        seconds = time.monotonic() - self._began
        return f"{self._done_chats} chats, {self._done_messages} messages after {seconds:.0f} s"
