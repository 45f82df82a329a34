"""People. A deleted account keeps its row, emptied, and nothing here finds it.

The phone belongs to its owner: :class:`UserRow`, which others get to see, does not have it, :class:`ProfileRow` does.
What somebody may see of another is said in ``db.visibility``: a statement that returns a :class:`UserRow` names the viewer.
"""

from dataclasses import dataclass
from typing import Final, Literal

from core.conflicts import ConflictReason
from core.errors import Conflict
from db.pool import Tx, constraint_means
from db.query import query
from db.visibility import last_seen_at, shows_last_seen

LastSeenFor = Literal["shared", "nobody"]
MessagesFrom = Literal["everyone", "shared", "nobody"]

_PUBLIC: Final = ("id", "display_name", "username", "about", "avatar_id")
USER_FIELDS: Final = (*_PUBLIC, "last_seen_at", "is_bot", "is_deleted")

constraint_means("users_username_key", lambda: Conflict(ConflictReason.USERNAME_TAKEN))


def user_columns(table: str, viewer: str, *, prefix: str = "", shared: str | None = None) -> str:
    """The columns of :class:`UserRow` from the alias ``table`` of ``users``, as ``viewer`` (SQL of an id) may see them.

    ``prefix`` is for nesting. ``shared``: SQL of something that means that the two share a chat, if the statement knows it;
    ``true`` where it is certain.
    """
    return _columns(table, last_seen_at(table, viewer, shared=shared), prefix)


def _columns(table: str, last_seen: str, prefix: str) -> str:
    public = (f'{table}.{name} AS "{prefix}{name}"' for name in _PUBLIC)
    rest = {"last_seen_at": last_seen, "is_bot": "false", "is_deleted": f"{table}.deleted_at IS NOT NULL"}
    return ", ".join((*public, *(f'{sql} AS "{prefix}{name}"' for name, sql in rest.items())))


@dataclass(frozen=True, slots=True)
class UserRow:
    """A person, as one viewer may see them."""

    id: str
    display_name: str
    username: str | None
    about: str | None
    avatar_id: str | None
    last_seen_at: str | None
    is_bot: bool
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class PrivacyRow:
    """What a person lets others see and do."""

    last_seen: LastSeenFor
    messages_from: MessagesFrom
    found_by_phone: bool


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A person with what is for their own eyes."""

    phone: str
    created_at: str
    privacy: PrivacyRow
    user: UserRow


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A person who was found by a phone number that the finder knew already."""

    phone: str
    user: UserRow


def profile_columns(table: str, *, prefix: str = "") -> str:
    """The columns of :class:`ProfileRow` from ``table``; ``prefix`` for nesting."""
    names = {
        "phone": "phone", "created_at": "created_at", "privacy.last_seen": "last_seen_for",
        "privacy.messages_from": "messages_from", "privacy.found_by_phone": "found_by_phone",
    }  # fmt: skip
    own = ", ".join(f'{table}.{column} AS "{prefix}{name}"' for name, column in names.items())
    return f"{own}, {_columns(table, f'{table}.last_seen_at', f'{prefix}user.')}"


_PROFILE: Final = profile_columns("u")


@query(f"""
    -- Somebody with what is theirs alone.
    SELECT {_PROFILE} FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL
""")
async def find_profile(tx: Tx, user_id: str) -> ProfileRow | None: ...


@query(f"""
    -- Somebody as everybody sees them who shares a chat with them and is told of a change: events of a person go to nobody
    -- else. Of a deleted account what is left.
    SELECT {_columns("u", f"CASE WHEN {shows_last_seen('u')} THEN u.last_seen_at END", "")} FROM users u WHERE u.id = $1
""")
async def find_user_for_sharers(tx: Tx, user_id: str) -> UserRow: ...


_IN_THESE_CHATS: Final = """EXISTS (
        SELECT FROM members m WHERE m.user_id = u.id AND m.chat_id = ANY ($3::uuid[]) AND m.left_at IS NULL)"""


@query(f"""
    -- These people as the caller may see them, even if their accounts were deleted: for what they said before. The caller
    -- is in the chats $3: for who is in one of them, the caller's other chats need no look.
    SELECT {user_columns("u", "$2", shared=_IN_THESE_CHATS)}
      FROM users u WHERE u.id = ANY ($1::uuid[])
""")
async def list_people(tx: Tx, user_ids: list[str], caller_id: str, chat_ids: list[str]) -> list[UserRow]: ...


@query(f"""
    -- These people as everybody may see them, without what depends on who looks.
    SELECT {_columns("u", "NULL::timestamptz", "")} FROM users u WHERE u.id = ANY ($1::uuid[])
""")
async def list_public_profiles(tx: Tx, user_ids: list[str]) -> list[UserRow]: ...


@query(f"""
    -- Somebody, as the caller may see them.
    SELECT {user_columns("u", "$2")} FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL
""")
async def find_user_for(tx: Tx, user_id: str, caller_id: str) -> UserRow | None: ...


@query(f"""
    -- These people, as the caller may see them, in the order in which they were asked for.
    SELECT {user_columns("u", "$2")} FROM users u
     WHERE u.id = ANY ($1::uuid[]) AND u.deleted_at IS NULL
     ORDER BY array_position($1::uuid[], u.id)
""")
async def list_users_for(tx: Tx, user_ids: list[str], caller_id: str) -> list[UserRow]: ...


@query(f"""
    -- The people with these numbers (E.164), as the caller may see them. Who does not want to be found so is not.
    SELECT u.phone, {user_columns("u", "$2", prefix="user.")} FROM users u
     WHERE u.phone = ANY ($1::text[]) AND u.deleted_at IS NULL AND (u.found_by_phone OR u.id = $2)
""")
async def find_users_by_phones(tx: Tx, phones: list[str], caller_id: str) -> list[FoundRow]: ...


@query("""
    -- Whether the number is somebody's.
    SELECT EXISTS (SELECT FROM users WHERE phone = $1 AND deleted_at IS NULL)
""")
async def is_registered(tx: Tx, phone: str) -> bool: ...


@query(f"""
    -- The person with this username, whatever its case, as the caller may see them.
    SELECT {user_columns("u", "$2")} FROM users u WHERE lower(u.username) = lower($1) AND u.deleted_at IS NULL
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
    -- Changes of somebody's own profile: the name and what others may see and do unless null; the username and the line
    -- about them if $3 and $5 say so.
    UPDATE users AS u
       SET display_name = coalesce($2, u.display_name),
           username = CASE WHEN $3 THEN $4 ELSE u.username END,
           about = CASE WHEN $5 THEN $6 ELSE u.about END,
           last_seen_for = coalesce($7, u.last_seen_for),
           messages_from = coalesce($8, u.messages_from),
           found_by_phone = coalesce($9, u.found_by_phone),
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
    sets_about: bool,  # noqa: FBT001  (as above)
    about: str | None,
    last_seen_for: str | None,
    messages_from: str | None,
    found_by_phone: bool | None,  # noqa: FBT001  (as above)
) -> ProfileRow | None: ...
