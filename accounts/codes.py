"""Asking for a one-time code.

What must stay true:

- The answer, and the work behind it, is the same for every number, registered or not, served or not, up to the caps.
- A number gets no more codes than :data:`SENDS_MAX` and :data:`COOLDOWN_S` allow for each network that asks, however many
  requests come at once. What others ask for from elsewhere keeps nobody waiting.
- Each code is good with its own ``verification_id`` alone, which only its asker knows. A request changes no other code.
- Only a keyed hash of a code is stored. Only in development does the caller get the code itself.

Limits of one number are here. Limits of addresses, networks and countries are in ``code_caps``.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from accounts import code_caps
from accounts.challenges import ChallengeAnswer, Verdict
from accounts.code_caps import Origin, Standing, is_served, note_origin, origin_of
from accounts.services import AccountServices
from core import metrics
from core.errors import RateLimited, ValidationFailed
from core.ids import new_unguessable_id
from core.phones import normalise_phone
from core.settings import Environment, Settings
from core.tokens import new_code
from db import bans, codes, users
from db.codes import SentRow
from db.pool import Tx

log = logging.getLogger("molva.auth")

SENDS_MAX: Final = ((3, 600), (5, 3_600))
"""How many codes a number gets at most when one network asks, and in how many seconds."""

COOLDOWN_S: Final = 60
"""How long an unused code delays the next one. A used code delays nothing: the person may go on to sign in elsewhere."""


@dataclass(frozen=True, slots=True)
class RequestedCode:
    """A code that was asked for. ``code`` is set in development alone."""

    phone: str
    verification_id: str
    expires_in_s: int
    retry_after_s: int
    code: str | None


@dataclass(frozen=True, slots=True)
class _NewCode:
    """A code to store."""

    id: str
    text: str
    origin: Origin
    is_sent: bool
    answer: ChallengeAnswer | None
    verdict: Verdict


async def request_code(
    services: AccountServices, phone_text: str, *, challenge: ChallengeAnswer | None = None
) -> RequestedCode:
    """Store a new code for a number, given in any spelling, and send it.

    ``ValidationFailed`` for what is no number, ``RateLimited`` when a limit is reached (with a challenge where solving one
    helps), ``Unavailable`` when the code could not be sent; then the number may ask again at once.
    """
    settings = services.settings
    phone = normalise_in_payload(phone_text, settings)
    origin, test_code = origin_of(phone), settings.test_numbers.get(phone)
    is_sent = test_code is None and is_served(origin, settings) and not await _is_banned(services, phone)
    verdict = await services.challenges.judge(challenge, phone=phone, address=origin.address)
    code = _NewCode(new_unguessable_id(), test_code or new_code(), origin, is_sent, challenge, verdict)
    try:
        retry_after_s = await _store_code(services, code)
    except RateLimited as error:
        metrics.SIGN_INS.labels("code", "rate_limited").inc()
        log.info("code refused", extra=services.logged_phone(phone) | {"outcome": error.code.value})
        raise
    if is_sent:
        await _send_code(services, code)
    else:
        await services.send_timing.imitate()
        metrics.SIGN_INS.labels("code", "not_sent").inc()
        log.info("code not sent", extra=services.logged_phone(phone) | {"country": origin.country})
    is_shown = settings.shows_codes and (is_sent or test_code is not None)
    return RequestedCode(phone, code.id, codes.LIFETIME_S, retry_after_s, code.text if is_shown else None)


async def _is_banned(services: AccountServices, phone: str) -> bool:
    """Whether the number is banned: then it gets the same answer as any other, and no code."""
    async with services.database.reading() as tx:
        return await bans.is_banned(tx, phone)


async def _store_code(services: AccountServices, code: _NewCode) -> int:
    """Store a new code; returns the seconds until the next one. ``RateLimited`` when a limit is reached."""
    settings, origin, sent_today = services.settings, code.origin, None
    async with services.database.transaction() as tx:
        await codes.lock_phone(tx, origin.phone)
        await code_caps.lock_caps(tx, origin)
        is_registered = await users.is_registered(tx, origin.phone)
        is_solved = await _is_solved(tx, code, is_registered=is_registered)
        limits = _Limits(settings, origin, is_registered=is_registered, is_solved=is_solved)
        own_wait_s, caps_wait_s = await limits.find_waits_s(tx)
        if own_wait_s > 0:
            raise RateLimited(max(own_wait_s, caps_wait_s))
        if caps_wait_s > 0:
            raise RateLimited(caps_wait_s, challenge=None if is_solved else services.challenges.offer(origin.phone))
        nonce = code.answer.nonce if code.answer is not None and is_solved else None
        await codes.insert_code(tx, code.id, origin.phone, services.code_hashes.of(code.id, code.text), nonce)
        await note_origin(tx, code.id, origin, is_sent=code.is_sent)
        await codes.sweep_codes(tx)
        retry_after_s = math.ceil(max(await limits.find_waits_s(tx)))
        if code.is_sent and settings.has_code_caps:
            # Last, because everybody waits for this row until the commit.
            sent_today = await code_caps.spend_budget(tx, settings, is_registered=is_registered)
    if sent_today is not None:
        code_caps.watch_budget(sent_today, settings)
    return retry_after_s


async def _is_solved(tx: Tx, code: _NewCode, *, is_registered: bool) -> bool:
    """Whether a challenge speaks for the request. A service that does not answer keeps no registered number out."""
    if code.verdict is Verdict.UNKNOWN:
        return is_registered
    if code.verdict is not Verdict.SOLVED or code.answer is None:
        return False
    nonce = code.answer.nonce
    return nonce is None or not await codes.is_challenge_used(tx, code.origin.phone, nonce)


@dataclass(frozen=True, slots=True)
class _Limits:
    """The limits that hold for one request."""

    settings: Settings
    origin: Origin
    is_registered: bool
    is_solved: bool

    async def find_waits_s(self, tx: Tx) -> tuple[float, float]:
        """Seconds until the limits of the number, and the caps on many, allow another code."""
        if self.settings.rate_limits == "off":
            return 0, 0
        most = max(count for count, _ in SENDS_MAX)
        sent = await codes.list_sent(tx, self.origin.phone, self.origin.network, most)
        if self.settings.environment is Environment.DEVELOPMENT:
            # Whoever tries things out signs in with the same number again and again.
            return wait_before_next_s([code for code in sent if not code.is_used]), 0
        own_wait_s = wait_before_next_s(sent)
        standing = Standing(self.is_registered, is_first=not sent, is_solved=self.is_solved)
        return own_wait_s, await code_caps.find_wait_s(tx, self.origin, standing, self.settings)


async def _send_code(services: AccountServices, code: _NewCode) -> None:
    """Send a stored code. If that fails, the code is removed, so that the number may ask again at once."""
    started = time.monotonic()
    try:
        await services.code_sender.send(code.origin.phone, code.text, codes.LIFETIME_S)
    except Exception:  # whatever the sender raises, also by a bug: a code that nobody has must not count
        metrics.SIGN_INS.labels("code", "failed").inc()
        async with services.database.reading() as tx:
            await codes.delete_code(tx, code.id)
        raise
    services.send_timing.record(time.monotonic() - started)
    metrics.SIGN_INS.labels("code", "sent").inc()
    log.info("code sent", extra=services.logged_phone(code.origin.phone))


def wait_before_next_s(sent: Sequence[SentRow]) -> float:
    """Seconds until the limits of a number allow another code. ``sent``: its last codes, the newest first."""
    waits_s = [window_s - sent[count - 1].age_s for count, window_s in SENDS_MAX if len(sent) >= count]
    unused = next((code for code in sent if not code.is_used), None)
    if unused is not None:
        waits_s.append(COOLDOWN_S - unused.age_s)
    return max(0.0, *waits_s) if waits_s else 0


def normalise_in_payload(phone_text: str, settings: Settings) -> str:
    """The payload's field ``phone`` in E.164; ``ValidationFailed`` at that field if it cannot be a number."""
    try:
        return normalise_phone(phone_text, region=settings.phone_region)
    except ValueError as error:
        raise ValidationFailed.at("phone", str(error)) from None
