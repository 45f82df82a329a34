"""Messages: sending, pages of history.

Everything that writes here holds the chat's row lock (``send_message`` takes it itself; the rest gets a chat locked by
``db.chats.lock_chat``), which is what makes ``seq`` and ``version`` gapless and equal for everybody.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from db.pool import Tx
from db.query import Affected, query

MESSAGE_FIELDS: Final = (
    "chat_id", "seq", "sender_id", "type", "content", "reply_to", "mentions", "client_id",
    "created_at", "edited_at", "deleted_at", "like_count", "version",
)  # fmt: skip


def message_columns(table: str, viewer: str, *, prefix: str = "") -> str:
    """The columns of :class:`MessageRow` from ``table``; ``viewer`` is the SQL for who looks; ``prefix`` for nesting."""
    plain = ", ".join(f'{table}.{name} AS "{prefix}{name}"' for name in MESSAGE_FIELDS)
    # No EXISTS: for a long chat PostgreSQL would rather read every like of the person than look up those of a page.
    liked = (
        f"coalesce((SELECT true FROM likes WHERE likes.chat_id = {table}.chat_id AND likes.seq = {table}.seq"
        f" AND likes.user_id = {viewer}), false)"
    )
    return f'{plain}, {liked} AS "{prefix}liked_by_me"'


# Where what $2 may see of chat $1 begins. It is looked up in the statement itself, so that somebody who was put out a
# moment ago sees nothing: for who is no member it is null, which no seq is greater than.
_FIRST_SEQ: Final = "(SELECT me.first_seq FROM members me WHERE me.chat_id = $1 AND me.user_id = $2 AND me.left_at IS NULL)"


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as one person sees it."""

    chat_id: str
    seq: int
    sender_id: str
    type: str
    content: dict[str, Any] | None
    reply_to: int | None
    mentions: list[str]
    client_id: str | None
    created_at: str
    edited_at: str | None
    deleted_at: str | None
    like_count: int
    version: int
    liked_by_me: bool


@dataclass(slots=True)
class StoredRow:
    """A message that was stored, and its chat after it."""

    sent_at: str
    version: int
    chat_type: Literal["private", "group"]
    chat_title: str | None
    creator_id: str
    member_count: int
    chat_created_at: str


@dataclass(slots=True)
class SentRow:
    """What ``send_message`` says. ``seq``: of the stored message, or of the first one that this repeats."""

    outcome: str
    seq: int | None
    stored: StoredRow | None


@query("""
    -- Stores a message, or says why not; see the function in schema.sql.
    SELECT outcome, seq, sent_at AS "stored.sent_at", version AS "stored.version", chat_type AS "stored.chat_type",
           chat_title AS "stored.chat_title", creator_id AS "stored.creator_id", member_count AS "stored.member_count",
           chat_created_at AS "stored.chat_created_at"
      FROM send_message($1, $2, $3, $4, $5, $6, $7, $8)
""")
async def send_message(
    tx: Tx,
    chat_id: str,
    sender_id: str,
    client_id: str,
    body_hash: bytes,
    type: str,
    content: dict[str, Any],
    reply_to: int | None,
    mentions: list[str],
) -> SentRow: ...


@query("""
    -- Stores many messages, or says why not, in the order given; see the function in schema.sql.
    SELECT outcome, seq, sent_at AS "stored.sent_at", version AS "stored.version", chat_type AS "stored.chat_type",
           chat_title AS "stored.chat_title", creator_id AS "stored.creator_id", member_count AS "stored.member_count",
           chat_created_at AS "stored.chat_created_at"
      FROM send_messages($1, $2, $3, $4, $5, $6, $7, $8)
     ORDER BY place
""")
async def send_messages(
    tx: Tx,
    chat_ids: list[str],
    sender_ids: list[str],
    client_ids: list[str],
    body_hashes: list[bytes],
    types: list[str],
    contents: list[dict[str, Any]],
    reply_tos: list[int | None],
    mentions: list[str],
) -> list[SentRow]: ...


