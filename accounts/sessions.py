"""Login sessions: which one a request belongs to, the list of a person's devices, and ending them.

What must stay true: a session that was ended is refused from the next request on, because every request looks it up; its
connections are closed after the commit that ended it.
"""

from dataclasses import dataclass

from accounts.services import AccountServices
from core.errors import ErrorCode, NotFound, Unauthorized
from core.logs import note_identity
from db import account_deletion, sessions
from db.pool import Database
from db.sessions import DeviceRow, EndReason


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The person and the session behind a request."""

    user_id: str
    session_id: str


async def authenticate(services: AccountServices, access_token: str) -> CallerIdentity:
    """The caller that an access token belongs to.

    ``Unauthorized``, with ``token_expired`` or ``session_revoked`` where that is the reason.
    """
    claims = services.access_tokens.verify(access_token)
    async with services.database.reading() as tx:
        session = await sessions.find_session(tx, claims.session_id)
    if session is None or session.owner.user.id != claims.user_id:
        raise Unauthorized(why="no such session")
    if session.revoked_at is not None:
        raise Unauthorized(ErrorCode.SESSION_REVOKED, why=f"session ended at {session.revoked_at}")
    note_identity(user_id=claims.user_id, session_id=claims.session_id)
    return CallerIdentity(claims.user_id, claims.session_id)


async def is_of_deleted_account(services: AccountServices, access_token: str) -> bool:
    """Whether the token is genuine and its account was deleted. ``Unauthorized`` if it is not genuine."""
    claims = services.access_tokens.verify(access_token)
    async with services.database.reading() as tx:
        return await account_deletion.is_deleted(tx, claims.user_id) is True


async def list_devices(database: Database, user_id: str) -> list[DeviceRow]:
    """The sessions of a person, the one used last first."""
    async with database.reading() as tx:
        return await sessions.list_sessions(tx, user_id)


async def end_session(services: AccountServices, caller: CallerIdentity, session_id: str) -> None:
    """End one session of the caller; ``NotFound`` if it is not theirs or has ended."""
    reason = EndReason.LOGGED_OUT if session_id == caller.session_id else EndReason.ENDED_ELSEWHERE
    async with services.database.reading() as tx:
        ended = await sessions.end_session(tx, session_id, caller.user_id, reason)
    if not ended:
        raise NotFound("session_id")
    await services.on_session_ended(session_id, reason)


async def end_other_sessions(services: AccountServices, caller: CallerIdentity) -> None:
    """End every session of the caller but the present one."""
    async with services.database.reading() as tx:
        ended = await sessions.end_other_sessions(tx, caller.user_id, caller.session_id, EndReason.ENDED_ELSEWHERE)
    for session_id in ended:
        await services.on_session_ended(session_id, EndReason.ENDED_ELSEWHERE)
