"""How late the event loop is: the first sign of a process that has more to do than one core can.

A timer is set again and again; by how much it comes late goes into ``molva_event_loop_lag_seconds``.
"""

import asyncio
import logging
from typing import Final

from core import metrics

log = logging.getLogger("molva")

_PERIOD_S: Final = 0.25
_LOGGED_S: Final = 0.5
"""Lag above this is a line in the log: whoever waited that long will ask why."""


async def watch_loop_lag() -> None:
    """Measure until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _PERIOD_S
        await asyncio.sleep(_PERIOD_S)  # how late it returns is what is measured
        lag_s = max(0.0, loop.time() - due)
        metrics.LOOP_LAG_SECONDS.observe(lag_s)
        if lag_s > _LOGGED_S:
            log.warning("event loop lagged", extra={"duration_ms": round(lag_s * 1000)})
