"""Payloads of ``chat:*``."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from core import limits
from realtime.model.objects import ChatView, Unread
from realtime.model.people import WithPeople
from realtime.wire.cursors import CursorForm, CursorOf, Part
from realtime.wire.fields import (
    CHAT_ID,
    CLIENT_ID,
    OTHERS_CHAT_ID,
    USER_ID,
    ClientPayload,
    Id,
    Ids,
    Name,
    PageSize,
    PhoneText,
    ServerPayload,
    TimeIn,
    given,
)

CHATS_CURSOR: Final = CursorForm("chats", Part.NUMBER, Part.TIME, Part.ID)


class ChatList(ClientPayload):
    """Which page of the caller's chats."""

    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="How many at the most.", examples=[50])
    cursor: Annotated[str, CursorOf(CHATS_CURSOR)] | None = Field(
        None, description="`next_cursor` of the page before; absent for the first.", examples=[None]
    )
    type: Literal["private", "group"] | None = Field(None, description="Only chats of this type.", examples=[None])


class ChatPage(WithPeople):
    """A page of the caller's chats: pinned first by position, then newest first."""

    chats: list[ChatView] = Field(description="The chats.")
    next_cursor: str | None = Field(description="For the next page; null on the last.", examples=[None])
    active_chat_id: Id | None = Field(description="The chat on this device's screen.", examples=[CHAT_ID])
    unread: Unread = Field(description="Totals over all chats of the caller, whatever the page.")


class ChatGet(ClientPayload):
    """Which chat."""

    chat_id: Id = Field(description="The chat.", examples=[CHAT_ID])


class ChatAnswer(ServerPayload):
    """One chat."""

    chat: ChatView = Field(description="The chat as the caller sees it.")


class ChatCreatePrivate(ClientPayload):
    """With whom: exactly one of the two."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [given("user_id"), given("phone")]})

    user_id: Id | None = Field(None, description="The other person.", examples=[USER_ID])
    phone: PhoneText | None = Field(None, description="Or their phone number, in any usual spelling.", examples=[None])

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.user_id is None) == (self.phone is None):
            raise ValueError("exactly one of user_id and phone is required")
        return self


class ChatCreated(ServerPayload):
    """The pair's private chat."""

    chat: ChatView = Field(description="The chat as the caller sees it.")
    created: bool = Field(description="False if the two had it already.", examples=[True])


class ChatActivate(ClientPayload):
    """Which chat is on this device's screen now."""

    chat_id: Id | None = Field(description="The chat; null for none.", examples=[CHAT_ID])


class ChatActivated(ServerPayload):
    """What is on the screen now."""

    chat: ChatView | None = Field(description="The chat as the caller sees it.")


class ChatWatch(ClientPayload):
    """More chats that this connection looks at."""

    chat_ids: Annotated[Ids, Field(max_length=limits.WATCHED_CHATS_MAX)] = Field(
        description="The chats; an empty list ends the watching.", examples=[[CHAT_ID]]
    )


class ChatsWatched(ServerPayload):
    """The chats that this connection hears from now on, beside its active chat."""

    chats: list[ChatView] = Field(description="The chats as the caller sees them, in the order of the request.")


class ChatCreateGroup(ClientPayload):
    """A new group."""

    title: Name = Field(description="What it is called.", max_length=limits.TITLE_CHARS_MAX, examples=["Sunday hike"])
    member_ids: Annotated[Ids, Field(max_length=limits.GROUP_MEMBERS_MAX)] = Field(
        [], description="Who is in it besides the caller.", examples=[[USER_ID]]
    )
    client_id: Id | None = Field(
        None, description="A UUID of the client's own: a retry with it finds the group.", examples=[CLIENT_ID]
    )


class GroupCreated(ServerPayload):
    """The new group."""

    chat: ChatView = Field(description="The chat as the caller sees it.")
    not_added: list[Id] = Field(description="Of `member_ids`, those whom the caller may not add.", examples=[[]])


class ChatRename(ClientPayload):
    """The caller's own name for a group."""

    chat_id: Id = Field(description="The group.", examples=[CHAT_ID])
    title: Annotated[Name, Field(max_length=limits.TITLE_CHARS_MAX)] | None = Field(
        description="The name; null for the group's own.", examples=["The hikers"]
    )


class ChatPin(ClientPayload):
    """A chat to keep on top of the list."""

    chat_id: Id = Field(description="The chat.", examples=[CHAT_ID])
    position: Annotated[int, Field(ge=1, le=limits.PINS_MAX)] | None = Field(
        None, description="From 1; absent: a new pin goes on top.", examples=[1]
    )


class ChatMute(ClientPayload):
    """For how long a chat makes no sound."""

    chat_id: Id = Field(description="The chat.", examples=[CHAT_ID])
    until: TimeIn | None = Field(description="Until when; null to unmute.", examples=["2026-11-24T07:00:00.000Z"])


class ChatLeave(ClientPayload):
    """The group to leave."""

    chat_id: Id = Field(description="A group that somebody else created.", examples=[OTHERS_CHAT_ID])


class ChatTransfer(ClientPayload):
    """Who is to be the group's creator."""

    chat_id: Id = Field(description="The group.", examples=[CHAT_ID])
    user_id: Id = Field(description="A member.", examples=[USER_ID])
