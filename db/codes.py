"""One-time codes: when one may be sent, and the one way of comparing a guess.

A code is meant by its ID, the ``verification_id``: random, and known to nobody but those who asked for the code. So a
stranger's guesses and requests do nothing to the code of somebody else. ``lock_phone`` comes before everything that issues
a code; comparing needs no lock but that of the row itself.
"""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import Affected, query

GUESSES_MAX: Final = 5
"""Wrong guesses after which a code is dead."""
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
    -- The last codes of an hour that were sent to the number and asked for from this network, the newest first.
    SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 AS age_s, used_at IS NOT NULL AS is_used
      FROM login_codes
     WHERE phone = $1 AND network IS NOT DISTINCT FROM $2 AND created_at > clock_timestamp() - interval '1 hour'
     ORDER BY created_at DESC
     LIMIT $3
""")
async def list_sent(tx: Tx, phone: str, network: str | None, limit: int) -> list[SentRow]: ...


@query("""
    -- Whether a challenge that was solved for the number has had its code.
    SELECT EXISTS (SELECT FROM login_codes WHERE phone = $1 AND challenge = $2)
""")
async def is_challenge_used(tx: Tx, phone: str, challenge: str) -> bool: ...


@query(f"""
    INSERT INTO login_codes (id, phone, code_hash, challenge, expires_at)
    VALUES ($1, $2, $3, $4, wire_now() + interval '{LIFETIME_S} seconds')
""")
async def insert_code(tx: Tx, code_id: str, phone: str, code_hash: bytes, challenge: str | None) -> None: ...


@query("""
    -- The code never left: the number may ask again at once.
    DELETE FROM login_codes WHERE id = $1
""")
async def delete_code(tx: Tx, code_id: str) -> None: ...


@query("""
    -- The code that a guess without a verification_id is compared with: the newest.
    SELECT id FROM login_codes WHERE phone = $1 ORDER BY created_at DESC, id LIMIT 1
""")
async def find_newest_code(tx: Tx, phone: str) -> str | None: ...


@query("""
    -- Wrong guesses at the number's codes of the last hour, made with their IDs.
    SELECT coalesce(sum(guesses), 0)::int FROM login_codes
     WHERE phone = $1 AND created_at > clock_timestamp() - interval '1 hour'
""")
async def count_wrong_guesses(tx: Tx, phone: str) -> int: ...


@query("""
    -- Compares one guess: counts it if it is wrong; uses the code up if it is right and $4. Guesses at the same code wait
    -- for each other's commit on the row and then look at the conditions again, so a code is used once and takes at most
    -- $5 wrong guesses, however many come at once. Nothing is returned when it is no longer alive. The comparison takes no
    -- constant time, nor must it: what is compared is a keyed hash, of which a guesser controls no byte.
    UPDATE login_codes
       SET guesses = guesses + (code_hash <> $3)::int,
           used_at = CASE WHEN code_hash = $3 AND $4 THEN wire_now() END
     WHERE id = $1 AND phone = $2 AND used_at IS NULL AND guesses < $5 AND expires_at > wire_now()
    RETURNING code_hash = $3
""")
async def compare_guess(
    tx: Tx,
    code_id: str,
    phone: str,
    code_hash: bytes,
    uses_up: bool,  # noqa: FBT001  (a statement's parameters are positional)
    guesses_max: int,
) -> bool | None: ...


@query("""
    -- The same of a guess without the ID. It has a count of its own, so that whoever does not know the ID burns nothing.
    UPDATE login_codes
       SET loose_guesses = loose_guesses + (code_hash <> $3)::int,
           used_at = CASE WHEN code_hash = $3 AND $4 THEN wire_now() END
     WHERE id = $1 AND phone = $2 AND used_at IS NULL AND loose_guesses < $5 AND expires_at > wire_now()
    RETURNING code_hash = $3
""")
async def compare_loose_guess(
    tx: Tx,
    code_id: str,
    phone: str,
    code_hash: bytes,
    uses_up: bool,  # noqa: FBT001  (as above)
    guesses_max: int,
) -> bool | None: ...


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
