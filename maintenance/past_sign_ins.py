"""What is left of past sign-ins: sessions that ended, and codes. Each has its time, after which nobody may ask for it.

``db.sessions.ENDED_KEPT_DAYS`` and ``db.codes.KEPT_DAYS`` say how long.
"""

from collections.abc import Mapping
from typing import Final

from db import codes, sessions
from db.pool import Database

_BATCH: Final = 1_000
"""Sessions that one statement removes: it holds its locks for some milliseconds."""


async def remove_past_sign_ins(database: Database) -> Mapping[str, int]:
    """Remove sessions that ended long ago, and old codes."""
    removed = {"sessions": 0, "codes": 0}
    while True:
        async with database.reading() as tx:
            batch = await sessions.sweep_sessions(tx, _BATCH)
        removed["sessions"] += batch
        if batch < _BATCH:
            break
    while True:
        async with database.reading() as tx:
            batch = await codes.sweep_codes(tx)
        removed["codes"] += batch
        if batch < codes.SWEPT_AT_ONCE_MAX:
            return removed
