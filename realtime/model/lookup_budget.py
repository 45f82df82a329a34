"""Looking people up by their numbers, so many a day: harvesters try all numbers that there are."""

from typing import Final

from core.clock import now_unix_s
from core.errors import RateLimited
from db import look_ups
from db.pool import Tx
from realtime.wire.context import Context

_DAY_S: Final = 86_400


async def count_look_ups(context: Context, tx: Tx, numbers: int) -> None:
    """The caller looks up so many numbers; ``RateLimited`` until midnight (UTC) if that is too many for a day."""
    if not context.services.limits_look_ups:
        return
    if await look_ups.count_numbers(tx, context.user_id, numbers) is None:
        raise RateLimited(_DAY_S - now_unix_s() % _DAY_S)
