"""Messages: what one consists of, sending, pages of history.

A message is described once, here: :class:`MessageRow` has the columns that readers see, :class:`MessageBody` those that
a client asks for with a send, :class:`Draft` all that a send hands to PostgreSQL. The parameters of the statements, the
JSON of a stored message and the hash that recognises a repeated send are derived from their fields. The files that a new
column touches are listed in ``docs/how-to/add-a-column-to-a-message.md``.

What must stay true: every statement that writes here holds the row lock of the chat (``send_message`` takes it itself;
the others get a chat that ``db.chats.lock_chat`` has locked). So ``seq`` and ``version`` have no gaps and are the same for
all members.
"""

import hashlib
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final, Literal, Self

import orjson

from db.pool import Tx
from db.query import Affected, placeholders, query

MENTIONS_LOOKED_AT_MAX: Final = 1_000
"""Of the unread messages of a chat, the newest so many are searched for mentions."""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as one person sees it. The fields are columns of ``messages``, in the order in which clients get them."""

    chat_id: str
    seq: int
    sender_id: str
    type: str
    content: dict[str, Any] | None
    reply_to: int | None
    mentions: list[str]
    forwarded_from: dict[str, Any] | None
    client_id: str | None
    created_at: str
    edited_at: str | None
    deleted_at: str | None
    like_count: int
    reactions: list[dict[str, Any]]
    """``{emoji, count}`` each, and ``mine`` where it is read for somebody."""
    metadata: dict[str, Any] | None
    version: int
    liked_by_me: bool
    """No column: looked up for the person who reads."""


MESSAGE_FIELDS: Final = tuple(column.name for column in fields(MessageRow) if column.name != "liked_by_me")
"""The columns that are the same for all who may see the message."""


def encode_content(content: dict[str, Any]) -> orjson.Fragment:
    """The JSON of ``content``, made once for the hash, the statement and the event. The hash needs sorted keys."""
    return orjson.Fragment(orjson.dumps(content, option=orjson.OPT_SORT_KEYS))


@dataclass(slots=True)
class MessageBody:
    """What a client asks to be stored: columns that have the same names in the payload of ``message:send``."""

    type: str
    content: orjson.Fragment
    reply_to: int | None = None
    mentions: list[str] = field(default_factory=list)
    metadata: dict[str, Any] | None = None

    @classmethod
    def of(cls, asked: object, content: dict[str, Any]) -> Self:
        """The body that ``asked`` describes with attributes of these names, except that it holds ``content``."""
        body = cls(*_body_values(asked))
        body.content = encode_content(content)
        return body

    def hash(self) -> bytes:
        """SHA-256 of the body. A send with a known ``client_id`` and the same hash is a repeat.

        The database keeps these hashes for ever, so what is hashed for a given body must never change. The four columns of
        the first release are hashed even where they are empty. A column that was added later is hashed only where it is
        given: so a send from before it existed keeps its hash.
        """
        asked: dict[str, object] = {
            "content": self.content, "mentions": self.mentions, "reply_to": self.reply_to, "type": self.type,
        }  # fmt: skip
        for name in _HASHED_IF_GIVEN:
            if value := getattr(self, name):
                asked[name] = value
        return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


_BODY_FIELDS: Final = tuple(column.name for column in fields(MessageBody))
_body_values: Final = attrgetter(*_BODY_FIELDS)
_HASHED_IF_GIVEN: Final = tuple(name for name in _BODY_FIELDS if name not in {"content", "mentions", "reply_to", "type"})


@dataclass(slots=True)
class Draft:
    """A message to store: the parameters of the SQL functions ``send_message`` and ``send_messages``, in their order.

    ``body_hash`` is the hash of the body as the client sent it. Since then the server may have added to ``body.content``
    what it knows of a file. ``forwarded_from``: of a forwarded message, who sent the first one, and when.
    """

    chat_id: str
    sender_id: str
    client_id: str
    body_hash: bytes
    body: MessageBody
    forwarded_from: dict[str, Any] | None = None


@dataclass(slots=True)
class StoredRow:
    """What PostgreSQL decided about a message that it stored, and the chat after it."""

    sent_at: str
    version: int
    chat_type: Literal["private", "group"]
    chat_title: str | None
    creator_id: str
    member_count: int
    chat_created_at: str
    chat_description: str | None = None
    chat_avatar_id: str | None = None
    chat_metadata: dict[str, Any] = field(default_factory=dict)
    chat_pinned_seqs: list[int] = field(default_factory=list)
    unarchived: list[str] | None = None
    """The members to whose lists the message brought the chat back."""


@dataclass(slots=True)
class SentRow:
    """What ``send_message`` answers. ``seq``: of the stored message; for a repeat, of the first message."""

    outcome: str
    seq: int | None
    stored: StoredRow | None


def stored_message(draft: Draft, seq: int, stored: StoredRow) -> dict[str, Any]:
    """The columns of a message that was just stored, in the order of ``MESSAGE_FIELDS``.

    Written out, because every send needs it: derived from the fields it took three times as long. A test compares the
    names.
    """
    body = draft.body
    return {
        "chat_id": draft.chat_id,
        "seq": seq,
        "sender_id": draft.sender_id,
        "type": body.type,
        "content": body.content,
        "reply_to": body.reply_to,
        "mentions": body.mentions,
        "forwarded_from": draft.forwarded_from,
        "client_id": draft.client_id,
        "created_at": stored.sent_at,
        "edited_at": None,
        "deleted_at": None,
        "like_count": 0,
        "reactions": [],
        "metadata": body.metadata,
        "version": stored.version,
    }


NOBODY: Final = "NULL::uuid"
"""The viewer of what is the same for everybody."""


def message_columns(table: str, viewer: str, *, prefix: str = "") -> str:
    """The columns of :class:`MessageRow`, for SELECT.

    ``table`` is the name or alias of the table, ``viewer`` the SQL for the id of the person who reads, ``prefix`` what the
    names begin with where the message is part of another row.
    """
    own = {} if viewer == NOBODY else {"reactions": _reactions_seen(table, viewer)}
    plain = ", ".join(f'{own.get(name, f"{table}.{name}")} AS "{prefix}{name}"' for name in MESSAGE_FIELDS)
    # No EXISTS: for a long chat PostgreSQL would rather read every like of the person than look up those of a page.
    liked = (
        f"coalesce((SELECT true FROM likes WHERE likes.chat_id = {table}.chat_id AND likes.seq = {table}.seq"
        f" AND likes.user_id = {viewer}), false)"
    )
    return f'{plain}, {liked} AS "{prefix}liked_by_me"'


def unread_mentions(member: str, chat: str) -> str:
    """SQL: how many unread messages name the person. ``member`` and ``chat`` are aliases of the tables.

    Only the newest unread ones are looked at, so that a chat that is never opened costs no more than others.
    """
    return f"""CASE WHEN {member}.read_seq < {chat}.message_count THEN (
          SELECT count(*) FROM messages named
           WHERE named.chat_id = {member}.chat_id AND named.mentions <> '{{}}' AND {member}.user_id = ANY (named.mentions)
             AND named.seq > greatest({member}.read_seq, {member}.first_seq - 1,
                                      {chat}.message_count - {MENTIONS_LOOKED_AT_MAX})) ELSE 0 END"""


def _reactions_seen(table: str, viewer: str) -> str:
    """The reactions with ``mine``. Few messages have any: for the others nothing is looked up."""
    return (
        f"CASE WHEN {table}.reactions = '[]' THEN {table}.reactions ELSE ("
        "SELECT jsonb_agg(one.value || jsonb_build_object('mine', EXISTS ("
        f"SELECT FROM reactions r WHERE r.chat_id = {table}.chat_id AND r.seq = {table}.seq"
        f" AND r.user_id = {viewer} AND r.emoji = one.value ->> 'emoji')) ORDER BY one.ordinality)"
        f" FROM jsonb_array_elements({table}.reactions) WITH ORDINALITY one) END"
    )


# The first seq of chat $1 that user $2 may see. The statement itself looks it up, so that a person who was removed a moment
# ago sees nothing: for someone who is not a member it is null, and no seq is greater than null.
_FIRST_SEQ: Final = "(SELECT me.first_seq FROM members me WHERE me.chat_id = $1 AND me.user_id = $2 AND me.left_at IS NULL)"

_SENT: Final = "outcome, seq, " + ", ".join(f'{column.name} AS "stored.{column.name}"' for column in fields(StoredRow))


@query(f"""
    -- Stores a message, or says why not; see the function in schema.sql.
    SELECT {_SENT}
      FROM send_message({placeholders(Draft)})
