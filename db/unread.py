"""What somebody has not read: the mentions in one chat, the totals over all chats.

Nothing is counted in advance: what is unread follows from ``chats.message_count`` and ``members.read_seq``, so no counter
can drift. The totals look at each chat of the person once; mentions are looked for only where something is unread, and only
among the newest ``MENTIONS_LOOKED_AT_MAX`` messages, so that a chat that is never opened costs no more than others.
"""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query

MENTIONS_LOOKED_AT_MAX: Final = 1_000
"""Of the unread messages of a chat, the newest so many are searched for mentions."""

COUNTED: Final = "(me.muted_until IS NULL OR me.muted_until <= wire_now())"
"""SQL: the chat of the member ``me`` counts in the totals: it is not muted."""


def unread_mentions(member: str, chat: str) -> str:
    """SQL: how many unread messages name the person. ``member`` and ``chat`` are aliases of the tables."""
    return f"""CASE WHEN {member}.read_seq < {chat}.message_count THEN (
          SELECT count(*) FROM messages named
           WHERE named.chat_id = {member}.chat_id AND named.mentions <> '{{}}' AND {member}.user_id = ANY (named.mentions)
             AND named.seq > greatest({member}.read_seq, {member}.first_seq - 1,
                                      {chat}.message_count - {MENTIONS_LOOKED_AT_MAX})) ELSE 0 END"""


@dataclass(frozen=True, slots=True)
class UnreadRow:
    """What somebody has not read, muted chats left out."""

    chats: int
    messages: int
    mentions: int


def unread_totals(user: str) -> str:
    """SQL: a SELECT with the columns of :class:`UnreadRow`, of the person ``user`` (SQL of an id).

    OFFSET keeps it a look-up of each chat by itself: of somebody in 2,000 chats PostgreSQL would rather read all there are.
    """
    return f"""SELECT count(*) AS chats, coalesce(sum(c.message_count - me.read_seq), 0)::bigint AS messages,
                 coalesce(sum({unread_mentions("me", "c")}), 0)::bigint AS mentions
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
