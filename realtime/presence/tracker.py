"""Who has come and who has gone, and telling those who watch.

A person is online while they have a connection, and a few seconds longer, so that a reconnect does not blink. Whether a
watcher may still know (a shared chat, no block) is asked of the database when there is something to tell: rights are not
kept in memory.
"""

import asyncio
import logging
from typing import Final

from core.errors import AppError
from db import presence
from db.pool import Database
from realtime.presence.payloads import PRESENCE_UPDATED, PresenceUpdated
from realtime.wire.changes import Delivery
from realtime.wire.context import Online
from realtime.wire.effects import Emit, Watchers

log = logging.getLogger("molva.presence")

LINGER_S: Final = 3.0
"""How long somebody whose last connection went still counts as online."""


class PresenceTracker:
    """The comings and goings on this node."""

    def __init__(self, database: Database, delivery: Delivery, online: Online, *, linger_s: float = LINGER_S) -> None:
        self._database = database
        self._delivery = delivery
        self._online = online
        self._linger_s = linger_s
        self._present: set[str] = set()
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._announcing: set[asyncio.Task[None]] = set()

    def came(self, user_id: str) -> None:
        """A connection of the person came."""
        if (leaving := self._leaving.pop(user_id, None)) is not None:
            leaving.cancel()
        if user_id not in self._present:
            self._present.add(user_id)
            self._announce(user_id)

    def went(self, user_id: str) -> None:
        """A connection of the person went, and it is noted when."""
        if user_id in self._present and user_id not in self._leaving and not self._online.is_online(user_id):
            self._leaving[user_id] = asyncio.get_running_loop().call_later(self._linger_s, self._leave, user_id)

    def _leave(self, user_id: str) -> None:
        del self._leaving[user_id]
        if not self._online.is_online(user_id):
            self._present.discard(user_id)
            self._announce(user_id)

    def _announce(self, user_id: str) -> None:
        if self._online.watchers_of(user_id):
            task = asyncio.get_running_loop().create_task(self._tell(user_id))
            self._announcing.add(task)
            task.add_done_callback(self._announcing.discard)

    async def _tell(self, user_id: str) -> None:
        watchers = self._online.watchers_of(user_id)
        try:
            async with self._database.reading() as tx:
                rows = await presence.list_entitled(tx, user_id, list(watchers))
        except AppError as error:
            log.warning("presence not told", extra={"user_id": user_id, "outcome": error.code.value})
            return
        if not rows:
            return
        told = PresenceUpdated(user_id=user_id, online=user_id in self._present, last_seen_at=rows[0].last_seen_at)
        entitled = frozenset(row.watcher_id for row in rows)
        self._delivery.deliver([Emit(PRESENCE_UPDATED, told, Watchers(user_id, entitled))])

    async def close(self) -> None:
        """Nobody is told anything more."""
        for leaving in self._leaving.values():
            leaving.cancel()
        await asyncio.gather(*self._announcing, return_exceptions=True)
