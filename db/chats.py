"""Chats and the caller's side of them.

``lock_chat`` takes the chat's row lock, under which everything in a chat changes; it is the first lock of every change
(lock order: person's pins, chat, its members, login sessions).
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from db.messages import MessageRow, message_columns, unread_mentions
from db.pool import Tx
from db.query import Affected, query
from db.users import USER_FIELDS, UserRow, user_columns
from db.visibility import estranged_from

_SHARED: Final = (
    "id", "type", "title", "description", "avatar_id", "creator_id", "member_count", "message_count", "pinned_seqs",
    "metadata", "created_at", "updated_at", "version",
)  # fmt: skip
_PERSONAL: Final = ("muted_until", "archived", "read_seq", "first_seq", "is_admin", "joined_at")

# The furthest read mark of the others. Whoever wrote the newest message has read it, so mostly one look-up tells; the marks
# of all members are compared only where the newest message is the person's own, or its sender's mark does not count (the
# sender is gone, or across a block). An index on read_seq would make that cheap, and every send dearer.
_NOT_ESTRANGED: Final = f"NOT IN ({estranged_from('me.user_id')})"
_OTHERS_READ_SEQ: Final = f"""CASE
          WHEN last.sender_id <> me.user_id AND EXISTS (
              SELECT FROM members o WHERE o.chat_id = c.id AND o.user_id = last.sender_id AND o.left_at IS NULL
                 AND o.read_seq = c.message_count AND o.user_id {_NOT_ESTRANGED}) THEN c.message_count
          ELSE coalesce((SELECT max(o.read_seq) FROM members o
                          WHERE o.chat_id = c.id AND o.user_id <> me.user_id AND o.left_at IS NULL
                            AND o.user_id {_NOT_ESTRANGED}), 0) END"""

# Where a pin stands among those that the person still has. members.pinned only gives the order: a chat that was lost leaves
# a gap there, which nobody sees.
_POSITION: Final = """CASE WHEN me.pinned IS NOT NULL THEN (
          SELECT count(*) FROM members pin
           WHERE pin.user_id = me.user_id AND pin.pinned IS NOT NULL AND pin.left_at IS NULL
             AND (pin.pinned, pin.chat_id) <= (me.pinned, me.chat_id)) END"""


def _columns(prefix: str = "") -> str:
    """The columns of :class:`ChatRow`; ``prefix`` for nesting."""
    return ", ".join(
        [
            *(f'c.{name} AS "{prefix}{name}"' for name in _SHARED),
            f'{_OTHERS_READ_SEQ} AS "{prefix}others_read_seq"',
            f'me.title AS "{prefix}me.title"',
            f'{_POSITION} AS "{prefix}me.pinned"',
            *(f'me.{name} AS "{prefix}me.{name}"' for name in _PERSONAL),
            f'{unread_mentions("me", "c")} AS "{prefix}me.unread_mentions"',
            message_columns("last", "me.user_id", prefix=f"{prefix}last_message."),
            *(f'peer.{name} AS "{prefix}peer.{name}"' for name in USER_FIELDS),
        ]
    )


# The other one of a private chat. LIMIT keeps it a look-up by itself: the members of a group are not looked through.
PEER: Final = f"""LATERAL (
          SELECT {user_columns("u", "me.user_id", shared="true")}, u.changed_xid
            FROM members o JOIN users u ON u.id = o.user_id
           WHERE c.type = 'private' AND o.chat_id = c.id AND o.user_id <> me.user_id LIMIT 1
      ) peer ON true"""
_FROM: Final = f"""
      FROM members me
      JOIN chats c ON c.id = me.chat_id AND c.deleted_at IS NULL
      LEFT JOIN messages last ON last.chat_id = c.id AND last.seq = c.message_count
      LEFT JOIN {PEER}
     WHERE me.left_at IS NULL
"""
# Each chat of a person, one by one. OFFSET keeps it so: rather than look up the 2,000 of somebody busy, PostgreSQL would
# read all there are.
EACH_CHAT: Final = """LATERAL (
          SELECT id, type, updated_at, deleted_at, changed_xid FROM chats WHERE id = me.chat_id OFFSET 0
      ) c ON true"""
_VIEW: Final = f"SELECT {_columns()} {_FROM}"


@dataclass(frozen=True, slots=True)
class MeRow:
    """What is one member's alone."""

    title: str | None
    pinned: int | None
    muted_until: str | None
    archived: bool
    read_seq: int
    first_seq: int
    is_admin: bool
    joined_at: str
    unread_mentions: int


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A chat, and what one member has of it.

    ``last_message`` and ``pinned_seqs`` are there even if the member may not see them: what all members are told is made
    of this row too.
    """

    id: str
    type: Literal["private", "group"]
    title: str | None
    description: str | None
    avatar_id: str | None
    creator_id: str
    member_count: int
    message_count: int
    pinned_seqs: list[int]
    metadata: dict[str, Any]
    created_at: str
    updated_at: str
    version: int
    others_read_seq: int
    me: MeRow
    last_message: MessageRow | None
    peer: UserRow | None


@dataclass(frozen=True, slots=True)
class MembershipRow:
    """That somebody is in a chat, and from which message on they see it."""

    chat_id: str
    first_seq: int


@query("""
    -- Every chat the person is in: what their connections listen to.
    SELECT chat_id, first_seq FROM members WHERE user_id = $1 AND left_at IS NULL