@query("""
    -- The chat into which the person sent something under this client_id already: a retry without chat_id belongs there.
    SELECT chat_id FROM messages WHERE sender_id = $1 AND client_id = $2 ORDER BY chat_id LIMIT 1
""")
async def find_chat_of_send(tx: Tx, sender_id: str, client_id: str) -> str | None: ...


@query("""
    -- Whether the person sent something into this chat under this client_id already.
    SELECT EXISTS (SELECT FROM messages WHERE sender_id = $1 AND client_id = $2 AND chat_id = $3)
""")
async def was_sent(tx: Tx, sender_id: str, client_id: str, chat_id: str) -> bool: ...


@query(f"""
    -- One message, if the person may see it.
    SELECT {message_columns("m", "$2")}
      FROM messages m
      JOIN members me ON me.chat_id = m.chat_id AND me.user_id = $2 AND me.left_at IS NULL AND m.seq >= me.first_seq
     WHERE m.chat_id = $1 AND m.seq = $3
""")
async def find_message(tx: Tx, chat_id: str, user_id: str, seq: int) -> MessageRow | None: ...


@dataclass(frozen=True, slots=True)
class BoundsRow:
    """The first and the last message that somebody may see; the last is below the first if there is none."""

    first_seq: int
    last_seq: int


@query("""
    -- What the person may see of the chat's messages.
    SELECT me.first_seq, c.message_count AS last_seq
      FROM members me
      JOIN chats c ON c.id = me.chat_id
     WHERE me.chat_id = $1 AND me.user_id = $2 AND me.left_at IS NULL
""")
async def find_bounds(tx: Tx, chat_id: str, user_id: str) -> BoundsRow | None: ...


@query(f"""
    -- A page of history below $3 (exclusive), newest first.
    SELECT {message_columns("m", "$2")}
      FROM messages m
     WHERE m.chat_id = $1 AND m.seq >= {_FIRST_SEQ} AND m.seq < $3
     ORDER BY m.seq DESC
     LIMIT $4
""")
async def list_before(tx: Tx, chat_id: str, user_id: str, before: int, limit: int) -> list[MessageRow]: ...


@query(f"""
    -- A page of history above $3 (exclusive), oldest first.
    SELECT {message_columns("m", "$2")}
      FROM messages m
     WHERE m.chat_id = $1 AND m.seq >= {_FIRST_SEQ} AND m.seq > $3
     ORDER BY m.seq
     LIMIT $4
""")
async def list_after(tx: Tx, chat_id: str, user_id: str, after: int, limit: int) -> list[MessageRow]: ...


@query(f"""
    -- A message from the server itself: the next seq and version, caused by $2, who has thereby read up to it.
    -- $4 is by how many the chat's members change with it.
    WITH chat AS (
        UPDATE chats c
           SET message_count = c.message_count + 1, version = c.version + 1, member_count = c.member_count + $4,
               updated_at = greatest(wire_now(), c.updated_at), changed_xid = change_xid()
         WHERE c.id = $1
        RETURNING c.message_count, c.version, c.updated_at
    ), mark AS (
        UPDATE members SET read_seq = chat.message_count, changed_xid = change_xid()
          FROM chat WHERE members.chat_id = $1 AND members.user_id = $2 AND members.left_at IS NULL
    ), m AS (
        INSERT INTO messages (chat_id, seq, sender_id, type, content, version, created_at)
        SELECT $1, chat.message_count, $2, 'system', $3, chat.version, chat.updated_at FROM chat
        RETURNING *
    )
    SELECT {message_columns("m", "$2")} FROM m
""")
async def insert_system_message(
    tx: Tx, chat_id: str, actor_id: str, content: dict[str, Any], member_count_change: int
) -> MessageRow: ...


