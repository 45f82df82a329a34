"""Deleting an account: what is erased with it, and which groups it still has to leave.

The row of the person stays, emptied, because messages and chats refer to it. What must stay true: when the account is
erased, its sessions have ended, its phone and username are free, and nothing personal is in the row. The groups are left
one by one afterwards, each under its own lock; :func:`list_unfinished` finds those that were not left because of a crash.
"""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query

DELETED_NAME: Final = "Deleted account"
"""What a deleted account is called from then on."""


@query("""
    -- Ends every session of somebody; returns which.
    UPDATE login_sessions SET revoked_at = wire_now(), revoke_reason = $2, active_chat_id = NULL
     WHERE user_id = $1 AND revoked_at IS NULL
    RETURNING id
""")
async def end_all_sessions(tx: Tx, user_id: str, reason: str) -> list[str]: ...


@query(f"""
    -- Empties the person's row. The phone and the username are free for others.
    UPDATE users SET phone = NULL, display_name = '{DELETED_NAME}', username = NULL, about = NULL, avatar_id = NULL,
           last_seen_at = NULL, last_seen_for = DEFAULT, messages_from = DEFAULT, found_by_phone = DEFAULT,
           deleted_at = wire_now(), changed_xid = change_xid()
     WHERE id = $1
""")
async def erase_user(tx: Tx, user_id: str) -> None: ...


@query("""
    -- Whom they did not want to hear, and who did not want to hear them.
    DELETE FROM blocks WHERE user_id = $1 OR blocked_id = $1
""")
async def erase_blocks(tx: Tx, user_id: str) -> None: ...


@query("""
    -- Their own names for chats, their pins, what they muted.
    UPDATE members SET title = NULL, pinned = NULL, muted_until = NULL, changed_xid = change_xid()
     WHERE user_id = $1 AND (title IS NOT NULL OR pinned IS NOT NULL OR muted_until IS NOT NULL)
""")
async def erase_personal(tx: Tx, user_id: str) -> None: ...


@query("""
    -- How much they looked others up.
    DELETE FROM look_ups WHERE user_id = $1
""")
async def erase_look_ups(tx: Tx, user_id: str) -> None: ...


@query("""
    -- How much they did today.
    DELETE FROM daily_budgets WHERE user_id = $1
""")
async def erase_daily_budgets(tx: Tx, user_id: str) -> None: ...


@query("""
    -- Uploads that no message holds go with the next sweep.
    UPDATE files SET expires_at = wire_now() WHERE owner_id = $1
""")
async def expire_files(tx: Tx, user_id: str) -> None: ...


@query("""
    -- Whether the account was deleted.
    SELECT deleted_at IS NOT NULL FROM users WHERE id = $1
""")
async def is_deleted(tx: Tx, user_id: str) -> bool | None: ...


@query("""
    -- The groups that somebody is in.
    SELECT me.chat_id FROM members me
      JOIN chats c ON c.id = me.chat_id AND c.type = 'group' AND c.deleted_at IS NULL
     WHERE me.user_id = $1 AND me.left_at IS NULL
     ORDER BY me.chat_id
""")
async def list_groups(tx: Tx, user_id: str) -> list[str]: ...


@query("""
    -- Who has been in the group for the longest, of those who stay.
    SELECT user_id FROM members
     WHERE chat_id = $1 AND user_id <> $2 AND left_at IS NULL
     ORDER BY joined_at, user_id
     LIMIT 1
""")
async def find_heir(tx: Tx, chat_id: str, leaver_id: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class UnfinishedRow:
    """A deleted account that is still in a group."""

    user_id: str
    chat_id: str


@query("""
    -- Accounts deleted in the last days, and the groups that they are still in.
    SELECT u.id AS user_id, me.chat_id
      FROM users u
      JOIN members me ON me.user_id = u.id AND me.left_at IS NULL
      JOIN chats c ON c.id = me.chat_id AND c.type = 'group' AND c.deleted_at IS NULL
     WHERE u.deleted_at > clock_timestamp() - interval '7 days'
     ORDER BY u.id, me.chat_id
     LIMIT $1
""")
async def list_unfinished(tx: Tx, limit: int) -> list[UnfinishedRow]: ...
