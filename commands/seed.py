"""``molva seed``: people, chats and messages that look like real ones, consistent as if everything had been sent.

A million messages take well under two minutes: rows go in by COPY, and while PostgreSQL takes one batch the next is made.

What must stay true: a chat is committed whole, with all its messages; memory is bounded by the batch, whatever the size of
a chat; everybody is in about as many chats as everybody else; nothing that was there before is touched. Whoever changes
what a send stores (``db.messages``, ``realtime/messages``) changes :class:`_Chat` too.
"""

import asyncio
import hashlib
import itertools
import os
import random
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

import orjson

from core.clock import wire_time
from core.errors import StartupError
from core.ids import new_id
from core.settings import Environment, Settings
from core.tokens import AccessTokens, RefreshClaim, RefreshTokens, refresh_hash
from db import seed as tables
from db.migrate import migrate
from db.pool import Database, Tx
from db.sessions import IDLE_DAYS_MAX
from realtime.wire.fields import CHAT_ID, OTHERS_CHAT_ID, PHONE, USER_ID
from server import database_url_of

T = TypeVar("T")
Row = tuple[Any, ...]

STDOUT: Final = Path("-")

_FIRST_PHONE: Final = 79_000_000_000
_LAST_PHONE: Final = 79_009_999_999
_BATCH_ROWS: Final = 20_000
_BATCH_PEOPLE: Final = 10_000
_LOADERS: Final = 2
_TIMEOUT_S: Final = 3600.0  # a chat is one transaction, and may be a large one
_MESSAGES_APART_S: Final = 60.0
_CHAT_AGE_S_MAX: Final = 365 * 86_400.0
_CHATS_SPREAD_S: Final = 14 * 86_400.0
_SAY_EVERY_S: Final = 5.0
_BAR_WIDTH: Final = 40

_EXAMPLE_PEOPLE: Final = (("Anna", PHONE), ("Boris", "+79161234568"), ("Vera", "+79161234569"))
_EXAMPLE_MESSAGES: Final = 60

_NAMES: Final = (
    (
        ("Анна", "Вера", "Дарья", "Елена", "Ирина", "Мария", "Наталья", "Ольга", "Полина", "Юлия"),
        ("Волкова", "Егорова", "Иванова", "Кузнецова", "Морозова", "Новикова", "Павлова", "Смирнова", "Соколова"),
    ),
    (
        ("Алексей", "Борис", "Глеб", "Дмитрий", "Егор", "Иван", "Кирилл", "Лев", "Максим", "Сергей"),
        ("Волков", "Егоров", "Иванов", "Кузнецов", "Морозов", "Новиков", "Павлов", "Смирнов", "Соколов"),
    ),
    (
        ("Alice", "Ben", "Chloe", "Daniel", "Emma", "Frank", "Grace", "Henry", "Isla", "Jack", "Kate", "Liam"),
        ("Adams", "Baker", "Carter", "Davis", "Evans", "Fisher", "Green", "Harris", "Jones", "Miller", "Walker"),
    ),
)


@dataclass(frozen=True, slots=True)
class _Speech:
    """What is said in one language: an opening or none, a clause with a time, an ending or none."""

    titles: Sequence[str]
    openings: Sequence[str]
    clauses: Sequence[str]
    times: Sequence[str]
    endings: Sequence[str]

    def sentence(self) -> str:
        """20 to 200 characters."""
        said = f"{random.choice(self.openings)} {random.choice(self.clauses)} {random.choice(self.times)}"
        return f"{said.lstrip()}. {random.choice(self.endings)}".rstrip()


