"""Group commit: messages that arrive while the database is busy are stored together, in one round trip and one commit.

Each chat has a line of sends that wait. A line is ready when the chat's turn has come, that is, when no other change of the
chat is under way (``Turns``). The next batch takes all lines that are ready, with all sends that are in them by
then. At most two batches are under way, so that the database works on one while the events of the other are delivered; the
next one begins when one of them has returned. There is no timer: a message that comes alone is stored at once, by the plain
statement. So each chat keeps its order, busy chats share a commit, and a chat that waits for its turn delays no other chat.

What must stay true: a send is answered after the commit that holds it; its events leave before the next change of its chat
begins, in the order of ``seq``.
"""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import orjson

from core import metrics
from core.errors import Unavailable
from core.log_stages import followed, write_stage
from core.logs import Request, current_request, request_scope, share
from core.tracing import span
from db import messages
from db.messages import Draft, SentRow
from db.pool import Database, Tx
from realtime.messages.encoding import EncodedMessage
from realtime.model.sender_profiles import SenderProfiles
from realtime.wire.changes import Delivery, Turns, chat_subject
from realtime.wire.sends import Sent

BATCH_MAX: Final = 200
"""Messages in one commit."""
BATCHES_MAX: Final = 2
"""Batches under way, each on a connection of its own."""
WAITING_MAX: Final = 20_000
"""Messages that wait for a batch; more are refused with ``unavailable``."""
_CONNECTION_S: Final = 1.0
"""How long one connection is used for batch after batch before it goes back to the pool."""


class _Waiting:
    """A send that waits: its draft, the request that it belongs to, and the future that gets its result."""

    __slots__ = ("done", "draft", "request", "shown")

    def __init__(self, draft: Draft, shown: orjson.Fragment | None, request: Request, done: asyncio.Future[Sent]) -> None:
        self.draft = draft
        self.shown = shown
        self.request = request
        self.done = done


class _Line:
    """The sends of one chat that wait, in the order in which they came."""

    __slots__ = ("chat_id", "subject", "waiting")

    def __init__(self, chat_id: str) -> None:
        self.chat_id = chat_id
        self.subject = chat_subject(chat_id)
        self.waiting: deque[_Waiting] = deque()


_Batch = list[tuple[_Line, list[_Waiting]]]
"""The lines that have sends in a batch, each with those sends."""


