"""Payloads of ``message:*``."""

from itertools import combinations
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, RootModel, model_validator

from core import limits
from realtime.messages.contents import (
    AnyContent,
    AudioContent,
    ContactContent,
    FileContent,
    ImageContent,
    LocationContent,
    TextContent,
    VideoContent,
)
from realtime.model.objects import ChatView, MessageView, ReactionView, User
from realtime.model.people import WithPeople
from realtime.wire.cursors import EPOCH_PATTERN, CursorForm, CursorOf, Part
from realtime.wire.fields import (
    CHAT_ID,
    CLIENT_ID,
    OTHERS_CHAT_ID,
    ClientPayload,
    EmojiText,
    Id,
    Ids,
    Metadata,
    PageSize,
    Seq,
    ServerPayload,
    TimeIn,
    Version,
    VisibleText,
    given,
)

LIKES_CURSOR: Final = CursorForm("likes", Part.TIME, Part.ID)
READERS_CURSOR: Final = CursorForm("readers", Part.TIME, Part.ID)
REACTIONS_CURSOR: Final = CursorForm("reactions", Part.TIME, Part.ID)
SEARCH_CURSOR: Final = CursorForm("search", Part.TIME, Part.ID, Part.NUMBER)

_CHAT = Field(None, description="ID of the chat. Omit it to use the active chat.", examples=[CHAT_ID])


class _Send(ClientPayload):
    chat_id: Id | None = _CHAT
    client_id: Id = Field(
        description="A UUID that the client generates for this message. A retry with the same UUID, at any time and from "
        "any device, returns the stored message instead of storing another.",
        examples=[CLIENT_ID],
    )
    reply_to: Seq | None = Field(
        None, description="`seq` of the message in the same chat that this one replies to.", examples=[None]
    )
    mentions: Annotated[Ids, Field(max_length=limits.MENTIONS_MAX)] = Field(
        default_factory=list,
        description="IDs of the chat members that the message mentions.",
        examples=[[]],
        json_schema_extra={"default": []},
    )
    metadata: Metadata | None = Field(
        None,
        description=f"An object of your application's own, at most {limits.METADATA_BYTES_MAX:,} bytes of JSON.",
        examples=[None],
    )


class SendText(_Send):
    """A text message to send."""

    type: Literal["text"] = Field(description="Type of the message.", examples=["text"])
    content: TextContent = Field(description="The text.")


class SendLocation(_Send):
    """A location to send."""

    type: Literal["location"] = Field(description="Type of the message.", examples=["location"])
    content: LocationContent = Field(description="The location.")


class SendContact(_Send):
    """A contact card to send."""

    type: Literal["contact"] = Field(description="Type of the message.", examples=["contact"])
    content: ContactContent = Field(description="The contact card.")


class SendImage(_Send):
    """An image to send."""

    type: Literal["image"] = Field(description="Type of the message.", examples=["image"])
    content: ImageContent = Field(description="The uploaded image and its caption.")


class SendVideo(_Send):
    """A video to send."""

    type: Literal["video"] = Field(description="Type of the message.", examples=["video"])
    content: VideoContent = Field(description="The uploaded video, its caption, size and duration.")


class SendAudio(_Send):
    """An audio file or a voice message to send."""

    type: Literal["audio"] = Field(description="Type of the message.", examples=["audio"])
    content: AudioContent = Field(description="The uploaded audio, its caption and duration.")


class SendFile(_Send):
    """A file of any type to send."""

    type: Literal["file"] = Field(description="Type of the message.", examples=["file"])
    content: FileContent = Field(description="The uploaded file and its caption.")


AnySend = SendText | SendImage | SendVideo | SendAudio | SendFile | SendLocation | SendContact


