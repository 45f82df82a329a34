"""Wrong guesses at one-time codes, counted for the address and the network that they come from, in fixed windows."""

from typing import Final

from db.pool import Tx
from db.query import Affected, query

WINDOW_S: Final = 600
_SWEPT_AT_ONCE_MAX: Final = 100

_WINDOW: Final = f"to_timestamp(floor(extract(epoch FROM clock_timestamp()) / {WINDOW_S}) * {WINDOW_S})"


@query(f"""
    -- Seconds until the present window ends, if one of these origins has had its number of failures in it; otherwise null.
    SELECT extract(epoch FROM f.began_at - clock_timestamp())::float8 + {WINDOW_S}
      FROM unnest($1::text[], $2::int8[]) AS bound (origin, failures_max)
      JOIN sign_in_failures f ON f.origin = bound.origin AND f.began_at = {_WINDOW} AND f.failures >= bound.failures_max
     LIMIT 1
""")
async def find_wait_s(tx: Tx, origins: list[str], failures_max: list[int]) -> float | None: ...


@query(f"""
    -- One failure more of each origin. Everybody takes the rows in the same order, so nobody waits in a circle.
    INSERT INTO sign_in_failures AS f (origin, began_at, failures)
    SELECT origin, {_WINDOW}, 1 FROM unnest($1::text[]) AS failed (origin) ORDER BY origin
    ON CONFLICT ON CONSTRAINT sign_in_failures_pkey DO UPDATE SET failures = f.failures + 1
""")
async def count_failure(tx: Tx, origins: list[str]) -> None: ...


@query(f"""
    -- Windows that have ended. What another transaction is sweeping is left to it.
    DELETE FROM sign_in_failures
     WHERE (origin, began_at) IN (SELECT origin, began_at FROM sign_in_failures
                                   WHERE began_at < clock_timestamp() - interval '{2 * WINDOW_S} seconds'
                                   LIMIT {_SWEPT_AT_ONCE_MAX}
                                     FOR UPDATE SKIP LOCKED)
""")
async def sweep_failures(tx: Tx) -> Affected: ...
