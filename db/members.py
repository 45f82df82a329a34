"""Members of chats: coming, going, and what is each one's alone.

Whatever changes who is in a chat happens under its lock (``db.chats.lock_chat``).
"""

from dataclasses import dataclass

from db.pool import Tx
from db.query import query
from db.users import UserRow, user_columns
from db.visibility import estranged_from, reaches


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Somebody in a chat."""

    joined_at: str
    added_by: str | None
    is_creator: bool
    is_admin: bool
    user: UserRow


@dataclass(frozen=True, slots=True)
class PinRow:
    """A pinned chat."""

    chat_id: str
    pinned: int


@dataclass(frozen=True, slots=True)
class PastMemberRow:
    """Somebody who is or was in a chat. ``left_reason``: left, removed or deleted."""

    is_present: bool
    is_admin: bool
    left_reason: str | None


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """Somebody whom the caller would add to a chat."""

    user_id: str
    may_be_added: bool


@dataclass(frozen=True, slots=True)
class MovedMarkRow:
    """A read mark after it moved. ``estranged``: the members across a block, who are not told."""

    read_seq: int
    estranged: list[str]


@dataclass(frozen=True, slots=True)
class MovedPinRow:
    """Somebody's pin that moves up, because one above it is lost."""

    user_id: str
    chat_id: str


@query(f"""
    -- A page of the members of a chat in which $2 is, in the order in which they came, behind ($3, $4).
    SELECT m.joined_at, m.added_by, u.id = c.creator_id AS is_creator, m.is_admin,
           {user_columns("u", "$2", prefix="user.", shared="true")}
      FROM members m
      JOIN chats c ON c.id = m.chat_id
      JOIN users u ON u.id = m.user_id
     WHERE m.chat_id = $1 AND m.left_at IS NULL
       AND EXISTS (SELECT FROM members me WHERE me.chat_id = $1 AND me.user_id = $2 AND me.left_at IS NULL)
       AND ($3::timestamptz IS NULL OR (m.joined_at, m.user_id) > ($3, $4::uuid))
     ORDER BY m.joined_at, m.user_id
     LIMIT $5
""")
async def list_members(
    tx: Tx, chat_id: str, caller_id: str, after_time: str | None, after_id: str | None, limit: int
) -> list[MemberRow]: ...


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """Somebody who has read a message."""

    joined_at: str
    user: UserRow


@query(f"""
    -- A page of the others in the chat whose read mark has reached message $3, in the order in which they came, behind
    -- ($4, $5). The mark of who came in later begins at the newest message, of which they may see nothing.
    SELECT m.joined_at, {user_columns("u", "$2", prefix="user.", shared="true")}
      FROM members m
      JOIN users u ON u.id = m.user_id
     WHERE m.chat_id = $1 AND m.left_at IS NULL AND m.user_id <> $2 AND m.read_seq >= $3
       AND (m.first_seq <= $3
            OR m.joined_at < (SELECT t.created_at FROM messages t WHERE t.chat_id = $1 AND t.seq = $3))
       AND m.user_id NOT IN ({estranged_from("$2")})
       AND ($4::timestamptz IS NULL OR (m.joined_at, m.user_id) > ($4, $5::uuid))
     ORDER BY m.joined_at, m.user_id
     LIMIT $6
""")
async def list_readers(
    tx: Tx, chat_id: str, caller_id: str, seq: int, after_time: str | None, after_id: str | None, limit: int
) -> list[ReaderRow]: ...


@query("""
    -- How many of these people share no chat with $2.
    SELECT count(*) FROM unnest($1::uuid[]) AS asked (user_id)
     WHERE NOT EXISTS (SELECT FROM members me
                         JOIN members other ON other.chat_id = me.chat_id AND other.user_id = asked.user_id
                                           AND other.left_at IS NULL
                        WHERE me.user_id = $2 AND me.left_at IS NULL)
""")
async def count_strangers(tx: Tx, user_ids: list[str], user_id: str) -> int: ...


@query("""
    -- Everybody in the chat, in the order in which they came.
    SELECT user_id FROM members WHERE chat_id = $1 AND left_at IS NULL ORDER BY joined_at, user_id
""")
async def list_member_ids(tx: Tx, chat_id: str) -> list[str]: ...