""")
async def list_memberships(tx: Tx, user_id: str) -> list[MembershipRow]: ...


@query("""
    -- Whether the person is in the chat.
    SELECT chat_id, first_seq FROM members WHERE chat_id = $1 AND user_id = $2 AND left_at IS NULL
""")
async def find_membership(tx: Tx, chat_id: str, user_id: str) -> MembershipRow | None: ...


@query(f"{_VIEW} AND me.chat_id = $1 AND me.user_id = $2 -- one chat, as one member sees it")
async def find_chat(tx: Tx, chat_id: str, user_id: str) -> ChatRow | None: ...


@dataclass(frozen=True, slots=True)
class ViewRow:
    """A chat as ``user_id`` sees it."""

    user_id: str
    chat: ChatRow


@query(f"""
    -- One chat, as each of these members sees it.
    SELECT me.user_id, {_columns("chat.")}
    {_FROM} AND me.chat_id = $1 AND me.user_id = ANY ($2::uuid[])
""")
async def list_views(tx: Tx, chat_id: str, user_ids: list[str]) -> list[ViewRow]: ...


@query(f"{_VIEW} AND me.user_id = $1 AND me.chat_id = ANY ($2::uuid[]) -- these chats, as one member sees them")
async def find_chats(tx: Tx, user_id: str, chat_ids: list[str]) -> list[ChatRow]: ...


@query(f"""
    -- A page of somebody's chats: pinned first by position, then the newest. $2-$4 are where the last page ended
    -- (32767 stands for "not pinned"), $5 the type or null for both, $6 whether archived ones, $7 how many. The page is cut
    -- before anything else is looked up.
    WITH pins AS (
        SELECT chat_id, row_number() OVER (ORDER BY pinned, chat_id) AS position
          FROM members WHERE user_id = $1 AND pinned IS NOT NULL AND left_at IS NULL
    ), page AS (
        SELECT c.id, coalesce(pins.position, 32767) AS position
          FROM members me
          JOIN {EACH_CHAT}
          LEFT JOIN pins ON pins.chat_id = me.chat_id
         WHERE me.user_id = $1 AND me.left_at IS NULL AND c.deleted_at IS NULL AND me.archived = $6
           AND ($5::text IS NULL OR c.type = $5)
           AND ($2::bigint IS NULL
                OR coalesce(pins.position, 32767) > $2
                OR coalesce(pins.position, 32767) = $2 AND (c.updated_at, c.id) < ($3::timestamptz, $4::uuid))
         ORDER BY coalesce(pins.position, 32767), c.updated_at DESC, c.id DESC
         LIMIT $7
    )
    {_VIEW} AND me.user_id = $1 AND me.chat_id IN (SELECT id FROM page)
     ORDER BY (SELECT page.position FROM page WHERE page.id = c.id), c.updated_at DESC, c.id DESC
""")
async def list_chats(
    tx: Tx,
    user_id: str,
    after_pinned: int | None,
    after_updated_at: str | None,
    after_id: str | None,
    type: str | None,
    archived: bool,  # noqa: FBT001  (a statement's parameters are positional)
    limit: int,
) -> list[ChatRow]: ...


@query("""
    -- Opens a private chat unless the pair has one: direct_key is unique, so of two who try at once one succeeds.
    INSERT INTO chats (id, type, creator_id, direct_key, member_count)
    VALUES ($1, 'private', $2, $3, 2)
    ON CONFLICT ON CONSTRAINT chats_direct_key_key DO NOTHING
    RETURNING id
""")
async def insert_private_chat(tx: Tx, chat_id: str, creator_id: str, direct_key: str) -> str | None: ...


@query("""
    -- The pair's private chat.
    SELECT id FROM chats WHERE direct_key = $1 AND deleted_at IS NULL
""")
async def find_private_chat(tx: Tx, direct_key: str) -> str | None: ...


@query("""
    -- The chat on a device's screen.
    UPDATE login_sessions SET active_chat_id = $2 WHERE id = $1
""")
async def set_active_chat(tx: Tx, session_id: str, chat_id: str | None) -> None: ...


@query("""
    -- The chat on a device's screen, if its person is still in it.
    SELECT s.active_chat_id
      FROM login_sessions s
      JOIN members me ON me.chat_id = s.active_chat_id AND me.user_id = s.user_id AND me.left_at IS NULL
     WHERE s.id = $1
""")
async def find_active_chat(tx: Tx, session_id: str) -> str | None: ...


@query("""
    -- Who may always look at the chat.
    SELECT creator_id FROM chats WHERE id = $1 AND deleted_at IS NULL