class SendQueue:
    """Stores the messages that are sent in this process; see the module."""

    def __init__(self, database: Database, turns: Turns, delivery: Delivery, profiles: SenderProfiles) -> None:
        self._database = database
        self._turns = turns
        self._delivery = delivery
        self._profiles = profiles
        self._lines: dict[str, _Line] = {}
        self._ready: deque[_Line] = deque()
        """The lines whose turn has come."""
        self._flushing = 0
        """The number of batches under way."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        metrics.SENDS_WAITING.set_function(lambda: self._waiting)

    async def send(self, draft: Draft, shown: orjson.Fragment | None = None) -> Sent:
        """Store ``draft``. Returns after the commit, when its events are handed over.

        ``shown``: the content as people get it, where it is not what is stored.
        ``Unavailable`` where it is not known whether the message was stored, or where too many wait.
        """
        if self._waiting >= WAITING_MAX:
            raise Unavailable
        done: asyncio.Future[Sent] = asyncio.get_running_loop().create_future()
        line = self._lines.get(draft.chat_id)
        is_new = line is None
        if line is None:
            line = self._lines[draft.chat_id] = _Line(draft.chat_id)
        line.waiting.append(_Waiting(draft, shown, current_request() or Request(""), done))
        if is_new:
            self._ask_for_turn(line)
        self._waiting += 1
        try:
            with span("messages.send"):
                return await done
        finally:
            self._waiting -= 1

    def _ask_for_turn(self, line: _Line) -> None:
        if self._turns.try_take(line.subject):
            self._join(line)
        else:
            self._start(self._wait_for_turn(line))

    async def _wait_for_turn(self, line: _Line) -> None:
        await self._turns.take(line.subject)
        self._join(line)

    def _join(self, line: _Line) -> None:
        """Put a line whose turn has come into the next batch."""
        self._ready.append(line)
        if self._flushing < BATCHES_MAX:
            self._flushing += 1
            self._start(self._flush())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task outside the context of the current request, because it works for many requests."""
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _flush(self) -> None:
        """Store batch after batch until no line is ready."""
        batch: _Batch = []
        while self._ready:
            try:
                async with self._database.reading() as tx:
                    given_back_at = time.monotonic() + _CONNECTION_S
                    while self._ready and time.monotonic() < given_back_at:
                        batch = self._take_batch()
                        share([one.request for _, group in batch for one in group])
                        senders = await self._load_senders(tx, batch)
                        self._deliver(batch, await _store(tx, batch), senders)
                        self._end_turns(batch)
                        batch = []
                        share(())
            except Exception as error:  # whatever it was, those who wait must be told
                batch = batch or self._take_batch()
                self._fail(batch, error)
                self._end_turns(batch)
                batch = []
                share(())
        self._flushing -= 1

    def _take_batch(self) -> _Batch:
        """Take ready lines until the batch is full. What does not fit of the last line waits for the next batch."""
        batch: _Batch = []
        room = BATCH_MAX
        while self._ready and room:
            line = self._ready.popleft()
            group = _take_group(line, room)
            room -= len(group)
            batch.append((line, group))
        return batch

    async def _load_senders(self, tx: Tx, batch: _Batch) -> dict[str, bytes]:
        """The public profiles of those who send: read before the commit, so that nothing is stored where it fails."""
        started = time.perf_counter()
        waiting = [one for _, group in batch for one in group]
        senders, read = await self._profiles.load(tx, [one.draft.sender_id for one in waiting])
        if read:
            duration_s = time.perf_counter() - started
            for one in waiting:
                if one.draft.sender_id in read:
                    one.request.note_statement("users.list_public_profiles", duration_s)
        return senders

    def _deliver(self, batch: _Batch, rows: Sequence[SentRow], senders: dict[str, bytes]) -> None:
        each = iter(rows)
        for _, group in batch:
            for waiting in group:
                row = next(each)
                view = None
                if row.stored is not None and row.seq is not None:
                    waiting.request.notes = {"seq": row.seq}
                    message = EncodedMessage(row.stored, row.seq, waiting.draft, waiting.shown)
                    view = message.view()
                    with request_scope(waiting.request), span("deliver"):
                        sender = self._profiles.latest(waiting.draft.sender_id, senders)
                        self._delivery.deliver(message.announce(sender))
                if not waiting.done.done():
                    waiting.done.set_result(Sent(row, view))

    def _fail(self, batch: _Batch, error: Exception) -> None:
        for line, group in batch:
            self._turns.note_doubt(line.subject)
            for waiting in group:
                if not waiting.done.done():
                    waiting.done.set_exception(error)

    def _end_turns(self, batch: _Batch) -> None:
        """Give back the turns of the chats. Other changes that wait come first, then the sends that arrived meanwhile."""
        for line, _ in batch:
            self._turns.give_back(line.subject)
            if line.waiting:
                self._ask_for_turn(line)
            else:
                del self._lines[line.chat_id]


def _take_group(line: _Line, count_max: int) -> list[_Waiting]:
    """Take sends from the head of the line, up to the first that repeats one of them.

    Of two equal sends the second must find the first one stored, so it waits for the next batch.
    """
    group: list[_Waiting] = []
    taken: set[tuple[str, str]] = set()
    while line.waiting and len(group) < count_max:
        key = (line.waiting[0].draft.sender_id, line.waiting[0].draft.client_id)
        if key in taken:
            break
        taken.add(key)
        group.append(line.waiting.popleft())
    return group


async def _store(tx: Tx, batch: _Batch) -> list[SentRow]:
    """Store a batch: one statement, one commit. The rows are in the order of the batch."""
    started = time.perf_counter()
    waiting = [one for _, group in batch for one in group]
    drafts = [one.draft for one in waiting]
    rows = [await messages.send_message(tx, drafts[0])] if len(drafts) == 1 else await messages.send_messages(tx, drafts)
    duration_s = time.perf_counter() - started
    for one in waiting:
        one.request.note_statement("messages.send", duration_s)
        if followed(one.request):
            shared = {"duration_ms": round(duration_s * 1000, 2), "messages_in_commit": len(waiting)}
            write_stage(one.request, "statement", statement="messages.send", **shared)
    return rows
