"""What operators see of people, chats and messages, whoever may see it otherwise."""

from dataclasses import dataclass
from typing import Any, Final

from db.pool import Tx
from db.query import query


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person, with what only the operator and they themselves see. A deleted account has no ``phone``."""

    id: str
    phone: str | None
    display_name: str
    username: str | None
    about: str | None
    avatar_id: str | None
    created_at: str
    last_seen_at: str | None
    deleted_at: str | None
    session_count: int
    chat_count: int
    is_banned: bool


_PERSON: Final = """
    SELECT u.id, u.phone, u.display_name, u.username, u.about, u.avatar_id, u.created_at, u.last_seen_at, u.deleted_at,
           (SELECT count(*) FROM login_sessions s
             WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > wire_now()) AS session_count,
           (SELECT count(*) FROM members m WHERE m.user_id = u.id AND m.left_at IS NULL) AS chat_count,
           EXISTS (SELECT FROM bans b WHERE b.phone = u.phone AND b.lifted_at IS NULL
                      AND (b.expires_at IS NULL OR b.expires_at > wire_now())) AS is_banned
      FROM users u
"""


@query(f"""
    -- One person.
    {_PERSON} WHERE u.id = $1
""")
async def find_person(tx: Tx, user_id: str) -> PersonRow | None: ...


@query(f"""
    -- Who has this number.
    {_PERSON} WHERE u.phone = $1
""")
async def find_person_by_phone(tx: Tx, phone: str) -> PersonRow | None: ...


@query(f"""
    -- Who has this username, whatever its case.
    {_PERSON} WHERE lower(u.username) = lower($1)
""")
async def find_person_by_username(tx: Tx, username: str) -> PersonRow | None: ...


@query(f"""
    -- The people whose name is like the pattern $1, who registered last first. It reads all people.
    {_PERSON} WHERE u.display_name ILIKE $1 AND u.deleted_at IS NULL
     ORDER BY u.created_at DESC, u.id DESC
     LIMIT $2
""")
async def find_people_by_name(tx: Tx, pattern: str, limit: int) -> list[PersonRow]: ...


@dataclass(frozen=True, slots=True)
class MessageSummaryRow:
    """A message: who wrote it and what it says."""

    sender_id: str
    type: str
    content: dict[str, Any] | None
    created_at: str
    deleted_at: str | None


@query("""
    -- A message, whoever may see it.
    SELECT sender_id, type, content, created_at, deleted_at FROM messages WHERE chat_id = $1 AND seq = $2
""")
async def find_message(tx: Tx, chat_id: str, seq: int) -> MessageSummaryRow | None: ...


@dataclass(frozen=True, slots=True)
class ChatSummaryRow:
    """A chat: what it is and how large."""

    type: str
    title: str | None
    creator_id: str
    member_count: int
    message_count: int
    deleted_at: str | None


@query("""
    -- A chat, deleted or not.
    SELECT type, title, creator_id, member_count, message_count, deleted_at FROM chats WHERE id = $1
""")
async def find_chat(tx: Tx, chat_id: str) -> ChatSummaryRow | None: ...
