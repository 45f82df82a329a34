"""Bugs in what is stored and read."""

import functools
import itertools
import uuid
from dataclasses import replace
from typing import Any, Final

import databases

from db import likes, messages
from db.messages import Draft
from tests.faults.checking.violation import Kind
from tests.faults.planted.bug import bug

_EVERY: Final = 15
"""One in so many is wrong."""


@bug(breaks=(Kind.LOST,))
def lose_acked() -> None:
    """A message is acked and told, and is gone from the table."""

    async def lose(tx: Any, chat_id: str, seq: int) -> None:
        await tx.execute("planted", "DELETE FROM messages WHERE chat_id = $1 AND seq = $2", [chat_id, seq])

    _after_sends(lose)


@bug(breaks=(Kind.DOUBLED,))
def store_twice() -> None:
    """A message is stored a second time, under another ``client_id``."""
    store = messages.send_message

    async def twice(tx: Any, draft: Draft) -> Any:
        row = await store(tx, draft)
        if row.stored is not None and row.seq is not None and row.seq % _EVERY == 0:
            await store(tx, replace(draft, client_id=str(uuid.uuid4())))
        return row

    messages.send_message = twice


@bug(breaks=(Kind.MISCOUNTED,))
def miscount() -> None:
    """A like is counted twice."""
    like = likes.like_message
    count = itertools.count()

    async def twice(tx: Any, chat_id: str, seq: int, user_id: str, version: int) -> Any:
        result = await like(tx, chat_id, seq, user_id, version)
        if result is None or next(count) % 3:
            return result
        more = "UPDATE messages SET like_count = like_count + 1 WHERE chat_id = $1 AND seq = $2"
        await tx.execute("planted", more, [chat_id, seq])
        return result + 1

    likes.like_message = twice


@bug(breaks=(Kind.MISSED, Kind.STALE), fault="net_reset")
def skip_change() -> None:
    """``message:changes`` leaves a message out."""
    listed = messages.list_changes

    async def skipping(*arguments: Any) -> Any:
        return [row for row in await listed(*arguments) if row.seq % _EVERY]

    messages.list_changes = skipping


@bug(breaks=(Kind.LOST, Kind.ROLLED_BACK), fault="kill_postmaster")
def answer_before_commit() -> None:
    """Commits are answered before they are on disk (``synchronous_commit = off``)."""
    make = databases.Database.__init__

    @functools.wraps(make)
    def hasty(self: Any, *arguments: Any, **named: Any) -> None:
        named["server_settings"]["synchronous_commit"] = "off"
        make(self, *arguments, **named)

    databases.Database.__init__ = hasty


def _after_sends(meddle: Any) -> None:
    """Call ``meddle`` for some of the messages that were just stored, whether alone or in a batch."""
    one, many = messages.send_message, messages.send_messages

    async def send_one(tx: Any, draft: Draft) -> Any:
        row = await one(tx, draft)
        if row.stored is not None and row.seq is not None and row.seq % _EVERY == 0:
            await meddle(tx, draft.chat_id, row.seq)
        return row

    async def send_many(tx: Any, drafts: list[Draft]) -> Any:
        rows = await many(tx, drafts)
        for draft, row in zip(drafts, rows, strict=True):
            if row.stored is not None and row.seq is not None and row.seq % _EVERY == 0:
                await meddle(tx, draft.chat_id, row.seq)
        return rows

    messages.send_message, messages.send_messages = send_one, send_many
