"""Signing in with a code, and replacing tokens with a refresh token.

What must stay true:

- A code opens one session, in the same transaction that uses the code up. Where a PIN is needed, that comes after it.
- A wrong guess is counted: its transaction commits although the answer is an error.
- Every refused guess gets the same answer; one of many from the same place also hears when to go on.
- A refresh token that is used again after it was replaced ends its session. The exception is a short grace period, because
  the answer with the new token may have been lost. This end, too, is committed before the error is answered.
"""

import hmac
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from accounts.code_caps import origin_of
from accounts.codes import normalise_in_payload
from accounts.guesses import Comparison, Guess, compare
from accounts.pins import check_pin
from accounts.services import AccountServices
from core import metrics
from core.conflicts import ConflictReason
from core.errors import Conflict, ErrorCode, Forbidden, RateLimited, Unauthorized, ValidationFailed
from core.faults import REQUIRED
from core.ids import new_id
from core.logs import note_identity
from core.settings import Environment
from core.tokens import IssuedToken, RefreshClaim, RefreshTokens, read_refresh_token, refresh_hash
from db import bans, pins, sessions, users
from db.pins import PinRow
from db.pool import Tx
from db.sessions import EndReason, RefreshRow
from db.users import ProfileRow

log = logging.getLogger("molva.auth")

NAMELESS: Final = "New user"
"""The display name of a person who signed in without one. It must reveal nothing of the number."""

NUMBER_BANNED: Final = "This number may not sign in here."

_BAD_CODE: Final = "The code is not valid."
"""For a wrong, expired or used code, for one of another request, and for a number that no code was sent to."""
_BAD_REFRESH_TOKEN: Final = "The refresh token is not valid."  # noqa: S105  (words, not a password)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token and the refresh token that gets the next pair."""

    access: IssuedToken
    refresh_token: str
    refresh_expires_in_s: int


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """What somebody signs in with. ``display_name`` is for a new account; ``pin`` for an account that has one."""

    phone_text: str
    code: str
    verification_id: str | None = None
    device_name: str | None = None
    display_name: str | None = None
    pin: str | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: its tokens and its owner. ``created_at``: when it began."""

    tokens: TokenPair
    owner: ProfileRow
    is_new_user: bool
    session_id: str
    created_at: str


async def sign_in(services: AccountServices, request: SignInRequest) -> SignedIn:
    """Open a session with a one-time code; the first time, this registers the person.

    ``ValidationFailed`` for what is no number, and outside of development without ``verification_id``; ``Unauthorized`` for
    every code that is not good for the number, and for a wrong PIN; ``Forbidden`` for a banned number; ``Conflict``
    (``pin_required``) without a PIN where one is needed; ``RateLimited`` after too many wrong codes from one place, or too
    many wrong PINs.
    """
    settings = services.settings
    phone = normalise_in_payload(request.phone_text, settings)
    if request.verification_id is None and settings.environment is not Environment.DEVELOPMENT:
        raise ValidationFailed.at("verification_id", REQUIRED)
    guess = Guess(origin_of(phone), request.code, request.verification_id)
    try:
        pin = await _prove_pin(services, guess, request.pin)
        signed_in = await _sign_in(services, guess, request, pin)
    except (Unauthorized, Forbidden, Conflict, RateLimited) as error:
        metrics.SIGN_INS.labels("token", "refused").inc()
        why = {} if error.why is None else {"why": error.why}
        log.info("sign-in refused", extra=services.logged_phone(phone) | {"outcome": error.code.value} | why)
        raise
    metrics.SIGN_INS.labels("token", "registered" if signed_in.is_new_user else "ok").inc()
    log.info(
        "signed in",
        extra={
            **services.logged_phone(phone),
            "is_new_user": signed_in.is_new_user,
            "device": request.device_name,
            "user_id": signed_in.owner.user.id,
            "session_id": signed_in.session_id,
        },
    )
    return signed_in


async def _prove_pin(services: AccountServices, guess: Guess, pin: str | None) -> PinRow | None:
    """If the number's owner has a PIN: check the code without using it up, then the PIN. The PIN that was right."""
    async with services.database.transaction() as tx:
        row = await pins.find_pin(tx, guess.origin.phone)
        if row is None:
            return None
        if row.is_lapsed:  # without this, the next session would bring it back
            await pins.delete_pin(tx, row.user_id)
            return None
        found = await compare(tx, guess, hashes=services.code_hashes, settings=services.settings, uses_up=False)
    _refuse_unless_right(found)
    if pin is None:
        raise Conflict(ConflictReason.PIN_REQUIRED)
    await check_pin(services, row, pin)
    return row


async def _sign_in(services: AccountServices, guess: Guess, request: SignInRequest, pin: PinRow | None) -> SignedIn:
    """Use the code up and open a session, in one transaction; a wrong guess is counted in it."""
    signed_in = None
    async with services.database.transaction() as tx:
        found = await compare(tx, guess, hashes=services.code_hashes, settings=services.settings, uses_up=True)
        if found.is_right:
            if pin is not None and not await pins.forget_tries(tx, pin.user_id, pin.pin_hash):
                raise Conflict(ConflictReason.PIN_REQUIRED)  # another PIN was set meanwhile
            signed_in = await _open_session(services, tx, phone=guess.origin.phone, request=request)
    _refuse_unless_right(found)
    assert signed_in is not None  # noqa: S101  (for mypy: a right code has opened a session)
    return signed_in


