"""Blocks: who wants to hear nothing from whom."""

from typing import Literal

from db.pool import Tx
from db.query import query
from db.users import UserRow, user_columns
from db.visibility import estranged_from, reaches


@query("""
    -- Blocks somebody; again changes nothing. Later than the person's last block, so that the list has an order even when
    -- both come in one millisecond.
    INSERT INTO blocks (user_id, blocked_id, blocked_at)
    SELECT $1, $2, greatest(wire_now(), max(b.blocked_at) + interval '1 millisecond') FROM blocks b WHERE b.user_id = $1
    ON CONFLICT ON CONSTRAINT blocks_pkey DO NOTHING
""")
async def block_user(tx: Tx, user_id: str, blocked_id: str) -> None: ...


@query("""
    -- Takes a block back.
    DELETE FROM blocks WHERE user_id = $1 AND blocked_id = $2
""")
async def unblock_user(tx: Tx, user_id: str, blocked_id: str) -> None: ...


@query(f"""
    -- Whom the person has blocked, the latest first.
    SELECT {user_columns("u", "$1")}
      FROM blocks b
      JOIN users u ON u.id = b.blocked_id
     WHERE b.user_id = $1 AND u.deleted_at IS NULL
     ORDER BY b.blocked_at DESC, u.id
""")
async def list_blocked(tx: Tx, user_id: str) -> list[UserRow]: ...


@query("""
    -- How many the person has blocked.
    SELECT count(*) FROM blocks WHERE user_id = $1
""")
async def count_blocked(tx: Tx, user_id: str) -> int: ...


@query("""
    -- Whether the person has blocked the other one.
    SELECT EXISTS (SELECT FROM blocks WHERE user_id = $1 AND blocked_id = $2)
""")
async def has_blocked(tx: Tx, user_id: str, other_id: str) -> bool: ...


@query(f"""
    -- The members of a chat between whom and the person nothing passes that is not a message: those they blocked and those
    -- who blocked them.
    SELECT m.user_id FROM members m
     WHERE m.chat_id = $2 AND m.left_at IS NULL AND m.user_id IN ({estranged_from("$1")})
""")
async def list_estranged(tx: Tx, user_id: str, chat_id: str) -> list[str]: ...


@query(f"""
    -- Everybody whom the person has blocked or who has blocked them.
    {estranged_from("$1")}
""")
async def list_all_estranged(tx: Tx, user_id: str) -> list[str]: ...


@query("""
    -- Why somebody can say nothing to the other one of their private chat, if so. Their own block first: who is told of it
    -- today must not learn tomorrow, by other words, of the other's. send_message judges a send by the same rule.
    SELECT CASE WHEN EXISTS (SELECT FROM blocks b WHERE b.user_id = $1 AND b.blocked_id = u.id) THEN 'you_blocked_user'
                WHEN u.deleted_at IS NOT NULL
                  OR EXISTS (SELECT FROM blocks b WHERE b.user_id = u.id AND b.blocked_id = $1) THEN 'peer_unavailable'
           END
      FROM users u WHERE u.id = $2
""")
async def find_barrier(tx: Tx, user_id: str, peer_id: str) -> Literal["you_blocked_user", "peer_unavailable"] | None: ...


@query(f"""
    -- Whether somebody may open a private chat with the other one; null if there never was such a person.
    SELECT {reaches("u", "$1")} FROM users u WHERE u.id = $2
""")
async def may_open_chat(tx: Tx, user_id: str, other_id: str) -> bool | None: ...
