"""One-time codes: when one may be sent, and the one way of comparing a guess.

At most one code of a number is alive: not used, not expired, fewer than :data:`GUESSES_MAX` guesses compared.
``lock_phone`` comes before everything that issues a code; comparing needs no lock but that of the row itself.
"""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import Affected, query

GUESSES_MAX: Final = 5
LIFETIME_S: Final = 300
KEPT_DAYS: Final = 1
"""How long a code counts in the limits, and is kept."""
SWEPT_AT_ONCE_MAX: Final = 100


@query("""
    -- Codes for one number are issued one after the other; until the end of the transaction.
    SELECT pg_advisory_xact_lock(hashtextextended('login_codes ' || $1, 0))
""")
async def lock_phone(tx: Tx, phone: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SentRow:
    """A code that was sent."""

    age_s: float
    is_used: bool


@query("""
    -- The last codes of a day that were sent to the number, the newest first.
    SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 AS age_s, used_at IS NOT NULL AS is_used
      FROM login_codes
     WHERE phone = $1 AND created_at > clock_timestamp() - interval '1 day'
     ORDER BY created_at DESC
     LIMIT $2
""")
async def list_sent(tx: Tx, phone: str, limit: int) -> list[SentRow]: ...


@query("""
    -- A new code makes the older ones dead.
    UPDATE login_codes SET expires_at = wire_now() WHERE phone = $1 AND expires_at > wire_now()
""")
async def expire_codes(tx: Tx, phone: str) -> None: ...


@query(f"""
    INSERT INTO login_codes (id, phone, code_hash, expires_at)
    VALUES ($1, $2, $3, wire_now() + interval '{LIFETIME_S} seconds')
""")
async def insert_code(tx: Tx, code_id: str, phone: str, code_hash: bytes) -> None: ...


@query("""
    -- The code never left: the number may ask again at once.
    DELETE FROM login_codes WHERE id = $1
""")
async def delete_code(tx: Tx, code_id: str) -> None: ...


@query(f"""
    -- The code that a guess is to be compared with.
    SELECT id FROM login_codes
     WHERE phone = $1 AND used_at IS NULL AND guesses < {GUESSES_MAX} AND expires_at > wire_now()
     ORDER BY created_at DESC
     LIMIT 1
""")
async def find_live_code(tx: Tx, phone: str) -> str | None: ...


@query(f"""
    -- Compares one guess, counts it, and uses the code up if it is right. Guesses at the same code wait for each other's
    -- commit on the row and then look at the conditions again, so a code is used once and compared five times at most,
    -- however many come at once. Nothing is returned when it is no longer alive. The comparison takes no constant time,
    -- nor must it: what is compared is a keyed hash, of which a guesser controls no byte.
    UPDATE login_codes
       SET guesses = guesses + 1, used_at = CASE WHEN code_hash = $2 THEN wire_now() END
     WHERE id = $1 AND used_at IS NULL AND guesses < {GUESSES_MAX} AND expires_at > wire_now()
    RETURNING used_at IS NOT NULL
""")
async def compare_guess(tx: Tx, code_id: str, code_hash: bytes) -> bool | None: ...


@query(f"""
    -- Rows that no limit counts any more. What another transaction is sweeping is left to it.
    DELETE FROM login_codes
     WHERE id IN (SELECT id FROM login_codes
                   WHERE created_at < clock_timestamp() - interval '{KEPT_DAYS} days'
                   ORDER BY created_at
                   LIMIT {SWEPT_AT_ONCE_MAX}
                     FOR UPDATE SKIP LOCKED)
""")
async def sweep_codes(tx: Tx) -> Affected: ...
