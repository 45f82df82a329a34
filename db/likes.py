"""Likes: a person likes a message once. Written under the lock of the chat, together with the count of the message."""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query
from db.users import UserRow, user_columns

_STILL_HERE: Final = "EXISTS (SELECT FROM members m WHERE m.chat_id = l.chat_id AND m.user_id = u.id AND m.left_at IS NULL)"


@dataclass(frozen=True, slots=True)
class LikerRow:
    """A person who likes a message, and since when."""

    liked_at: str
    user: UserRow


@query("""
    -- Adds a like to a message of a locked chat. The new count; null if the person has liked it before. It is later than
    -- the message's last like, so that the list has an order even when both come in one millisecond.
    WITH added AS (
        INSERT INTO likes (chat_id, seq, user_id, liked_at)
        SELECT $1, $2, $3, greatest(wire_now(), max(l.liked_at) + interval '1 millisecond')
          FROM likes l WHERE l.chat_id = $1 AND l.seq = $2
        ON CONFLICT ON CONSTRAINT likes_pkey DO NOTHING
        RETURNING seq
    )
    UPDATE messages m SET like_count = m.like_count + 1, version = $4
      FROM added WHERE m.chat_id = $1 AND m.seq = added.seq
    RETURNING m.like_count
""")
async def like_message(tx: Tx, chat_id: str, seq: int, user_id: str, version: int) -> int | None: ...


@query("""
    -- Removes a like. The new count; null if there was no like.
    WITH removed AS (
        DELETE FROM likes WHERE chat_id = $1 AND likes.seq = $2 AND user_id = $3 RETURNING likes.seq
    )
    UPDATE messages m SET like_count = m.like_count - 1, version = $4
      FROM removed WHERE m.chat_id = $1 AND m.seq = removed.seq
    RETURNING m.like_count
""")
async def unlike_message(tx: Tx, chat_id: str, seq: int, user_id: str, version: int) -> int | None: ...


@query(f"""
    -- A page of the people who like a message that $3 may see, the earliest like first, after ($4, $5).
    SELECT l.liked_at, {user_columns("u", "$3", prefix="user.", shared=_STILL_HERE)}
      FROM likes l
      JOIN users u ON u.id = l.user_id
     WHERE l.chat_id = $1 AND l.seq = $2
       AND EXISTS (SELECT FROM members me
                    WHERE me.chat_id = $1 AND me.user_id = $3 AND me.left_at IS NULL AND me.first_seq <= $2)
       AND ($4::timestamptz IS NULL OR (l.liked_at, l.user_id) > ($4, $5::uuid))
     ORDER BY l.liked_at, l.user_id
     LIMIT $6
""")
async def list_likers(
    tx: Tx, chat_id: str, seq: int, caller_id: str, after_time: str | None, after_id: str | None, limit: int
) -> list[LikerRow]: ...
