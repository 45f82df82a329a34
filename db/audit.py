"""The audit log: what operators did. Rows are added and never changed; a trigger refuses that."""

from dataclasses import dataclass
from typing import Any

from db.pool import Tx
from db.query import query


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A row to add. The fields are columns of ``audit_log``."""

    id: str
    key_id: str
    key_name: str
    action: str
    target: str | None
    address: str | None
    request_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A call of an operator."""

    id: str
    created_at: str
    key_name: str
    action: str
    target: str | None
    address: str | None
    request_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@query("""
    -- What an operator did.
    INSERT INTO audit_log (id, key_id, key_name, action, target, address, request_id, before, after)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
""")
async def insert_entry(tx: Tx, entry: AuditEntry) -> None: ...


@query("""
    -- A page of the log, newest first, before ($1, $2): of everything, or of what was done to $3.
    SELECT id, created_at, key_name, action, target, address, request_id, before, after
      FROM audit_log
     WHERE ($1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)) AND ($3::text IS NULL OR target = $3)
     ORDER BY created_at DESC, id DESC
     LIMIT $4
""")
async def list_entries(
    tx: Tx, before_time: str | None, before_id: str | None, target: str | None, limit: int
) -> list[AuditRow]: ...
