"""``/v1/me`` and ``/v1/users/{id}``: who the caller is, and who others are."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from core.errors import ErrorCode, NotFound, Unauthorized
from db import users
from db.users import ProfileRow
from http_api.backend import BackendOf
from http_api.identity import CALLER_ERRORS, CallerOf
from http_api.problems import refusals
from realtime.protocol.fields import USER_ID, Id, Time
from realtime.protocol.objects import User

router = APIRouter(prefix="/v1", tags=["Profile"])


class Profile(User):
    """A person as they see themselves."""

    phone: str = Field(description="Their number in E.164; nobody else is shown it.", examples=["+79161234567"])
    created_at: Time = Field(description="When they registered.", examples=["2026-11-20T18:00:00.000Z"])

    @classmethod
    def of_owner(cls, row: ProfileRow) -> "Profile":
        """From the owner's own row."""
        return Profile(**dict(User.of(row.user)), phone=row.phone, created_at=row.created_at)


@router.get("/me", responses=refusals(*CALLER_ERRORS))
async def show_me(backend: BackendOf, caller: CallerOf) -> Profile:
    """Your own profile."""
    async with backend.database.reading() as tx:
        row = await users.find_profile(tx, caller.user_id)
    if row is None:  # deleted since the token was checked
        raise Unauthorized
    return Profile.of_owner(row)


@router.get("/users/{user_id}", responses=refusals(*CALLER_ERRORS, ErrorCode.NOT_FOUND))
async def show_user(
    user_id: Annotated[Id, Path(description="Whose.", examples=[USER_ID])], backend: BackendOf, caller: CallerOf
) -> Profile | User:
    """Somebody's public profile; your own comes with the phone."""
    if user_id == caller.user_id:
        return await show_me(backend, caller)
    async with backend.database.reading() as tx:
        row = await users.find_user_for(tx, user_id, caller.user_id)
    if row is None:
        raise NotFound
    return User.of(row)
