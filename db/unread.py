"""What somebody has not read, in all their chats.

Nothing is counted in advance: what is unread follows from ``chats.message_count`` and ``members.read_seq``, so no counter
can drift. The totals look at each chat of the person once. A chat that does not count is left out by ``COUNTED`` alone.
"""

from dataclasses import dataclass
from typing import Final

from db.messages import unread_mentions
from db.pool import Tx
from db.query import query

COUNTED: Final = "NOT me.archived AND (me.muted_until IS NULL OR me.muted_until <= wire_now())"
"""SQL: the chat of the member ``me`` counts in the totals: it is neither muted nor archived."""


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """What somebody has not read, muted chats left out."""

    chat_count: int
    message_count: int
    mention_count: int


def unread_totals(user: str) -> str:
    """SQL: a SELECT with the columns of :class:`UnreadRow`, of the person ``user`` (SQL of an id).

    OFFSET keeps it a look-up of each chat by itself: of somebody in 2,000 chats PostgreSQL would rather read all there are.
    """
    return f"""SELECT count(*) AS chat_count, coalesce(sum(c.message_count - me.read_seq), 0)::bigint AS message_count,
                 coalesce(sum({unread_mentions("me", "c")}), 0)::bigint AS mention_count
            FROM members me
            JOIN LATERAL (
                SELECT k.message_count FROM chats k WHERE k.id = me.chat_id AND k.deleted_at IS NULL OFFSET 0
            ) c ON c.message_count > me.read_seq
           WHERE me.user_id = {user} AND me.left_at IS NULL AND {COUNTED}"""


@query(f"""
    -- What somebody has not read, in all their chats.
    {unread_totals("$1")}
""")
async def find_unread(tx: Tx, user_id: str) -> UnreadRow: ...