""")
async def send_message(tx: Tx, draft: Draft) -> SentRow: ...


@query(f"""
    -- Stores many messages, or says why not, in the order given; see the function in schema.sql.
    SELECT {_SENT}
      FROM send_messages({placeholders(Draft)})
     ORDER BY place
""")
async def send_messages(tx: Tx, drafts: list[Draft]) -> list[SentRow]: ...


@query("""
    -- The chat into which the person has already sent a message with this client_id: a retry without chat_id belongs there.
    SELECT chat_id FROM messages WHERE sender_id = $1 AND client_id = $2 ORDER BY chat_id LIMIT 1
""")
async def find_chat_of_send(tx: Tx, sender_id: str, client_id: str) -> str | None: ...


@query("""
    -- Whether the person has already sent a message with this client_id into this chat.
    SELECT EXISTS (SELECT FROM messages WHERE sender_id = $1 AND client_id = $2 AND chat_id = $3)
""")
async def was_sent(tx: Tx, sender_id: str, client_id: str, chat_id: str) -> bool: ...


@query(f"""
    -- The first message of a repeated send, for its sender alone: even if it is before what they may see of the chat now.
    SELECT {message_columns("m", "$2")}
      FROM messages m
      JOIN members me ON me.chat_id = m.chat_id AND me.user_id = $2 AND me.left_at IS NULL
     WHERE m.chat_id = $1 AND m.seq = $3 AND m.sender_id = $2
