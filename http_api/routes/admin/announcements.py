"""``/v1/admin/announcements``: tell everybody something."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path
from pydantic import Field

from admin import announcements
from core.clock import wire_time
from core.errors import ErrorCode
from db.announcements import AnnouncementRow
from http_api.middleware.bodies import StrictRoute
from http_api.operators import OPERATOR_ERRORS, AdminServicesOf, OperatorOf
from http_api.problems import refusals
from realtime.sessions.payloads import Announcement
from realtime.wire.fields import CHAT_ID, ClientPayload, Id, ServerPayload, TimeIn, VisibleText

router = APIRouter(prefix="/v1/admin/announcements", tags=["Admin"], route_class=StrictRoute)

_LASTS: Final = timedelta(days=1)


class AnnouncementCreate(ClientPayload):
    """What to tell everybody."""

    text: Annotated[VisibleText, Field(max_length=1000)] = Field(
        description="The text.", examples=["Maintenance tonight from 02:00 to 02:10 UTC."]
    )
    level: Literal["info", "warning", "critical"] = Field("info", description="How important it is.", examples=["info"])
    until: TimeIn | None = Field(None, description="When it ends; null: in 24 hours.", examples=[None])


class AdminAnnouncement(Announcement):
    """An announcement."""

    id: Id = Field(description="ID of the announcement.", examples=[CHAT_ID])


class AnnouncementList(ServerPayload):
    """What is announced now."""

    announcements: list[AdminAnnouncement] = Field(description="Those that have not ended, the oldest first.")


@router.post("", status_code=201, responses=refusals(*OPERATOR_ERRORS, ErrorCode.PAYLOAD_TOO_LARGE))
async def create_announcement(
    payload: AnnouncementCreate, services: AdminServicesOf, operator: OperatorOf
) -> AdminAnnouncement:
    """Tell everybody who is online, with the event `server:announcement`, and who connects until it ends.

    With a time in the past it has ended already: clients show nothing.
    """
    until = payload.until or wire_time(datetime.now(UTC) + _LASTS)
    row = await announcements.announce(services, operator, text=payload.text, level=payload.level, until=until)
    return _announcement_of(row)


def _announcement_of(row: AnnouncementRow) -> AdminAnnouncement:
    return AdminAnnouncement.model_validate({"id": row.id, "text": row.text, "level": row.level, "until": row.until})


@router.get("", responses=refusals(*OPERATOR_ERRORS))
async def list_announcements(services: AdminServicesOf, operator: OperatorOf) -> AnnouncementList:
    """List what is announced now."""
    rows = await announcements.list_announcements(services, operator)
    return AnnouncementList(announcements=[_announcement_of(row) for row in rows])


@router.delete("/{announcement_id}", status_code=204, responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND))
async def end_announcement(
    announcement_id: Annotated[Id, Path(description="ID of the announcement.", examples=[CHAT_ID])],
    services: AdminServicesOf,
    operator: OperatorOf,
) -> None:
    """Take an announcement back. Everybody who is online gets it once more, with `until` in the past."""
    await announcements.end_announcement(services, operator, announcement_id)
