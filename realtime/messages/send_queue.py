"""Group commit: sends that arrive while the database is busy with others are stored together, in one round trip.

A send takes its place in its chat's line. When the chat's turn comes (``Delivery.in_order``: no other change of it is
under way), everything in the line joins the next batch; the next batch starts when the last one returns. Nobody waits for
a timer: a lone message goes at once, by the plain statement. So a chat keeps its order, busy chats share a commit, and
a chat whose turn is taken by something else holds up nobody.

What must stay true: a send is answered after the commit that holds it; its events leave before the next change of its chat
begins, in the order of ``seq``.
"""

import asyncio
import contextvars
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core import metrics
from core.errors import Unavailable
from core.logs import Request, current_request, request_scope
from core.tracing import span
from db import messages
from db.messages import SentRow, StoredRow
from db.pool import Database
from realtime.protocol.context import Delivery
from realtime.protocol.events import Reason, announce_message, made
from realtime.protocol.objects import Chat, Message, MessageView
from realtime.protocol.sends import Draft, Sent

BATCH_MAX: Final = 200
"""Messages in one commit."""
WAITING_MAX: Final = 20_000
"""Messages waiting for theirs; more are refused with ``unavailable``."""


@dataclass(slots=True, eq=False)
class _Waiting:
    draft: Draft
    request: Request
    done: asyncio.Future[Sent]


@dataclass(slots=True)
class _Line:
    """A chat's sends that wait for its turn."""

    waiting: deque[_Waiting] = field(default_factory=deque)


class SendQueue:
    """The sends of one process."""

    def __init__(self, database: Database, delivery: Delivery) -> None:
        self._delivery = delivery
        self._batches = _Batches(database)
        self._lines: dict[str, _Line] = {}
        self._drains: set[asyncio.Task[None]] = set()
        self._waiting = 0
        metrics.SENDS_WAITING.set_function(lambda: self._waiting)

    async def send(self, draft: Draft) -> Sent:
        """Store ``draft``; returns after the commit, its events handed over. ``Unavailable`` if that is in doubt."""
        if self._waiting >= WAITING_MAX:
            raise Unavailable
        waiting = _Waiting(draft, current_request() or Request(""), asyncio.get_running_loop().create_future())
        line = self._lines.get(draft.chat_id)
        if line is None:
            line = self._lines[draft.chat_id] = _Line()
            drain = _start(self._drain(draft.chat_id, line))
            self._drains.add(drain)
            drain.add_done_callback(self._drains.discard)
        line.waiting.append(waiting)
        self._waiting += 1
        try:
            with span("messages.send"):
                return await waiting.done
        finally:
            self._waiting -= 1

    async def _drain(self, chat_id: str, line: _Line) -> None:
        """Take turns of the chat until its line is empty."""
        while line.waiting:
            async with self._delivery.in_order(chat_id):
                group = _take_group(line)
                try:
                    started = time.perf_counter()
                    rows = await self._batches.store([waiting.draft for waiting in group])
                    for waiting in group:
                        waiting.request.note_statement("messages.send", time.perf_counter() - started)
                except Exception as error:  # whatever it was, those who wait must hear of it
                    self._delivery.reconcile(chat_id)
                    _fail(group, error)
                else:
                    self._deliver(group, rows)
        del self._lines[chat_id]

    def _deliver(self, group: Sequence[_Waiting], rows: Sequence[SentRow]) -> None:
        for waiting, row in zip(group, rows, strict=True):
            view = None
            if row.stored is not None and row.seq is not None:
                message = _message_of(row.stored, row.seq, waiting.draft)
                view = made(MessageView, **vars(message), liked_by_me=False)
                with request_scope(waiting.request), span("deliver"):
                    self._delivery.carry_out(announce_message(_chat_of(row.stored, message), message, Reason.MESSAGE))
            if not waiting.done.done():
                waiting.done.set_result(Sent(row, view))


