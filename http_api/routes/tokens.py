"""``POST /v1/auth/tokens`` and ``…/refresh``: sign in, replace tokens. The rules are in ``accounts.tokens``."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from accounts import tokens
from accounts.tokens import SignInRequest, TokenPair
from core.conflicts import ConflictReason
from core.errors import ErrorCode
from core.limits import DEVICE_NAME_CHARS_MAX, DISPLAY_NAME_CHARS_MAX, PIN_CHARS_MAX, PIN_CHARS_MIN
from core.tokens import CODE_DIGITS
from http_api.backend import BackendOf
from http_api.identity import SIGN_IN_BUDGET
from http_api.middleware.bodies import StrictRoute
from http_api.problems import refusals
from realtime import account_changes
from realtime.model.objects import Profile
from realtime.wire.fields import PHONE, ClientPayload, PhoneText, ServerPayload, StoredText, VisibleText

router = APIRouter(prefix="/v1/auth", tags=["Sign-in"], route_class=StrictRoute, dependencies=[SIGN_IN_BUDGET])


class SignIn(ClientPayload):
    """A phone number and the code that was sent to it."""

    phone: PhoneText = Field(description="The number that the code was sent to.", examples=[PHONE])
    code: str = Field(description="The code.", pattern=rf"^[0-9]{{{CODE_DIGITS}}}$", examples=["042137"])
    verification_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None,
        description="`verification_id` of the answer to `POST /v1/auth/codes`. Required, but for development: there the "
        "newest code of the number is meant without it.",
        examples=[None],
    )
    device_name: Annotated[VisibleText, Field(max_length=DEVICE_NAME_CHARS_MAX)] | None = Field(
        None, description="Name of this device in the list of sessions.", examples=["Anna's phone"]
    )
    display_name: Annotated[VisibleText, Field(max_length=DISPLAY_NAME_CHARS_MAX)] | None = Field(
        None, description="Name of a new user. It changes nothing for who is registered.", examples=["Anna"]
    )
    pin: Annotated[StoredText, Field(min_length=PIN_CHARS_MIN, max_length=PIN_CHARS_MAX)] | None = Field(
        None, description="The PIN, if the account has one.", examples=[None]
    )


class Refresh(ClientPayload):
    """A refresh token. Each is good for one use."""

    refresh_token: str = Field(
        description="The newest refresh token of the session.", min_length=1, max_length=512, examples=["AZLwwRot…"]
    )


class Tokens(ServerPayload):
    """A pair of tokens."""

    access_token: str = Field(description="For `Authorization: Bearer` and the socket.", examples=["eyJhbGciOi…"])
    token_type: Literal["Bearer"] = Field(
        "Bearer", description="Scheme of the `Authorization` header.", examples=["Bearer"]
    )
    expires_in: int = Field(description="Seconds until the access token expires.", examples=[900])
    refresh_token: str = Field(description="For the next pair of tokens. It is good for one use.", examples=["AZLwwRot…"])
    refresh_expires_in: int = Field(description="Seconds until the refresh token expires.", examples=[2_592_000])


class SignedIn(Tokens):
    """A pair of tokens and the profile of the person who signed in."""

    user: Profile = Field(description="Profile of the person who signed in, with the phone.")
    is_new_user: bool = Field(description="Whether this request registered them.", examples=[True])


@router.post(
    "/tokens",
    responses=refusals(
        ErrorCode.UNAUTHORIZED,
        ErrorCode.FORBIDDEN,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.RATE_LIMITED,
        ErrorCode.UNAVAILABLE,
        conflicts=(ConflictReason.PIN_REQUIRED,),
    ),
)
async def sign_in(payload: SignIn, backend: BackendOf) -> SignedIn:
    """Sign in with the code; the first time, this registers you.

    A code that is wrong, used, expired, of another request or has had too many guesses, and a number that no code was sent
    to, all get the same `unauthorized`. After many wrong guesses from one place the answer is `rate_limited`.

    If the account has a PIN, the answer is `conflict` with the reason `pin_required` until `pin` comes along; that does not
    use the code up. A wrong PIN is `unauthorized`; after five the PIN is locked for a day (`rate_limited`). A PIN lapses
    when no device was signed in for seven days. Your other devices hear `session:opened`.
    """
    request = SignInRequest(
        phone_text=payload.phone,
        code=payload.code,
        verification_id=payload.verification_id,
        device_name=payload.device_name,
        display_name=payload.display_name,
        pin=payload.pin,
    )
    signed_in = await account_changes.sign_in(backend.services, backend.accounts, request)
    user = Profile.of_owner(signed_in.owner)
    return SignedIn(**_fields_of(signed_in.tokens), user=user, is_new_user=signed_in.is_new_user)


@router.post(
    "/tokens/refresh",
    responses=refusals(
        ErrorCode.UNAUTHORIZED,
        ErrorCode.SESSION_REVOKED,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.RATE_LIMITED,
        ErrorCode.UNAVAILABLE,
    ),
)
async def refresh_tokens(payload: Refresh, backend: BackendOf) -> Tokens:
    """Replace both tokens.

    Each refresh token is good for one use; using it again ends its session and closes its sockets. If the answer is lost,
    the same token gets the same answer for 10 seconds. The session ends after 30 days without a refresh, or 90 in all.
    """
    return Tokens(**_fields_of(await tokens.refresh(backend.accounts, payload.refresh_token)))


def _fields_of(pair: TokenPair) -> dict[str, Any]:
    """The fields of :class:`Tokens`."""
    return {
        "access_token": pair.access.token,
        "expires_in": pair.access.expires_in_s,
        "refresh_token": pair.refresh_token,
        "refresh_expires_in": pair.refresh_expires_in_s,
    }