@query("""
    -- Of those in the chat, whose accounts were deleted.
    SELECT m.user_id
      FROM members m
      JOIN users u ON u.id = m.user_id AND u.deleted_at IS NOT NULL
     WHERE m.chat_id = $1 AND m.left_at IS NULL
""")
async def list_deleted(tx: Tx, chat_id: str) -> list[str]: ...


@query(f"""
    -- Of these people, those who exist or once did, in the order given, and whether the caller may add them.
    SELECT u.id AS user_id, {reaches("u", "$2")} AS may_be_added FROM users u
     WHERE u.id = ANY ($1::uuid[])
     ORDER BY array_position($1::uuid[], u.id)
""")
async def list_candidates(tx: Tx, user_ids: list[str], caller_id: str) -> list[CandidateRow]: ...


@query("""
    -- Of these people, those who are or were in the chat.
    SELECT user_id FROM members WHERE chat_id = $1 AND user_id = ANY ($2::uuid[])
""")
async def list_past_members(tx: Tx, chat_id: str, user_ids: list[str]) -> list[str]: ...


@query("""
    -- Lets people into a locked or new chat. Somebody who was in before starts anew. They come later than everybody in the
    -- chat, so that the list has an order even when both come in one millisecond; those of one call come together.
    INSERT INTO members (chat_id, user_id, added_by, first_seq, read_seq, joined_at)
    SELECT $1, unnest($2::uuid[]), $3, $4, $5, greatest(wire_now(), (
        SELECT max(joined_at) + interval '1 millisecond' FROM members WHERE chat_id = $1 AND left_at IS NULL))
    ON CONFLICT ON CONSTRAINT members_pkey DO UPDATE
       SET title = NULL, pinned = NULL, muted_until = NULL, archived = false, is_admin = false,
           read_seq = excluded.read_seq, first_seq = excluded.first_seq, added_by = excluded.added_by,
           joined_at = excluded.joined_at, left_at = NULL, left_reason = NULL, changed_xid = change_xid()
""")
async def insert_members(
    tx: Tx, chat_id: str, user_ids: list[str], added_by: str, first_seq: int, read_seq: int
) -> None: ...


@query("""
    -- Puts people out of a chat; it leaves their screens.
    WITH gone AS (
        UPDATE members SET left_at = wire_now(), left_reason = $3, pinned = NULL, changed_xid = change_xid()
         WHERE chat_id = $1 AND user_id = ANY ($2::uuid[]) AND left_at IS NULL
        RETURNING user_id
    )
    UPDATE login_sessions s SET active_chat_id = NULL
      FROM gone WHERE s.user_id = gone.user_id AND s.active_chat_id = $1
""")
async def remove_members(tx: Tx, chat_id: str, user_ids: list[str], reason: str) -> None: ...


@query("""
    -- The member's own name for the group.
    UPDATE members SET title = $3, changed_xid = change_xid()
     WHERE chat_id = $1 AND user_id = $2 AND left_at IS NULL
""")
async def rename_chat(tx: Tx, chat_id: str, user_id: str, title: str | None) -> None: ...


@query("""
    -- Until when the member wants no notifications.
    UPDATE members SET muted_until = $3, changed_xid = change_xid()
     WHERE chat_id = $1 AND user_id = $2 AND left_at IS NULL
""")
async def mute_chat(tx: Tx, chat_id: str, user_id: str, until: str | None) -> None: ...


@query("""
    -- The role of a member of a locked group, whose creator they are not.
    UPDATE members SET is_admin = $3, changed_xid = change_xid()
     WHERE chat_id = $1 AND user_id = $2 AND left_at IS NULL
""")
async def set_admin(
    tx: Tx,
    chat_id: str,
    user_id: str,
    is_admin: bool,  # noqa: FBT001  (a statement's parameters are positional)
) -> None: ...


@query("""
    -- Takes a locked chat out of the member's list; an archived chat is not pinned. Sends look for it from now on.
    WITH noted AS (
        UPDATE chats SET has_archived = true WHERE id = $1 AND NOT has_archived
    )
    UPDATE members SET archived = true, pinned = NULL, changed_xid = change_xid()
     WHERE chat_id = $1 AND user_id = $2 AND left_at IS NULL AND NOT archived
""")
async def archive_chat(tx: Tx, chat_id: str, user_id: str) -> None: ...


