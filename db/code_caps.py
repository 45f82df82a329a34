"""Where codes were asked for and where they went, for the caps on what strangers may have sent at the operator's expense.

:func:`lock_caps` comes after ``codes.lock_phone`` and before everything that counts here, so that many at once are counted
one after the other.
"""

from dataclasses import dataclass

from db.pool import Tx
from db.query import query


@query("""
    -- Codes under one cap are issued one after the other; until the end of the transaction. Everybody takes the locks in
    -- the order of their keys, so nobody waits in a circle.
    SELECT pg_advisory_xact_lock(key)
      FROM (SELECT DISTINCT hashtextextended('login_codes of ' || cap, 0) AS key
              FROM unnest($1::text[]) AS wanted (cap)
             ORDER BY key) AS ordered
""")
async def lock_caps(tx: Tx, caps: list[str]) -> None: ...


@query("""
    -- How many seconds ago an address asked for the last of its last $2 codes; null if there are not so many.
    SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
      FROM login_codes WHERE address = $1 ORDER BY created_at DESC OFFSET $2 - 1 LIMIT 1
""")
async def find_age_by_address_s(tx: Tx, address: str, count: int) -> float | None: ...


@query("""
    -- The same of a network.
    SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
      FROM login_codes WHERE network = $1 ORDER BY created_at DESC OFFSET $2 - 1 LIMIT 1
""")
async def find_age_by_network_s(tx: Tx, network: str, count: int) -> float | None: ...


@query("""
    -- The same of the codes that went to a country.
    SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
      FROM login_codes WHERE country = $1 ORDER BY created_at DESC OFFSET $2 - 1 LIMIT 1
""")
async def find_age_by_country_s(tx: Tx, country: str, count: int) -> float | None: ...


@query("""
    -- The same of the codes that went to one number.
    SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
      FROM login_codes WHERE phone = $1 ORDER BY created_at DESC OFFSET $2 - 1 LIMIT 1
""")
async def find_age_by_phone_s(tx: Tx, phone: str, count: int) -> float | None: ...


@query("""
    -- The same of the codes that went to a block of numbers.
    SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
      FROM login_codes WHERE prefix = $1 AND is_sent ORDER BY created_at DESC OFFSET $2 - 1 LIMIT 1
""")
async def find_age_by_prefix_s(tx: Tx, prefix: str, count: int) -> float | None: ...


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """How much of today's budget is spent, and how long today (UTC) still lasts."""

    sent: int
    left_s: float


@query("""
    -- One code more of today's budget.
    INSERT INTO code_budget AS b (day, sent) VALUES ((clock_timestamp() AT TIME ZONE 'UTC')::date, 1)
    ON CONFLICT ON CONSTRAINT code_budget_pkey DO UPDATE SET sent = b.sent + 1
    RETURNING sent, extract(epoch FROM ((day + 1)::timestamp AT TIME ZONE 'UTC') - clock_timestamp())::float8 AS left_s
""")
async def spend_budget(tx: Tx) -> BudgetRow: ...


@dataclass(frozen=True, slots=True)
class RedemptionRow:
    """Of the codes that went to a block of numbers and had their time: how many, and how many came back."""

    sent: int
    redeemed: int


@query("""
    -- What became of the codes of the last $2 seconds to a block of numbers; those of the last $3 may still be typed in.
    SELECT count(*) AS sent, count(used_at) AS redeemed
      FROM login_codes
     WHERE prefix = $1 AND is_sent
       AND created_at > clock_timestamp() - make_interval(secs => $2)
       AND created_at < clock_timestamp() - make_interval(secs => $3)
""")
async def count_redeemed(tx: Tx, prefix: str, window_s: float, lifetime_s: float) -> RedemptionRow: ...


@query("""
    -- Where a new code was asked for, where it goes, and whether it goes at all.
    UPDATE login_codes SET address = $2, network = $3, prefix = $4, country = $5, is_sent = $6 WHERE id = $1
""")
async def note_origin(
    tx: Tx,
    code_id: str,
    address: str | None,
    network: str | None,
    prefix: str,
    country: str | None,
    is_sent: bool,  # noqa: FBT001  (a statement's parameters are positional)
) -> None: ...
