"""Waiting for a condition: what tests do in place of sleeping."""

import asyncio
import inspect
from collections.abc import Callable

DEADLINE_S = 60.0
"""How long a test waits for what must happen. Only a failing test waits so long, so a busy machine has time enough."""
_PAUSE_S = 0.005


async def until(condition: Callable[[], object], *, within_s: float = DEADLINE_S) -> None:
    """Wait until ``condition()`` holds; it may be a coroutine function. Fails at the deadline.

    It looks again and again, because the conditions are of many kinds, most of them in the server or in another process,
    which tell nobody of their changes. Whoever can await an ack, an event or an :class:`asyncio.Event` does that.
    """
    async with asyncio.timeout(within_s):
        while not (await met if inspect.isawaitable(met := condition()) else met):  # noqa: ASYNC110  (see above)
            await asyncio.sleep(_PAUSE_S)


async def next_millisecond() -> None:
    """Wait until what happens now is later than what has happened, for lists that go by time: times have milliseconds."""
    await asyncio.sleep(0.001)