class MessageSend(RootModel[Annotated[AnySend, Field(discriminator="type")]]):
    """A message to send. ``type`` decides which fields ``content`` has."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class MessageSent(ServerPayload):
    """The stored message."""

    message: MessageView = Field(description="The message, as it is now.")
    duplicate: bool = Field(
        description="True if a message with this `client_id` was stored before. Nothing new was stored then.",
        examples=[False],
    )


class MessageList(ClientPayload):
    """The page of history to return. Give at most one of `before`, `after` and `around`; without one, the newest page."""

    model_config = ConfigDict(
        json_schema_extra={"not": {"anyOf": [given(*two) for two in combinations(("before", "after", "around"), 2)]}}
    )

    chat_id: Id | None = _CHAT
    before: Seq | None = Field(None, description="Return messages with a lower `seq` than this.", examples=[43])
    after: Annotated[int, Field(ge=0, le=limits.SEQ_MAX)] | None = Field(
        None, description="Return messages with a higher `seq` than this.", examples=[None]
    )
    around: Seq | None = Field(
        None, description="Return the message with this `seq` and the messages on both sides of it.", examples=[None]
    )
    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="Maximum number of messages to return.", examples=[50])

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if sum(bound is not None for bound in (self.before, self.after, self.around)) > 1:
            raise ValueError("only one of before, after and around is allowed")
        return self


class MessagePage(WithPeople):
    """One page of history, in ascending order of `seq`."""

    messages: list[MessageView] = Field(description="The messages of this page.")
    has_more: bool = Field(
        description="Whether more messages exist beyond this page: older ones, for `after` newer ones, for `around` on "
        "either side.",
        examples=[False],
    )
    has_before: bool = Field(description="Whether older messages exist before this page.", examples=[False])
    has_after: bool = Field(description="Whether newer messages exist after this page.", examples=[False])


class MessageRead(ClientPayload):
    """The last message that the caller has read."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])
    seq: Seq = Field(
        description="Mark all messages up to this `seq` as read. A number above the newest `seq` means the newest.",
        examples=[42],
    )


class MessageReadUpTo(ServerPayload):
    """The caller's read mark in the chat."""

    read_seq: int = Field(description="All messages up to this `seq` are read. It never moves back.", examples=[42])
    unread_count: int = Field(description="Number of unread messages: `message_count - read_seq`.", examples=[0])


