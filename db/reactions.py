"""Reactions: a person puts an emoji on a message once. The counts are in the row of the message.

What must stay true: both are written in one statement under the lock of the chat, so that the counts never differ from
the rows.
"""

from dataclasses import dataclass
from typing import Any, Final

from db.pool import Tx
from db.query import query
from db.users import UserRow, user_columns

_STILL_HERE: Final = "EXISTS (SELECT FROM members m WHERE m.chat_id = r.chat_id AND m.user_id = u.id AND m.left_at IS NULL)"


@dataclass(frozen=True, slots=True)
class ReactionRow:
    """That a person reacted to a message, with what, and when."""

    emoji: str
    reacted_at: str
    user: UserRow


@query("""
    -- Adds a reaction to a message of a locked chat; $5: the counts with it. Null if the person has reacted so before. It
    -- is later than the message's last reaction, so that the list has an order even when both come in one millisecond.
    WITH added AS (
        INSERT INTO reactions (chat_id, seq, user_id, emoji, reacted_at)
        SELECT $1, $2, $3, $4, greatest(wire_now(), max(r.reacted_at) + interval '1 millisecond')
          FROM reactions r WHERE r.chat_id = $1 AND r.seq = $2
        ON CONFLICT ON CONSTRAINT reactions_pkey DO NOTHING
        RETURNING seq
    )
    UPDATE messages m SET reactions = $5, version = $6
      FROM added WHERE m.chat_id = $1 AND m.seq = added.seq
    RETURNING m.seq
""")
async def add_reaction(
    tx: Tx, chat_id: str, seq: int, user_id: str, emoji: str, reactions: list[dict[str, Any]], version: int
) -> int | None: ...


@query("""
    -- Removes a reaction; $5: the counts without it. Null if there was none.
    WITH removed AS (
        DELETE FROM reactions r WHERE r.chat_id = $1 AND r.seq = $2 AND r.user_id = $3 AND r.emoji = $4 RETURNING r.seq
    )
    UPDATE messages m SET reactions = $5, version = $6
      FROM removed WHERE m.chat_id = $1 AND m.seq = removed.seq
    RETURNING m.seq
""")
async def remove_reaction(
    tx: Tx, chat_id: str, seq: int, user_id: str, emoji: str, reactions: list[dict[str, Any]], version: int
) -> int | None: ...


@query(f"""
    -- A page of the reactions to a message that $3 may see, or of those with one emoji ($4), the earliest first, after
    -- ($5, $6).
    SELECT r.emoji, r.reacted_at, {user_columns("u", "$3", prefix="user.", shared=_STILL_HERE)}
      FROM reactions r
      JOIN users u ON u.id = r.user_id
     WHERE r.chat_id = $1 AND r.seq = $2
       AND EXISTS (SELECT FROM members me
                    WHERE me.chat_id = $1 AND me.user_id = $3 AND me.left_at IS NULL AND me.first_seq <= $2)
       AND ($4::text IS NULL OR r.emoji = $4)
       AND ($5::timestamptz IS NULL OR (r.reacted_at, r.user_id) > ($5, $6::uuid))
     ORDER BY r.reacted_at, r.user_id
     LIMIT $7
""")
async def list_reactions(
    tx: Tx,
    chat_id: str,
    seq: int,
    caller_id: str,
    emoji: str | None,
    after_time: str | None,
    after_id: str | None,
    limit: int,
) -> list[ReactionRow]: ...