_SPEECHES: Final = (
    _Speech(
        titles=("Поход", "Дача", "Семья", "Работа", "Книжный клуб", "Соседи", "Футбол по средам", "Отпуск"),
        openings=("", "", "Привет!", "Слушай,", "Кстати,", "Добрый вечер!", "Хорошие новости:", "Чуть не забыл:"),
        clauses=(
            "встречаемся у старой башни", "поезд приходит на второй путь", "нужны билеты на концерт",
            "обещают снег и сильный ветер", "жду документы по договору", "кошка опять спала на клавиатуре",
            "рецепт пирога пришлю отдельным письмом", "машина будет готова в мастерской",
            "собираемся за город всей компанией", "в библиотеке раздают старые книги",
        ),
        times=("завтра утром", "в субботу", "сегодня после обеда", "на следующей неделе", "к семи часам", "в пятницу"),
        endings=("", "", "Что думаешь?", "Не забудь зонт!", "Позвони, когда выйдешь.", "Увидимся вечером.", "Спасибо!"),
    ),
    _Speech(
        titles=("Weekend hike", "Band", "Team", "Flat 12", "Chess", "Family", "Book club", "Holidays"),
        openings=("", "", "Hi there,", "By the way,", "Listen,", "Good news:", "Hello!", "Almost forgot:"),
        clauses=(
            "we meet at the old tower", "the train leaves from platform two", "the tickets are still available",
            "snow and strong wind are expected", "the contract should be signed", "the cat slept on the keyboard again",
            "the recipe goes into the shared folder", "the garage calls about the car",
            "everybody is invited for dinner", "the library gives away old books",
        ),
        times=("tomorrow morning", "on Saturday", "this afternoon", "next week", "around seven", "before Friday"),
        endings=("", "", "What do you think?", "Don't forget the umbrella!", "Call me when you leave.", "Thanks!"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to make. ``messages`` is the total over all chats, spread evenly; a group's opening one counts.

    ``examples``: also, once, what the examples of the documents name.
    """

    users: int
    chats: int
    members: int
    messages: int
    examples: bool = False

    def check(self) -> None:
        """``StartupError`` unless it can be carried out."""
        if self.chats and self.members > self.users:
            raise StartupError(f"{self.users} users cannot make chats of {self.members} members.")
        pairs = self.users * (self.users - 1) // 2
        if self.members == 2 and self.chats > pairs:
            raise StartupError(f"{self.users} users have {pairs} private chats at the most: more users, or fewer chats.")

    @property
    def messages_per_chat_max(self) -> int:
        """What the longest chat has."""
        each = -(-self.messages // self.chats) if self.chats else 0
        return max(each, _EXAMPLE_MESSAGES) if self.examples else each


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    user_id: str
    session_id: str
    phone: str
    chat_ids: list[str] = field(default_factory=list)


class _Calendar:
    """When things happened: all registered, then came the chats; each ends later than the one before, the last now."""

    def __init__(self, plan: Plan) -> None:
        self._now = datetime.now(UTC)
        self._chats = max(plan.chats, 1)
        self._apart_s = min(_MESSAGES_APART_S, _CHAT_AGE_S_MAX / (plan.messages_per_chat_max + 1))
        longest_s = self._apart_s * (plan.messages_per_chat_max + 2)
        self.registered_at = wire_time(self._now - timedelta(seconds=_CHATS_SPREAD_S + longest_s))

    def moments(self, place: int, count: int) -> Iterator[str]:
        """When the chat at ``place`` of all was opened, then when each of its ``count`` messages was sent."""
        return self.moments_until(_CHATS_SPREAD_S * (self._chats - 1 - place) / self._chats, count)

    def moments_until(self, ended_s: float, count: int) -> Iterator[str]:
        """The same for a chat whose newest message was sent ``ended_s`` ago."""
        for behind in range(count, -1, -1):
            yield wire_time(self._now - timedelta(seconds=ended_s + self._apart_s * behind))


class _Chat:
    """One chat. Its messages are made one by one; the rows of chat and members are right once all were."""

    def __init__(
        self, people: Sequence[_Person], count: int, moments: Iterator[str], *, example_id: str | None = None
    ) -> None:
        """``example_id``: of a chat in the examples, where people speak in turn, since the examples know who said what."""
        self.chat_id = example_id or new_id()
        self._takes_turns = example_id is not None
        self._people = people
        self._is_private = len(people) == 2
        self._speech = random.choice(_SPEECHES)
        self._title = None if self._is_private else random.choice(self._speech.titles)
        self.count = count
        self._moments = moments
        self._opened_at = self._updated_at = next(moments)
        self._spoke_at = dict.fromkeys(people, 0)
        for person in people:
            person.chat_ids.append(self.chat_id)

    def messages(self) -> Iterator[Row]:
        """Their rows, by seq."""
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
        content = {"text": self._speech.sentence()}
        client_id, body_hash = str(uuid.uuid4()), _body_hash(content)
        version = self._version(seq)
        return (self.chat_id, seq, sender.user_id, client_id, body_hash, "text", content, version, self._updated_at)

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
        """The members' rows: some have read everything, all have read what they said themselves."""
        creator_id = self._people[0].user_id
        for person in self._people:
            read_seq = random.choice((self.count, random.randint(self._spoke_at[person], self.count)))
            yield self.chat_id, person.user_id, read_seq, creator_id, self._opened_at


def seed(settings: Settings, plan: Plan, tokens_path: Path = STDOUT) -> None:
    """Carry ``plan`` out and write a line per person to ``tokens_path``; ``StartupError`` where it cannot be."""
    if settings.environment is Environment.PRODUCTION:
        raise StartupError("seed makes people who do not exist: never in production.")
    plan.check()
    secret = settings.signing_secret()
    with _writable(tokens_path) as file:
        with database_url_of(settings, beside_server=True) as url:
            people = asyncio.run(_fill(url, plan, RefreshTokens(secret)))
        # Last, because the tokens' 15 minutes begin here.
        _write_people(people, AccessTokens(secret), file)


async def _fill(url: str, plan: Plan, tokens: RefreshTokens) -> list[_Person]:
    await migrate(url)
    calendar = _Calendar(plan)
    database = Database(url, pool_max=_LOADERS, timeout_s=_TIMEOUT_S, slow_s=_TIMEOUT_S)
    await database.connect()
    try:
        people = await _make_people(database, plan.users, tokens, calendar.registered_at)
        if plan.chats:
            await _make_chats(database, plan, people, calendar)
        if plan.examples:
            people += await _make_examples(database, tokens, calendar)
        async with database.reading() as tx:
            await tables.analyze(tx)
    finally:
        await database.disconnect()
    return people


async def _make_people(database: Database, count: int, tokens: RefreshTokens, registered_at: str) -> list[_Person]:
    """So many people with numbers that nobody has, each signed in on one device."""
    people: list[_Person] = []
    for numbers in _batches(range(_FIRST_PHONE, _LAST_PHONE + 1), _BATCH_PEOPLE):
        phones = [f"+{number}" for number in numbers]
        async with database.transaction() as tx:
            taken = set(await tables.find_taken_phones(tx, phones))
            free = [phone for phone in phones if phone not in taken]
            made = [_Person(new_id(), new_id(), phone) for phone in free[: count - len(people)]]
            await _load_people(tx, {person: _name() for person in made}, tokens, registered_at)
        people += made
        if len(people) == count:
            return people
    raise StartupError("the numbers for seeded users are used up.")


async def _load_people(
    tx: Tx, names: dict[_Person, str], tokens: RefreshTokens, registered_at: str, *, registered_id: str | None = None
) -> None:
    """New people with these names, and a session for each; ``registered_id`` is a person already."""
    users = [
        (person.user_id, person.phone, name, registered_at)
        for person, name in names.items()
        if person.user_id != registered_id
    ]
    await tables.load(tx, "users", tables.USERS, users)
    expires_at = wire_time(datetime.now(UTC) + timedelta(days=IDLE_DAYS_MAX))
    sessions = [_session(person, tokens, expires_at) for person in names]
    await tables.load(tx, "login_sessions", tables.SESSIONS, sessions)


async def _make_examples(database: Database, tokens: RefreshTokens, calendar: _Calendar) -> list[_Person]:
    """Three people in two groups: in the first one, message 42 is its creator's. Nothing if they are there already.

    The first one may have registered: whoever followed the documents has.
    """
    phones = [phone for _, phone in _EXAMPLE_PEOPLE]
    async with database.transaction() as tx:
        if await tables.has_examples(tx, USER_ID, phones[1:]):
            print("seed: the people of the examples are there already", file=sys.stderr)
            return []
        registered_id = await tables.find_user_by_phone(tx, phones[0])
        ids = (registered_id or new_id(), USER_ID, new_id())
        anna, boris, vera = people = [_Person(*known) for known in zip(ids, (new_id() for _ in ids), phones, strict=True)]
        names = dict(zip(people, (name for name, _ in _EXAMPLE_PEOPLE), strict=True))
        await _load_people(tx, names, tokens, calendar.registered_at, registered_id=registered_id)
        await _load_chats(
            tx,
            [
                _Chat(circle, _EXAMPLE_MESSAGES, calendar.moments_until(ago_s, _EXAMPLE_MESSAGES), example_id=chat_id)
                for circle, chat_id, ago_s in (
                    ((anna, boris, vera), CHAT_ID, 1),
                    ((boris, anna, vera), OTHERS_CHAT_ID, 2),
                )
            ],
        )
    return people


def _name() -> str:
    first, last = random.choice(_NAMES)
    return f"{random.choice(first)} {random.choice(last)}"


def _session(person: _Person, tokens: RefreshTokens, expires_at: str) -> Row:
    refresh_seed = tokens.new_seed()
    refresh_token = tokens.derive(RefreshClaim(person.session_id, 1), refresh_seed)
    return (person.session_id, person.user_id, "Seeded", refresh_seed, refresh_hash(refresh_token), expires_at)


async def _make_chats(database: Database, plan: Plan, people: Sequence[_Person], calendar: _Calendar) -> None:
    """Several loaders take batches of whole chats from one generator, a transaction each."""
    progress = _Progress(plan.chats)
    per_batch = max(1, _BATCH_ROWS // max(plan.members, plan.messages_per_chat_max))
    batches = _batches(_chats(plan, people, calendar), per_batch)

    async def load_batches() -> None:
        for chats in batches:
            async with database.transaction() as tx:
                await _load_chats(tx, chats)
            progress.advance(len(chats), sum(chat.count for chat in chats))

    try:
        async with asyncio.TaskGroup() as loaders:
            for _ in range(_LOADERS):
                loaders.create_task(load_batches())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None  # the other loader was cancelled on account of it
    progress.end()


async def _load_chats(tx: Tx, chats: Sequence[_Chat]) -> None:
    messages = itertools.chain.from_iterable(chat.messages() for chat in chats)
    for rows in _batches(messages, _BATCH_ROWS):
        await tables.load(tx, "messages", tables.MESSAGES, rows)
    await tables.load(tx, "chats", tables.CHATS, [chat.row() for chat in chats])
    await tables.load(tx, "members", tables.MEMBERS, [member for chat in chats for member in chat.members()])


def _chats(plan: Plan, people: Sequence[_Person], calendar: _Calendar) -> Iterator[_Chat]:
    each, more = divmod(plan.messages, plan.chats)
    circles = _pairs(people) if plan.members == 2 else _groups(people, plan.members)
    for place, circle in enumerate(itertools.islice(circles, plan.chats)):
        count = max(each + (place < more), 0 if plan.members == 2 else 1)
        yield _Chat(circle, count, calendar.moments(place, count))


def _pairs(people: Sequence[_Person]) -> Iterator[list[_Person]]:
    """Every pair once, in rounds in which everybody has a partner: a round-robin tournament by the circle method."""
    ring: list[_Person | None] = [*people] if len(people) % 2 == 0 else [*people, None]
    half = len(ring) // 2
    for _ in range(len(ring) - 1):
        for one, other in zip(ring[:half], reversed(ring[half:]), strict=True):
            if one is not None and other is not None:
                yield [one, other]
        ring.insert(1, ring.pop())


def _groups(people: Sequence[_Person], size: int) -> Iterator[list[_Person]]:
    """Groups without end, dealt like cards: who is left of a shuffled deck comes first in the next one."""
    left: list[_Person] = []
    while True:
        others = random.sample(people, len(people))
        if left:
            waiting = set(left)
            others = [person for person in others if person not in waiting]
        first, rest = left + others[: size - len(left)], others[size - len(left) :] + left
        deck = first + random.sample(rest, len(rest))
        whole = len(deck) // size * size
        yield from _batches(deck[:whole], size)
        left = deck[whole:]


def _body_hash(content: dict[str, Any]) -> bytes:
    """What ``message:send`` stores of a request's body: a repeat with its client_id is known as one."""
    body: dict[str, Any] = {"content": content, "mentions": [], "reply_to": None, "type": "text"}
    return hashlib.sha256(orjson.dumps(body)).digest()


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


@contextmanager
def _writable(path: Path) -> Iterator[TextIO]:
    """``path`` or standard output, opened before the work so that it is not in vain; a new file is its owner's alone."""
    if path == STDOUT:
        yield sys.stdout
        return
    try:
        file = open(path, "w", encoding="utf-8", opener=partial(os.open, mode=0o600))  # noqa: SIM115  (closed below)
    except OSError as error:
        raise StartupError(f"{path} cannot be written: {error.strerror or error}.") from None
    with file:
        yield file


def _write_people(people: Sequence[_Person], tokens: AccessTokens, file: TextIO) -> None:
    for person in people:
        line = {
            "user_id": person.user_id,
            "phone": person.phone,
            "access_token": tokens.issue(user_id=person.user_id, session_id=person.session_id).token,
            "chat_ids": person.chat_ids,
        }
        file.write(orjson.dumps(line).decode() + "\n")


class _Progress:
    """A bar on a terminal, a line now and then elsewhere; on standard error, since people go to standard output."""

    def __init__(self, chats: int) -> None:
        self._chats = chats
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
        elif now - self._said > _SAY_EVERY_S:
            self._said = now
            print(f"seed: {self._counts()}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Everything is done."""
        print(f"{chr(10) if self._is_terminal else ''}seed: {self._counts()}", file=sys.stderr, flush=True)

    def _counts(self) -> str:
        seconds = time.monotonic() - self._began
        return f"{self._done_chats} chats, {self._done_messages} messages after {seconds:.0f} s"
