"""What changed about somebody's chats while they were away: see ``realtime.sessions.sync``."""

from dataclasses import dataclass

from db.chats import EACH_CHAT, PEER
from db.pool import Tx
from db.query import query


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """That something changed about a chat for somebody, and in which transaction."""

    chat_id: str
    changed_xid: int


@dataclass(frozen=True, slots=True)
class HorizonRow:
    """Below ``oldest_running`` every transaction has ended; below ``next_unused`` every one has begun."""

    oldest_running: int
    next_unused: int


@query("""
    -- Where the next session:sync has to begin so that it misses nothing: at the oldest transaction that still runs.
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_unused
""")
async def read_horizon(tx: Tx) -> HorizonRow: ...


@query(f"""
    -- A page of what changed about somebody's chats in transaction $2 or later, in that order, behind ($3, $4): shared
    -- state, what is theirs alone, the other one's profile. Of a chat they lost, that they did: what happened in it
    -- afterwards is none of their business.
    SELECT * FROM (
        SELECT me.chat_id,
               CASE WHEN me.left_at IS NULL THEN greatest(c.changed_xid, me.changed_xid, peer.changed_xid)
                    ELSE me.changed_xid END AS changed_xid
          FROM members me
          JOIN {EACH_CHAT}
          LEFT JOIN {PEER}
         WHERE me.user_id = $1
    ) changed
    WHERE changed_xid >= $2 AND ($3::bigint IS NULL OR (changed_xid, chat_id) > ($3, $4::uuid))
    ORDER BY changed_xid, chat_id
    LIMIT $5
""")
async def list_changed(
    tx: Tx, user_id: str, since_xid: int, after_xid: int | None, after_id: str | None, limit: int
) -> list[ChangedRow]: ...
