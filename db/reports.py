"""Reports to the operator: what somebody found wrong, kept as it was when it was reported."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report as the operator sees it. ``reported``: what it is about, as it was when it was reported."""

    id: str
    reporter_id: str
    reason: str
    comment: str | None
    chat_id: str | None
    seq: int | None
    user_id: str | None
    reported: dict[str, Any]
    created_at: str
    settled_at: str | None
    settled_by: str | None
    outcome: str | None
    note: str | None


_REPORT = (
    "id, reporter_id, reason, comment, chat_id, seq, user_id, reported, created_at, settled_at, settled_by, outcome, note"
)


@query(f"""
    -- A page of reports, the newest first, before ($1, $2): open ones, settled ones, or all ($3 null).
    SELECT {_REPORT} FROM reports
     WHERE ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid))
       AND ($3::boolean IS NULL OR (settled_at IS NOT NULL) = $3)
     ORDER BY created_at DESC, id DESC
     LIMIT $4
""")
async def list_reports(
    tx: Tx,
    before_time: str | None,
    before_id: str | None,
    is_settled: bool | None,  # noqa: FBT001  (a parameter of SQL)
    limit: int,
) -> list[ReportRow]: ...


@query(f"""
    -- One report, locked until the transaction ends.
    SELECT {_REPORT} FROM reports WHERE id = $1 FOR UPDATE
""")
async def lock_report(tx: Tx, report_id: str) -> ReportRow | None: ...


@query(f"""
    -- What became of a report.
    UPDATE reports SET settled_at = wire_now(), settled_by = $2, outcome = $3, note = $4 WHERE id = $1
    RETURNING {_REPORT}
""")
async def settle_report(tx: Tx, report_id: str, settled_by: str, outcome: str, note: str | None) -> ReportRow: ...
