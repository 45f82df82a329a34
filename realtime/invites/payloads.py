"""Payloads of ``invite:*``."""

from typing import Annotated, Final

from pydantic import Field

from core import limits
from db.invites import InviteRow
from realtime.model.objects import Avatar, ChatView
from realtime.wire.fields import CHAT_ID, INVITE_CODE, USER_ID, ClientPayload, Id, ServerPayload, StoredText, Time

_CODE_CHARS_MAX: Final = 64


class InviteCreate(ClientPayload):
    """An invite to make."""

    chat_id: Id = Field(description="The group.", examples=[CHAT_ID])
    expires_in: Annotated[int, Field(ge=1, le=limits.INVITE_SECONDS_MAX)] | None = Field(
        None, description="For how many seconds it lets people in; absent: until it is revoked.", examples=[86400]
    )
    uses_max: Annotated[int, Field(ge=1, le=limits.GROUP_MEMBERS_MAX)] | None = Field(
        None, description="How many people may join by it; absent: any number.", examples=[10]
    )


class Invite(ServerPayload):
    """An invite to a group."""

    code: str = Field(description="Whoever has it may join.", examples=[INVITE_CODE])
    chat_id: Id = Field(description="The group.", examples=[CHAT_ID])
    created_by: Id = Field(description="Who made it.", examples=[USER_ID])
    created_at: Time = Field(description="When it was made.", examples=["2026-11-23T05:08:04.123Z"])
    expires_at: Time | None = Field(description="When it ends; null: never.", examples=["2026-11-24T05:08:04.123Z"])
    uses: int = Field(description="How many people joined by it.", examples=[0])
    uses_max: int | None = Field(description="How many may; null: any number.", examples=[10])

    @classmethod
    def of(cls, row: InviteRow) -> "Invite":
        """From a row of ``db.invites``."""
        return Invite.model_validate(row)


class InviteAnswer(ServerPayload):
    """One invite."""

    invite: Invite = Field(description="The invite.")


class InviteList(ClientPayload):
    """Of which group."""

    chat_id: Id = Field(description="The group.", examples=[CHAT_ID])


class Invites(ServerPayload):
    """The invites of a group that still let people in, newest first."""

    invites: list[Invite] = Field(description="The invites; at most 50.")


class InviteCode(ClientPayload):
    """Which invite."""

    code: StoredText = Field(
        description="`code` of the invite.", min_length=1, max_length=_CODE_CHARS_MAX, examples=[INVITE_CODE]
    )


class InvitePreview(ServerPayload):
    """What a group shows to somebody who has an invite."""

    title: str | None = Field(description="What it is called.", examples=["Sunday hike"])
    avatar: Avatar | None = Field(description="Its picture, if it has one.")
    member_count: int = Field(description="How many people are in it.", examples=[3])


class InviteAccepted(ServerPayload):
    """The group that the caller is in now."""

    chat: ChatView = Field(description="The chat as the caller sees it.")
