"""Time as it goes over the wire: RFC 3339, UTC, milliseconds, ``Z``.

What the database stores is compared by the database; the process itself reads only its own clock, here.
"""

import time
from datetime import UTC, datetime


def wire_time(moment: datetime) -> str:
    """``moment`` (aware) as ``2026-11-23T05:08:04.123Z``."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def now_wire() -> str:
    """The present, as :func:`wire_time` writes it."""
    return wire_time(datetime.now(UTC))


def now_unix_s() -> int:
    """Whole seconds since 1970, the unit of JWT claims."""
    return int(time.time())


def wire_time_of_unix(seconds: int) -> str:
    """Unix seconds, as :func:`wire_time` writes them."""
    return wire_time(datetime.fromtimestamp(seconds, UTC))
