"""Bans: whom the operator keeps out. A ban holds from its commit until it ends or is lifted."""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query

_HOLDS: Final = "lifted_at IS NULL AND (expires_at IS NULL OR expires_at > wire_now())"
_BAN: Final = "id, phone, user_id, network, reason, created_by, created_at, expires_at, lifted_at"


@dataclass(frozen=True, slots=True)
class BanRow:
    """A ban of a number (with the person who has it) or of a range of addresses."""

    id: str
    phone: str | None
    user_id: str | None
    network: str | None
    reason: str | None
    created_by: str
    created_at: str
    expires_at: str | None
    lifted_at: str | None


@query("""
    -- Whoever bans a number, and whoever signs in with it, do that one after the other.
    SELECT pg_advisory_xact_lock(hashtext('bans'), hashtext($1))
""")
async def lock_number(tx: Tx, phone: str) -> None: ...


@query(f"""
    -- Whether a number is banned.
    SELECT EXISTS (SELECT FROM bans WHERE phone = $1 AND {_HOLDS})
""")
async def is_banned(tx: Tx, phone: str) -> bool: ...


@query(f"""
    -- A new ban.
    INSERT INTO bans (id, phone, user_id, network, reason, created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
    RETURNING {_BAN}
""")
async def insert_ban(
    tx: Tx,
    ban_id: str,
    phone: str | None,
    user_id: str | None,
    network: str | None,
    reason: str | None,
    created_by: str,
    expires_at: str | None,
) -> BanRow: ...


@query(f"""
    -- Lifts a ban. One that was lifted stays as it is; null if there is none.
    UPDATE bans SET lifted_at = coalesce(lifted_at, wire_now()) WHERE id = $1
    RETURNING {_BAN}
""")
async def lift_ban(tx: Tx, ban_id: str) -> BanRow | None: ...


@query(f"""
    -- The bans that hold, newest first, before ($1, $2); with $3 the past ones, too.
    SELECT {_BAN} FROM bans
     WHERE ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)) AND ($3::boolean OR ({_HOLDS}))
     ORDER BY created_at DESC, id DESC
     LIMIT $4
""")
async def list_bans(
    tx: Tx,
    before_time: str | None,
    before_id: str | None,
    with_past: bool,  # noqa: FBT001  (a parameter of SQL)
    limit: int,
) -> list[BanRow]: ...


@query(f"""
    -- The bans of one number that hold.
    SELECT {_BAN} FROM bans WHERE phone = $1 AND {_HOLDS} ORDER BY created_at
""")
async def list_bans_of(tx: Tx, phone: str) -> list[BanRow]: ...


@query(f"""
    -- The ranges of addresses that are banned.
    SELECT {_BAN} FROM bans WHERE network IS NOT NULL AND {_HOLDS}
""")
async def list_network_bans(tx: Tx) -> list[BanRow]: ...
