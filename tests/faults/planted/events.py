"""Bugs in who is told what, and when."""

import itertools
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from db.pool import Database
from realtime.delivery.fanout import Fanout
from realtime.messages import revisions
from realtime.wire.effects import Effect, Emit, Left
from tests.faults.checking.violation import Kind
from tests.faults.planted.bug import bug

_EVERY: Final = 10
"""One in so many is wrong."""


def _named(effect: Effect, name: str) -> bool:
    return isinstance(effect, Emit) and effect.event.name == name


@bug(breaks=(Kind.REORDERED,))
def reorder() -> None:
    """``message:created`` comes behind the next one of its chat."""
    deliver = Fanout.deliver
    count = itertools.count()
    held: dict[str, Effect] = {}

    def late(self: Any, effects: Sequence[Effect]) -> None:
        kept: list[Effect] = []
        for effect in effects:
            kept.append(effect)
            if _named(effect, "message:created"):
                chat_id = effect.audience.chat_id  # type: ignore[union-attr]  # it has viewers
                if chat_id in held:
                    kept.append(held.pop(chat_id))
                elif next(count) % _EVERY == 0:
                    held[chat_id] = kept.pop()
        deliver(self, kept)

    Fanout.deliver = late  # type: ignore[method-assign]


@bug(breaks=(Kind.LEAKED,))
def leak_after_removal() -> None:
    """Who was put out goes on hearing the chat."""
    deliver = Fanout.deliver

    def leaking(self: Any, effects: Sequence[Effect]) -> None:
        deliver(self, [effect for effect in effects if not isinstance(effect, Left)])

    Fanout.deliver = leaking  # type: ignore[method-assign]


@bug(breaks=(Kind.STALE,), fault="db_answers_lost")
def hide_reconciled() -> None:
    """After a doubt viewers get ``chat:updated`` alone, and nothing of what changed."""
    deliver = Fanout.deliver

    def hiding(self: Any, effects: Sequence[Effect]) -> None:
        told = [effect.payload.encode() for effect in effects if isinstance(effect, Emit)]
        if any(b'"reason":"reconciled"' in payload for payload in told):
            effects = [effect for effect in effects if not _named(effect, "message:created")]
            effects = [effect for effect in effects if not _named(effect, "message:updated")]
        deliver(self, effects)

    Fanout.deliver = hiding  # type: ignore[method-assign]


@bug(breaks=(Kind.LOST, Kind.ROLLED_BACK))
def roll_back_silently() -> None:
    """An edit, a deletion or a like is acked and told, and rolled back."""
    transaction, raise_version = Database.transaction, revisions.raise_version
    count = itertools.count()
    doomed: set[int] = set()

    class _Undone(Exception):
        pass

    async def note(tx: Any, chat_id: str) -> int:
        if next(count) % _EVERY == 0:
            doomed.add(id(tx))
        return await raise_version(tx, chat_id)

    @asynccontextmanager
    async def undone(self: Any) -> Any:
        try:
            async with transaction(self) as tx:
                yield tx
                if id(tx) in doomed:
                    doomed.discard(id(tx))
                    raise _Undone
        except _Undone:
            return

    revisions.raise_version = note
    Database.transaction = undone  # type: ignore[method-assign,assignment]
