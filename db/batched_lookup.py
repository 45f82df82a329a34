"""Look-ups that come while the database is busy with others go to it together, in one statement.

For what many ask at the same moment: when a server comes back, everybody's device connects at once, and a statement for
each is the dearest part of a connect. Nobody waits for a timer: a lone look-up goes at once.

What must stay true: an answer is what the database had after :meth:`BatchedLookup.find` was called.
"""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from core.errors import Unavailable
from core.logs import Request, current_request
from db.pool import Database, Tx

Row = TypeVar("Row")

BATCH_MAX: Final = 50
"""Look-ups in one statement."""
BATCHES_MAX: Final = 2
"""Statements under way."""
WAITING_MAX: Final = 20_000
"""Look-ups that wait; more are refused with ``unavailable``."""


class _Asked(Generic[Row]):
    __slots__ = ("answer", "key", "request")

    def __init__(self, key: str, request: Request | None, answer: asyncio.Future[Row | None]) -> None:
        self.key = key
        self.request = request
        self.answer = answer


class BatchedLookup(Generic[Row]):
    """One kind of look-up, by one key each."""

    def __init__(
        self,
        name: str,
        database: Database,
        list_rows: Callable[[Tx, list[str]], Awaitable[list[Row]]],
        key_of: Callable[[Row], str],
    ) -> None:
        """``list_rows`` finds the rows of many keys, ``key_of`` tells whose a row is; ``name`` is for the log."""
        self._name = name
        self._database = database
        self._list_rows = list_rows
        self._key_of = key_of
        self._asked: deque[_Asked[Row]] = deque()
        self._asking = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def find(self, key: str) -> Row | None:
        """The row of ``key``, if there is one; ``Unavailable`` if the database is."""
        if len(self._asked) >= WAITING_MAX:
            raise Unavailable
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Row | None] = loop.create_future()
        self._asked.append(_Asked(key, current_request(), answer))
        if self._asking < BATCHES_MAX:
            self._asking += 1
            task = loop.create_task(self._ask(), context=contextvars.Context())  # it works for all of them
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    async def _ask(self) -> None:
        while self._asked:
            batch: list[_Asked[Row]] = []
            try:
                async with self._database.reading() as tx:
                    while self._asked:
                        batch = [self._asked.popleft() for _ in range(min(len(self._asked), BATCH_MAX))]
                        await self._answer(tx, batch)
                        batch = []
            except Exception as error:  # whatever it was, those who wait must hear of it
                for asked in batch or self._take_all():
                    if not asked.answer.done():
                        asked.answer.set_exception(error)
        self._asking -= 1

    def _take_all(self) -> list[_Asked[Row]]:
        everybody = list(self._asked)
        self._asked.clear()
        return everybody

    async def _answer(self, tx: Tx, batch: list[_Asked[Row]]) -> None:
        started = time.perf_counter()
        found = {self._key_of(row): row for row in await self._list_rows(tx, [asked.key for asked in batch])}
        duration_s = time.perf_counter() - started
        for asked in batch:
            if asked.request is not None:
                asked.request.note_statement(self._name, duration_s)
            if not asked.answer.done():
                asked.answer.set_result(found.get(asked.key))
