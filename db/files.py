"""Attachments: who may have one, and how long it is kept.

A file is for its owner and for whoever may see a message that holds it; that is looked up in the messages each time, so
that a deleted message, or a member who left, takes the right away at once.

What must stay true: a file that a message holds is never swept. Sending holds a file (:func:`hold_file`) for longer than
storing a message can take; the sweeper looks at the messages only while it has the file's row locked, and passes over
files that are held.
"""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query

UNSENT_HOURS: Final = 24
"""How long an upload waits to be sent; also how often a sent one is looked at."""
_SENDING_MINUTES: Final = 60

_FIELDS: Final = (
    "id", "owner_id", "kind", "mime", "name", "size_bytes", "width", "height", "duration_ms", "blurhash",
    "thumbnail_mime", "created_at",
)  # fmt: skip
_COLUMNS: Final = ", ".join(f"f.{name}" for name in _FIELDS)


@dataclass(frozen=True, slots=True)
class FileRow:
    """An attachment. Nothing of it ever changes."""

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
                            thumbnail_mime, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, wire_now() + interval '{UNSENT_HOURS} hours')
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
) -> FileRow: ...


@query("""
    -- The bytes could not be stored.
    DELETE FROM files WHERE id = $1
""")
async def delete_file(tx: Tx, file_id: str) -> None: ...


@query("""
    -- How much somebody has uploaded in a day.
    SELECT coalesce(sum(size_bytes), 0)::bigint FROM files
     WHERE owner_id = $1 AND created_at > clock_timestamp() - interval '1 day'
""")
async def sum_uploaded_bytes(tx: Tx, owner_id: str) -> int: ...


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


@dataclass(frozen=True, slots=True)
class OwnFileRow:
    """Somebody's own file. ``is_held``: it is kept for long enough to send it."""

    is_held: bool
    file: FileRow


@query(f"""
    -- Somebody's own file, to be sent.
    SELECT f.expires_at > clock_timestamp() + interval '{_SENDING_MINUTES} minutes' AS is_held,
           {", ".join(f'f.{name} AS "file.{name}"' for name in _FIELDS)}
      FROM files f
     WHERE f.id = $1 AND f.owner_id = $2
""")
async def find_own_file(tx: Tx, file_id: str, owner_id: str) -> OwnFileRow | None: ...


@query(f"""
    -- Keeps a file while a message that is to hold it is stored; null when it was swept just now.
    UPDATE files SET expires_at = greatest(expires_at, wire_now() + interval '{2 * _SENDING_MINUTES} minutes')
     WHERE id = $1
    RETURNING id
""")
async def hold_file(tx: Tx, file_id: str) -> str | None: ...


@query(f"""
    -- A page of somebody's own files, in the order in which they came, behind $2.
    SELECT {_COLUMNS} FROM files f
     WHERE f.owner_id = $1 AND ($2::uuid IS NULL OR f.id > $2)
     ORDER BY f.id
     LIMIT $3
""")
async def list_own_files(tx: Tx, owner_id: str, after_id: str | None, limit: int) -> list[FileRow]: ...


@query("""
    -- Files to look at, locked. What another node looks at is left to it.
    SELECT id FROM files WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
""")
async def lock_expired(tx: Tx, limit: int) -> list[str]: ...


@query(f"""
    -- Of locked files, those that a message holds: they are kept for another while.
    UPDATE files f SET expires_at = wire_now() + interval '{UNSENT_HOURS} hours'
     WHERE f.id = ANY ($1::uuid[]) AND EXISTS (SELECT FROM messages m WHERE m.content ->> 'file_id' = f.id::text)
    RETURNING f.id
""")
async def keep_held(tx: Tx, file_ids: list[str]) -> list[str]: ...


@query("""
    -- Locked files whose bytes are gone.
    DELETE FROM files WHERE id = ANY ($1::uuid[])
""")
async def delete_files(tx: Tx, file_ids: list[str]) -> None: ...
