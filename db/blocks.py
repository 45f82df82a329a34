"""Blocks: who wants to hear nothing from whom."""

from db.pool import Tx
from db.query import query
from db.users import UserRow, user_columns


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
    SELECT {user_columns("u")}
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


@query("""
    -- The members of a chat between whom and the person nothing passes that is not a message: those they blocked and those
    -- who blocked them.
    SELECT m.user_id FROM members m
     WHERE m.chat_id = $2 AND m.left_at IS NULL AND m.user_id IN (
         SELECT blocked_id FROM blocks WHERE user_id = $1 UNION SELECT user_id FROM blocks WHERE blocked_id = $1)
""")
async def list_estranged(tx: Tx, user_id: str, chat_id: str) -> list[str]: ...