@query(f"""
    -- New content for a message of a locked chat, at the chat's new version.
    UPDATE messages m SET content = $4, edited_at = wire_now(), version = $5
     WHERE m.chat_id = $1 AND m.seq = $3
    RETURNING {message_columns("m", "$2")}
""")
async def edit_message(
    tx: Tx, chat_id: str, viewer_id: str, seq: int, content: dict[str, Any], version: int
) -> MessageRow: ...


@query(f"""
    -- Leaves a tombstone in a locked chat, and nobody likes a tombstone.
    WITH unliked AS (DELETE FROM likes WHERE likes.chat_id = $1 AND likes.seq = $2)
    UPDATE messages m SET content = NULL, mentions = '{{}}', like_count = 0, deleted_at = wire_now(), version = $3
     WHERE m.chat_id = $1 AND m.seq = $2
    RETURNING {message_columns("m", "NULL::uuid")}
""")
async def delete_message(tx: Tx, chat_id: str, seq: int, version: int) -> MessageRow: ...


@query(f"""
    -- A page of what changed since version $3, in the order of the changes.
    SELECT {message_columns("m", "$2")}
      FROM messages m
     WHERE m.chat_id = $1 AND m.seq >= {_FIRST_SEQ} AND m.version > $3
     ORDER BY m.version
     LIMIT $4
""")
async def list_changes(tx: Tx, chat_id: str, user_id: str, version: int, limit: int) -> list[MessageRow]: ...


@query(f"""
    -- A page of what changed in a chat since version $2, in the order of the changes, as all members share it.
    SELECT {message_columns("m", "NULL::uuid")}
      FROM messages m
     WHERE m.chat_id = $1 AND m.version > $2
     ORDER BY m.version
     LIMIT $3
""")
async def list_changed_since(tx: Tx, chat_id: str, version: int, limit: int) -> list[MessageRow]: ...


@query(f"""
    -- A page of the messages in the person's chats, or in one of them ($2), that have the words $3 in any form (a tsquery)
    -- and a word that begins with $4, newest first, behind ($5, $6, $7). The page is cut before anything else is looked up.
    WITH page AS (
        SELECT m.chat_id, m.seq
          FROM members me
          JOIN messages m ON m.chat_id = me.chat_id AND m.seq >= me.first_seq
         WHERE me.user_id = $1 AND me.left_at IS NULL AND ($2::uuid IS NULL OR me.chat_id = $2)
           AND m.deleted_at IS NULL AND m.type <> 'system'
           AND words_of(m.content) @@ (
               to_tsquery('russian', $3) && (to_tsquery('russian', $4 || ':*') || to_tsquery('simple', $4 || ':*')))
           AND ($5::timestamptz IS NULL OR (m.created_at, m.chat_id, m.seq) < ($5, $6::uuid, $7::bigint))
         ORDER BY m.created_at DESC, m.chat_id DESC, m.seq DESC
         LIMIT $8
    )
    SELECT {message_columns("m", "$1")}
      FROM page
      JOIN messages m ON m.chat_id = page.chat_id AND m.seq = page.seq
     ORDER BY m.created_at DESC, m.chat_id DESC, m.seq DESC
""")
async def search_messages(
    tx: Tx,
    user_id: str,
    chat_id: str | None,
    words: str,
    beginning: str,
    before_time: str | None,
    before_chat_id: str | None,
    before_seq: int | None,
    limit: int,
) -> list[MessageRow]: ...


@query("""
    -- A batch of the messages of deleted chats; their likes go with them.
    DELETE FROM messages m USING (
        SELECT d.chat_id, d.seq FROM messages d
          JOIN chats c ON c.id = d.chat_id AND c.deleted_at IS NOT NULL AND c.swept_at IS NULL
         LIMIT $1
    ) batch
    WHERE m.chat_id = batch.chat_id AND m.seq = batch.seq
""")
async def sweep_messages(tx: Tx, limit: int) -> Affected: ...
