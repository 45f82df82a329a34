"""Token buckets: how fast one person may do things, whichever connection or face they use.

A bucket holds ``burst`` tokens and gains ``per_second``; each action takes one. Kept in memory for the people who acted
last; somebody who was forgotten has rested long enough to start with a full bucket.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from core.errors import RateLimited

_BUCKETS_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Budget:
    """What one person may do of one class of action."""

    per_second: int
    burst: int


BUDGETS: Final[dict[str, Budget]] = {
    "read": Budget(per_second=50, burst=300),
    "write": Budget(per_second=20, burst=300),
    "send": Budget(per_second=20, burst=300),
    "look_up": Budget(per_second=5, burst=60),
    "signal": Budget(per_second=20, burst=300),
}
"""By rate class. A burst lets a client that was offline send what it kept; the pace after it is a person's."""


HTTP_BUDGETS: Final[dict[str, Budget]] = {
    "profile": Budget(per_second=1, burst=30),
    "sign_in": Budget(per_second=10, burst=200),
    "public": Budget(per_second=100, burst=1000),
    "operator": Budget(per_second=20, burst=200),
}
"""Classes that only HTTP has.

``profile``: changes of one's own profile, each told to everybody who knows the person. ``sign_in`` and ``public``: requests
of nobody who is signed in. They count for the network address, behind which many people may be. ``operator``: calls with
one key.
"""


class RateLimits:
    """The buckets of everybody who acted lately."""

    def __init__(self, budgets: dict[str, Budget] | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._budgets = budgets if budgets is not None else BUDGETS | HTTP_BUDGETS
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, user_id: str, rate: str) -> None:
        """One action of class ``rate`` by this person or network address.

        ``RateLimited`` with the seconds to wait if there is no token.
        """
        budget, key, now = self._budgets[rate], (user_id, rate), self._clock()
        tokens, since = self._buckets.get(key, (float(budget.burst), now))
        tokens = min(budget.burst, tokens + (now - since) * budget.per_second)
        is_empty = tokens < 1
        self._buckets[key] = (tokens if is_empty else tokens - 1, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _BUCKETS_MAX:
            self._buckets.popitem(last=False)
        if is_empty:
            raise RateLimited((1 - tokens) / budget.per_second)


def shown_to_clients() -> dict[str, int]:
    """The budgets as ``session:ready.limits`` carries them."""
    shown = {}
    for rate, budget in BUDGETS.items():
        shown[f"{rate}_actions_per_second"] = budget.per_second
        shown[f"{rate}_actions_burst"] = budget.burst
    return shown
