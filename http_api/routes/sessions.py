"""``/v1/auth/sessions``: the devices of the caller, and ending them.

Ending a session ends its tokens (every request looks it up) and closes its sockets, after the commit.
"""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from core.errors import ErrorCode, NotFound
from db import sessions
from db.sessions import EndReason
from http_api.backend import Backend, BackendOf
from http_api.identity import CALLER_ERRORS, CallerOf
from http_api.problems import refusals
from realtime.wire.fields import CHAT_ID, Id, ServerPayload, Time

router = APIRouter(prefix="/v1/auth/sessions", tags=["Sessions"])


class Device(ServerPayload):
    """A login session: one device that signed in."""

    id: Id = Field(description="The session's id, `sid` in its access tokens.", examples=[CHAT_ID])
    device_name: str | None = Field(description="What it called itself.", examples=["Anna's phone"])
    created_at: Time = Field(description="When it signed in.", examples=["2026-11-20T18:00:00.000Z"])
    last_seen_at: Time = Field(
        description="When it last refreshed its tokens or disconnected.", examples=["2026-11-23T05:08:04.123Z"]
    )
    current: bool = Field(description="Whether it is the one that asks.", examples=[True])


class Devices(ServerPayload):
    """Where the caller is signed in."""

    sessions: list[Device] = Field(description="The device used last comes first.")


@router.get("", responses=refusals(*CALLER_ERRORS))
async def list_devices(backend: BackendOf, caller: CallerOf) -> Devices:
    """List the devices you are signed in on."""
    async with backend.database.reading() as tx:
        rows = await sessions.list_sessions(tx, caller.user_id)
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
    await _end(backend, session_id=caller.session_id, user_id=caller.user_id, reason=EndReason.LOGGED_OUT)


@router.delete("/others", status_code=204, responses=refusals(*CALLER_ERRORS))
async def end_others(backend: BackendOf, caller: CallerOf) -> None:
    """Sign every other device of yours out."""
    async with backend.database.reading() as tx:
        ended = await sessions.end_other_sessions(tx, caller.user_id, caller.session_id, EndReason.ENDED_ELSEWHERE)
    for session_id in ended:
        await backend.on_session_ended(session_id, EndReason.ENDED_ELSEWHERE)


@router.delete("/{session_id}", status_code=204, responses=refusals(*CALLER_ERRORS, ErrorCode.NOT_FOUND))
async def end_device(
    session_id: Annotated[Id, Path(description="Which one.", examples=[CHAT_ID])], backend: BackendOf, caller: CallerOf
) -> None:
    """Sign one of your devices out; its sockets are closed at once."""
    reason = EndReason.LOGGED_OUT if session_id == caller.session_id else EndReason.ENDED_ELSEWHERE
    await _end(backend, session_id=session_id, user_id=caller.user_id, reason=reason)


async def _end(backend: Backend, *, session_id: str, user_id: str, reason: EndReason) -> None:
    async with backend.database.reading() as tx:
        ended = await sessions.end_session(tx, session_id, user_id, reason)
    if not ended:
        raise NotFound
    await backend.on_session_ended(session_id, reason)
