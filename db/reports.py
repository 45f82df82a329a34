"""Reports to the operator: what somebody found wrong, kept as it was when it was reported."""

from typing import Any

from db.pool import Tx
from db.query import query


@query("""
    -- One report of a person at a time is counted and stored, so that many at once cannot pass the bound.
    SELECT pg_advisory_xact_lock(hashtext('reports'), hashtext($1))
""")
async def lock_reporter(tx: Tx, reporter_id: str) -> None: ...


@query("""
    -- Stores a report, unless the person has made as many as a day allows ($9; null: any number); then
    -- null.
    INSERT INTO reports (id, reporter_id, reason, comment, chat_id, seq, user_id, reported)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8
     WHERE $9::bigint IS NULL
        OR (SELECT count(*) FROM reports r
             WHERE r.reporter_id = $2 AND r.created_at > clock_timestamp() - interval '1 day') < $9
    RETURNING id
""")
async def insert_report(
    tx: Tx,
    report_id: str,
    reporter_id: str,
    reason: str,
    comment: str | None,
    chat_id: str | None,
    seq: int | None,
    user_id: str | None,
    reported: dict[str, Any],
    count_max: int | None,
) -> str | None: ...