""")
async def find_sent_message(tx: Tx, chat_id: str, sender_id: str, seq: int) -> MessageRow | None: ...


@query(f"""
    -- One message, if the person may see it.
    SELECT {message_columns("m", "$2")}
      FROM messages m
      JOIN members me ON me.chat_id = m.chat_id AND me.user_id = $2 AND me.left_at IS NULL AND m.seq >= me.first_seq
     WHERE m.chat_id = $1 AND m.seq = $3
""")
async def find_message(tx: Tx, chat_id: str, user_id: str, seq: int) -> MessageRow | None: ...


@query(f"""
    -- Those of these messages that the person may see, newest first.
    SELECT {message_columns("m", "$2")}
      FROM messages m
     WHERE m.chat_id = $1 AND m.seq >= {_FIRST_SEQ} AND m.seq = ANY ($3::bigint[])
     ORDER BY m.seq DESC
""")
async def find_messages(tx: Tx, chat_id: str, user_id: str, seqs: list[int]) -> list[MessageRow]: ...


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
    -- A system message, with the next seq and version. $2 caused it and has read up to it; $4 is added to the member count.
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
    -- Empties a message of a locked chat, so that only its place stays, and removes its likes and reactions.
    WITH unliked AS (DELETE FROM likes WHERE likes.chat_id = $1 AND likes.seq = $2),
         forgotten AS (DELETE FROM reactions WHERE reactions.chat_id = $1 AND reactions.seq = $2)
    UPDATE messages m SET content = NULL, mentions = '{{}}', like_count = 0, reactions = '[]', metadata = NULL,
                          forwarded_from = NULL, deleted_at = wire_now(), version = $3
     WHERE m.chat_id = $1 AND m.seq = $2
    RETURNING {message_columns("m", NOBODY)}
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
    SELECT {message_columns("m", NOBODY)}
      FROM messages m
     WHERE m.chat_id = $1 AND m.version > $2
     ORDER BY m.version
     LIMIT $3
""")
async def list_changed_since(tx: Tx, chat_id: str, version: int, limit: int) -> list[MessageRow]: ...


@query("""
    -- A batch of the messages of deleted chats; their likes and reactions go with them.
    DELETE FROM messages m USING (
        SELECT d.chat_id, d.seq FROM messages d
          JOIN chats c ON c.id = d.chat_id AND c.deleted_at IS NOT NULL AND c.swept_at IS NULL
         LIMIT $1
    ) batch
    WHERE m.chat_id = batch.chat_id AND m.seq = batch.seq
""")
async def sweep_messages(tx: Tx, limit: int) -> Affected: ...
