"""Caps on codes beyond the limits of one number, against abuse at the operator's expense.

Codes cost money, and some people earn it by having them sent to their own numbers (SMS pumping). So there are caps for the
client's address, its network and the number's country; a list of the countries that are served; and a breaker for blocks of
numbers whose codes are never used. In development nothing is sent, so only the list of countries applies: tests and
demonstrations register many people from one address.

What must stay true: a request for a number that is not served gets the same answer as any other, after the same work and
time. Otherwise the answer would reveal which numbers are served.

To add a cap: a query in ``db.code_caps``, and a check in :func:`refuse_over_caps`.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Final

from core.addresses import network_of
from core.errors import RateLimited
from core.logs import current_request
from core.phones import country_of, prefix_of
from core.settings import Environment, Settings
from db import code_caps
from db.codes import LIFETIME_S
from db.pool import Tx

ADDRESS_SENDS_MAX: Final = (10, 3_600)
"""How many codes one client address may ask for, and in how many seconds."""
NETWORK_SENDS_MAX: Final = (200, 86_400)
"""The same for the network of the address: /24, or /48 for IPv6."""
_COUNTRY_WINDOW_S: Final = 86_400

BREAKER_CODES_MIN: Final = 20
"""The breaker judges a block of numbers by this many codes or more."""
BREAKER_REDEEMED_MIN: Final = 0.2
"""The breaker opens when a smaller share of the codes was used: apparently no people wait for them."""
_BREAK_S: Final = 3_600

_DURATIONS_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a code is asked for and where it goes. ``prefix``: the block that the number is in."""

    address: str | None
    network: str | None
    prefix: str
    country: str | None


class SendTiming:
    """How long sending a code took recently, so that a request that sends nothing can take as long."""

    def __init__(self) -> None:
        self._durations_s: deque[float] = deque(maxlen=_DURATIONS_KEPT)

    def record(self, duration_s: float) -> None:
        """Record how long sending a code took."""
        self._durations_s.append(duration_s)

    async def imitate(self) -> None:
        """Wait as long as sending a code takes."""
        await asyncio.sleep(median(self._durations_s) if self._durations_s else 0)


def origin_of(phone: str) -> Origin:
    """The origin of the current request, which asks for a code to ``phone`` (E.164)."""
    request = current_request()
    address = request.client if request is not None else None
    return Origin(address, network_of(address) if address else None, prefix_of(phone), country_of(phone))


def is_served(origin: Origin, settings: Settings) -> bool:
    """Whether codes are sent to the number's country."""
    return not settings.phone_countries or origin.country in settings.phone_countries


async def refuse_over_caps(tx: Tx, origin: Origin, settings: Settings) -> None:
    """``RateLimited`` when the address, its network, the country or the block of numbers has reached its cap."""
    if settings.environment is Environment.DEVELOPMENT or settings.rate_limits == "off":
        return
    # The lock of a network covers its addresses. A block of numbers needs no lock: only expired codes count there.
    await code_caps.lock_caps(tx, [cap for cap in (origin.network, origin.country) if cap is not None])
    if origin.network is not None:
        count, window_s = NETWORK_SENDS_MAX
        _refuse(await code_caps.find_age_by_network_s(tx, origin.network, count), window_s)
    if origin.address is not None:
        count, window_s = ADDRESS_SENDS_MAX
        _refuse(await code_caps.find_age_by_address_s(tx, origin.address, count), window_s)
    if origin.country is not None:
        age_s = await code_caps.find_age_by_country_s(tx, origin.country, settings.codes_per_country_max)
        _refuse(age_s, _COUNTRY_WINDOW_S)
    codes = await code_caps.count_redeemed(tx, origin.prefix, float(LIFETIME_S))
    if codes.sent >= BREAKER_CODES_MIN and codes.redeemed < codes.sent * BREAKER_REDEEMED_MIN:
        raise RateLimited(_BREAK_S)


def _refuse(age_s: float | None, window_s: float) -> None:
    """``RateLimited`` if the window holds as many codes as allowed; ``age_s`` is the age of the oldest of them."""
    if age_s is not None and age_s < window_s:
        raise RateLimited(window_s - age_s)


async def note_origin(tx: Tx, code_id: str, origin: Origin, *, is_sent: bool) -> None:
    """Store the origin of a new code, for later requests to count."""
    await code_caps.note_origin(tx, code_id, origin.address, origin.network, origin.prefix, origin.country, is_sent)