class MessageAt(ClientPayload):
    """The message that the action is about."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])
    seq: Seq = Field(description="`seq` of the message in the chat.", examples=[42])


class ChatWithPins(ServerPayload):
    """The chat with its pinned messages."""

    chat: ChatView = Field(description="The chat as the caller sees it.")


class MessagesPinnedIn(ClientPayload):
    """Of which chat."""

    chat_id: Id = Field(description="The chat.", examples=[CHAT_ID])


class PinnedMessages(WithPeople):
    """The pinned messages of a chat that the caller may see."""

    messages: list[MessageView] = Field(description="The messages, newest first.")


class MessageEdit(MessageAt):
    """The message to edit and its new content."""

    content: AnyContent = Field(
        description="New content. It must fit the type of the message.", examples=[{"text": "See you at eight?"}]
    )


class MessageAnswer(ServerPayload):
    """One message."""

    message: MessageView = Field(description="The message, as it is now.")


class LikeCount(ServerPayload):
    """The number of likes after the change."""

    like_count: int = Field(description="Number of people who like the message, the caller included.", examples=[3])


class MessageLikes(MessageAt):
    """The message, and the page of people who like it."""

    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="Maximum number of people to return.", examples=[50])
    cursor: Annotated[str, CursorOf(LIKES_CURSOR)] | None = Field(
        None, description="`next_cursor` of the previous page. Omit it for the first page.", examples=[None]
    )


class LikersPage(ServerPayload):
    """One page of the people who like a message, in the order of their likes."""

    users: list[User] = Field(description="The people of this page.")
    next_cursor: str | None = Field(description="Cursor of the next page, or null on the last page.", examples=[None])


class MessageReaders(MessageAt):
    """The message, and the page of its readers to return."""

    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="Maximum number of people to return.", examples=[50])
    cursor: Annotated[str, CursorOf(READERS_CURSOR)] | None = Field(
        None, description="`next_cursor` of the previous page. Omit it for the first page.", examples=[None]
    )


class Reader(ServerPayload):
    """A member who has read the message."""

    user: User = Field(description="Profile of the member.")


class ReadersPage(ServerPayload):
    """One page of the members who have read a message, in the order in which they joined the chat."""

    users: list[Reader] = Field(description="The readers of this page.")
    next_cursor: str | None = Field(description="Cursor of the next page, or null on the last page.", examples=[None])


class MessageReact(MessageAt):
    """The message and the emoji."""

    emoji: EmojiText = Field(description="One emoji, such as `🎉` or `❤️`.", examples=["🎉"])


class MessageReactionsNow(ServerPayload):
    """All reactions to the message."""

    reactions: list[ReactionView] = Field(description="All reactions, the first emoji first.")


class MessageReactions(MessageAt):
    """The page of reactions to return."""

    emoji: EmojiText | None = Field(None, description="Return only reactions with this emoji.", examples=[None])
    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="Maximum number of reactions to return.", examples=[50])
    cursor: Annotated[str, CursorOf(REACTIONS_CURSOR)] | None = Field(
        None, description="`next_cursor` of the previous page. Omit it for the first page.", examples=[None]
    )


class ReactionBy(ServerPayload):
    """A reaction of one person."""

    user: User = Field(description="The person who reacted.")
    emoji: str = Field(description="The emoji.", examples=["🎉"])


class ReactionsPage(ServerPayload):
    """A page of the reactions to a message, in the order in which they were added."""

    reactions: list[ReactionBy] = Field(description="The reactions.")
    next_cursor: str | None = Field(description="For the next page; null on the last.", examples=[None])


class MessageForward(MessageAt):
    """The message to forward, and the chat that gets it."""

    to_chat_id: Id = Field(description="ID of the chat that gets the message.", examples=[OTHERS_CHAT_ID])
    client_id: Id = Field(
        description="A UUID of the client's own for this send, as with `message:send`.",
        examples=["0b7f6a1e-52c4-4d19-8e3a-9c8b7a6d5e4f"],
    )


SearchedType = Literal["text", "image", "video", "audio", "file", "location", "contact"]


class MessageSearch(ClientPayload):
    """The words to search for."""

    query: VisibleText = Field(
        description="Words and emoji that a message must contain, all of them. The last word may be incomplete if it has "
        "two letters or more.",
        max_length=limits.QUERY_CHARS_MAX,
        examples=["seven"],
    )
    chat_id: Id | None = Field(
        None, description="ID of the only chat to search. Omit it to search all chats of the caller.", examples=[None]
    )
    sender_id: Id | None = Field(None, description="ID of the only sender to search for.", examples=[None])
    types: Annotated[list[SearchedType], Field(min_length=1, max_length=7)] | None = Field(
        None, description="Types of the messages to search. Omit it for all types.", examples=[None]
    )
    before: TimeIn | None = Field(None, description="Only messages sent before this time.", examples=[None])
    after: TimeIn | None = Field(None, description="Only messages sent at this time or later.", examples=[None])
    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="Maximum number of messages to return.", examples=[50])
    cursor: Annotated[str, CursorOf(SEARCH_CURSOR)] | None = Field(
        None, description="`next_cursor` of the previous page. Omit it for the first page.", examples=[None]
    )


class SearchPage(WithPeople):
    """One page of matching messages, newest first. A page may be short or empty: continue until `next_cursor` is null."""

    messages: list[MessageView] = Field(description="The messages of this page.")
    highlights: list[list[tuple[int, int]]] = Field(
        description="For each message, in the same order: `[offset, length]` of every match in its text (the caption of a "
        "file, the title of a place, the name of a contact), in characters: Unicode code points, in JavaScript those of "
        "`Array.from(text)`.",
        examples=[[[[11, 5]]]],
    )
    next_cursor: str | None = Field(description="Cursor of the next page, or null on the last page.", examples=[None])


class MessageChanges(ClientPayload):
    """The chat, and the version of it that the client has."""

    chat_id: Id = Field(description="ID of the chat.", examples=[CHAT_ID])
    version: Version = Field(
        description="Version of the chat that the client has. Send 0 to get all messages.", examples=[50]
    )
    epoch: str | None = Field(
        None,
        description="`epoch` of the `session:ready` after which the client got its version. With it, the server refuses a "
        "version of another epoch.",
        pattern=EPOCH_PATTERN,
        examples=[None],
    )
    limit: PageSize = Field(limits.PAGE_SIZE_MAX, description="Maximum number of messages to return.", examples=[100])


class ChangesPage(WithPeople):
    """The messages that changed, in the order of their last change."""

    messages: list[MessageView] = Field(description="The changed messages, as they are now.")
    version: int = Field(
        description="Version of the chat that the client has after this page. Send it with the next call.", examples=[57]
    )
    has_more: bool = Field(description="Whether there are more changes to fetch.", examples=[False])