def _refuse_unless_right(found: Comparison) -> None:
    if not found.is_right:
        raise RateLimited(found.wait_s) if found.wait_s else Unauthorized(message=_BAD_CODE, why="code")


async def _open_session(services: AccountServices, tx: Tx, *, phone: str, request: SignInRequest) -> SignedIn:
    """A new session of the number's owner, who is registered if the number has none."""
    await bans.lock_number(tx, phone)
    if await bans.is_banned(tx, phone):
        raise Forbidden(NUMBER_BANNED)
    new_user_id, session_id, seed = new_id(), new_id(), services.refresh_tokens.new_seed()
    owner = await users.register_user(tx, new_user_id, phone, request.display_name or NAMELESS)
    refresh_token = services.refresh_tokens.derive(RefreshClaim(session_id, 1), seed)
    opened = await sessions.insert_session(
        tx, session_id, owner.user.id, request.device_name, seed, refresh_hash(refresh_token)
    )
    note_identity(user_id=owner.user.id, session_id=session_id)
    access = services.access_tokens.issue(user_id=owner.user.id, session_id=session_id)
    tokens = TokenPair(access, refresh_token, opened.expires_in_s)
    return SignedIn(tokens, owner, owner.user.id == new_user_id, session_id, opened.created_at)


class Verdict(StrEnum):
    """What a refresh token turns out to be."""

    CURRENT = "current"
    """The newest one: replace it."""
    LATE = "late"
    """The one before, within the grace period: its answer may have been lost, so give the same answer again."""
    RESTORED = "restored"
    """Newer than the database knows: it was issued after the backup that was restored. Replace it."""
    REUSED = "reused"
    """Replaced some time ago, and used again: somebody has a copy."""
    ENDED = "ended"
    """Of a session that was ended."""
    WORTHLESS = "worthless"
    """Not issued by this server, or expired."""


def judge_refresh_token(row: RefreshRow | None, token: str, claim: RefreshClaim, tokens: RefreshTokens) -> Verdict:
    """What ``token``, which makes ``claim``, is to the session's row (``None``: there is no such session).

    The current token is recognised by its hash, which works even after the server's secret has changed. Older ones are
    derived. A token that only names a session is worthless and does no harm to the session.
    """
    if row is None:
        return Verdict.WORTHLESS
    is_current = hmac.compare_digest(refresh_hash(token), row.refresh_hash)
    if not is_current and not tokens.is_genuine(token, claim, row.refresh_seed):
        return Verdict.WORTHLESS
    if row.is_revoked:
        return Verdict.ENDED
    if row.expires_in_s <= 0:
        return Verdict.WORTHLESS
    return Verdict.CURRENT if is_current else _judge_age(row, claim)


def _judge_age(row: RefreshRow, claim: RefreshClaim) -> Verdict:
    """What a genuine token is that is not the current one."""
    if claim.generation > row.generation:  # this server issued it, and the database does not know
        return Verdict.RESTORED
    is_previous = claim.generation == row.generation - 1
    return Verdict.LATE if is_previous and row.in_grace else Verdict.REUSED


async def refresh(services: AccountServices, token: str) -> TokenPair:
    """Replace both tokens of a session.

    ``Unauthorized`` for a worthless token; with ``session_revoked`` when the session was ended, or is ended now because the
    token was used before.
    """
    try:
        claim = read_refresh_token(token)
    except Unauthorized as error:
        raise Unauthorized(message=_BAD_REFRESH_TOKEN, why=error.why or "malformed") from None
    async with services.database.transaction() as tx:
        row = await sessions.lock_session(tx, claim.session_id)
        verdict = judge_refresh_token(row, token, claim, services.refresh_tokens)
        metrics.SIGN_INS.labels("refresh", verdict.value).inc()
        if row is None or verdict is Verdict.WORTHLESS:
            raise Unauthorized(message=_BAD_REFRESH_TOKEN, why="no such session" if row is None else "signature")
        note_identity(user_id=row.user_id, session_id=claim.session_id)
        if verdict in {Verdict.CURRENT, Verdict.LATE, Verdict.RESTORED}:
            return await _next_pair(services, tx, row, claim, rotate=verdict is not Verdict.LATE)
        if verdict is Verdict.REUSED:
            await sessions.end_session(tx, claim.session_id, row.user_id, EndReason.TOKEN_REUSED)
    if verdict is Verdict.REUSED:
        log.warning("refresh token reused: session ended")
        await services.on_session_ended(claim.session_id, EndReason.TOKEN_REUSED)
    raise Unauthorized(ErrorCode.SESSION_REVOKED, why=f"refresh token {verdict.value}")


async def _next_pair(services: AccountServices, tx: Tx, row: RefreshRow, claim: RefreshClaim, *, rotate: bool) -> TokenPair:
    """The tokens of the next generation; without ``rotate`` those of the current generation again."""
    generation = max(row.generation, claim.generation) + 1 if rotate else row.generation
    refresh_token = services.refresh_tokens.derive(RefreshClaim(claim.session_id, generation), row.refresh_seed)
    refresh_expires_in_s = row.expires_in_s
    if rotate:
        refresh_expires_in_s = await sessions.rotate_session(tx, claim.session_id, refresh_hash(refresh_token), generation)
    access = services.access_tokens.issue(user_id=row.user_id, session_id=claim.session_id)
    return TokenPair(access, refresh_token, refresh_expires_in_s)
