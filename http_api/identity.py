"""Who calls: a Bearer token of a login session that has not ended."""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from core.errors import ErrorCode, Unauthorized
from core.logs import current_request
from db import sessions
from http_api.backend import BackendOf

CALLER_ERRORS: Final = (
    ErrorCode.UNAUTHORIZED,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.SESSION_REVOKED,
    ErrorCode.UNAVAILABLE,
)
"""What :func:`authenticate` may answer: every route that takes a ``CallerOf`` declares these."""

_bearer = HTTPBearer(scheme_name="bearer", auto_error=False)


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The person and the device behind a request."""

    user_id: str
    session_id: str


async def authenticate(
    backend: BackendOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> CallerIdentity:
    """Whose request it is; ``unauthorized``, ``token_expired`` or ``session_revoked`` if nobody's.

    The session is looked up each time, so that ending it ends its access tokens at once.
    """
    if credentials is None or credentials.scheme.lower() != "bearer":
        raise Unauthorized
    claims = backend.access_tokens.verify(credentials.credentials)
    async with backend.database.reading() as tx:
        session = await sessions.find_session(tx, claims.session_id)
    if session is None or session.owner.user.id != claims.user_id:
        raise Unauthorized
    if session.revoked_at is not None:
        raise Unauthorized(ErrorCode.SESSION_REVOKED)
    note_identity(user_id=claims.user_id, session_id=claims.session_id)
    return CallerIdentity(claims.user_id, claims.session_id)


def note_identity(*, user_id: str, session_id: str) -> None:
    """From here on the log lines of the request say whose it is."""
    request = current_request()
    if request is not None:
        request.user_id, request.session_id = user_id, session_id


CallerOf = Annotated[CallerIdentity, Depends(authenticate)]
"""For a route's parameter: only those signed in come further."""
