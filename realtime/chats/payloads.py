"""Payloads of ``chat:*``."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from core import limits
from realtime.model.objects import ChatView
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
    """The page of the chat list to return."""

    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="Maximum number of chats to return.", examples=[50])
    cursor: Annotated[str, CursorOf(CHATS_CURSOR)] | None = Field(
        None, description="`next_cursor` of the previous page. Omit it for the first page.", examples=[None]
    )
    type: Literal["private", "group"] | None = Field(
        None, description="Return only chats of this type. Omit it for both types.", examples=[None]
    )


class ChatPage(ServerPayload):
    """One page of the caller's chats. Pinned chats come first, by position; the others follow, newest first."""

    chats: list[ChatView] = Field(description="The chats of this page.")
    next_cursor: str | None = Field(description="Cursor of the next page, or null on the last page.", examples=[None])
    active_chat_id: Id | None = Field(description="ID of the active chat, or null if there is none.", examples=[CHAT_ID])


class ChatGet(ClientPayload):
    """The chat that the action is about."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])


class ChatAnswer(ServerPayload):
    """One chat."""

    chat: ChatView = Field(description="The chat, as the caller sees it.")


class ChatCreatePrivate(ClientPayload):
    """The other person, named by exactly one of `user_id` and `phone`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [given("user_id"), given("phone")]})

    user_id: Id | None = Field(None, description="ID of the other person.", examples=[USER_ID])
    phone: PhoneText | None = Field(
        None, description="Phone number of the other person, in any common format.", examples=[None]
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.user_id is None) == (self.phone is None):
            raise ValueError("exactly one of user_id and phone is required")
        return self


class ChatCreated(ServerPayload):
    """The private chat of the two people."""

    chat: ChatView = Field(description="The chat, as the caller sees it.")
    created: bool = Field(description="True if this call created the chat, false if it existed before.", examples=[True])


class ChatActivate(ClientPayload):
    """The chat to make active."""

    chat_id: Id | None = Field(description="ID of the chat to make active, or null for no active chat.", examples=[CHAT_ID])


class ChatActivated(ServerPayload):
    """The chat that is active now."""

    chat: ChatView | None = Field(description="The active chat, as the caller sees it, or null if there is none.")


class ChatWatch(ClientPayload):
    """The chats that this connection watches in addition to its active chat."""

    chat_ids: Annotated[Ids, Field(max_length=limits.WATCHED_CHATS_MAX)] = Field(
        description="IDs of the chats to watch. They replace the previous list. An empty list watches no chats.",
        examples=[[CHAT_ID]],
    )


class ChatsWatched(ServerPayload):
    """The chats that this connection watches now."""

    chats: list[ChatView] = Field(description="The chats, as the caller sees them, in the order of the request.")


class ChatCreateGroup(ClientPayload):
    """The group to create."""

    title: Name = Field(
        description="Title of the group, shown to all its members.",
        max_length=limits.TITLE_CHARS_MAX,
        examples=["Sunday hike"],
    )
    member_ids: Annotated[Ids, Field(max_length=limits.GROUP_MEMBERS_MAX)] = Field(
        [], description="IDs of the first members. The caller is always a member.", examples=[[USER_ID]]
    )
    client_id: Id | None = Field(
        None,
        description="A UUID that the client generates for this group. A retry with the same UUID returns the group "
        "instead of creating another.",
        examples=[CLIENT_ID],
    )


class GroupCreated(ServerPayload):
    """The new group."""

    chat: ChatView = Field(description="The group, as the caller sees it.")
    not_added: list[Id] = Field(description="IDs of the people whom the caller is not allowed to add.", examples=[[]])


class ChatRename(ClientPayload):
    """The caller's own title for a group."""

    chat_id: Id = Field(description="ID of the group.", examples=[CHAT_ID])
    title: Annotated[Name, Field(max_length=limits.TITLE_CHARS_MAX)] | None = Field(
        description="Title that only the caller sees, or null to see the group's own title again.", examples=["The hikers"]
    )


class ChatPin(ClientPayload):
    """The chat to pin."""

    chat_id: Id = Field(description="ID of the chat to pin.", examples=[CHAT_ID])
    position: Annotated[int, Field(ge=1, le=limits.PINS_MAX)] | None = Field(
        None, description="Position among the pinned chats, from 1. Without it, a new pin goes on top.", examples=[1]
    )


class ChatMute(ClientPayload):
    """The chat to mute, and until when."""

    chat_id: Id = Field(description="ID of the chat to mute.", examples=[CHAT_ID])
    until: TimeIn | None = Field(
        description="Time at which notifications start again, or null to unmute now.", examples=["2026-11-24T07:00:00.000Z"]
    )


class ChatLeave(ClientPayload):
    """The group to leave."""

    chat_id: Id = Field(description="ID of a group that somebody else created.", examples=[OTHERS_CHAT_ID])


class ChatTransfer(ClientPayload):
    """The group and its new creator."""

    chat_id: Id = Field(description="ID of the group.", examples=[CHAT_ID])
    user_id: Id = Field(description="ID of the member who becomes the creator.", examples=[USER_ID])
