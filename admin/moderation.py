"""Messages and chats that the operator deletes, and what people reported."""

from dataclasses import asdict

from admin.audit import AuditAction, Operator, record
from admin.services import AdminServices
from core.errors import NotFound
from db import operator_views, reports
from db.reports import ReportRow
from realtime import moderation
from realtime.model.chat_changes import announce_moved_pins
from realtime.wire.changes import chat_subject


async def delete_message(services: AdminServices, operator: Operator, chat_id: str, seq: int) -> None:
    """Empty a message. ``NotFound`` (``chat_id``, ``seq``); a second time changes nothing."""
    async with services.chat.changes.of(chat_subject(chat_id)) as change:
        before = await moderation.delete_message(change, chat_id, seq)
        await record(
            change.tx, operator, AuditAction.MESSAGE_DELETED, f"chat {chat_id}", before={"seq": seq} | asdict(before)
        )


async def delete_chat(services: AdminServices, operator: Operator, chat_id: str) -> None:
    """Delete a chat for all its members. ``NotFound`` (``chat_id``); a second time changes nothing."""
    async with services.chat.changes.of(chat_subject(chat_id)) as change:
        before = await operator_views.find_chat(change.tx, chat_id)
        if before is None:
            raise NotFound("chat_id")
        moved = [] if before.deleted_at is not None else await moderation.delete_chat(change, chat_id)
        await record(change.tx, operator, AuditAction.CHAT_DELETED, f"chat {chat_id}", before=asdict(before))
    await announce_moved_pins(services.chat, moved)


async def list_reports(
    services: AdminServices,
    operator: Operator,
    *,
    before: tuple[str | None, str | None],
    is_settled: bool | None,
    limit: int,
) -> list[ReportRow]:
    """A page of reports, newest first: open ones, settled ones, or all. ``before``: the time and the ID to go on from."""
    async with services.database.transaction() as tx:
        rows = await reports.list_reports(tx, *before, is_settled, limit)
        await record(tx, operator, AuditAction.REPORTS_LISTED)
    return rows


async def settle_report(
    services: AdminServices, operator: Operator, report_id: str, *, outcome: str, note: str | None
) -> ReportRow:
    """Write down what became of a report; again to correct it. ``NotFound`` (``report_id``)."""
    async with services.database.transaction() as tx:
        before = await reports.lock_report(tx, report_id)
        if before is None:
            raise NotFound("report_id")
        row = await reports.settle_report(tx, report_id, operator.key.name, outcome, note)
        await record(
            tx,
            operator,
            AuditAction.REPORT_SETTLED,
            f"report {report_id}",
            before={"outcome": before.outcome, "note": before.note},
            after={"outcome": outcome, "note": note},
        )
    return row
