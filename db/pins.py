"""The PIN of a person: a second factor at sign-in. Only its Argon2id hash is stored.

A try is counted before it is checked, so that many at once are not more than :data:`TRIES_MAX`. A right one takes the count
back to zero.
"""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import Affected, query

TRIES_MAX: Final = 5
"""Wrong PINs after which no PIN is compared for :data:`LOCK_DAYS`."""
LOCK_DAYS: Final = 1
LAPSE_DAYS: Final = 7
"""A PIN that was forgotten lapses when its person has had no living session for so long."""

_IS_STALE: Final = f"tried_at < clock_timestamp() - interval '{LOCK_DAYS} days'"


@dataclass(frozen=True, slots=True)
class PinRow:
    """What a sign-in has to know of a PIN."""

    user_id: str
    pin_hash: str
    locked_for_s: float | None
    """Seconds until a PIN is compared again; null if one is compared now."""
    is_lapsed: bool


@query(f"""
    -- The PIN of the person with this number. It lapses some days after the last session ended; sessions that were swept
    -- ended long ago.
    SELECT p.user_id, p.pin_hash,
           CASE WHEN p.tries >= {TRIES_MAX} AND p.tried_at > clock_timestamp() - interval '{LOCK_DAYS} days'
                THEN extract(epoch FROM p.tried_at + interval '{LOCK_DAYS} days' - clock_timestamp())::float8
           END AS locked_for_s,
           greatest(p.set_at, ended.at) < clock_timestamp() - interval '{LAPSE_DAYS} days' AS is_lapsed
      FROM users u
      JOIN user_pins p ON p.user_id = u.id
     CROSS JOIN LATERAL (SELECT max(least(s.revoked_at, s.expires_at)) AS at
                           FROM login_sessions s WHERE s.user_id = u.id) ended
     WHERE u.phone = $1 AND u.deleted_at IS NULL
""")
async def find_pin(tx: Tx, phone: str) -> PinRow | None: ...


@query(f"""
    -- Counts a try at the PIN before it is compared. Nothing is touched if it is locked, or another one by now.
    UPDATE user_pins
       SET tries = CASE WHEN {_IS_STALE} THEN 1 ELSE tries + 1 END, tried_at = wire_now()
     WHERE user_id = $1 AND pin_hash = $2 AND (tries < {TRIES_MAX} OR {_IS_STALE})
""")
async def count_try(tx: Tx, user_id: str, pin_hash: str) -> Affected: ...


@query("""
    -- The try was right. Nothing is touched if the PIN is another one by now.
    UPDATE user_pins SET tries = 0, tried_at = NULL WHERE user_id = $1 AND pin_hash = $2
""")
async def forget_tries(tx: Tx, user_id: str, pin_hash: str) -> Affected: ...


@query("""
    -- Gives somebody a PIN, or another one; nothing happens to an account that was deleted.
    INSERT INTO user_pins (user_id, pin_hash)
    SELECT u.id, $2 FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL
    ON CONFLICT ON CONSTRAINT user_pins_pkey
    DO UPDATE SET pin_hash = excluded.pin_hash, tries = 0, tried_at = NULL, set_at = wire_now()
""")
async def set_pin(tx: Tx, user_id: str, pin_hash: str) -> Affected: ...


@query("""
    DELETE FROM user_pins WHERE user_id = $1
""")
async def delete_pin(tx: Tx, user_id: str) -> Affected: ...
