"""``/v1/admin/bans``: keep a person, a number or a range of addresses out, and let them in again."""

from typing import Annotated, Self

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field, model_validator

from admin import bans
from admin.bans import BanRequest
from core.errors import ErrorCode
from http_api.middleware.bodies import StrictRoute
from http_api.operators import OPERATOR_ERRORS, AdminServicesOf, OperatorOf
from http_api.problems import refusals
from http_api.routes.admin.pages import LIMIT_DEFAULT, Cursor, Limit, next_cursor, position_in
from realtime.wire.fields import (
    CHAT_ID,
    PHONE,
    USER_ID,
    ClientPayload,
    Id,
    PhoneText,
    ServerPayload,
    Time,
    TimeIn,
    VisibleText,
    given,
)

router = APIRouter(prefix="/v1/admin/bans", tags=["Admin"], route_class=StrictRoute)


class BanCreate(ClientPayload):
    """Whom to ban: exactly one of `user_id`, `phone` and `network`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [given("user_id"), given("phone"), given("network")]})

    user_id: Id | None = Field(None, description="A person. Their number is banned, too.", examples=[USER_ID])
    phone: PhoneText | None = Field(None, description="A phone number, registered or not.", examples=[None])
    network: Annotated[str, Field(min_length=2, max_length=50)] | None = Field(
        None, description="An IP address, or a range of them.", examples=[None]
    )
    reason: Annotated[VisibleText, Field(max_length=500)] | None = Field(
        None, description="Why; for operators only.", examples=["Advertisements in every group"]
    )
    expires_at: TimeIn | None = Field(None, description="When it ends by itself; null: when it is lifted.", examples=[None])

    @model_validator(mode="after")
    def _one_subject(self) -> Self:
        if sum(one is not None for one in (self.user_id, self.phone, self.network)) != 1:
            raise ValueError("exactly one of user_id, phone and network is required")
        return self


class Ban(ServerPayload):
    """A ban of a number (with the person who had it) or of a range of addresses."""

    id: Id = Field(description="ID of the ban.", examples=[CHAT_ID])
    phone: str | None = Field(description="The number, or null.", examples=[PHONE])
    user_id: Id | None = Field(description="The person who had the number, or null.", examples=[USER_ID])
    network: str | None = Field(description="The range of addresses, or null.", examples=[None])
    reason: str | None = Field(description="Why, or null.", examples=["Advertisements in every group"])
    created_by: str = Field(description="Name of the key.", examples=["night shift"])
    created_at: Time = Field(description="When it was made.", examples=["2026-11-23T05:08:04.123Z"])
    expires_at: Time | None = Field(description="When it ends by itself, or null.", examples=[None])
    lifted_at: Time | None = Field(description="When it was lifted, or null.", examples=[None])


class BanPage(ServerPayload):
    """Bans, newest first."""

    bans: list[Ban] = Field(description="The bans.")
    next_cursor: str | None = Field(description="Where the next page begins; null: there is none.", examples=[None])


@router.post("", status_code=201, responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND, ErrorCode.PAYLOAD_TOO_LARGE))
async def create_ban(payload: BanCreate, services: AdminServicesOf, operator: OperatorOf) -> Ban:
    """Ban a person, a phone number, or a range of network addresses.

    A banned person is signed out everywhere: their connections get `session:revoked` with `banned`. Their number gets no
    codes and cannot sign in. From a banned range nothing is served, and connections from there are closed.
    """
    return Ban.model_validate(await bans.ban(services, operator, BanRequest(**payload.model_dump())))


@router.get("", responses=refusals(*OPERATOR_ERRORS))
async def list_bans(
    services: AdminServicesOf,
    operator: OperatorOf,
    cursor: Cursor = None,
    *,
    past: Annotated[bool, Query(description="Also those that ended or were lifted.")] = False,
    limit: Limit = LIMIT_DEFAULT,
) -> BanPage:
    """List bans, newest first."""
    rows = await bans.list_bans(services, operator, before=position_in(cursor), with_past=past, limit=limit + 1)
    return BanPage(bans=[Ban.model_validate(row) for row in rows[:limit]], next_cursor=next_cursor(rows, limit))


@router.delete("/{ban_id}", responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND))
async def lift_ban(
    ban_id: Annotated[Id, Path(description="ID of the ban.", examples=[CHAT_ID])],
    services: AdminServicesOf,
    operator: OperatorOf,
) -> Ban:
    """Lift a ban. The person has to sign in again."""
    return Ban.model_validate(await bans.lift_ban(services, operator, ban_id))
