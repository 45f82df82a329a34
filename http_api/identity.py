"""The caller of a request: the owner of a Bearer token whose login session has not ended.

Every route for somebody who is signed in depends on :data:`CallerOf`, which spends the budget of the person: ``read`` for
GET, ``profile`` for changes of the profile, ``write`` for all others. Actions spend theirs in dispatch.
"""

from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from accounts import sessions
from accounts.sessions import CallerIdentity
from core.errors import ErrorCode, Unauthorized
from core.logs import current_request
from http_api.backend import Backend, BackendOf

CALLER_ERRORS: Final = (
    ErrorCode.UNAUTHORIZED,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.SESSION_REVOKED,
    ErrorCode.RATE_LIMITED,
    ErrorCode.UNAVAILABLE,
)
"""What :func:`authenticate` may answer: every route that takes a ``CallerOf`` declares these."""

PROFILE_PATHS: Final = frozenset({"/v1/me", "/v1/me/avatar"})
"""Changes here have the budget ``profile``; so does the picture of a group."""

_bearer = HTTPBearer(scheme_name="bearer", auto_error=False)


async def identify(
    backend: BackendOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> CallerIdentity:
    """The caller; ``unauthorized``, ``token_expired`` or ``session_revoked`` without a token that is good.

    Who is not signed in spends the budget of the network address.
    """
    try:
        if credentials is None or credentials.scheme.lower() != "bearer":
            raise Unauthorized(why="no token")
        return await sessions.authenticate(backend.accounts, credentials.credentials)
    except Unauthorized:
        take_of_address(backend, "public")
        raise


async def authenticate(
    request: Request, backend: BackendOf, identity: Annotated[CallerIdentity, Depends(identify)]
) -> CallerIdentity:
    """The caller, as :func:`identify` has it, if the budget of the person has room for the request."""
    if backend.rates is not None:
        backend.rates.take(identity.user_id, _rate_of(request))
    return identity


def _rate_of(request: Request) -> str:
    if request.method in {"GET", "HEAD"}:
        return "read"
    path = request.url.path
    return "profile" if path in PROFILE_PATHS or path.endswith("/avatar") else "write"


def take_of_address(backend: Backend, rate: str) -> None:
    """Spend the budget of the network address that the request came from."""
    context = current_request()
    if backend.rates is not None and context is not None:
        backend.rates.take(f"address {context.client}", rate)


async def _take_sign_in(backend: BackendOf) -> None:
    take_of_address(backend, "sign_in")


async def _take_public(backend: BackendOf) -> None:
    take_of_address(backend, "public")


async def authenticate_unless_deleted(
    backend: BackendOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> CallerIdentity | None:
    """The caller, or ``None`` with a token of an account that was deleted; otherwise as :func:`identify`."""
    try:
        return await identify(backend, credentials)
    except Unauthorized as refusal:
        if refusal.code is not ErrorCode.SESSION_REVOKED or credentials is None:
            raise
        if not await sessions.is_of_deleted_account(backend.accounts, credentials.credentials):
            raise
        return None


CallerOf = Annotated[CallerIdentity, Depends(authenticate)]
"""For a route's parameter: only requests of somebody who is signed in, and not too many, reach the route."""
SIGN_IN_BUDGET: Final = Depends(_take_sign_in)
"""For the ``dependencies`` of routes with which somebody signs in."""
PUBLIC_BUDGET: Final = Depends(_take_public)
"""For the ``dependencies`` of other routes that anybody may call."""
