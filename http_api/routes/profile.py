"""``/v1/me`` and ``/v1/users/{id}``: who the caller is, who others are, and leaving for good.

What must stay true: whoever shares a chat with somebody hears of a change of their profile after its commit, in the order
of the changes; a deleted account leaves nothing of the person behind but what they said to others.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import Field

from core.errors import AppError, ErrorCode, NotFound, Unauthorized
from core.limits import ABOUT_CHARS_MAX, DISPLAY_NAME_CHARS_MAX, USERNAME_CHARS_MAX, USERNAME_CHARS_MIN
from db import accounts, avatars, chats, users
from db.pool import Tx
from db.sessions import EndReason
from db.users import ProfileRow
from http_api.backend import Backend, BackendOf
from http_api.identity import CALLER_ERRORS, CallerOf
from http_api.middleware.bodies import StrictRoute
from http_api.problems import refusals
from maintenance.sweeping import remove_unused_avatar
from realtime.chats.account_deletion import leave_groups
from realtime.model.events import announce_user
from realtime.model.objects import Profile, User
from realtime.wire.changes import user_subject
from realtime.wire.fields import USER_ID, ClientPayload, Id, StoredText, VisibleText

log = logging.getLogger("molva.people")

USERNAME_PATTERN: Final = rf"^[A-Za-z][A-Za-z0-9_]{{{USERNAME_CHARS_MIN - 1},{USERNAME_CHARS_MAX - 1}}}$"

router = APIRouter(prefix="/v1", tags=["Profile"], route_class=StrictRoute)


def _absent() -> None:
    """For fields of which the document must not say that `null` is what they are when left out."""


class ProfileChange(ClientPayload):
    """What to change; what is left out stays."""

    display_name: Annotated[VisibleText, Field(max_length=DISPLAY_NAME_CHARS_MAX)] = Field(
        default_factory=str, description="What to be called.", examples=["Anna"]
    )
    username: Annotated[str, Field(pattern=USERNAME_PATTERN)] | None = Field(
        default_factory=_absent,
        description="A public name by which others find you: 5 to 32 Latin letters, digits and underscores, a letter "
        "first. No two people have the same, whatever the case. `null`: none.",
        examples=["anna_k"],
    )
    about: Annotated[StoredText, Field(max_length=ABOUT_CHARS_MAX)] | None = Field(
        default_factory=_absent,
        description="A line about yourself. `null`, or an empty one: none.",
        examples=["On the road until Monday"],
    )


@router.get("/me", responses=refusals(*CALLER_ERRORS))
async def show_me(backend: BackendOf, caller: CallerOf) -> Profile:
    """Your own profile."""
    async with backend.database.reading() as tx:
        row = await users.find_profile(tx, caller.user_id)
    if row is None:  # deleted since the token was checked
        raise Unauthorized(ErrorCode.SESSION_REVOKED)
    return Profile.of_owner(row)


@router.patch(
    "/me", responses=refusals(*CALLER_ERRORS, ErrorCode.CONFLICT, ErrorCode.VALIDATION_FAILED, ErrorCode.PAYLOAD_TOO_LARGE)
)
async def change_me(payload: ProfileChange, backend: BackendOf, caller: CallerOf) -> Profile:
    """Change your name, username or the line about you; what is left out stays.

    A username that somebody has is a `conflict`, reason `username_taken`.
    """

    async def change(tx: Tx) -> ProfileRow | None:
        named = payload.model_fields_set
        return await users.update_profile(
            tx,
            caller.user_id,
            payload.display_name or None,
            "username" in named,
            payload.username,
            "about" in named,
            payload.about or None,
        )

    return Profile.of_owner(await change_profile(backend, caller.user_id, change))


async def change_profile(
    backend: Backend, user_id: str, change: Callable[[Tx], Awaitable[ProfileRow | None]]
) -> ProfileRow:
    """Carry out ``change`` in a transaction, and tell whoever shares a chat with the person if there is anything to tell.

    ``change`` returns the profile after it, ``None`` if the account is no more (then ``session_revoked``).
    """
    async with backend.services.changes.of(user_subject(user_id)) as under_way:
        tx = under_way.tx
        before = await users.find_profile(tx, user_id)
        after = await change(tx)
        if before is None or after is None:
            raise Unauthorized(ErrorCode.SESSION_REVOKED)
        told = User.of(after.user)
        if told != User.of(before.user):
            memberships = await chats.list_memberships(tx, user_id)
            under_way.then(announce_user(told, [membership.chat_id for membership in memberships]))
    return after


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


@router.delete("/me", status_code=204, responses=refusals(*CALLER_ERRORS))
async def delete_me(backend: BackendOf, caller: CallerOf) -> None:
    """Delete your account, for good.

    Your profile and picture are erased, all your devices are signed out, your number and username are free. What you wrote
    stays with those you wrote to, as from a deleted account. Groups that you created pass to whoever has been in them for
    the longest, and are deleted if nobody is left.
    """
    user_id = caller.user_id
    async with backend.services.changes.of(user_subject(user_id)) as change:
        tx = change.tx
        # The sessions before the person, as everywhere; and again, because one may have been opened in between.
        ended = await accounts.end_all_sessions(tx, user_id, EndReason.ACCOUNT_DELETED)
        wearer = await avatars.lock_wearer(tx, user_id)
        if wearer is None:
            raise Unauthorized(ErrorCode.SESSION_REVOKED)
        ended += await accounts.end_all_sessions(tx, user_id, EndReason.ACCOUNT_DELETED)
        await _erase(tx, user_id, wearer.avatar_id)
        row = await users.find_any_user(tx, user_id)
        memberships = await chats.list_memberships(tx, user_id)
        change.then(announce_user(User.of(row), [membership.chat_id for membership in memberships]))
    for session_id in ended:
        await backend.on_session_ended(session_id, EndReason.ACCOUNT_DELETED)
    log.info("account deleted", extra={"sessions": len(ended)})
    await _clear_up(backend, user_id, wearer.avatar_id)


async def _erase(tx: Tx, user_id: str, avatar_id: str | None) -> None:
    await accounts.erase_user(tx, user_id)
    await accounts.erase_blocks(tx, user_id)
    await accounts.erase_personal(tx, user_id)
    await accounts.erase_look_ups(tx, user_id)
    await accounts.expire_files(tx, user_id)
    if avatar_id is not None:
        await avatars.note_unused(tx, avatar_id)


async def _clear_up(backend: Backend, user_id: str, avatar_id: str | None) -> None:
    """What remains to be done once the account is no more; what fails here is done by the sweeper."""
    try:
        await leave_groups(backend.services, user_id)
        if avatar_id is not None:
            await remove_unused_avatar(backend.database, backend.objects, avatar_id)
    except AppError as error:
        log.warning("account's remains put off", extra={"outcome": error.code.value})
