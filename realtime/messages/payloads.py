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
from realtime.model.objects import MessageView, ReactionView, User
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
    Version,
    VisibleText,
    given,
)

LIKES_CURSOR: Final = CursorForm("likes", Part.TIME, Part.ID)
REACTIONS_CURSOR: Final = CursorForm("reactions", Part.TIME, Part.ID)
SEARCH_CURSOR: Final = CursorForm("search", Part.TIME, Part.ID, Part.NUMBER)

_CHAT = Field(None, description="The chat; absent = the active chat.", examples=[CHAT_ID])


class _Send(ClientPayload):
    chat_id: Id | None = _CHAT
    client_id: Id = Field(
        description="A UUID of the client's own for this send. The same again, whenever and from whatever device, returns "
        "the first message instead of storing another.",
        examples=[CLIENT_ID],
    )
    reply_to: Seq | None = Field(None, description="The seq of the message this answers.", examples=[None])
    mentions: Annotated[Ids, Field(max_length=limits.MENTIONS_MAX)] = Field(
        default_factory=list, description="Members named in it.", examples=[[]], json_schema_extra={"default": []}
    )
    metadata: Metadata | None = Field(
        None,
        description=f"An object of your application's own, at most {limits.METADATA_BYTES_MAX:,} bytes of JSON.",
        examples=[None],
    )


class SendText(_Send):
    """A text."""

    type: Literal["text"] = Field(description="The kind of message.", examples=["text"])
    content: TextContent = Field(description="What it holds.")


class SendLocation(_Send):
    """A place."""

    type: Literal["location"] = Field(description="The kind of message.", examples=["location"])
    content: LocationContent = Field(description="What it holds.")


class SendContact(_Send):
    """Somebody's card."""

    type: Literal["contact"] = Field(description="The kind of message.", examples=["contact"])
    content: ContactContent = Field(description="What it holds.")


class SendImage(_Send):
    """A picture."""

    type: Literal["image"] = Field(description="The kind of message.", examples=["image"])
    content: ImageContent = Field(description="What it holds.")


class SendVideo(_Send):
    """Moving pictures."""

    type: Literal["video"] = Field(description="The kind of message.", examples=["video"])
    content: VideoContent = Field(description="What it holds.")


class SendAudio(_Send):
    """Sound."""

    type: Literal["audio"] = Field(description="The kind of message.", examples=["audio"])
    content: AudioContent = Field(description="What it holds.")


class SendFile(_Send):
    """Any file."""

    type: Literal["file"] = Field(description="The kind of message.", examples=["file"])
    content: FileContent = Field(description="What it holds.")


AnySend = SendText | SendImage | SendVideo | SendAudio | SendFile | SendLocation | SendContact


class MessageSend(RootModel[Annotated[AnySend, Field(discriminator="type")]]):
    """A message to send; ``content`` by ``type``."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class MessageSent(ServerPayload):
    """The stored message."""

    message: MessageView = Field(description="The message as it is now.")
    duplicate: bool = Field(description="True if this client_id was sent before.", examples=[False])


class MessageList(ClientPayload):
    """Which page of history; at most one bound. None: the newest page."""

    model_config = ConfigDict(
        json_schema_extra={"not": {"anyOf": [given(*two) for two in combinations(("before", "after", "around"), 2)]}}
    )

    chat_id: Id | None = _CHAT
    before: Seq | None = Field(None, description="Messages below this seq.", examples=[43])
    after: Annotated[int, Field(ge=0, le=limits.SEQ_MAX)] | None = Field(
        None, description="Messages above this seq.", examples=[None]
    )
    around: Seq | None = Field(None, description="Messages on both sides of this seq, and itself.", examples=[None])
    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="How many at the most.", examples=[50])

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if sum(bound is not None for bound in (self.before, self.after, self.around)) > 1:
            raise ValueError("only one of before, after and around is allowed")
        return self


class MessagePage(ServerPayload):
    """A page of history, by seq, ascending."""

    messages: list[MessageView] = Field(description="The messages.")
    has_more: bool = Field(
        description="Whether there are more beyond the page: older ones; newer ones for `after`; of either for `around`.",
        examples=[False],
    )
    has_before: bool = Field(description="Whether there are older messages before the page.", examples=[False])
    has_after: bool = Field(description="Whether there are newer messages after the page.", examples=[False])


class MessageRead(ClientPayload):
    """Up to where the caller has read."""

    chat_id: Id = Field(description="The chat.", examples=[CHAT_ID])
    seq: Seq = Field(description="Everything up to here is read; beyond the newest counts as the newest.", examples=[42])


class MessageReadUpTo(ServerPayload):
    """The caller's read mark."""

    read_seq: int = Field(description="Everything up to here is read; it never moves back.", examples=[42])
    unread_count: int = Field(description="message_count - read_seq.", examples=[0])


