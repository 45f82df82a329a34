"""``/v1/admin/users``: find people, end their sessions and connections, export and erase."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from admin import people
from core.errors import ErrorCode
from db.operator_views import PersonRow
from http_api.backend import BackendOf
from http_api.object_responses import bytes_answers
from http_api.operators import OPERATOR_ERRORS, AdminServicesOf, OperatorOf
from http_api.problems import refusals
from http_api.routes.admin.bans import Ban
from http_api.routes.export import answer_archive
from realtime.model.objects import Avatar
from realtime.wire.fields import CHAT_ID, CLIENT_ID, PHONE, USER_ID, Id, ServerPayload, Time, VisibleText

router = APIRouter(prefix="/v1/admin/users", tags=["Admin"])

UserId = Annotated[Id, Path(description="ID of the person.", examples=[USER_ID])]


class AdminUser(ServerPayload):
    """A person as operators see them."""

    id: Id = Field(description="ID of the person.", examples=[USER_ID])
    phone: str | None = Field(description="Phone number. Null once the account is deleted.", examples=[PHONE])
    display_name: str = Field(description="Name that others see.", examples=["Anna"])
    username: str | None = Field(description="Username, or null.", examples=["anna_k"])
    about: str | None = Field(description="A line about themselves, or null.", examples=[None])
    avatar: Avatar | None = Field(description="Picture, or null.", examples=[None])
    created_at: Time = Field(description="When they registered.", examples=["2026-11-20T18:00:00.000Z"])
    last_seen_at: Time | None = Field(description="When they last disconnected.", examples=["2026-11-23T05:08:04.123Z"])
    deleted_at: Time | None = Field(description="When the account was deleted, or null.", examples=[None])
    session_count: int = Field(description="Devices that are signed in.", examples=[2])
    chat_count: int = Field(description="Chats that they are in.", examples=[12])
    is_banned: bool = Field(description="Whether their number is banned.", examples=[False])


class AdminUsers(ServerPayload):
    """People who were found."""

    users: list[AdminUser] = Field(description="Who registered last comes first; 50 at most.")


class AdminSession(ServerPayload):
    """A device that is signed in."""

    id: Id = Field(description="ID of the session, `sid` in its access tokens.", examples=[CHAT_ID])
    device_name: str | None = Field(description="Name that the device gave itself.", examples=["Anna's phone"])
    created_at: Time = Field(description="When it signed in.", examples=["2026-11-20T18:00:00.000Z"])
    last_seen_at: Time = Field(description="When it was last used.", examples=["2026-11-23T05:08:04.123Z"])


class AdminConnection(ServerPayload):
    """An open Socket.IO connection."""

    id: str = Field(description="ID of the connection, as in the log.", examples=["JHGkzUFSkfpjdP-3AAAA"])
    session_id: Id = Field(description="The session that it belongs to.", examples=[CHAT_ID])
    address: str = Field(description="Network address of the client.", examples=["203.0.113.7"])
    active_chat_id: Id | None = Field(description="The chat on its screen, or null.", examples=[None])


class AdminUserDetails(ServerPayload):
    """A person with everything that an operator may end."""

    user: AdminUser = Field(description="The person.")
    sessions: list[AdminSession] = Field(description="Devices that are signed in; the one used last comes first.")
    connections: list[AdminConnection] = Field(description="Connections that are open now.")
    bans: list[Ban] = Field(description="Bans of their number that hold.")


class SessionsEnded(ServerPayload):
    """How many devices were signed out."""

    ended: int = Field(description="Number of sessions that ended.", examples=[2])


@router.get("", responses=refusals(*OPERATOR_ERRORS))
async def find_users(
    query: Annotated[
        VisibleText,
        Query(
            description="An ID, a phone number in any spelling, a username, or a part of a name.",
            max_length=100,
            examples=["anna"],
        ),
    ],
    services: AdminServicesOf,
    operator: OperatorOf,
) -> AdminUsers:
    """Find people. An ID, a phone number or a username finds one person, a part of a name up to 50."""
    rows = await people.find_people(services, operator, query)
    return AdminUsers(users=[_user_of(row) for row in rows])


@router.get("/{user_id}", responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND))
async def show_user(user_id: UserId, services: AdminServicesOf, operator: OperatorOf) -> AdminUserDetails:
    """Show a person, their devices, their open connections and their bans."""
    overview = await people.show_person(services, operator, user_id)
    return AdminUserDetails(
        user=_user_of(overview.person),
        sessions=[AdminSession.model_validate(row) for row in overview.sessions],
        connections=[
            AdminConnection(
                id=one.connection_id, session_id=one.session_id, address=one.client, active_chat_id=one.active_chat_id
            )
            for one in overview.connections
        ],
        bans=[Ban.model_validate(row) for row in overview.bans],
    )


def _user_of(row: PersonRow) -> AdminUser:
    return AdminUser(
        id=row.id,
        phone=row.phone,
        display_name=row.display_name,
        username=row.username,
        about=row.about,
        avatar=Avatar.at(row.avatar_id) if row.avatar_id is not None else None,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        deleted_at=row.deleted_at,
        session_count=row.session_count,
        chat_count=row.chat_count,
        is_banned=row.is_banned,
    )


@router.delete("/{user_id}/sessions", responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND))
async def end_user_sessions(user_id: UserId, services: AdminServicesOf, operator: OperatorOf) -> SessionsEnded:
    """Sign a person out on all devices. Their connections get `session:revoked` with `ended_by_operator`."""
    return SessionsEnded(ended=len(await people.end_sessions(services, operator, user_id)))


@router.delete(
    "/{user_id}/sessions/{session_id}", status_code=204, responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND)
)
async def end_user_session(
    user_id: UserId,
    session_id: Annotated[Id, Path(description="ID of the session.", examples=[CHAT_ID])],
    services: AdminServicesOf,
    operator: OperatorOf,
) -> None:
    """Sign a person out on one device."""
    await people.end_session(services, operator, user_id, session_id)


@router.delete(
    "/{user_id}/connections/{connection_id}",
    status_code=204,
    responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND),
)
async def end_user_connection(
    user_id: UserId,
    connection_id: Annotated[
        str,
        Path(description="ID of the connection.", max_length=64, pattern="^[A-Za-z0-9_-]+$", examples=[CLIENT_ID]),
    ],
    services: AdminServicesOf,
    operator: OperatorOf,
) -> None:
    """Close one connection of a person, with `closed_by_operator`. The device stays signed in and may connect again."""
    await people.end_connection(services, operator, user_id, connection_id)


@router.get(
    "/{user_id}/export",
    response_class=Response,
    responses={
        200: bytes_answers("application/zip", "The archive.")[200],
        **refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND),
    },
)
async def export_user(user_id: UserId, backend: BackendOf, services: AdminServicesOf, operator: OperatorOf) -> Response:
    """Download everything of a person, as `GET /v1/me/export` gives it to themselves."""
    await people.note_export(services, operator, user_id)
    return await answer_archive(backend, user_id)


@router.delete("/{user_id}", status_code=204, responses=refusals(*OPERATOR_ERRORS, ErrorCode.NOT_FOUND))
async def erase_user(user_id: UserId, services: AdminServicesOf, operator: OperatorOf) -> None:
    """Delete somebody's account for good, as `DELETE /v1/me` does."""
    await people.erase_person(services, operator, user_id)
