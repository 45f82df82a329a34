"""How a page of search results is found with bounded work.

Most words that people look for are either common (a page is full after a few hundred messages) or rare (the index has a
handful). So a search first walks from new to old through the chats, and if little was found on the way, asks the index. If
the index has too much, which happens where a word is common but not in these chats, the walk goes on to its bound and the
page ends there: it may be short, and its cursor says where to go on.

What must stay true: a page holds *every* match between its start and its end, so pages have neither doubles nor gaps. The
walk therefore shows a match only when no chat can have an unseen message that is newer.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from db import search
from db.pool import SlowStatement, Tx
from db.search import HeadRow

WALKED_MAX: Final = 4096
"""Messages that one page looks at. Each costs about 20 µs of PostgreSQL's processor."""
WALKED_BEFORE_INDEX: Final = 512
"""Messages looked at before the index is asked."""
RARE: Final = 0.02
"""Below this share of matches among the messages looked at, the index is asked."""
INDEXED_MAX: Final = 5_000
"""Matches in the index that are looked at; of more the newest are not known."""
INDEX_TIMEOUT_MS: Final = 250
STATEMENT_TIMEOUT_MS: Final = 1500
WALK_S: Final = 1.0
"""A page that took longer ends where it is, if it has got anywhere."""
_HEADS_MAX: Final = 512
"""Chats that one page looks into."""
_STEP: Final = 256
"""Messages looked at by one statement."""
_FIRST: Final = 4
"""Messages of a chat looked at in its first step. Each further step looks at twice as many: many chats that are used at the
same time have few messages each between two results, one chat has all of them."""

Place = tuple[str, str, int]
"""created_at, chat_id, seq: the order of results. Times and ids of the wire compare as text."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page is asked for. ``start``: results are below it. ``every``: the words, as a tsquery."""

    user_id: str
    chat_id: str | None
    every: str
    sender_id: str | None
    types: list[str] | None
    since: str | None
    start: Place | None
    limit: int


@dataclass(frozen=True, slots=True)
class Found:
    """Places of results, newest first, and where the next page starts; ``None`` if there is nothing more."""

    places: list[Place]
    next_start: Place | None


async def find_page(tx: Tx, wanted: Wanted) -> Found:
    """The newest results below ``wanted.start``. ``tx`` is a transaction."""
    await search.limit_statements(tx, str(STATEMENT_TIMEOUT_MS))
    walk = await Walk.start(tx, wanted)
    asked = False
    while not walk.is_enough():
        await walk.step(tx)
        rare = walk.walked >= WALKED_BEFORE_INDEX and len(walk.matches) < RARE * walk.walked
        if rare and not asked and not walk.is_enough():
            asked = True
            if found := await ask_index(tx, wanted):
                return found
    return walk.found()


async def ask_index(tx: Tx, wanted: Wanted) -> Found | None:
    """The page as the index has it; ``None`` if it has too much to look at in time."""
    before_time, before_chat_id, before_seq = wanted.start or (None, None, None)
    find = search.find_in_chat if wanted.chat_id else search.find_in_all
    try:
        async with tx.savepoint():
            await search.limit_statements(tx, str(INDEX_TIMEOUT_MS))
            rows = await find(
                tx,
                wanted.user_id,
                wanted.chat_id,
                wanted.since,
                wanted.every,
                wanted.sender_id,
                wanted.types,
                before_time,
                before_chat_id,
                before_seq,
                wanted.limit + 1,
                INDEXED_MAX + 1,
            )
    except SlowStatement:
        return None
    await search.limit_statements(tx, str(STATEMENT_TIMEOUT_MS))
    if rows[0].found > INDEXED_MAX:
        return None
    places = [(row.created_at, row.chat_id, row.seq) for row in rows if row.created_at and row.chat_id and row.seq]
    page = places[: wanted.limit]
    return Found(page, page[-1] if len(places) > len(page) else None)


class Walk:
    """Looking at messages from new to old, in the chats of one person."""

    def __init__(self, wanted: Wanted, heads: Sequence[HeadRow]) -> None:
        self._wanted = wanted
        self._heads = {head.chat_id: head for head in heads}
        self._most = dict.fromkeys(self._heads, max(_FIRST, _STEP // max(len(heads), 1)))
        # Chats beyond the newest _HEADS_MAX are not looked into: the page ends where the newest of them may begin.
        last = heads[-1] if len(heads) >= _HEADS_MAX else None
        self._floor: Place | None = _place(last) if last else None
        self.matches: list[Place] = []
        self.walked = 0
        self._deadline_s = time.perf_counter() + WALK_S

    @classmethod
    async def start(cls, tx: Tx, wanted: Wanted) -> "Walk":
        """Find where to begin in each chat."""
        start = wanted.start or (None, None, None)
        created_at, chat_id, seq = start
        heads = await search.list_heads(
            tx, wanted.user_id, wanted.chat_id, created_at, chat_id, seq, wanted.since, _HEADS_MAX
        )
        return cls(wanted, heads)

    @property
    def _boundary(self) -> Place | None:
        """Everything above was looked at; ``None``: everything."""
        return max((*map(_place, self._heads.values()), *((self._floor,) if self._floor else ())), default=None)

    def _settled(self) -> list[Place]:
        boundary = self._boundary
        return sorted((place for place in self.matches if boundary is None or place >= boundary), reverse=True)

    def is_enough(self) -> bool:
        """Whether the page is full, or everything was looked at, or as much as one page may look at."""
        boundary = self._boundary
        ended = boundary is None or boundary == self._floor
        late = self.walked > 0 and time.perf_counter() > self._deadline_s
        return ended or late or self.walked >= WALKED_MAX or len(self._settled()) > self._wanted.limit

    def found(self) -> Found:
        """The results above the boundary."""
        places = self._settled()
        page = places[: self._wanted.limit]
        return Found(page, page[-1] if len(places) > len(page) else self._boundary)

    async def step(self, tx: Tx) -> None:
        """Look at the next messages of the chats that have the newest."""
        wanted = self._wanted
        heads = self._newest()
        most = {head.chat_id: self._most[head.chat_id] for head in heads}
        rows = await search.walk(
            tx,
            wanted.user_id,
            list(most),
            [head.seq for head in heads],
            wanted.every,
            wanted.sender_id,
            wanted.types,
            list(most.values()),
        )
        unseen = {head.chat_id: self._heads.pop(head.chat_id) for head in heads}
        for chat_id, group in groupby(rows, key=lambda row: row.chat_id):
            walked = list(group)
            self.walked += len(walked)
            for row in walked:
                if row.matches and (wanted.since is None or row.created_at >= wanted.since):
                    self.matches.append((row.created_at, row.chat_id, row.seq))
            last, first_seq = walked[-1], unseen[chat_id].first_seq
            is_cut = len(walked) == most[chat_id] and last.seq > first_seq
            if is_cut and (wanted.since is None or last.created_at >= wanted.since):
                self._heads[chat_id] = HeadRow(last.created_at, chat_id, last.seq, first_seq)
                self._most[chat_id] = min(2 * most[chat_id], _STEP)

    def _newest(self) -> list[HeadRow]:
        """The chats to look at in the next step: those with the newest messages, ``_STEP`` messages together."""
        heads: list[HeadRow] = []
        room = _STEP
        for head in sorted(self._heads.values(), key=_place, reverse=True):
            room -= self._most[head.chat_id]
            if heads and room < 0:
                break
            heads.append(head)
        return heads


def _place(head: HeadRow) -> Place:
    return head.created_at, head.chat_id, head.seq
