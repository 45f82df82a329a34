"""Knows the epoch of the database, and notices when it changes.

What must stay true: a change is noticed within :data:`_EVERY_S` and the time of a query. Then every connection is closed,
so that clients begin afresh, and cursors and versions of the epoch before are refused.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from core.errors import Unavailable
from db import epochs
from db.pool import Database

log = logging.getLogger("molva.epoch")

_EVERY_S: Final = 1.0
_ID_CHARS: Final = 8
"""Of the UUID: enough to tell the restores of one database apart."""


class EpochWatch:
    """The epoch, as this process knows it (:class:`realtime.wire.context.Epoch`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watching: asyncio.Task[None] | None = None
        self.epoch = ""
        """What `wire.cursors.Part.EPOCH` takes."""

    async def start(self, on_change: Callable[[], None]) -> None:
        """Read the epoch, then watch it; ``on_change`` is called when it changes. ``Unavailable`` if the database is."""
        self.epoch = await self._read() or ""
        self._watching = asyncio.get_running_loop().create_task(self._watch(on_change))

    async def close(self) -> None:
        """Stop watching."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _read(self) -> str | None:
        """The epoch; ``None`` from a standby, which may be promoted or left."""
        async with self._database.reading() as tx:
            row = await epochs.find_epoch(tx)
        return None if row.timeline is None else f"{row.epoch[:_ID_CHARS]}-{row.timeline.lstrip('0') or '0'}"

    async def _watch(self, on_change: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)  # PostgreSQL does not announce a new timeline
            try:
                epoch = await self._read()
            except Unavailable:
                continue
            except Exception:  # a bug must not end the watch: it looks again
                log.exception("epoch not read")
                continue
            if epoch is not None and epoch != self.epoch:
                log.warning("the database has another history", extra={"epoch": epoch, "epoch_before": self.epoch})
                self.epoch = epoch
                on_change()
