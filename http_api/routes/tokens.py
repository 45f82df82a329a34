"""``POST /v1/auth/tokens`` and ``…/refresh``: a code becomes a login session, a refresh token the next pair of tokens.

What must stay true: a code opens one session, in the transaction that uses it up, and a wrong guess is counted though the
answer is an error; every refusal of a guess looks the same; a refresh token that comes back after it was replaced ends its
session, except within the grace for an answer that was lost, and that too is committed before the error is answered.
"""

import hmac
import logging
from enum import StrEnum
from typing import Annotated, Final, Literal

from fastapi import APIRouter
from pydantic import Field

from core import metrics
from core.errors import ErrorCode, Unauthorized
from core.ids import new_id
from core.limits import DEVICE_NAME_CHARS_MAX
from core.phones import mask_phone
from core.tokens import CODE_DIGITS, RefreshClaim, RefreshTokens, read_refresh_token, refresh_hash
from db import codes, sessions, users
from db.pool import Tx
from db.sessions import EndReason, RefreshRow
from http_api.backend import Backend, BackendOf
from http_api.identity import note_identity
from http_api.middleware.bodies import StrictRoute
from http_api.problems import refusals
from http_api.routes.codes import normalised
from realtime.model.objects import Profile
from realtime.wire.fields import PHONE, ClientPayload, PhoneText, ServerPayload, VisibleText

log = logging.getLogger("molva.auth")

NEW_USER_NAME: Final = "New user"
"""What somebody is called who has not said yet. It tells nothing of the number."""

_BAD_CODE: Final = "The code is not valid."
"""Whether it is wrong, expired, used, or of a number that none was sent to."""
_BAD_REFRESH_TOKEN: Final = "The refresh token is not valid."  # noqa: S105  (words, not a password)

router = APIRouter(prefix="/v1/auth", tags=["Sign-in"], route_class=StrictRoute)


class SignIn(ClientPayload):
    """The code that came to a phone."""

    phone: PhoneText = Field(description="The number that the code was sent to.", examples=[PHONE])
    code: str = Field(description="The code.", pattern=rf"^[0-9]{{{CODE_DIGITS}}}$", examples=["042137"])
    device_name: Annotated[VisibleText, Field(max_length=DEVICE_NAME_CHARS_MAX)] | None = Field(
        None, description="What to call this device in the list of sessions.", examples=["Anna's phone"]
    )


class Refresh(ClientPayload):
    """The refresh token, once."""

    refresh_token: str = Field(
        description="The newest refresh token of the session.", min_length=1, max_length=512, examples=["AZLwwRot…"]
    )


class Tokens(ServerPayload):
    """A pair of tokens."""

    access_token: str = Field(description="For `Authorization: Bearer` and the socket.", examples=["eyJhbGciOi…"])
    token_type: Literal["Bearer"] = Field("Bearer", description="How to send it.", examples=["Bearer"])
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])
    refresh_token: str = Field(description="Gets the next pair, once.", examples=["AZLwwRot…"])
    refresh_expires_in: int = Field(description="Seconds until the refresh token expires.", examples=[2_592_000])


class SignedIn(Tokens):
    """A pair of tokens and whose they are."""

    user: Profile = Field(description="Who signed in, as they see themselves.")
    is_new_user: bool = Field(description="Whether this registered them.", examples=[True])


@router.post(
    "/tokens",
    responses=refusals(
        ErrorCode.UNAUTHORIZED,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.UNAVAILABLE,
    ),
)
async def sign_in(payload: SignIn, backend: BackendOf) -> SignedIn:
    """Sign in with the code; the first time, this registers you.

    A wrong, used, expired or guessed-out code and a number that no code went to all get the same `unauthorized`.
    """
    phone = normalised(payload.phone, backend.settings)
    async with backend.database.transaction() as tx:
        signed_in = None
        if await _use_code(tx, backend, phone=phone, code=payload.code):
            signed_in = await _open_session(tx, backend, phone=phone, device_name=payload.device_name)
    if signed_in is None:
        metrics.SIGN_INS.labels("token", "refused").inc()
        log.info("sign-in refused", extra={"phone": mask_phone(phone)})
        raise Unauthorized(message=_BAD_CODE)
    metrics.SIGN_INS.labels("token", "registered" if signed_in.is_new_user else "ok").inc()
    log.info(
        "signed in",
        extra={"phone": mask_phone(phone), "is_new_user": signed_in.is_new_user, "device": payload.device_name},
    )
    return signed_in


async def _use_code(tx: Tx, backend: Backend, *, phone: str, code: str) -> bool:
    """Compare a guess with the number's living code, if it has one. Whatever comes out of it must be committed."""
    code_id = await codes.find_live_code(tx, phone)
    if code_id is None:
        return False
    return await codes.compare_guess(tx, code_id, backend.code_hashes.of(code_id, code)) is True


