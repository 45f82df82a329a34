"""Everything of one person, page by page, for them to take along.

A long chat is gone through in windows of ``seq``, so that every statement looks at a bounded number of rows, however few of
them are the person's.
"""

from dataclasses import dataclass

from db.messages import MessageRow, message_columns
from db.pool import Tx
from db.query import query


@dataclass(frozen=True, slots=True)
class MembershipRow:
    """A chat that somebody is or was in."""

    chat_id: str
    type: str
    title: str | None
    own_title: str | None
    is_pinned: bool
    muted_until: str | None
    archived: bool
    read_seq: int
    first_seq: int
    """Nothing before it exists for them: they joined here, or cleared what was before."""
    message_count: int | None
    """``None`` once they have left: what came later is none of their business."""
    joined_at: str
    left_at: str | None


@dataclass(frozen=True, slots=True)
class PastChatRow:
    """A chat that somebody is or was in, and up to where messages of theirs may be found."""

    membership: MembershipRow
    last_seq: int


@dataclass(frozen=True, slots=True)
class LikeRow:
    """That somebody likes a message."""

    chat_id: str
    seq: int
    liked_at: str


@dataclass(frozen=True, slots=True)
class ReactionRow:
    """That somebody reacted to a message."""

    chat_id: str
    seq: int
    emoji: str
    reacted_at: str


@dataclass(frozen=True, slots=True)
class InviteMadeRow:
    """An invite that somebody made. Its code is left out: whoever has it may join, and an archive is easily lost."""

    chat_id: str
    created_at: str
    expires_at: str | None
    uses_max: int | None


@dataclass(frozen=True, slots=True)
class PastInviteRow:
    """An invite that somebody made, and where the next page begins."""

    invite: InviteMadeRow
    code: str


@dataclass(frozen=True, slots=True)
class ReportMadeRow:
    """A report that somebody made, without what others wrote."""

    id: str
    chat_id: str | None
    seq: int | None
    user_id: str | None
    reason: str
    comment: str | None
    created_at: str


@query("""
    -- A page of the chats that somebody is or was in, behind $2. Of one that they have left, nothing of what it is now.
    SELECT c.id AS "membership.chat_id", c.type AS "membership.type",
           CASE WHEN me.left_at IS NULL THEN c.title END AS "membership.title", me.title AS "membership.own_title",
           me.pinned IS NOT NULL AS "membership.is_pinned", me.muted_until AS "membership.muted_until",
           me.archived AS "membership.archived", me.read_seq AS "membership.read_seq",
           me.first_seq AS "membership.first_seq",
           CASE WHEN me.left_at IS NULL THEN c.message_count END AS "membership.message_count",
           me.joined_at AS "membership.joined_at", me.left_at AS "membership.left_at", c.message_count AS last_seq
      FROM members me JOIN chats c ON c.id = me.chat_id
     WHERE me.user_id = $1 AND ($2::uuid IS NULL OR me.chat_id > $2)
     ORDER BY me.chat_id
     LIMIT $3
""")
async def list_memberships(tx: Tx, user_id: str, after_id: str | None, limit: int) -> list[PastChatRow]: ...


@query(f"""
    -- What somebody said in a chat, of the messages above $3 and up to $4.
    SELECT {message_columns("m", "$2")}
      FROM messages m
     WHERE m.chat_id = $1 AND m.seq > $3 AND m.seq <= $4 AND m.sender_id = $2 AND m.type <> 'system'
     ORDER BY m.seq
""")
async def list_own_messages(tx: Tx, chat_id: str, user_id: str, after_seq: int, last_seq: int) -> list[MessageRow]: ...


@query("""
    -- What somebody likes in a chat, of the messages above $3 and up to $4.
    SELECT chat_id, seq, liked_at FROM likes
     WHERE chat_id = $1 AND seq > $3 AND seq <= $4 AND user_id = $2
     ORDER BY seq
""")
async def list_own_likes(tx: Tx, chat_id: str, user_id: str, after_seq: int, last_seq: int) -> list[LikeRow]: ...


@query("""
    -- The reactions of somebody in a chat, to the messages above $3 and up to $4.
    SELECT chat_id, seq, emoji, reacted_at FROM reactions
     WHERE chat_id = $1 AND seq > $3 AND seq <= $4 AND user_id = $2
     ORDER BY seq, reacted_at
""")
async def list_own_reactions(tx: Tx, chat_id: str, user_id: str, after_seq: int, last_seq: int) -> list[ReactionRow]: ...


@query("""
    -- A page of the invites to a group that somebody made, behind the code $3, whatever became of them.
    SELECT chat_id AS "invite.chat_id", created_at AS "invite.created_at", expires_at AS "invite.expires_at",
           uses_max AS "invite.uses_max", code
      FROM invites
     WHERE chat_id = $1 AND created_by = $2 AND ($3::text IS NULL OR code > $3)
     ORDER BY code
     LIMIT $4
""")
async def list_own_invites(
    tx: Tx, chat_id: str, user_id: str, after_code: str | None, limit: int
) -> list[PastInviteRow]: ...


@query("""
    -- A page of the reports that somebody made, behind $2.
    SELECT id, chat_id, seq, user_id, reason, comment, created_at FROM reports
     WHERE reporter_id = $1 AND ($2::uuid IS NULL OR id > $2)
     ORDER BY id
     LIMIT $3
""")
async def list_own_reports(tx: Tx, user_id: str, after_id: str | None, limit: int) -> list[ReportMadeRow]: ...
