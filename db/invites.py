"""Invites: whoever has the code of one may join the group.

What must stay true: an invite is used under the lock of its chat (``db.chats.lock_chat``), so ``uses`` counts exactly the
people who joined by it.
"""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query

_COLUMNS: Final = "code, chat_id, created_by, created_at, expires_at, uses, uses_max"
# What lets people in: neither revoked, nor spent, nor past its end.
_IS_GOOD: Final = """revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
       AND (uses_max IS NULL OR uses < uses_max)"""


@dataclass(frozen=True, slots=True)
class InviteRow:
    """An invite that was not revoked."""

    code: str
    chat_id: str
    created_by: str
    created_at: str
    expires_at: str | None
    uses: int
    uses_max: int | None


@query(f"""
    -- A new invite to a locked group; it ends in $4 seconds, or never.
    INSERT INTO invites (code, chat_id, created_by, expires_at, uses_max)
    VALUES ($1, $2, $3, wire_now() + $4::bigint * interval '1 second', $5)
    RETURNING {_COLUMNS}
""")
async def insert_invite(
    tx: Tx, code: str, chat_id: str, created_by: str, expires_in_s: int | None, uses_max: int | None
) -> InviteRow: ...


@query(f"""
    -- The group's invites that still let people in, newest first. There are few: see the limit where they are made.
    SELECT {_COLUMNS} FROM invites WHERE chat_id = $1 AND {_IS_GOOD} ORDER BY created_at DESC, code
""")
async def list_invites(tx: Tx, chat_id: str) -> list[InviteRow]: ...


@query("""
    -- The group that an invite is to, whatever became of the invite.
    SELECT i.chat_id FROM invites i JOIN chats c ON c.id = i.chat_id AND c.deleted_at IS NULL WHERE i.code = $1
""")
async def find_invited_chat(tx: Tx, code: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class InvitedRow:
    """What a group shows to whoever has an invite to it, and whether the reader may join by it."""

    title: str | None
    avatar_id: str | None
    member_count: int
    is_open: bool


@query(f"""
    -- What the group behind an invite shows to $2. It is open to members, and if the invite is good to whoever was not
    -- removed.
    SELECT c.title, c.avatar_id, c.member_count,
           CASE WHEN me.user_id IS NOT NULL AND me.left_at IS NULL THEN true
                ELSE me.left_reason IS DISTINCT FROM 'removed' AND {_IS_GOOD} END AS is_open
      FROM invites i
      JOIN chats c ON c.id = i.chat_id AND c.deleted_at IS NULL
      LEFT JOIN members me ON me.chat_id = c.id AND me.user_id = $2
     WHERE i.code = $1
""")
async def find_invited(tx: Tx, code: str, user_id: str) -> InvitedRow | None: ...


@query(f"""
    -- One more person joins by the invite; null when it lets nobody in. Who made it added them.
    UPDATE invites SET uses = uses + 1 WHERE code = $1 AND {_IS_GOOD} RETURNING created_by
""")
async def use_invite(tx: Tx, code: str) -> str | None: ...


@query("""
    -- An invite lets nobody in any more.
    UPDATE invites SET revoked_at = wire_now() WHERE code = $1 AND revoked_at IS NULL
""")
async def revoke_invite(tx: Tx, code: str) -> None: ...
