"""``/v1/admin/audit``: who did what."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from admin import audit
from http_api.operators import OPERATOR_ERRORS, AdminServicesOf, OperatorOf
from http_api.problems import refusals
from http_api.routes.admin.pages import LIMIT_DEFAULT, Cursor, Limit, next_cursor, position_in
from realtime.wire.fields import CHAT_ID, USER_ID, Id, ServerPayload, StoredText, Time

router = APIRouter(prefix="/v1/admin/audit", tags=["Admin"])


class AuditLogEntry(ServerPayload):
    """One call of an operator."""

    id: Id = Field(description="ID of the entry.", examples=[CHAT_ID])
    created_at: Time = Field(description="When.", examples=["2026-11-23T05:08:04.123Z"])
    key_name: str = Field(description="Who: the name of the key.", examples=["night shift"])
    action: str = Field(description="What.", examples=["ban.create"])
    target: str | None = Field(description="On whom or what, or null.", examples=[f"user {USER_ID}"])
    address: str | None = Field(description="From where: the network address.", examples=["203.0.113.7"])
    request_id: str | None = Field(description="The log lines of the call have it.", examples=[CHAT_ID])
    before: dict[str, Any] | None = Field(description="What it was before, where that says something.", examples=[None])
    after: dict[str, Any] | None = Field(description="What it is now, where that says something.", examples=[None])


class AuditPage(ServerPayload):
    """The log, newest first."""

    entries: list[AuditLogEntry] = Field(description="The entries.")
    next_cursor: str | None = Field(description="Where the next page begins; null: there is none.", examples=[None])


@router.get("", responses=refusals(*OPERATOR_ERRORS))
async def read_audit_log(
    services: AdminServicesOf,
    operator: OperatorOf,
    cursor: Cursor = None,
    target: Annotated[
        StoredText | None,
        Query(description="Only what was done to this, such as `user` and an ID.", max_length=200),
    ] = None,
    limit: Limit = LIMIT_DEFAULT,
) -> AuditPage:
    """Read what operators did, newest first. Entries are never changed or deleted."""
    rows = await audit.list_log(services.database, operator, target=target, before=position_in(cursor), limit=limit + 1)
    return AuditPage(
        entries=[AuditLogEntry.model_validate(row) for row in rows[:limit]], next_cursor=next_cursor(rows, limit)
    )
