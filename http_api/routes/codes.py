"""``POST /v1/auth/codes``: ask for a one-time code. The rules are in ``accounts.codes``."""

from fastapi import APIRouter
from pydantic import Field

from accounts import codes
from accounts.challenges import ChallengeAnswer
from core.errors import ErrorCode
from db.codes import LIFETIME_S
from http_api.backend import BackendOf
from http_api.identity import SIGN_IN_BUDGET
from http_api.middleware.bodies import StrictRoute
from http_api.problems import refusals
from realtime.wire.fields import PHONE, ClientPayload, PhoneText, ServerPayload

router = APIRouter(prefix="/v1/auth", tags=["Sign-in"], route_class=StrictRoute, dependencies=[SIGN_IN_BUDGET])


class ChallengeSolution(ClientPayload):
    """The solution of `details.challenge` of a `rate_limited` answer.

    For `pow`: text with which the SHA-256 of `<nonce>.<solution>` begins with `bits` zero bits. For `hcaptcha` and
    `turnstile`: the token of their widget, without `nonce`.
    """

    nonce: str | None = Field(None, description="`nonce` of a `pow` challenge.", max_length=128, examples=["ah8mQ4…"])
    solution: str = Field(description="The solution.", min_length=1, max_length=4096, examples=["481516"])


class CodeRequest(ClientPayload):
    """Where to send a code."""

    phone: PhoneText = Field(description="A phone number in any usual spelling.", examples=[PHONE])
    challenge: ChallengeSolution | None = Field(
        None, description="When the last answer was `rate_limited` with `details.challenge`: its solution.", examples=[None]
    )


class CodeSent(ServerPayload):
    """A code is on its way."""

    phone: str = Field(description="The number in E.164.", examples=[PHONE])
    verification_id: str = Field(
        description="ID of this request. Send it with the code; the code works only together with it. Keep it to yourself.",
        examples=["5f0c2b9e-3a76-4f0d-9c1e-7b2a8d4e6f10"],
    )
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

    A code has six digits. It is good for five minutes, one use and five wrong guesses, together with its `verification_id`
    alone. The answer is the same whether or not the number is registered. A number gets at most three codes in ten minutes
    and five in an hour, and waits a minute after each code that was not used; what others ask for from elsewhere does not
    count. When a cap for many people is reached, the answer is `rate_limited`; if it has `details.challenge`, repeat the
    request with the solution instead of waiting.
    """
    solved = payload.challenge
    answer = None if solved is None else ChallengeAnswer(solved.nonce, solved.solution)
    requested = await codes.request_code(backend.accounts, payload.phone, challenge=answer)
    return CodeSent(
        phone=requested.phone,
        verification_id=requested.verification_id,
        expires_in=requested.expires_in_s,
        retry_after=requested.retry_after_s,
        code=requested.code,
    )