async def _open_session(tx: Tx, backend: Backend, *, phone: str, device_name: str | None) -> SignedIn:
    """A new login session of whom the phone belongs to, who is registered if need be."""
    new_user_id, session_id, seed = new_id(), new_id(), backend.refresh_tokens.new_seed()
    owner = await users.register_user(tx, new_user_id, phone, NEW_USER_NAME)
    refresh_token = backend.refresh_tokens.derive(RefreshClaim(session_id, 1), seed)
    refresh_expires_in_s = await sessions.insert_session(
        tx, session_id, owner.user.id, device_name, seed, refresh_hash(refresh_token)
    )
    note_identity(user_id=owner.user.id, session_id=session_id)
    access = backend.access_tokens.issue(user_id=owner.user.id, session_id=session_id)
    return SignedIn(
        access_token=access.token,
        expires_in=access.expires_in_s,
        refresh_token=refresh_token,
        refresh_expires_in=refresh_expires_in_s,
        user=Profile.of_owner(owner),
        is_new_user=owner.user.id == new_user_id,
    )


class Verdict(StrEnum):
    """What a refresh token turns out to be."""

    CURRENT = "current"
    """The newest: rotate."""
    LATE = "late"
    """The one before, within the grace: its answer may have been lost, so the same answer again."""
    REUSED = "reused"
    """Replaced before, and used again: somebody has a copy."""
    ENDED = "ended"
    """Of a session that was ended."""
    WORTHLESS = "worthless"
    """Not ours, or expired."""


def judge(row: RefreshRow | None, token: str, claim: RefreshClaim, tokens: RefreshTokens) -> Verdict:
    """What ``token``, which makes ``claim``, is to the session's locked row.

    The current token is known by its hash, which holds even when the server's secret has changed; older ones are derived.
    A token that only names a session is worthless and does the session no harm.
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
    if is_current:
        return Verdict.CURRENT
    is_previous = claim.generation == row.generation - 1
    return Verdict.LATE if is_previous and row.in_grace else Verdict.REUSED


@router.post(
    "/tokens/refresh",
    responses=refusals(
        ErrorCode.UNAUTHORIZED,
        ErrorCode.SESSION_REVOKED,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.UNAVAILABLE,
    ),
)
async def refresh_tokens(payload: Refresh, backend: BackendOf) -> Tokens:
    """Replace both tokens.

    Each refresh token is good for one use; using it again ends its session and closes its sockets. If the answer is lost,
    the same token gets the same answer for 10 seconds. The session ends after 30 days without a refresh, or 90 in all.
    """
    token = payload.refresh_token
    try:
        claim = read_refresh_token(token)
    except Unauthorized:
        raise Unauthorized(message=_BAD_REFRESH_TOKEN) from None
    async with backend.database.transaction() as tx:
        row = await sessions.lock_session(tx, claim.session_id)
        verdict = judge(row, token, claim, backend.refresh_tokens)
        metrics.SIGN_INS.labels("refresh", verdict.value).inc()
        if row is None or verdict is Verdict.WORTHLESS:
            raise Unauthorized(message=_BAD_REFRESH_TOKEN)
        note_identity(user_id=row.user_id, session_id=claim.session_id)
        if verdict in {Verdict.CURRENT, Verdict.LATE}:
            return await _answer(tx, backend, row, claim, rotate=verdict is Verdict.CURRENT)
        if verdict is Verdict.REUSED:
            await sessions.end_session(tx, claim.session_id, row.user_id, EndReason.TOKEN_REUSED)
    if verdict is Verdict.REUSED:
        log.warning("refresh token reused: session ended")
        await backend.on_session_ended(claim.session_id, EndReason.TOKEN_REUSED)
    raise Unauthorized(ErrorCode.SESSION_REVOKED)


async def _answer(tx: Tx, backend: Backend, row: RefreshRow, claim: RefreshClaim, *, rotate: bool) -> Tokens:
    """The tokens of the next generation, or those of the current one again."""
    generation = row.generation + 1 if rotate else row.generation
    refresh_token = backend.refresh_tokens.derive(RefreshClaim(claim.session_id, generation), row.refresh_seed)
    refresh_expires_in_s = row.expires_in_s
    if rotate:
        refresh_expires_in_s = await sessions.rotate_session(tx, claim.session_id, refresh_hash(refresh_token))
    access = backend.access_tokens.issue(user_id=row.user_id, session_id=claim.session_id)
    return Tokens(
        access_token=access.token,
        expires_in=access.expires_in_s,
        refresh_token=refresh_token,
        refresh_expires_in=refresh_expires_in_s,
    )
