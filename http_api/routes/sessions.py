"""``/v1/auth/sessions``: list and end the caller's sessions. The rules are in ``accounts.sessions``."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from accounts import sessions
from core.errors import ErrorCode
from http_api.backend import BackendOf
from http_api.identity import CALLER_ERRORS, CallerOf
from http_api.problems import refusals
from realtime.wire.fields import CHAT_ID, Id, ServerPayload, Time

router = APIRouter(prefix="/v1/auth/sessions", tags=["Sessions"])


class Device(ServerPayload):
    """A login session: one device that signed in."""

    id: Id = Field(description="ID of the session, `sid` in its access tokens.", examples=[CHAT_ID])
    device_name: str | None = Field(description="Name that the device gave itself.", examples=["Anna's phone"])
    created_at: Time = Field(description="When it signed in.", examples=["2026-11-20T18:00:00.000Z"])
    last_seen_at: Time = Field(
        description="When it last refreshed its tokens or disconnected.", examples=["2026-11-23T05:08:04.123Z"]
    )
    current: bool = Field(description="Whether it is the session of this request.", examples=[True])


class Devices(ServerPayload):
    """Where the caller is signed in."""

    sessions: list[Device] = Field(description="The device used last comes first.")


@router.get("", responses=refusals(*CALLER_ERRORS))
async def list_devices(backend: BackendOf, caller: CallerOf) -> Devices:
    """List the devices you are signed in on."""
    rows = await sessions.list_devices(backend.accounts.database, caller.user_id)
    return Devices(
        sessions=[
            Device(
                id=row.id,
                device_name=row.device_name,
                created_at=row.created_at,
                last_seen_at=row.last_seen_at,
                current=row.id == caller.session_id,
            )
            for row in rows
        ]
    )


@router.delete("/current", status_code=204, responses=refusals(*CALLER_ERRORS))
async def end_current(backend: BackendOf, caller: CallerOf) -> None:
    """Sign this device out."""
    await sessions.end_session(backend.accounts, caller, caller.session_id)


@router.delete("/others", status_code=204, responses=refusals(*CALLER_ERRORS))
async def end_others(backend: BackendOf, caller: CallerOf) -> None:
    """Sign every other device of yours out."""
    await sessions.end_other_sessions(backend.accounts, caller)


@router.delete("/{session_id}", status_code=204, responses=refusals(*CALLER_ERRORS, ErrorCode.NOT_FOUND))
async def end_device(
    session_id: Annotated[Id, Path(description="ID of the session.", examples=[CHAT_ID])],
    backend: BackendOf,
    caller: CallerOf,
) -> None:
    """Sign one of your devices out; its sockets are closed at once."""
    await sessions.end_session(backend.accounts, caller, session_id)
