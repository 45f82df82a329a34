"""Payloads of ``member:*``."""

from typing import Annotated, Final, Literal

from pydantic import Field

from core import limits
from realtime.model.objects import ChatView, User
from realtime.wire.cursors import CursorForm, CursorOf, Part
from realtime.wire.fields import CHAT_ID, USER_ID, ClientPayload, Id, Ids, PageSize, ServerPayload, Time

MEMBERS_CURSOR: Final = CursorForm("members", Part.TIME, Part.ID)


class MemberList(ClientPayload):
    """The page of the member list to return."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])
    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="Maximum number of members to return.", examples=[50])
    cursor: Annotated[str, CursorOf(MEMBERS_CURSOR)] | None = Field(
        None, description="`next_cursor` of the previous page. Omit it for the first page.", examples=[None]
    )


class Member(ServerPayload):
    """One member of a chat."""

    user: User = Field(description="The member's public profile.")
    role: Literal["creator", "member"] = Field(description="The member's role in the chat.", examples=["member"])
    joined_at: Time = Field(description="When the member joined the chat.", examples=["2026-11-20T18:00:00.000Z"])
    added_by: Id | None = Field(description="ID of the person who added the member, or null.", examples=[USER_ID])


class MemberPage(ServerPayload):
    """One page of members, in the order in which they joined."""

    members: list[Member] = Field(description="The members of this page.")
    next_cursor: str | None = Field(description="Cursor of the next page, or null on the last page.", examples=[None])


class MemberAdd(ClientPayload):
    """The people to add to a chat."""

    chat_id: Id = Field(description="ID of the chat. A private chat becomes a group.", examples=[CHAT_ID])
    user_ids: Annotated[Ids, Field(min_length=1, max_length=limits.MEMBERS_PER_ADD_MAX)] = Field(
        description="IDs of the people to add. People who are members already stay as they are.", examples=[[USER_ID]]
    )
    history: Literal["all", "none"] | None = Field(
        None,
        description="Which earlier messages the new members see. In a chat created as a group: `all` (the default) or "
        "`none`. In a chat that was once private: always `none`.",
        examples=[None],
    )


class MembersAdded(ServerPayload):
    """The chat and its new members."""

    chat: ChatView = Field(description="The chat, as the caller sees it.")
    added: list[Id] = Field(description="IDs of the people who were not members before.", examples=[[USER_ID]])
    not_added: list[Id] = Field(description="IDs of the people whom the caller is not allowed to add.", examples=[[]])


class MemberRemove(ClientPayload):
    """The member to remove from a group."""

    chat_id: Id = Field(description="ID of the group.", examples=[CHAT_ID])
    user_id: Id = Field(description="ID of the member to remove.", examples=[USER_ID])


class MemberRemoved(ServerPayload):
    """The group after the removal."""

    chat: ChatView = Field(description="The group, as the caller sees it.")