def _start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that belongs to no request: it works for all of them."""
    return asyncio.get_running_loop().create_task(work, context=contextvars.Context())


def _take_group(line: _Line) -> list[_Waiting]:
    """The head of the line, as far as nothing in it repeats: of two equal sends the second must find the first stored."""
    group: list[_Waiting] = []
    taken: set[tuple[str, str]] = set()
    while line.waiting and len(group) < BATCH_MAX:
        key = (line.waiting[0].draft.sender_id, line.waiting[0].draft.client_id)
        if key in taken:
            break
        taken.add(key)
        group.append(line.waiting.popleft())
    return group


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for waiting in group:
        if not waiting.done.done():
            waiting.done.set_exception(error)


class _Batches:
    """One batch in the database at a time; what comes meanwhile forms the next."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next: list[tuple[list[Draft], asyncio.Future[list[SentRow]]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def store(self, drafts: list[Draft]) -> list[SentRow]:
        """Store the drafts of one chat, in order."""
        future: asyncio.Future[list[SentRow]] = asyncio.get_running_loop().create_future()
        self._next.append((drafts, future))
        if self._flusher is None:
            self._flusher = _start(self._flush())
        return await future

    async def _flush(self) -> None:
        try:
            while self._next:
                groups = self._take()
                drafts = [draft for group, _ in groups for draft in group]
                try:
                    rows = await self._store(drafts)
                except Exception as error:
                    for _, future in groups:
                        if not future.done():
                            future.set_exception(error)
                    continue
                start = 0
                for group, future in groups:
                    if not future.done():
                        future.set_result(rows[start : start + len(group)])
                    start += len(group)
        finally:
            self._flusher = None

    def _take(self) -> list[tuple[list[Draft], asyncio.Future[list[SentRow]]]]:
        """Whole groups, so many that the batch stays within its bound."""
        taken, size = 0, 0
        for drafts, _ in self._next:
            if taken and size + len(drafts) > BATCH_MAX:
                break
            taken, size = taken + 1, size + len(drafts)
        groups, self._next = self._next[:taken], self._next[taken:]
        return groups

    async def _store(self, drafts: Sequence[Draft]) -> list[SentRow]:
        async with self._database.reading() as tx:
            if len(drafts) == 1:
                (draft,) = drafts
                row = await messages.send_message(
                    tx,
                    draft.chat_id,
                    draft.sender_id,
                    draft.client_id,
                    draft.body_hash,
                    draft.type,
                    draft.content,
                    draft.reply_to,
                    draft.mentions,
                )
                return [row]
            return await messages.send_messages(
                tx,
                [draft.chat_id for draft in drafts],
                [draft.sender_id for draft in drafts],
                [draft.client_id for draft in drafts],
                [draft.body_hash for draft in drafts],
                [draft.type for draft in drafts],
                [draft.content for draft in drafts],
                [draft.reply_to for draft in drafts],
                ["{" + ",".join(draft.mentions) + "}" for draft in drafts],
            )


def _message_of(stored: StoredRow, seq: int, draft: Draft) -> Message:
    return made(
        Message,
        chat_id=draft.chat_id,
        seq=seq,
        sender_id=draft.sender_id,
        type=draft.type,
        content=draft.content,
        reply_to=draft.reply_to,
        mentions=draft.mentions,
        client_id=draft.client_id,
        created_at=stored.sent_at,
        edited_at=None,
        deleted_at=None,
        like_count=0,
        version=stored.version,
    )


def _chat_of(stored: StoredRow, message: Message) -> Chat:
    return made(
        Chat,
        id=message.chat_id,
        type=stored.chat_type,
        title=stored.chat_title,
        creator_id=stored.creator_id,
        member_count=stored.member_count,
        message_count=message.seq,
        last_message=message,
        created_at=stored.chat_created_at,
        updated_at=message.created_at,
        version=message.version,
    )