class MessageAt(ClientPayload):
    """Which message."""

    chat_id: Id = Field(description="The chat.", examples=[CHAT_ID])
    seq: Seq = Field(description="The message.", examples=[42])


class MessageEdit(MessageAt):
    """New content for one's own message."""

    content: AnyContent = Field(
        description="What it is to hold; it must fit the message's type.", examples=[{"text": "See you at eight?"}]
    )


class MessageAnswer(ServerPayload):
    """One message."""

    message: MessageView = Field(description="The message as it is now.")


class LikeCount(ServerPayload):
    """How many people like the message."""

    like_count: int = Field(description="How many, the caller included.", examples=[3])


class MessageLikes(MessageAt):
    """Which page of those who like a message."""

    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="How many at the most.", examples=[50])
    cursor: Annotated[str, CursorOf(LIKES_CURSOR)] | None = Field(
        None, description="`next_cursor` of the page before.", examples=[None]
    )


class LikersPage(ServerPayload):
    """A page of those who like a message, in the order in which they did."""

    users: list[User] = Field(description="The people.")
    next_cursor: str | None = Field(description="For the next page; null on the last.", examples=[None])


class MessageReact(MessageAt):
    """Which message, and which emoji."""

    emoji: EmojiText = Field(description="One emoji.", examples=["🎉"])


class MessageReactionsNow(ServerPayload):
    """The reactions of the message."""

    reactions: list[ReactionView] = Field(description="All of them, in the order of their first use.")


class MessageReactions(MessageAt):
    """Which page of the reactions to a message."""

    emoji: EmojiText | None = Field(None, description="Only those with this emoji.", examples=[None])
    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="How many at the most.", examples=[50])
    cursor: Annotated[str, CursorOf(REACTIONS_CURSOR)] | None = Field(
        None, description="`next_cursor` of the page before.", examples=[None]
    )


class ReactionBy(ServerPayload):
    """A reaction of one person."""

    user: User = Field(description="Who reacted.")
    emoji: str = Field(description="The emoji.", examples=["🎉"])


class ReactionsPage(ServerPayload):
    """A page of the reactions to a message, in the order in which they were added."""

    reactions: list[ReactionBy] = Field(description="The reactions.")
    next_cursor: str | None = Field(description="For the next page; null on the last.", examples=[None])


class MessageForward(MessageAt):
    """Which message, and where to."""

    to_chat_id: Id = Field(description="The chat that gets it.", examples=[OTHERS_CHAT_ID])
    client_id: Id = Field(
        description="A UUID of the client's own for this send, as with `message:send`.",
        examples=["0b7f6a1e-52c4-4d19-8e3a-9c8b7a6d5e4f"],
    )


class MessageSearch(ClientPayload):
    """What to look for."""

    query: VisibleText = Field(
        description="Words; a message must have all of them, the last may be the beginning of one.",
        max_length=limits.QUERY_CHARS_MAX,
        examples=["seven"],
    )
    chat_id: Id | None = Field(None, description="Only in this chat.", examples=[None])
    limit: PageSize = Field(limits.PAGE_SIZE_DEFAULT, description="How many at the most.", examples=[50])
    cursor: Annotated[str, CursorOf(SEARCH_CURSOR)] | None = Field(
        None, description="`next_cursor` of the page before.", examples=[None]
    )


class SearchPage(ServerPayload):
    """A page of messages that match, newest first."""

    messages: list[MessageView] = Field(description="The messages.")
    next_cursor: str | None = Field(description="For the next page; null on the last.", examples=[None])


class MessageChanges(ClientPayload):
    """Since when."""

    chat_id: Id = Field(description="The chat.", examples=[CHAT_ID])
    version: Version = Field(description="The chat's version that the client has; 0 for everything.", examples=[50])
    epoch: str | None = Field(
        None,
        description="The `epoch` of `session:ready` under which the client got the version; if it is given, a version of "
        "another epoch is recognised.",
        pattern=EPOCH_PATTERN,
        examples=[None],
    )
    limit: PageSize = Field(limits.PAGE_SIZE_MAX, description="How many at the most.", examples=[100])


class ChangesPage(ServerPayload):
    """What changed, in the order of the changes."""

    messages: list[MessageView] = Field(description="Every message whose state is newer, as it is now.")
    version: int = Field(description="The version that the client has now: ask again with it.", examples=[57])
    has_more: bool = Field(description="Whether there is more to ask for.", examples=[False])
