"""``POST /v1/auth/codes``: a one-time code goes to a phone.

What must stay true: the answer, and the work behind it, is the same for every number, registered or not; no more codes go
to a number than :data:`SENDS_MAX` and :data:`COOLDOWN_S` allow, however many ask at once; a code is stored as a keyed hash
alone, and is in the answer in development alone.
"""

import logging
import time
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter
from pydantic import Field

from accounts.code_caps import Origin, is_served, note_origin, origin_of, refuse_over_caps
from core import metrics
from core.errors import ErrorCode, RateLimited, ValidationFailed
from core.ids import new_id
from core.phones import mask_phone, normalise_phone
from core.settings import Settings
from core.tokens import new_code
from db import codes
from db.codes import SentRow
from http_api.backend import Backend, BackendOf
from http_api.middleware.bodies import StrictRoute
from http_api.problems import refusals
from realtime.wire.fields import PHONE, ClientPayload, PhoneText, ServerPayload

log = logging.getLogger("molva.auth")

SENDS_MAX: Final = ((3, 600), (5, 86_400))
"""So many codes a number gets at most, in so many seconds."""

COOLDOWN_S: Final = 60
"""How long a code that nobody has used keeps the next one waiting. Who signed in on the phone may go on to the laptop."""

router = APIRouter(prefix="/v1/auth", tags=["Sign-in"], route_class=StrictRoute)


class CodeRequest(ClientPayload):
    """Where to send a code."""

    phone: PhoneText = Field(description="A phone number in any usual spelling.", examples=[PHONE])


class CodeSent(ServerPayload):
    """A code is on its way."""

    phone: str = Field(description="The number in E.164.", examples=[PHONE])
    expires_in: int = Field(description="Seconds until the code expires.", examples=[codes.LIFETIME_S])
    retry_after: int = Field(description="Seconds until another one may be asked for.", examples=[60])
    code: str | None = Field(None, description="The code itself; in development alone.", examples=["042137"])


@router.post(
    "/codes",
    status_code=202,
    response_model_exclude_none=True,
    responses=refusals(
        ErrorCode.VALIDATION_FAILED, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE
    ),
)
async def request_code(payload: CodeRequest, backend: BackendOf) -> CodeSent:
    """Send a one-time code to a phone.

    Six digits, good for five minutes, one use and five guesses; a new code makes the one before it worthless. The answer
    is the same whether or not the number is registered. A number gets three codes in ten minutes and five a day, and one a
    minute unless the one before was used.
    """
    settings = backend.settings
    phone = normalised(payload.phone, settings)
    origin, test_code = origin_of(phone), settings.test_numbers.get(phone)
    is_sent = test_code is None and is_served(origin, settings)
    code_id, code = new_id(), test_code or new_code()
    try:
        await _issue(backend, phone=phone, code_id=code_id, code=code, origin=origin, is_sent=is_sent)
    except RateLimited:
        metrics.SIGN_INS.labels("code", "rate_limited").inc()
        raise
    if is_sent:
        await _send(backend, phone=phone, code_id=code_id, code=code)
    else:
        await backend.send_pace.wait()
        metrics.SIGN_INS.labels("code", "not_sent").inc()
        log.info("code not sent", extra={"phone": mask_phone(phone), "country": origin.country})
    return CodeSent(
        phone=phone,
        expires_in=codes.LIFETIME_S,
        retry_after=COOLDOWN_S,
        code=code if settings.shows_codes and (is_sent or test_code) else None,
    )


async def _send(backend: Backend, *, phone: str, code_id: str, code: str) -> None:
    """Let a stored code leave the house; if it cannot, the number may ask again at once."""
    started = time.monotonic()
    try:
        await backend.code_sender.send(phone, code, codes.LIFETIME_S)
    except Exception:
        metrics.SIGN_INS.labels("code", "failed").inc()
        async with backend.database.reading() as tx:
            await codes.delete_code(tx, code_id)
        raise
    backend.send_pace.note(time.monotonic() - started)
    metrics.SIGN_INS.labels("code", "sent").inc()
    log.info("code sent", extra={"phone": mask_phone(phone)})


async def _issue(backend: Backend, *, phone: str, code_id: str, code: str, origin: Origin, is_sent: bool) -> None:
    """Store a new code, the only living one of its number; ``RateLimited`` when it is too soon, or too many were sent."""
    async with backend.database.transaction() as tx:
        await codes.lock_phone(tx, phone)
        if backend.settings.rate_limits == "on":
            sent = await codes.list_sent(tx, phone, max(count for count, _ in SENDS_MAX))
            if (wait_s := wait_before_next_s(sent)) > 0:
                raise RateLimited(wait_s)
        await refuse_over_caps(tx, origin, backend.settings)
        await codes.expire_codes(tx, phone)
        await codes.insert_code(tx, code_id, phone, backend.code_hashes.of(code_id, code))
        await note_origin(tx, code_id, origin, is_sent=is_sent)
        await codes.sweep_codes(tx)


def wait_before_next_s(sent: Sequence[SentRow]) -> float:
    """Seconds until the limits allow another code, given the last ones that were sent, newest first."""
    waits_s = [window_s - sent[count - 1].age_s for count, window_s in SENDS_MAX if len(sent) >= count]
    unused = next((code for code in sent if not code.is_used), None)
    if unused is not None:
        waits_s.append(COOLDOWN_S - unused.age_s)
    return max(waits_s, default=0)


def normalised(phone: str, settings: Settings) -> str:
    """The payload's ``phone`` in E.164; ``validation_failed`` if it can be none."""
    try:
        return normalise_phone(phone, region=settings.phone_region)
    except ValueError as error:
        raise ValidationFailed.at("phone", str(error)) from None