@query("""
    -- Puts a locked chat into the member's list again. Sends need not look any more if it is nobody's archived chat.
    WITH noted AS (
        UPDATE chats c SET has_archived = false
         WHERE c.id = $1 AND c.has_archived
           AND NOT EXISTS (SELECT FROM members o
                            WHERE o.chat_id = $1 AND o.user_id <> $2 AND o.archived AND o.left_at IS NULL)
    )
    UPDATE members SET archived = false, changed_xid = change_xid()
     WHERE chat_id = $1 AND user_id = $2 AND left_at IS NULL AND archived
""")
async def unarchive_chat(tx: Tx, chat_id: str, user_id: str) -> None: ...


@query("""
    -- In a locked chat, nothing that was said so far exists for the member any more, and nothing is unread. Returns
    -- the first seq that they may see, or null when it was so before.
    UPDATE members me
       SET first_seq = c.message_count + 1, read_seq = c.message_count, changed_xid = change_xid()
      FROM chats c
     WHERE c.id = me.chat_id AND me.chat_id = $1 AND me.user_id = $2 AND me.left_at IS NULL
       AND me.first_seq <= c.message_count
    RETURNING me.first_seq
""")
async def clear_chat(tx: Tx, chat_id: str, user_id: str) -> int | None: ...


@query("""
    -- The person's pins by position. Who changes them holds the person's row (lock_pins).
    SELECT chat_id, pinned FROM members
     WHERE user_id = $1 AND pinned IS NOT NULL AND left_at IS NULL
     ORDER BY pinned, chat_id
""")
async def list_pins(tx: Tx, user_id: str) -> list[PinRow]: ...


@query("""
    -- Of these members of chat $1, the pins behind that chat: they move up when the chat is lost.
    SELECT pin.user_id, pin.chat_id
      FROM members me
      JOIN members pin ON pin.user_id = me.user_id AND pin.pinned IS NOT NULL AND pin.left_at IS NULL
                      AND (pin.pinned, pin.chat_id) > (me.pinned, me.chat_id)
     WHERE me.chat_id = $1 AND me.user_id = ANY ($2::uuid[]) AND me.pinned IS NOT NULL AND me.left_at IS NULL
     ORDER BY pin.user_id, pin.pinned, pin.chat_id
""")
async def list_pins_behind(tx: Tx, chat_id: str, user_ids: list[str]) -> list[MovedPinRow]: ...


@query("""
    -- Whether somebody is in the chat, and if not, how they lost it; no row for whoever never was in it.
    SELECT left_at IS NULL AS is_present, is_admin, left_reason FROM members WHERE chat_id = $1 AND user_id = $2
""")
async def find_past_member(tx: Tx, chat_id: str, user_id: str) -> PastMemberRow | None: ...


@query("""
    -- One change of a person's pins at a time.
    SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE
""")
async def lock_pins(tx: Tx, user_id: str) -> str | None: ...


@query("""
    -- New positions: $2 in this order from 1; $3 unpinned. A pinned chat is not archived.
    UPDATE members m SET pinned = p.position, archived = m.archived AND p.position IS NULL, changed_xid = change_xid()
      FROM (SELECT chat_id, position::smallint FROM unnest($2::uuid[]) WITH ORDINALITY AS kept (chat_id, position)
            UNION ALL
            SELECT chat_id, NULL FROM unnest($3::uuid[]) AS dropped (chat_id)) p
     WHERE m.user_id = $1 AND m.chat_id = p.chat_id AND m.pinned IS DISTINCT FROM p.position
    RETURNING m.chat_id
""")
async def set_pins(tx: Tx, user_id: str, kept: list[str], dropped: list[str]) -> list[str]: ...


@query(f"""
    -- Moves the read mark, forward only; null when it did not move. With those who are not told, for one round trip less.
    UPDATE members me
       SET read_seq = least($3, c.message_count), changed_xid = change_xid()
      FROM chats c
     WHERE c.id = me.chat_id AND me.chat_id = $1 AND me.user_id = $2 AND me.left_at IS NULL
       AND least($3, c.message_count) > me.read_seq
    RETURNING me.read_seq, ARRAY (
        SELECT m.user_id FROM members m
         WHERE m.chat_id = $1 AND m.left_at IS NULL AND m.user_id IN ({estranged_from("$2")})) AS estranged
""")
async def move_read_mark(tx: Tx, chat_id: str, user_id: str, seq: int) -> MovedMarkRow | None: ...
