"""``molva seed``: people, chats and messages that look like real ones, consistent as if everything had been sent.

A million messages take well under two minutes: rows go in by COPY, a batch of whole chats at a time, memory bounded.
"""

import asyncio
import hashlib
import itertools
import random
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TextIO

import orjson

from core.clock import wire_time
from core.errors import StartupError
from core.ids import new_id
from core.settings import Environment, Settings
from core.tokens import AccessTokens, RefreshClaim, RefreshTokens, refresh_hash
from db import seed as tables
from db.migrate import migrate
from db.pool import Database
from server import database_url_of

Row = tuple[Any, ...]

_FIRST_PHONE: Final = 79_000_000_000
_LAST_PHONE: Final = 79_009_999_999
_BATCH_MESSAGES: Final = 20_000
_BATCH_USERS: Final = 10_000
_SESSION_DAYS: Final = 30
_STATEMENT_TIMEOUT_S: Final = 300.0
_APART_S: Final = 60
_BAR_WIDTH: Final = 40

_FIRST_NAMES: Final = (
    "Анна", "Борис", "Вера", "Глеб", "Дарья", "Егор", "Жанна", "Захар", "Ирина", "Кирилл", "Лев", "Мария",
    "Alice", "Ben", "Chloe", "Daniel", "Emma", "Frank", "Grace", "Henry", "Isla", "Jack", "Kate", "Liam",
)  # fmt: skip
_LAST_INITIALS: Final = "АБВГДЖЗИКЛМНABCDEFGHJKLM"
_TITLES: Final = ("Поход", "Дача", "Семья", "Работа", "Книжный клуб", "Weekend hike", "Band", "Team", "Flat 12", "Chess")
_BEGINNINGS: Final = (
    "Привет!", "Слушай,", "Смотри:", "Кстати,", "Вчера видел, как", "Напомни, пожалуйста,", "Добрый вечер!",
    "Hi there,", "By the way,", "Listen,", "Good news:", "Do you remember,", "Quick question:", "Thanks!",
)  # fmt: skip
_MIDDLES: Final = (
    "поезд приходит в семь", "кошка опять спит на клавиатуре", "встречаемся у старой башни", "нужны билеты на концерт",
    "завтра обещают снег", "рецепт пирога лежит в документах", "the train arrives at seven", "we meet at the old tower",
    "the tickets are still available", "snow is expected tomorrow", "the recipe is in the shared folder",
    "dinner will be ready around eight",
)  # fmt: skip
_ENDINGS: Final = (
    "что думаешь?", "увидимся вечером.", "не забудь зонт!", "позвони, когда выйдешь.", "до завтра.",
    "what do you think?", "see you tonight.", "don't forget the umbrella!", "call me when you leave.", "until tomorrow.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to make. ``messages`` is the total over all chats, spread evenly."""

    users: int
    chats: int
    members: int
    messages: int


@dataclass(frozen=True, slots=True)
class _Person:
    user_id: str
    session_id: str
    phone: str
    chat_ids: list[str]


def seed(settings: Settings, plan: Plan, tokens_path: Path | None) -> None:
    """Carry ``plan`` out; ``StartupError`` where it cannot be."""
    if settings.environment is Environment.PRODUCTION:
        raise StartupError("seed makes people who do not exist: never in production.")
    if plan.chats and plan.members > plan.users:
        raise StartupError(f"{plan.users} users cannot make chats of {plan.members} members.")
    pairs = plan.users * (plan.users - 1) // 2
    if plan.members == 2 and plan.chats > pairs:
        raise StartupError(f"{plan.users} users have {pairs} private chats at the most: more users, or fewer chats.")
    with database_url_of(settings, beside_server=True) as url:
        people = asyncio.run(_fill(url, plan, settings.signing_secret()))
    _write_people(people, AccessTokens(settings.signing_secret()), tokens_path)


async def _fill(url: str, plan: Plan, secret: bytes) -> list[_Person]:
    await migrate(url)
    database = Database(url, pool_max=2, timeout_s=_STATEMENT_TIMEOUT_S, slow_s=_STATEMENT_TIMEOUT_S)
    await database.connect()
    try:
        people = await _make_people(database, plan.users, RefreshTokens(secret))
        await _make_chats(database, plan, people)
        async with database.reading() as tx:
            await tables.analyze(tx)
    finally:
        await database.disconnect()
    return people


async def _make_people(database: Database, count: int, tokens: RefreshTokens) -> list[_Person]:
    async with database.reading() as tx:
        last = await tables.find_last_phone(tx, f"+{_FIRST_PHONE}", f"+{_LAST_PHONE}")
    first = int(last) + 1 if last else _FIRST_PHONE
    if first + count - 1 > _LAST_PHONE:
        raise StartupError("the numbers for seeded users are used up.")
    expires_at = wire_time(datetime.now(UTC) + timedelta(days=_SESSION_DAYS))
    people: list[_Person] = []
    for batch in _batches(range(first, first + count), _BATCH_USERS):
        made = [_Person(new_id(), new_id(), f"+{number}", []) for number in batch]
        sessions = []
        for person in made:
            refresh_seed = tokens.new_seed()
            token = tokens.derive(RefreshClaim(person.session_id, 1), refresh_seed)
            sessions.append((person.session_id, person.user_id, "Seeded", refresh_seed, refresh_hash(token), expires_at))
        async with database.transaction() as tx:
            await tables.load(tx, "users", tables.USERS, [(p.user_id, p.phone, _name(p)) for p in made])
            await tables.load(tx, "login_sessions", tables.SESSIONS, sessions)
        people += made
    return people


def _name(person: _Person) -> str:
    number = int(person.phone)
    return f"{_FIRST_NAMES[number % len(_FIRST_NAMES)]} {_LAST_INITIALS[number // 7 % len(_LAST_INITIALS)]}."


async def _make_chats(database: Database, plan: Plan, people: Sequence[_Person]) -> None:
    progress = _Progress(plan.chats, plan.messages)
    wanted, more = divmod(plan.messages, plan.chats) if plan.chats else (0, 0)
    began = datetime.now(UTC) - timedelta(seconds=_APART_S * (wanted + 2))
    chats: list[Any] = []
    members: list[Any] = []
    messages: list[Any] = []
    for place, group in enumerate(itertools.islice(_circles(people, plan.members), plan.chats)):
        chat, its_members, its_messages = _make_chat(group, wanted + (place < more), began)
        chats.append(chat)
        members += its_members
        messages += its_messages
        if len(messages) >= _BATCH_MESSAGES or len(members) >= _BATCH_MESSAGES or place == plan.chats - 1:
            async with database.transaction() as tx:
                await tables.load(tx, "chats", tables.CHATS, chats)
                await tables.load(tx, "members", tables.MEMBERS, members)
                for batch in _batches(messages, _BATCH_MESSAGES):
                    await tables.load(tx, "messages", tables.MESSAGES, batch)
            progress.advance(len(chats), len(messages))
            chats, members, messages = [], [], []
    progress.end()


def _circles(people: Sequence[_Person], size: int) -> Iterator[list[_Person]]:
    """Groups of ``size`` different people; of two, each pair comes once."""
    count = len(people)
    for distance in itertools.count(1):
        # The last distance of a circle with an even number of people meets every pair twice.
        starts = count // 2 if size == 2 and 2 * distance == count else count
        for start in range(starts):
            if size == 2:
                yield [people[start], people[(start + distance) % count]]
            else:
                yield [people[(start * distance + step) % count] for step in range(size)]


def _make_chat(group: Sequence[_Person], wanted: int, began: datetime) -> tuple[Row, list[Row], list[Row]]:
    """A chat's row, its members' and its messages'."""
    messages: list[Row] = []
    chat_id, creator, is_private = new_id(), group[0], len(group) == 2
    opened_at = wire_time(began)
    for person in group:
        person.chat_ids.append(chat_id)
    title = None if is_private else random.choice(_TITLES)
    count = wanted
    if not is_private:
        count = max(1, wanted)
        content = {"event": "group_created", "user_id": creator.user_id, "title": title}
        messages.append((chat_id, 1, creator.user_id, None, None, "system", content, 1, opened_at))
    base = 1 if is_private else 0
    updated_at = opened_at
    for seq in range(1 if is_private else 2, count + 1):
        sender = random.choice(group)
        content = {"text": _sentence()}
        updated_at = wire_time(began + timedelta(seconds=_APART_S * seq))
        row = (chat_id, seq, sender.user_id, str(uuid.uuid4()), _hash(content), "text", content, base + seq, updated_at)
        messages.append(row)
    pair = ":".join(sorted(person.user_id for person in group)) if is_private else None
    chat = (
        chat_id,
        "private" if is_private else "group",
        title,
        creator.user_id,
        pair,
        len(group),
        count,
        base + count,
        opened_at,
        updated_at,
    )  # fmt: skip
    members = []
    for person in group:
        read_seq = count if person is creator else random.randint(count // 2, count)
        members.append((chat_id, person.user_id, read_seq, creator.user_id, opened_at))
    return chat, members, messages


def _sentence() -> str:
    return f"{random.choice(_BEGINNINGS)} {random.choice(_MIDDLES)}, {random.choice(_ENDINGS)}"


def _hash(content: dict[str, Any]) -> bytes:
    """What ``message:send`` stores of a request's body."""
    body: dict[str, Any] = {"content": content, "mentions": [], "reply_to": None, "type": "text"}
    return hashlib.sha256(orjson.dumps(body)).digest()


def _batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _write_people(people: Sequence[_Person], tokens: AccessTokens, path: Path | None) -> None:
    lines = (
        orjson.dumps(
            {
                "user_id": person.user_id,
                "phone": person.phone,
                "access_token": tokens.issue(user_id=person.user_id, session_id=person.session_id).token,
                "chat_ids": person.chat_ids,
            }
        ).decode()
        for person in people
    )
    if path is None:
        _write_lines(lines, sys.stdout)
        return
    try:
        path.touch(mode=0o600)
        with path.open("w", encoding="utf-8") as file:
            _write_lines(lines, file)
    except OSError as error:
        raise StartupError(f"{path} cannot be written: {error.strerror or error}.") from None


def _write_lines(lines: Iterator[str], file: TextIO) -> None:
    for line in lines:
        file.write(line + "\n")


class _Progress:
    """A bar on a terminal, a line now and then elsewhere; on standard error, since people go to standard output."""

    def __init__(self, chats: int, messages: int) -> None:
        self._chats, self._messages = chats, messages
        self._done_chats = self._done_messages = 0
        self._began = self._said = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    def advance(self, chats: int, messages: int) -> None:
        """So much more is done."""
        self._done_chats += chats
        self._done_messages += messages
        now = time.monotonic()
        if self._is_terminal:
            share = self._done_chats / self._chats
            bar = "#" * int(_BAR_WIDTH * share)
            print(f"\r[{bar:<{_BAR_WIDTH}}] {share:4.0%} {self._counts()}", end="", file=sys.stderr, flush=True)
        elif now - self._said > 5:
            self._said = now
            print(f"seed: {self._counts()}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Everything is done."""
        print(f"{chr(10) if self._is_terminal else ''}seed: {self._counts()}", file=sys.stderr, flush=True)

    def _counts(self) -> str:
        seconds = time.monotonic() - self._began
        return f"{self._done_chats} chats, {self._done_messages} messages after {seconds:.0f} s"
