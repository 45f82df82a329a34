"""Asking for a one-time code.

What must stay true:

- The answer, and the work behind it, is the same for every number, registered or not, served or not.
- A number gets no more codes than :data:`SENDS_MAX` and :data:`COOLDOWN_S` allow, however many requests come at once.
- A number has at most one living code: a new code ends the one before it.
- Only a keyed hash of a code is stored. Only in development does the caller get the code itself.

Limits of one number are here. Limits of addresses, networks and countries are in ``code_caps``.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from accounts.code_caps import Origin, is_served, note_origin, origin_of, refuse_over_caps
from accounts.services import AccountServices
from core import metrics
from core.errors import RateLimited, ValidationFailed
from core.ids import new_id
from core.phones import mask_phone, normalise_phone
from core.settings import Settings
from core.tokens import new_code
from db import codes
from db.codes import SentRow

log = logging.getLogger("molva.auth")

SENDS_MAX: Final = ((3, 600), (5, 86_400))
"""How many codes a number gets at most, and in how many seconds."""

COOLDOWN_S: Final = 60
"""How long an unused code delays the next one. A used code delays nothing: the person may go on to sign in elsewhere."""


@dataclass(frozen=True, slots=True)
class RequestedCode:
    """A code that was asked for. ``code`` is set in development alone."""

    phone: str
    expires_in_s: int
    retry_after_s: int
    code: str | None


async def request_code(services: AccountServices, phone_text: str) -> RequestedCode:
    """Store a new code for a number, given in any spelling, and send it.

    ``ValidationFailed`` for what is no number, ``RateLimited`` when a limit is reached, ``Unavailable`` when the code could
    not be sent; then the number may ask again at once.
    """
    settings = services.settings
    phone = normalise_in_payload(phone_text, settings)
    origin, test_code = origin_of(phone), settings.test_numbers.get(phone)
    is_sent = test_code is None and is_served(origin, settings)
    code_id, code = new_id(), test_code or new_code()
    try:
        await _store_code(services, phone=phone, code_id=code_id, code=code, origin=origin, is_sent=is_sent)
    except RateLimited:
        metrics.SIGN_INS.labels("code", "rate_limited").inc()
        raise
    if is_sent:
        await _send_code(services, phone=phone, code_id=code_id, code=code)
    else:
        await services.send_timing.imitate()
        metrics.SIGN_INS.labels("code", "not_sent").inc()
        log.info("code not sent", extra={"phone": mask_phone(phone), "country": origin.country})
    is_shown = settings.shows_codes and (is_sent or test_code is not None)
    return RequestedCode(phone, codes.LIFETIME_S, COOLDOWN_S, code if is_shown else None)


async def _store_code(
    services: AccountServices, *, phone: str, code_id: str, code: str, origin: Origin, is_sent: bool
) -> None:
    """Store a new code, which ends the older ones of its number; ``RateLimited`` when a limit is reached."""
    async with services.database.transaction() as tx:
        await codes.lock_phone(tx, phone)
        if services.settings.rate_limits == "on":
            sent = await codes.list_sent(tx, phone, max(count for count, _ in SENDS_MAX))
            if (wait_s := wait_before_next_s(sent)) > 0:
                raise RateLimited(wait_s)
        await refuse_over_caps(tx, origin, services.settings)
        await codes.expire_codes(tx, phone)
        await codes.insert_code(tx, code_id, phone, services.code_hashes.of(code_id, code))
        await note_origin(tx, code_id, origin, is_sent=is_sent)
        await codes.sweep_codes(tx)


async def _send_code(services: AccountServices, *, phone: str, code_id: str, code: str) -> None:
    """Send a stored code. If that fails, the code is removed, so that the number may ask again at once."""
    started = time.monotonic()
    try:
        await services.code_sender.send(phone, code, codes.LIFETIME_S)
    except Exception:
        metrics.SIGN_INS.labels("code", "failed").inc()
        async with services.database.reading() as tx:
            await codes.delete_code(tx, code_id)
        raise
    services.send_timing.record(time.monotonic() - started)
    metrics.SIGN_INS.labels("code", "sent").inc()
    log.info("code sent", extra={"phone": mask_phone(phone)})


def wait_before_next_s(sent: Sequence[SentRow]) -> float:
    """Seconds until the limits of a number allow another code. ``sent``: its last codes, the newest first."""
    waits_s = [window_s - sent[count - 1].age_s for count, window_s in SENDS_MAX if len(sent) >= count]
    unused = next((code for code in sent if not code.is_used), None)
    if unused is not None:
        waits_s.append(COOLDOWN_S - unused.age_s)
    return max(waits_s, default=0)


def normalise_in_payload(phone_text: str, settings: Settings) -> str:
    """The payload's field ``phone`` in E.164; ``ValidationFailed`` at that field if it cannot be a number."""
    try:
        return normalise_phone(phone_text, region=settings.phone_region)
    except ValueError as error:
        raise ValidationFailed.at("phone", str(error)) from None
