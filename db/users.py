"""People. A deleted account keeps its row, emptied, and nothing here finds it.

The phone belongs to its owner: :class:`UserRow`, which others get to see, does not have it, :class:`ProfileRow` does.
What answers on behalf of a caller finds nobody who blocked the caller.
"""

from dataclasses import dataclass
from typing import Final

from core.conflicts import ConflictReason
from core.errors import Conflict
from db.pool import Tx, constraint_means
from db.query import query

USER_FIELDS: Final = ("id", "display_name", "username", "about", "avatar_id", "last_seen_at")

constraint_means("users_username_key", lambda: Conflict(ConflictReason.USERNAME_TAKEN))


def user_columns(table: str, *, prefix: str = "") -> str:
    """The columns of :class:`UserRow` from ``table``; ``prefix`` for nesting."""
    return ", ".join(f'{table}.{name} AS "{prefix}{name}"' for name in USER_FIELDS)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A person, as anybody may see them."""

    id: str
    display_name: str
    username: str | None
    about: str | None
    avatar_id: str | None
    last_seen_at: str | None


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A person with what is for their own eyes, or for those who knew the phone already."""

    phone: str
    created_at: str
    user: UserRow


def profile_columns(table: str, *, prefix: str = "") -> str:
    """The columns of :class:`ProfileRow` from ``table``; ``prefix`` for nesting."""
    own = ", ".join(f'{table}.{name} AS "{prefix}{name}"' for name in ("phone", "created_at"))
    return f"{own}, {user_columns(table, prefix=f'{prefix}user.')}"


_PROFILE: Final = profile_columns("u")
_NOT_BLOCKED: Final = "NOT EXISTS (SELECT FROM blocks b WHERE b.user_id = u.id AND b.blocked_id = $2)"


@query(f"""
    -- Somebody with what is theirs alone.
    SELECT {_PROFILE} FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL
""")
async def find_profile(tx: Tx, user_id: str) -> ProfileRow | None: ...


@query(f"""
    -- Somebody, even if the account was deleted: for what they said before.
    SELECT {user_columns("u")} FROM users u WHERE u.id = $1
""")
async def find_any_user(tx: Tx, user_id: str) -> UserRow: ...


@query(f"""
    -- These people, even if their accounts were deleted: for what they said before.
    SELECT {user_columns("u")} FROM users u WHERE u.id = ANY ($1::uuid[])
""")
async def list_any_users(tx: Tx, user_ids: list[str]) -> list[UserRow]: ...


@query(f"""
    -- Of these people, those who have an account, in the order asked for.
    SELECT {user_columns("u")} FROM users u WHERE u.id = ANY ($1::uuid[]) AND u.deleted_at IS NULL AND {_NOT_BLOCKED}
     ORDER BY array_position($1::uuid[], u.id)
""")
async def list_users_for(tx: Tx, user_ids: list[str], caller_id: str) -> list[UserRow]: ...


@query(f"""
    -- Somebody, as the caller may see them.
    SELECT {user_columns("u")} FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL AND {_NOT_BLOCKED}
""")
async def find_user_for(tx: Tx, user_id: str, caller_id: str) -> UserRow | None: ...


@query(f"""
    -- The people with these numbers (E.164), as the caller may see them.
    SELECT {_PROFILE} FROM users u WHERE u.phone = ANY ($1::text[]) AND u.deleted_at IS NULL AND {_NOT_BLOCKED}
""")
async def find_users_by_phones(tx: Tx, phones: list[str], caller_id: str) -> list[ProfileRow]: ...


@query(f"""
    -- The person with this username, whatever its case, as the caller may see them.
    SELECT {user_columns("u")} FROM users u
     WHERE lower(u.username) = lower($1) AND u.deleted_at IS NULL AND {_NOT_BLOCKED}
""")
async def find_user_by_username(tx: Tx, username: str, caller_id: str) -> UserRow | None: ...


@query(f"""
    -- The person with this number, made if there is none: of two who sign in at once one makes it and both get it. The
    -- row stays locked, so that the account is not deleted under the session that is about to be opened.
    INSERT INTO users AS u (id, phone, display_name) VALUES ($1, $2, $3)
    ON CONFLICT ON CONSTRAINT users_phone_key DO UPDATE SET phone = excluded.phone
    RETURNING {_PROFILE}
""")
async def register_user(tx: Tx, new_user_id: str, phone: str, display_name: str) -> ProfileRow: ...


@query(f"""
    -- Changes of somebody's own profile: a name unless null; the username and the line about them if $3 and $5 say so.
    UPDATE users AS u
       SET display_name = coalesce($2, u.display_name),
           username = CASE WHEN $3 THEN $4 ELSE u.username END,
           about = CASE WHEN $5 THEN $6 ELSE u.about END,
           changed_xid = change_xid()
     WHERE u.id = $1 AND u.deleted_at IS NULL
    RETURNING {_PROFILE}
""")
async def update_profile(
    tx: Tx,
    user_id: str,
    display_name: str | None,
    sets_username: bool,  # noqa: FBT001  (a statement's parameters are positional)
    username: str | None,
    sets_about: bool,  # noqa: FBT001
    about: str | None,
) -> ProfileRow | None: ...
