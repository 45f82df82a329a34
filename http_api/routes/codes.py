"""``POST /v1/auth/codes``: ask for a one-time code. The rules are in ``accounts.codes``."""

from fastapi import APIRouter
from pydantic import Field

from accounts import codes
from core.errors import ErrorCode
from db.codes import LIFETIME_S
from http_api.backend import BackendOf
from http_api.identity import SIGN_IN_BUDGET
from http_api.middleware.bodies import StrictRoute
from http_api.problems import refusals
from realtime.wire.fields import PHONE, ClientPayload, PhoneText, ServerPayload

router = APIRouter(prefix="/v1/auth", tags=["Sign-in"], route_class=StrictRoute, dependencies=[SIGN_IN_BUDGET])


class CodeRequest(ClientPayload):
    """Where to send a code."""

    phone: PhoneText = Field(description="A phone number in any usual spelling.", examples=[PHONE])


class CodeSent(ServerPayload):
    """A code is on its way."""

    phone: str = Field(description="The number in E.164.", examples=[PHONE])
    expires_in: int = Field(description="Seconds until the code expires.", examples=[LIFETIME_S])
    retry_after: int = Field(description="Seconds until another code may be asked for.", examples=[codes.COOLDOWN_S])
    code: str | None = Field(None, description="The code itself, in development only.", examples=["042137"])


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

    A code has six digits and is good for five minutes, one use and five guesses. A new code replaces the one before it. The
    answer is the same whether or not the number is registered. A number gets at most three codes in ten minutes and five a
    day, and waits a minute after each code that was not used.
    """
    requested = await codes.request_code(backend.accounts, payload.phone)
    return CodeSent(
        phone=requested.phone,
        expires_in=requested.expires_in_s,
        retry_after=requested.retry_after_s,
        code=requested.code,
    )
