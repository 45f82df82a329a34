"""The caller of a request: the owner of a Bearer token whose login session has not ended.

Every route for somebody who is signed in depends on :data:`CallerOf`, so budgets of requests per person belong here.
"""

from typing import Annotated, Final

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from accounts import sessions
from accounts.sessions import CallerIdentity
from core.errors import ErrorCode, Unauthorized
from http_api.backend import BackendOf

CALLER_ERRORS: Final = (
    ErrorCode.UNAUTHORIZED,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.SESSION_REVOKED,
    ErrorCode.UNAVAILABLE,
)
"""What :func:`authenticate` may answer: every route that takes a ``CallerOf`` declares these."""

_bearer = HTTPBearer(scheme_name="bearer", auto_error=False)


async def authenticate(
    backend: BackendOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> CallerIdentity:
    """The caller; ``unauthorized``, ``token_expired`` or ``session_revoked`` without a token that is good."""
    if credentials is None or credentials.scheme.lower() != "bearer":
        raise Unauthorized
    return await sessions.authenticate(backend.accounts, credentials.credentials)


async def authenticate_unless_deleted(
    backend: BackendOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> CallerIdentity | None:
    """The caller, or ``None`` with a token of an account that was deleted; otherwise as :func:`authenticate`."""
    try:
        return await authenticate(backend, credentials)
    except Unauthorized as refusal:
        if refusal.code is not ErrorCode.SESSION_REVOKED or credentials is None:
            raise
        if not await sessions.is_of_deleted_account(backend.accounts, credentials.credentials):
            raise
        return None


CallerOf = Annotated[CallerIdentity, Depends(authenticate)]
"""For a route's parameter: only requests of somebody who is signed in reach the route."""
