"""The audit log: every call of an operator leaves a row, in the transaction of what it changed.

To add an action: a member of :class:`AuditAction`, and a call of :func:`record` in the function that does it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.ids import new_id
from db import audit
from db.api_keys import KeyRow
from db.audit import AuditEntry, AuditRow
from db.pool import Database, Tx


class AuditAction(StrEnum):
    """What an operator did."""

    USERS_FOUND = "user.find"
    USER_SHOWN = "user.show"
    USER_EXPORTED = "user.export"
    USER_ERASED = "user.erase"
    SESSIONS_ENDED = "session.end"
    CONNECTION_ENDED = "connection.end"
    BANNED = "ban.create"
    BAN_LIFTED = "ban.lift"
    BANS_LISTED = "ban.list"
    MESSAGE_DELETED = "message.delete"
    CHAT_DELETED = "chat.delete"
    REPORTS_LISTED = "report.list"
    REPORT_SETTLED = "report.settle"
    ANNOUNCED = "announcement.create"
    ANNOUNCEMENT_ENDED = "announcement.end"
    ANNOUNCEMENTS_LISTED = "announcement.list"
    RETENTION_SET = "retention.set"
    RETENTION_LISTED = "retention.list"
    LOG_READ = "audit.list"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who calls: the key, and where the call came from."""

    key: KeyRow
    address: str | None
    request_id: str | None


async def record(
    tx: Tx,
    operator: Operator,
    action: AuditAction,
    target: str | None = None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add a row. ``target``: what it was done to, such as ``user 0192…``; ``before`` and ``after``: what changed."""
    key, address, request_id = operator.key, operator.address, operator.request_id
    entry = AuditEntry(new_id(), key.id, key.name, action.value, target, address, request_id, before, after)
    await audit.insert_entry(tx, entry)


async def list_log(
    database: Database, operator: Operator, *, target: str | None, before: tuple[str | None, str | None], limit: int
) -> list[AuditRow]:
    """A page of the log, newest first: of everything, or of one ``target``. ``before``: where to go on (time, ID)."""
    async with database.transaction() as tx:
        rows = await audit.list_entries(tx, *before, target, limit)
        await record(tx, operator, AuditAction.LOG_READ, target)
        return rows
