"""Attachments: who may download one, and how long it is kept.

A file may be downloaded by its owner and by everybody who may see a message that holds it. That is looked up each time, so
the right ends at once when the message is deleted or the member leaves.

What must stay true: a file that a message holds is never removed. Sending reserves a file (:func:`hold_file`) for longer
than storing a message can take. The sweeper looks at the messages only while it has locked the row of the file, and skips
files that are reserved.
"""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query

UNSENT_HOURS: Final = 24
"""How long a file is kept that is not sent. After that time a file that was sent is checked again."""
_SENDING_MINUTES: Final = 60
_FIRST_SEND_S: Final = 50

_FIELDS: Final = (
    "id", "owner_id", "kind", "mime", "name", "size_bytes", "width", "height", "duration_ms", "blurhash",
    "thumbnail_mime", "created_at",
)  # fmt: skip
_COLUMNS: Final = ", ".join(f"f.{name}" for name in _FIELDS)


@dataclass(frozen=True, slots=True)
class FileRow:
    """An attachment. It never changes."""

    id: str
    owner_id: str
    kind: str
    mime: str
    name: str
    size_bytes: int
    width: int | None
    height: int | None
    duration_ms: int | None
    blurhash: str | None
    thumbnail_mime: str | None
    created_at: str


@query(f"""
    -- A new upload. Its bytes are stored afterwards: if they never are, it expires like any other.
    INSERT INTO files AS f (id, owner_id, kind, mime, name, size_bytes, width, height, duration_ms, blurhash,
                            thumbnail_mime, thumbnail_bytes, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, wire_now() + interval '{UNSENT_HOURS} hours')
    RETURNING {_COLUMNS}
""")
async def insert_file(
    tx: Tx,
    file_id: str,
    owner_id: str,
    kind: str,
    mime: str,
    name: str,
    size_bytes: int,
    width: int | None,
    height: int | None,
    duration_ms: int | None,
    blurhash: str | None,
    thumbnail_mime: str | None,
    thumbnail_bytes: int | None,
) -> FileRow: ...


@query("""
    -- Removes an upload whose bytes could not be stored.
    DELETE FROM files WHERE id = $1
""")
async def delete_file(tx: Tx, file_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class StoredRow:
    """How much of a person is stored."""

    files: int
    size_bytes: int


@query("""
    -- All files of a person, thumbnails included.
    SELECT count(*) AS files, coalesce(sum(size_bytes + coalesce(thumbnail_bytes, 0)), 0)::bigint AS size_bytes
      FROM files WHERE owner_id = $1
""")
async def sum_stored(tx: Tx, owner_id: str) -> StoredRow: ...


@query(f"""
    -- A file, if it is the person's own or in a message that they may see.
    SELECT {_COLUMNS} FROM files f
     WHERE f.id = $1
       AND (f.owner_id = $2
            OR EXISTS (SELECT FROM messages m
                         JOIN members me ON me.chat_id = m.chat_id AND me.user_id = $2 AND me.left_at IS NULL
                                        AND m.seq >= me.first_seq
                         JOIN chats c ON c.id = m.chat_id AND c.deleted_at IS NULL
                        WHERE m.content ->> 'file_id' = $1::text))
""")
async def find_file_for(tx: Tx, file_id: str, user_id: str) -> FileRow | None: ...


@query(f"""
    -- A file that somebody has a signed URL of. Once it was sent, a message must hold it: the URL ends with the last one.
    -- The minute is for the first message, which may still be on its way.
    SELECT {_COLUMNS} FROM files f
     WHERE f.id = $1
       AND (f.sent_at IS NULL OR f.sent_at > clock_timestamp() - interval '{_FIRST_SEND_S} seconds'
            OR EXISTS (SELECT FROM messages m
                         JOIN chats c ON c.id = m.chat_id AND c.deleted_at IS NULL
                        WHERE m.content ->> 'file_id' = $1::text))
""")
async def find_signed_file(tx: Tx, file_id: str) -> FileRow | None: ...


@dataclass(frozen=True, slots=True)
class OwnFileRow:
    """A file of the person who asks. ``is_held``: it is marked as sent, and kept long enough for a message to be stored."""

    is_held: bool
    file: FileRow


@query(f"""
    -- A file that its owner wants to send.
    SELECT f.sent_at IS NOT NULL AND f.expires_at > clock_timestamp() + interval '{_SENDING_MINUTES} minutes' AS is_held,
           {", ".join(f'f.{name} AS "file.{name}"' for name in _FIELDS)}
      FROM files f
     WHERE f.id = $1 AND f.owner_id = $2
""")
async def find_own_file(tx: Tx, file_id: str, owner_id: str) -> OwnFileRow | None: ...


@query(f"""
    -- Reserves a file until a message that holds it is stored; null if the file has just been removed.
    UPDATE files SET expires_at = greatest(expires_at, wire_now() + interval '{2 * _SENDING_MINUTES} minutes'),
                     sent_at = coalesce(sent_at, wire_now())
     WHERE id = $1
    RETURNING id
""")
async def hold_file(tx: Tx, file_id: str) -> str | None: ...


@query(f"""
    -- A page of a person's own files, the oldest first, after $2.
    SELECT {_COLUMNS} FROM files f
     WHERE f.owner_id = $1 AND ($2::uuid IS NULL OR f.id > $2)
     ORDER BY f.id
     LIMIT $3
""")
async def list_own_files(tx: Tx, owner_id: str, after_id: str | None, limit: int) -> list[FileRow]: ...


@query("""
    -- Files whose time is over, locked. Those that another process has locked are skipped.
    SELECT id FROM files WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
""")
async def lock_expired(tx: Tx, limit: int) -> list[str]: ...


@query(f"""
    -- Keeps those of the locked files that a message holds.
    UPDATE files f SET expires_at = wire_now() + interval '{UNSENT_HOURS} hours'
     WHERE f.id = ANY ($1::uuid[]) AND EXISTS (SELECT FROM messages m WHERE m.content ->> 'file_id' = f.id::text)
    RETURNING f.id
""")
async def keep_held(tx: Tx, file_ids: list[str]) -> list[str]: ...


@query("""
    -- Removes locked files whose bytes are deleted.
    DELETE FROM files WHERE id = ANY ($1::uuid[])
""")
async def delete_files(tx: Tx, file_ids: list[str]) -> None: ...
