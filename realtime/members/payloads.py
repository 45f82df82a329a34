"""Payloads of ``member:*``."""

from typing import Annotated, Final, Literal

from pydantic import Field

from core import limits
from realtime.model.objects import ChatView, User
from realtime.wire.cursors import CursorForm, CursorOf, Part
from realtime.wire.fields import CHAT_ID, USER_ID, ClientPayload, Id, Ids, PageSize, ServerPayload, Time

MEMBERS_CURSOR: Final = CursorForm("members", Part.TIME, Part.ID)


class MemberList(ClientPayload):
    """Which page of a chat's members."""

    chat_id: Id = Field(description="The chat.", examples=[CHAT_ID])
    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="How many at the most.", examples=[50])
    cursor: Annotated[str, CursorOf(MEMBERS_CURSOR)] | None = Field(
        None, description="`next_cursor` of the page before.", examples=[None]
    )


class Member(ServerPayload):
    """Somebody in a chat."""

    user: User = Field(description="Who.")
    role: Literal["creator", "member"] = Field(description="What they are in it.", examples=["member"])
    joined_at: Time = Field(description="Since when.", examples=["2026-11-20T18:00:00.000Z"])
    added_by: Id | None = Field(description="Who let them in.", examples=[USER_ID])


class MemberPage(ServerPayload):
    """A page of members, in the order in which they came."""

    members: list[Member] = Field(description="The members.")
    next_cursor: str | None = Field(description="For the next page; null on the last.", examples=[None])


class MemberAdd(ClientPayload):
    """Whom to let in."""

    chat_id: Id = Field(description="The chat; a private one becomes a group.", examples=[CHAT_ID])
    user_ids: Annotated[Ids, Field(min_length=1, max_length=limits.MEMBERS_PER_ADD_MAX)] = Field(
        description="Who; those who are in it already stay as they are.", examples=[[USER_ID]]
    )
    history: Literal["all", "none"] | None = Field(
        None,
        description="What newcomers see from before: in a group that was born as one `all` by default, or `none`; "
        "in a chat that was private once always `none`.",
        examples=[None],
    )


class MembersAdded(ServerPayload):
    """Who was let in."""

    chat: ChatView = Field(description="The chat as the caller sees it.")
    added: list[Id] = Field(description="Those who were not in it before.", examples=[[USER_ID]])
    not_added: list[Id] = Field(description="Those whom the caller may not add.", examples=[[]])


class MemberRemove(ClientPayload):
    """Whom to put out."""

    chat_id: Id = Field(description="The group.", examples=[CHAT_ID])
    user_id: Id = Field(description="The member.", examples=[USER_ID])


class MemberRemoved(ServerPayload):
    """The group without them."""

    chat: ChatView = Field(description="The chat as the caller sees it.")
