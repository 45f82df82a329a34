"""Avatars: which pictures are stored, and which person or group has which.

A picture is stored under its content address, so people and groups with the same one share it. What must stay true: a
picture that somebody has is never removed. Storing one holds it (:func:`hold_avatar`) for longer than that can take; it is
removed only by who has its row locked and has then seen that nobody has it.
"""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query

_STORING_MINUTES: Final = 60


@query(f"""
    -- A picture is about to be stored, perhaps again, by somebody who will have it: nobody removes it meanwhile.
    INSERT INTO avatars (id, expires_at) VALUES ($1, wire_now() + interval '{_STORING_MINUTES} minutes')
    ON CONFLICT ON CONSTRAINT avatars_pkey DO UPDATE SET expires_at = excluded.expires_at
""")
async def hold_avatar(tx: Tx, avatar_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class WearerRow:
    """Somebody, and the picture they have."""

    user_id: str
    avatar_id: str | None


@query("""
    -- From here on nobody else gives this person a picture, or takes it, or deletes the account.
    SELECT id AS user_id, avatar_id FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE
""")
async def lock_wearer(tx: Tx, user_id: str) -> WearerRow | None: ...


@query("""
    -- Locks pictures in one order, so that people who take each other's do not wait for each other.
    SELECT id FROM avatars WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE
""")
async def lock_avatars(tx: Tx, avatar_ids: list[str]) -> list[str]: ...


@query("""
    -- All sizes of the picture at once.
    UPDATE users SET avatar_id = $2, changed_xid = change_xid() WHERE id = $1
""")
async def set_avatar(tx: Tx, user_id: str, avatar_id: str | None) -> None: ...


@query("""
    -- Of locked pictures: somebody has this one now.
    UPDATE avatars SET expires_at = NULL WHERE id = $1
""")
async def note_used(tx: Tx, avatar_id: str) -> None: ...


@query("""
    -- Of locked pictures: somebody does not have this one any more, so it is in doubt, unless it is held.
    UPDATE avatars SET expires_at = greatest(expires_at, wire_now()) WHERE id = $1
""")
async def note_unused(tx: Tx, avatar_id: str) -> None: ...


@query("""
    -- Pictures that may be nobody's.
    SELECT id FROM avatars WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $1
""")
async def list_doubtful(tx: Tx, limit: int) -> list[str]: ...


@query("""
    -- A picture that may be nobody's, locked; null when it is held, or another node looks at it.
    SELECT id FROM avatars WHERE id = $1 AND expires_at <= clock_timestamp() FOR UPDATE SKIP LOCKED
""")
async def lock_doubtful(tx: Tx, avatar_id: str) -> str | None: ...


@query("""
    -- Of a locked picture: if somebody has it after all, it is in no doubt any more.
    UPDATE avatars a SET expires_at = NULL
     WHERE a.id = $1 AND (EXISTS (SELECT FROM users u WHERE u.avatar_id = a.id)
                          OR EXISTS (SELECT FROM chats c WHERE c.avatar_id = a.id AND c.deleted_at IS NULL))
    RETURNING a.id
""")
async def keep_used(tx: Tx, avatar_id: str) -> str | None: ...


@query("""
    -- A locked picture whose images are gone.
    DELETE FROM avatars WHERE id = $1
""")
async def delete_avatar(tx: Tx, avatar_id: str) -> None: ...


@query("""
    -- The picture of a locked group; the caller raises the version.
    UPDATE chats SET avatar_id = $2 WHERE id = $1
""")
async def set_group_avatar(tx: Tx, chat_id: str, avatar_id: str | None) -> None: ...