""")
async def find_creator(tx: Tx, chat_id: str) -> str | None: ...


@query("""
    -- From here on nothing in the chat changes but by us. What is read afterwards sees what committed before.
    SELECT id FROM chats WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE
""")
async def lock_chat(tx: Tx, chat_id: str) -> str | None: ...


@query("""
    -- Opens a group unless this creation_key opened one before (a retry); then null.
    INSERT INTO chats (id, type, title, creator_id, creation_key, creation_hash, member_count, version)
    VALUES ($1, 'group', $2, $3, $4, $5, $6, 0)
    ON CONFLICT ON CONSTRAINT chats_creation_key_key DO NOTHING
    RETURNING id
""")
async def insert_group(
    tx: Tx,
    chat_id: str,
    title: str,
    creator_id: str,
    creation_key: str | None,
    creation_hash: bytes | None,
    member_count: int,
) -> str | None: ...


@query("""
    -- How many are in a group that is being opened: of those asked for, not everybody may be added.
    UPDATE chats SET member_count = $2 WHERE id = $1 AND member_count <> $2
""")
async def set_member_count(tx: Tx, chat_id: str, member_count: int) -> None: ...


@dataclass(frozen=True, slots=True)
class CreatedRow:
    """The group that a creation_key opened, and what was asked for."""

    chat_id: str
    creation_hash: bytes


@query("""
    -- What this creation_key opened.
    SELECT id AS chat_id, creation_hash FROM chats WHERE creation_key = $1
""")
async def find_created(tx: Tx, creation_key: str) -> CreatedRow | None: ...


@query("""
    -- A locked private chat becomes a group: newcomers see nothing from before, the pair may open another chat.
    UPDATE chats SET type = 'group', title = $2, direct_key = NULL, group_since_seq = message_count + 1 WHERE id = $1
""")
async def convert_to_group(tx: Tx, chat_id: str, title: str) -> None: ...


@query("""
    -- Where newcomers of a chat that was private begin; null for one that was born as a group.
    SELECT group_since_seq FROM chats WHERE id = $1
""")
async def find_group_since(tx: Tx, chat_id: str) -> int | None: ...


@query("""
    -- A change of a locked chat that is no message: the next version.
    UPDATE chats SET version = version + 1, changed_xid = change_xid() WHERE id = $1 RETURNING version
""")
async def raise_version(tx: Tx, chat_id: str) -> int: ...


@query("""
    -- What a locked group shows; the caller raises the version.
    UPDATE chats SET title = $2, description = $3, metadata = $4 WHERE id = $1
""")
async def update_group(
    tx: Tx, chat_id: str, title: str | None, description: str | None, metadata: dict[str, Any]
) -> None: ...


@query("""
    -- The pinned messages of a locked chat, the greatest seq first; the caller raises the version.
    UPDATE chats SET pinned_seqs = ARRAY (SELECT seq FROM unnest($2::bigint[]) AS pin (seq) ORDER BY seq DESC) WHERE id = $1
""")
async def set_pinned_seqs(tx: Tx, chat_id: str, seqs: list[int]) -> None: ...


@query("""
    -- A locked group has another creator; the one before becomes an admin.
    WITH roles AS (
        UPDATE members m SET is_admin = (m.user_id <> $2), changed_xid = change_xid()
          FROM chats c
         WHERE c.id = $1 AND m.chat_id = $1 AND m.user_id IN (c.creator_id, $2)
    )
    UPDATE chats SET creator_id = $2, version = version + 1, changed_xid = change_xid() WHERE id = $1
""")
async def transfer_chat(tx: Tx, chat_id: str, creator_id: str) -> None: ...


@query("""
    -- A locked group is no more: nobody joins it by an invite, and its picture may be nobody's. Its messages go in the
    -- background.
    WITH uninvited AS (
        DELETE FROM invites WHERE chat_id = $1
    ), picture AS (
        UPDATE avatars a SET expires_at = greatest(a.expires_at, wire_now())
          FROM chats c WHERE c.id = $1 AND a.id = c.avatar_id
    )
    UPDATE chats SET deleted_at = wire_now(), direct_key = NULL, version = version + 1, changed_xid = change_xid()
     WHERE id = $1
""")
async def delete_chat(tx: Tx, chat_id: str) -> None: ...


@query("""
    -- Who deleted the chat: its last creator. Null while it is there.
    SELECT creator_id FROM chats WHERE id = $1 AND deleted_at IS NOT NULL
""")
async def find_deleter(tx: Tx, chat_id: str) -> str | None: ...


@query("""
    -- Deleted chats of which nothing is left to sweep.
    UPDATE chats c SET swept_at = wire_now()
     WHERE c.deleted_at IS NOT NULL AND c.swept_at IS NULL
       AND NOT EXISTS (SELECT FROM messages m WHERE m.chat_id = c.id)
""")
async def mark_swept(tx: Tx) -> Affected: ...
