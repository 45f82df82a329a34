"""``/v1/admin/chats`` and ``/v1/admin/reports``: delete messages and chats, and settle what people reported."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from admin import moderation
from core.errors import ErrorCode
from core.limits import SEQ_MAX
from http_api.middleware.bodies import StrictRoute
from http_api.operators import OPERATOR_ERRORS, AdminServicesOf, OperatorOf
from http_api.problems import refusals
from http_api.routes.admin.pages import LIMIT_DEFAULT, Cursor, Limit, next_cursor, position_in
from realtime.wire.fields import CHAT_ID, USER_ID, ClientPayload, Id, ServerPayload, Time, VisibleText

router = APIRouter(prefix="/v1/admin", tags=["Admin"], route_class=StrictRoute)

ChatId = Annotated[Id, Path(description="ID of the chat.", examples=[CHAT_ID])]


class Report(ServerPayload):
    """What somebody reported, as it was then, and what became of it."""

    id: Id = Field(description="ID of the report.", examples=[CHAT_ID])
    reporter_id: Id = Field(description="Who reported it.", examples=[USER_ID])
    reason: str = Field(description="`spam`, `abuse`, `illegal` or `other`.", examples=["spam"])
    comment: str | None = Field(description="More about it, or null.", examples=["The same advertisement in every group"])
    chat_id: Id | None = Field(description="The chat, or null.", examples=[CHAT_ID])
    seq: int | None = Field(description="The message, or null.", examples=[42])
    user_id: Id | None = Field(description="The person; of a message, its sender. Null for a chat.", examples=[USER_ID])
    reported: dict[str, Any] = Field(
        description="The message, chat and person, as they were when it was reported.", examples=[{}]
    )
    created_at: Time = Field(description="When it was reported.", examples=["2026-11-23T05:08:04.123Z"])
    settled_at: Time | None = Field(description="When it was settled; null: it is open.", examples=[None])
    settled_by: str | None = Field(description="Name of the key, or null.", examples=[None])
    outcome: str | None = Field(description="`acted`, `dismissed` or null.", examples=[None])
    note: str | None = Field(description="What the operator wrote, or null.", examples=[None])


class ReportPage(ServerPayload):
    """Reports, newest first."""

    reports: list[Report] = Field(description="The reports.")
    next_cursor: str | None = Field(description="Where the next page begins; null: there is none.", examples=[None])


class Settlement(ClientPayload):
    """What became of a report."""

    outcome: Literal["acted", "dismissed"] = Field(description="Whether something was done about it.", examples=["acted"])
    note: Annotated[VisibleText, Field(max_length=500)] | None = Field(
        None, description="What was done; for operators only.", examples=["Message deleted"]
    )


@router.delete(
    "/chats/{chat_id}/messages/{seq}", status_code=204, responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND)
)
async def delete_message_of_chat(
    chat_id: ChatId,
    seq: Annotated[int, Path(ge=1, le=SEQ_MAX, description="`seq` of the message.", examples=[1])],
    services: AdminServicesOf,
    operator: OperatorOf,
) -> None:
    """Delete a message, whoever wrote it. Members see the same as if its sender had deleted it."""
    await moderation.delete_message(services, operator, chat_id, seq)


@router.delete("/chats/{chat_id}", status_code=204, responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND))
async def delete_chat(chat_id: ChatId, services: AdminServicesOf, operator: OperatorOf) -> None:
    """Delete a chat for all its members. The server removes its messages in the background."""
    await moderation.delete_chat(services, operator, chat_id)


@router.get("/reports", responses=refusals(*OPERATOR_ERRORS))
async def list_reports(
    services: AdminServicesOf,
    operator: OperatorOf,
    cursor: Cursor = None,
    state: Annotated[Literal["open", "settled", "all"], Query(description="Which reports.")] = "open",
    limit: Limit = LIMIT_DEFAULT,
) -> ReportPage:
    """List what people reported, newest first."""
    is_settled = None if state == "all" else state == "settled"
    rows = await moderation.list_reports(
        services, operator, before=position_in(cursor), is_settled=is_settled, limit=limit + 1
    )
    return ReportPage(reports=[Report.model_validate(row) for row in rows[:limit]], next_cursor=next_cursor(rows, limit))


@router.post(
    "/reports/{report_id}/settle",
    responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND, ErrorCode.PAYLOAD_TOO_LARGE),
)
async def settle_report(
    report_id: Annotated[Id, Path(description="ID of the report.", examples=[CHAT_ID])],
    payload: Settlement,
    services: AdminServicesOf,
    operator: OperatorOf,
) -> Report:
    """Write down what became of a report. Do it again to correct it."""
    row = await moderation.settle_report(services, operator, report_id, outcome=payload.outcome, note=payload.note)
    return Report.model_validate(row)
