"""What strangers may have sent at the operator's expense, beyond what each number gets.

Codes cost money, and some numbers earn it (SMS pumping): so there are caps on addresses, networks and countries, a list of
countries that are served, and a breaker for blocks of numbers from which codes never come back. In development, where
nothing is sent, only the list counts: tests and demonstrations register many people from one address.

What must stay true: a number that is not served gets the answer of one that is, after as much work and time.
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
"""So many codes an address may ask for at most, in so many seconds."""
NETWORK_SENDS_MAX: Final = (200, 86_400)
"""The same for its /24, or /48 of IPv6."""
_COUNTRY_WINDOW_S: Final = 86_400

JUDGED_FROM: Final = 20
"""A block of numbers is judged by so many codes or more."""
REDEEMED_MIN: Final = 0.2
"""Where less of the codes come back, nobody is waiting for them."""
_BREAK_S: Final = 3_600

_PACES_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a code is asked for, and where it is to go."""

    address: str | None
    network: str | None
    prefix: str
    country: str | None


class SendPace:
    """How long sending takes of late: who is not served waits as long."""

    def __init__(self) -> None:
        self._durations_s: deque[float] = deque(maxlen=_PACES_KEPT)

    def note(self, duration_s: float) -> None:
        """A code was sent, and it took so long."""
        self._durations_s.append(duration_s)

    async def wait(self) -> None:
        """As if a code were sent."""
        await asyncio.sleep(median(self._durations_s) if self._durations_s else 0)


def origin_of(phone: str) -> Origin:
    """The origin of the present request for a code to ``phone`` (E.164)."""
    request = current_request()
    address = request.client if request is not None else None
    return Origin(address, network_of(address) if address else None, prefix_of(phone), country_of(phone))


def is_served(origin: Origin, settings: Settings) -> bool:
    """Whether codes are sent to the number's country."""
    return not settings.phone_countries or origin.country in settings.phone_countries


async def refuse_over_caps(tx: Tx, origin: Origin, settings: Settings) -> None:
    """``RateLimited`` when the address, its network, the country or the block of numbers has had enough."""
    if settings.environment is Environment.DEVELOPMENT or settings.rate_limits == "off":
        return
    # An address is within its network. A block of numbers has no lock: only codes that had their time are counted there.
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
    if codes.sent >= JUDGED_FROM and codes.redeemed < codes.sent * REDEEMED_MIN:
        raise RateLimited(_BREAK_S)


def _refuse(age_s: float | None, window_s: float) -> None:
    """``age_s``: how long ago the oldest of as many codes as are allowed in the window was sent."""
    if age_s is not None and age_s < window_s:
        raise RateLimited(window_s - age_s)


async def note_origin(tx: Tx, code_id: str, origin: Origin, *, is_sent: bool) -> None:
    """Remember where a new code comes from."""
    await code_caps.note_origin(tx, code_id, origin.address, origin.network, origin.prefix, origin.country, is_sent)
