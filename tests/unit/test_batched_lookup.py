"""Look-ups that come together are one statement, and each gets its own answer."""

import asyncio

import pytest

from core.errors import Unavailable
from core.logs import Request, request_scope
from db.batched_lookup import BATCH_MAX, BatchedLookup
from db.pool import Database, Tx
from tests.support.waiting import until


class RecordingLookup:
    """A look-up of words by their first letter, which notes what it was asked."""

    def __init__(self, database: Database) -> None:
        self.asked: list[list[str]] = []
        self.fault: Exception | None = None
        self.words = BatchedLookup("words", database, self._list, lambda word: word[0])

    async def _list(self, tx: Tx, letters: list[str]) -> list[str]:
        self.asked.append(letters)
        rows = await tx.fetch("words", "SELECT w FROM unnest($1::text[]) w WHERE left(w, 1) = ANY ($2)",
                              [["apple", "beech"], letters])  # fmt: skip
        if self.fault is not None:
            raise self.fault
        return [row["w"] for row in rows]


async def test_each_gets_its_own_answer(database: Database):
    lookup = RecordingLookup(database)
    assert await asyncio.gather(*map(lookup.words.find, "abca")) == ["apple", "beech", None, "apple"]


async def test_those_who_come_while_others_are_answered_are_answered_together(database: Database):
    lookup = RecordingLookup(database)
    await asyncio.gather(*(lookup.words.find("a") for _ in range(3 * BATCH_MAX)))
    assert sum(map(len, lookup.asked)) == 3 * BATCH_MAX
    assert max(map(len, lookup.asked)) == BATCH_MAX
    assert len(lookup.asked) <= 5


async def test_one_who_comes_later_is_not_answered_from_before(database: Database):
    lookup = RecordingLookup(database)
    first = asyncio.ensure_future(lookup.words.find("a"))
    await until(lambda: lookup.asked)
    second = asyncio.ensure_future(lookup.words.find("a"))
    assert await asyncio.gather(first, second) == ["apple", "apple"]
    assert lookup.asked == [["a"], ["a"]]


async def test_fault_reaches_those_who_wait_and_nobody_after(database: Database):
    lookup = RecordingLookup(database)
    lookup.fault = Unavailable()
    outcomes = await asyncio.gather(*map(lookup.words.find, "aab"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    lookup.fault = None
    assert await lookup.words.find("b") == "beech"


async def test_who_does_not_wait_any_more_spoils_nothing(database: Database):
    lookup = RecordingLookup(database)
    waiting = asyncio.ensure_future(lookup.words.find("a"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await lookup.words.find("b") == "beech"


async def test_log_of_each_request_has_the_statement(database: Database):
    lookup, request = RecordingLookup(database), Request("r")
    with request_scope(request):
        await lookup.words.find("a")
    assert [name for name, _ in request.statements] == ["words"]
