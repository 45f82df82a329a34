"""Profiles: reading and changing them.

Nothing here tells other people of a change: ``realtime.account_changes`` runs a change and announces it.
"""

from dataclasses import dataclass

from core.errors import ErrorCode, NotFound, Unauthorized
from db import users
from db.pool import Database, Tx
from db.users import LastSeenFor, MessagesFrom, ProfileRow, UserRow


@dataclass(frozen=True, slots=True)
class ProfileEdit:
    """What to change. ``username`` and ``about`` are changed if ``sets_…`` says so; ``None`` elsewhere keeps what is."""

    display_name: str | None = None
    sets_username: bool = False
    username: str | None = None
    sets_about: bool = False
    about: str | None = None
    last_seen: LastSeenFor | None = None
    messages_from: MessagesFrom | None = None
    found_by_phone: bool | None = None


async def find_own_profile(database: Database, user_id: str) -> ProfileRow:
    """The caller's own profile; ``Unauthorized`` (``session_revoked``) if the account was deleted meanwhile."""
    async with database.reading() as tx:
        return existing(await users.find_profile(tx, user_id))


async def find_user(database: Database, user_id: str, *, caller_id: str) -> UserRow:
    """Somebody's profile, as the caller may see it; ``NotFound`` if there is none for them."""
    async with database.reading() as tx:
        row = await users.find_user_for(tx, user_id, caller_id)
    if row is None:
        raise NotFound("user_id")
    return row


async def find_users(database: Database, user_ids: list[str], *, caller_id: str) -> list[UserRow]:
    """Profiles, as the caller may see them, in the order asked for. Who does not exist is left out."""
    async with database.reading() as tx:
        return await users.list_users_for(tx, user_ids, caller_id)


async def edit_profile(tx: Tx, user_id: str, edit: ProfileEdit) -> ProfileRow:
    """Change a profile and return it. ``Conflict`` (``username_taken``); ``Unauthorized`` if the account was deleted."""
    row = await users.update_profile(
        tx,
        user_id,
        edit.display_name,
        edit.sets_username,
        edit.username,
        edit.sets_about,
        edit.about,
        edit.last_seen,
        edit.messages_from,
        edit.found_by_phone,
    )
    return existing(row)


def existing(profile: ProfileRow | None) -> ProfileRow:
    """The profile; ``Unauthorized`` (``session_revoked``) for ``None``: the account was deleted in the meantime."""
    if profile is None:
        raise Unauthorized(ErrorCode.SESSION_REVOKED)
    return profile
