"""Caps on codes beyond the limits of one number, against abuse at the operator's expense.

Codes cost money, and some people earn it by having them sent to their own numbers (SMS pumping). So there are caps for the
client's address, its network and the number's country; a list of the countries that are served; a breaker for blocks of
numbers whose codes are never used; and a budget for the day. In development nothing is sent, so only the list of countries
applies: tests and demonstrations register many people from one address.

What must stay true:

- A request for a number that is not served gets the same answer as any other, after the same work and time.
- Nobody can keep a registered number from signing in by asking for codes from elsewhere: the caps of blocks, countries and
  numbers slow down unregistered numbers, and those of addresses and networks whoever asks from there. No cap but the budget
  lasts longer than an hour.
- A solved challenge (``challenges``) helps against every cap but the budget, up to :data:`SOLVED_FACTOR` times its bound.

To add a cap: a query in ``db.code_caps``, and a line in :func:`find_wait_s`.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Final

from core import metrics
from core.addresses import address_key, network_of
from core.errors import RateLimited
from core.logs import current_request
from core.phones import country_of, prefix_of
from core.settings import Settings
from db import code_caps
from db.codes import LIFETIME_S
from db.pool import Tx

log = logging.getLogger("molva.auth")

ADDRESS_SENDS_MAX: Final = (10, 3_600)
"""How many codes one client address (/64 of IPv6) may ask for, and in how many seconds."""
NETWORK_SENDS_MAX: Final = (200, 3_600)
"""The same for the network of the address: /24, or /48 for IPv6."""
NUMBER_SENDS_MAX: Final = (10, 3_600)
"""The same for one number, whoever asks. A registered number gets a code all the same if its network asked for none yet."""
_COUNTRY_WINDOW_S: Final = 3_600
SOLVED_FACTOR: Final = 3
"""How many times as much whoever solved a challenge may ask for."""

BREAKER_CODES_MIN: Final = 20
"""The breaker judges a block of numbers by this many codes or more."""
BREAKER_REDEEMED_MIN: Final = 0.2
"""The breaker opens when a smaller share of the codes was used: apparently no people wait for them."""
_BREAKER_WINDOW_S: Final = 3_600

BUDGET_ALERTS: Final = (0.8, 1.0)
"""Shares of the day's budget at which the log has a line."""
REGISTERED_BUDGET_FACTOR: Final = 2
"""How many times the day's budget registered numbers may use."""

_DURATIONS_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a code is asked for and where it goes. ``prefix``: the block that the number is in."""

    phone: str
    address: str | None
    network: str | None
    prefix: str
    country: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What speaks for a request."""

    is_registered: bool
    """The number is somebody's."""
    is_first: bool
    """No code went to the number from this network lately."""
    is_solved: bool
    """A challenge was solved."""


class SendTiming:
    """How long sending a code took recently, so that a request that sends nothing can take as long."""

    def __init__(self) -> None:
        self._durations_s: deque[float] = deque(maxlen=_DURATIONS_KEPT)

    def record(self, duration_s: float) -> None:
        """Record how long sending a code took."""
        self._durations_s.append(duration_s)

    async def imitate(self) -> None:
        """Wait as long as sending a code takes."""
        # A quick answer would tell a stranger that no code was sent. The median ignores a service that was slow once.
        await asyncio.sleep(median(self._durations_s) if self._durations_s else 0)


def origin_of(phone: str) -> Origin:
    """The origin of the current request, which is about a code to ``phone`` (E.164)."""
    request = current_request()
    client = request.client if request is not None else None
    address, network = (address_key(client), network_of(client)) if client else (None, None)
    return Origin(phone, address, network, prefix_of(phone), country_of(phone))


def is_served(origin: Origin, settings: Settings) -> bool:
    """Whether codes are sent to the number's country."""
    return not settings.phone_countries or origin.country in settings.phone_countries


async def lock_caps(tx: Tx, origin: Origin) -> None:
    """Lock what :func:`find_wait_s` counts. The lock of a network covers its addresses.

    A block of numbers needs no lock: only expired codes count there.
    """
    await code_caps.lock_caps(tx, [cap for cap in (origin.network, origin.country) if cap is not None])


async def find_wait_s(tx: Tx, origin: Origin, standing: Standing, settings: Settings) -> float:
    """Seconds until every cap lets the request through; 0: it may pass now. The same work is done for every number."""
    factor = SOLVED_FACTOR if standing.is_solved else 1
    waits_s = [0.0]
    if origin.network is not None:
        count, window_s = NETWORK_SENDS_MAX
        waits_s.append(_left_s(await code_caps.find_age_by_network_s(tx, origin.network, count * factor), window_s))
    if origin.address is not None:
        count, window_s = ADDRESS_SENDS_MAX
        waits_s.append(_left_s(await code_caps.find_age_by_address_s(tx, origin.address, count * factor), window_s))
    count, window_s = NUMBER_SENDS_MAX
    number_wait_s = _left_s(await code_caps.find_age_by_phone_s(tx, origin.phone, count * factor), window_s)
    if not (standing.is_registered and standing.is_first):
        waits_s.append(number_wait_s)
    crowd_waits_s = []
    if origin.country is not None:
        age_s = await code_caps.find_age_by_country_s(tx, origin.country, settings.codes_per_country_max * factor)
        crowd_waits_s.append(_left_s(age_s, _COUNTRY_WINDOW_S))
    crowd_waits_s.append(await _find_breaker_wait_s(tx, origin.prefix, is_solved=standing.is_solved))
    if not standing.is_registered:
        waits_s += crowd_waits_s
    return max(waits_s)


async def _find_breaker_wait_s(tx: Tx, prefix: str, *, is_solved: bool) -> float:
    """Seconds until the breaker of a block of numbers has too few codes to judge by."""
    codes = await code_caps.count_redeemed(tx, prefix, float(_BREAKER_WINDOW_S), float(LIFETIME_S))
    age_s = await code_caps.find_age_by_prefix_s(tx, prefix, BREAKER_CODES_MIN)
    is_open = codes.sent >= BREAKER_CODES_MIN and codes.redeemed < codes.sent * BREAKER_REDEEMED_MIN
    return _left_s(age_s, _BREAKER_WINDOW_S) if is_open and not is_solved else 0


def _left_s(age_s: float | None, window_s: float) -> float:
    """Seconds until the code of this age, the oldest of as many as are allowed, is out of the window."""
    return max(0.0, window_s - age_s) if age_s is not None else 0


async def spend_budget(tx: Tx, settings: Settings, *, is_registered: bool) -> int:
    """Spend one code of the day's budget; how many are spent now. ``RateLimited`` if it is used up."""
    budget = await code_caps.spend_budget(tx)
    if budget.sent > settings.codes_per_day_max * (REGISTERED_BUDGET_FACTOR if is_registered else 1):
        raise RateLimited(budget.left_s)
    return budget.sent


def watch_budget(sent: int, settings: Settings) -> None:
    """After the commit: the metric, and a line in the log when a share of the budget is reached, once for all processes."""
    metrics.CODE_BUDGET_USED.set(sent / settings.codes_per_day_max)
    for share in BUDGET_ALERTS:
        if sent == max(1, round(share * settings.codes_per_day_max)):
            log.error("code budget", extra={"used_percent": round(share * 100), "sent": sent})


async def note_origin(tx: Tx, code_id: str, origin: Origin, *, is_sent: bool) -> None:
    """Store the origin of a new code, for later requests to count."""
    await code_caps.note_origin(tx, code_id, origin.address, origin.network, origin.prefix, origin.country, is_sent)
