"""``/v1/me``, ``/v1/users`` and ``/v1/users/{id}``: profiles, and deleting one's account.

The rules are in ``accounts.profile`` and ``accounts.account_deletion``. ``realtime.account_changes`` announces changes.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator, Field

from accounts import pins, profile
from accounts.avatars import discard_avatar
from accounts.profile import ProfileEdit
from accounts.sessions import CallerIdentity
from core.conflicts import ConflictReason
from core.errors import ErrorCode
from core.ids import canonical_id
from core.limits import (
    ABOUT_CHARS_MAX,
    DISPLAY_NAME_CHARS_MAX,
    PAGE_SIZE_MAX,
    PIN_CHARS_MAX,
    PIN_CHARS_MIN,
    USERNAME_CHARS_MAX,
    USERNAME_CHARS_MIN,
)
from core.names import refuse_reserved
from db.users import LastSeenFor, MessagesFrom
from http_api.backend import BackendOf
from http_api.identity import CALLER_ERRORS, CallerOf, authenticate_unless_deleted
from http_api.middleware.bodies import StrictRoute
from http_api.problems import refusals
from realtime import account_changes
from realtime.model.objects import Profile, User
from realtime.wire.fields import USER_ID, ClientPayload, Id, Name, ServerPayload, StoredText

USERNAME_PATTERN: Final = rf"^[A-Za-z][A-Za-z0-9_]{{{USERNAME_CHARS_MIN - 1},{USERNAME_CHARS_MAX - 1}}}$"

_ID: Final = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_IDS: Final = rf"^{_ID}(,{_ID}){{0,{PAGE_SIZE_MAX - 1}}}$"

router = APIRouter(prefix="/v1", tags=["Profile"], route_class=StrictRoute)


def _absent() -> None:
    """The default of fields that stay as they are when left out: the document must not name `null` as their default."""


def _shared() -> LastSeenFor:
    return "shared"


def _everyone() -> MessagesFrom:
    return "everyone"


class PrivacyChange(ClientPayload):
    """What others may see and do. Fields that are left out stay as they are."""

    last_seen: LastSeenFor = Field(
        default_factory=_shared,
        description="Who sees when you were last connected, and whether you are online: `shared` (who shares a chat with "
        "you) or `nobody`.",
        examples=["nobody"],
    )
    messages_from: MessagesFrom = Field(
        default_factory=_everyone,
        description="Who may open a private chat with you or add you to a group: `everyone`, `shared` (who shares a group "
        "with you) or `nobody`.",
        examples=["shared"],
    )
    found_by_phone: bool = Field(default_factory=bool, description="Whether your phone number finds you.", examples=[True])


class ProfileChange(ClientPayload):
    """Fields to change. Fields that are left out stay as they are."""

    display_name: Annotated[Name, Field(max_length=DISPLAY_NAME_CHARS_MAX)] = Field(
        default_factory=str, description="Name that others see.", examples=["Anna"]
    )
    username: Annotated[str, Field(pattern=USERNAME_PATTERN), AfterValidator(refuse_reserved)] | None = Field(
        default_factory=_absent,
        description="A public name by which others find you: 5 to 32 Latin letters, digits and underscores, a letter "
        "first. No two people have the same, whatever the case. Some are reserved, like `support`. `null`: none.",
        examples=["anna_k"],
    )
    about: Annotated[StoredText, Field(max_length=ABOUT_CHARS_MAX)] | None = Field(
        default_factory=_absent,
        description="A line about yourself. `null`, or an empty one: none.",
        examples=["On the road until Monday"],
    )
    privacy: PrivacyChange = Field(default_factory=PrivacyChange, description="What others may see and do.")


class Users(ServerPayload):
    """Public profiles."""

    users: list[User] = Field(description="Those who exist, in the order asked for.")


@router.get("/me", responses=refusals(*CALLER_ERRORS))
async def show_me(backend: BackendOf, caller: CallerOf) -> Profile:
    """Your own profile."""
    return Profile.of_owner(await profile.find_own_profile(backend.accounts.database, caller.user_id))


@router.patch(
    "/me",
    responses=refusals(
        *CALLER_ERRORS,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.PAYLOAD_TOO_LARGE,
        conflicts=(ConflictReason.USERNAME_TAKEN,),
    ),
)
async def change_me(payload: ProfileChange, backend: BackendOf, caller: CallerOf) -> Profile:
    """Change your name, username, the line about you, or your privacy. Fields that are left out stay as they are.

    If somebody has the username already, the answer is `conflict` with the reason `username_taken`.
    """

    named = payload.model_fields_set
    edit = ProfileEdit(
        display_name=payload.display_name or None,
        sets_username="username" in named,
        username=payload.username,
        sets_about="about" in named,
        about=payload.about or None,
        **payload.privacy.model_dump(exclude_unset=True),
    )
    return Profile.of_owner(await account_changes.change_profile(backend.services, caller.user_id, edit))


class Pin(ClientPayload):
    """A PIN: digits, or a passphrase."""

    pin: Annotated[StoredText, Field(min_length=PIN_CHARS_MIN, max_length=PIN_CHARS_MAX)] = Field(
        description="The PIN.", examples=["80411"]
    )


@router.put(
    "/me/pin",
    status_code=204,
    responses=refusals(*CALLER_ERRORS, ErrorCode.VALIDATION_FAILED, ErrorCode.PAYLOAD_TOO_LARGE),
)
async def set_pin(payload: Pin, backend: BackendOf, caller: CallerOf) -> None:
    """Protect your account with a PIN, or change it.

    From then on, signing in needs the PIN beside the code. Whoever forgets it can sign in without it when no device of
    theirs has been signed in for seven days.
    """
    await pins.set_pin(backend.accounts, caller.user_id, payload.pin)


@router.delete("/me/pin", status_code=204, responses=refusals(*CALLER_ERRORS))
async def remove_pin(backend: BackendOf, caller: CallerOf) -> None:
    """Remove your PIN. Nothing happens if you have none."""
    await pins.remove_pin(backend.accounts, caller.user_id)


@router.get("/users", responses=refusals(*CALLER_ERRORS, ErrorCode.VALIDATION_FAILED))
async def show_users(
    ids: Annotated[
        str,
        Query(
            description=f"IDs of the people, separated by commas; {PAGE_SIZE_MAX} at most.",
            pattern=_IDS,
            examples=[USER_ID],
        ),
    ],
    backend: BackendOf,
    caller: CallerOf,
) -> Users:
    """Public profiles of several people at once. Who does not exist is left out."""
    asked = list(dict.fromkeys(canonical_id(one) for one in ids.split(",")))
    rows = await profile.find_users(backend.accounts.database, asked, caller_id=caller.user_id)
    return Users(users=[User.of(row) for row in rows])


@router.get("/users/{user_id}", responses=refusals(*CALLER_ERRORS, ErrorCode.NOT_FOUND))
async def show_user(
    user_id: Annotated[Id, Path(description="ID of the person.", examples=[USER_ID])], backend: BackendOf, caller: CallerOf
) -> Profile | User:
    """A person's public profile. Your own includes the phone."""
    if user_id == caller.user_id:
        return await show_me(backend, caller)
    return User.of(await profile.find_user(backend.accounts.database, user_id, caller_id=caller.user_id))


@router.delete("/me", status_code=204, responses=refusals(*CALLER_ERRORS))
async def delete_me(
    backend: BackendOf, caller: Annotated[CallerIdentity | None, Depends(authenticate_unless_deleted)]
) -> None:
    """Delete your account, for good. Repeated after a lost answer, it answers as the first time.

    Your profile and picture are erased, all your devices are signed out, and your number and username become free. Your
    messages stay with the people you wrote to, as messages of a deleted account. A group that you created passes to the
    member who joined first; it is deleted if nobody is left.
    """
    if caller is None:
        return
    accounts = backend.accounts
    erased = await account_changes.delete_account(backend.services, caller.user_id)
    await discard_avatar(accounts.database, accounts.objects, erased.avatar_id)
