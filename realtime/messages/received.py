"""What a message of each type holds when it comes from the server: what was sent, and what the server added.

The server answers ``content`` as it is stored, so these models do not run: they say in ``/docs/types.ts`` what clients get,
and a test holds real messages against them. A new type, a new system event and a new field of a file are added here too.
"""

from typing import Final, Literal

from pydantic import Field

from realtime.messages.contents import ContactContent, LocationContent, TextContent
from realtime.wire.fields import FILE_ID, USER_ID, Id, ServerPayload


class ReceivedFile(ServerPayload):
    """A file: what was sent with it, and what the server knows of it."""

    file_id: Id = Field(description="ID of the file.", examples=[FILE_ID])
    name: str = Field(description="What it is called.", examples=["lake.jpg"])
    mime: str = Field(description="Its media type, as its bytes say.", examples=["image/jpeg"])
    size: int = Field(description="In bytes.", examples=[52_110])
    url: str = Field(description="Where it is.", examples=[f"/v1/files/{FILE_ID}"])
    caption: str | None = Field(None, description="A text below it.", examples=["From last summer"])
    width: int | None = Field(None, description="In pixels, as it is to be shown.", examples=[1280])
    height: int | None = Field(None, description="In pixels.", examples=[720])
    duration: float | None = Field(None, description="In seconds, as the uploader said.", examples=[12.5])
    thumbnail: str | None = Field(
        None, description="Where a small picture of it is.", examples=[f"/v1/files/{FILE_ID}/thumbnail"]
    )
    thumbnail_url: str | None = Field(
        None, description="The same, as `url` is.", examples=[f"/v1/files/{FILE_ID}/thumbnail"]
    )
    blurhash: str | None = Field(
        None, description="BlurHash, to show until the picture is there.", examples=["LEHV6nWB2yk8"]
    )


class GroupCreatedContent(ServerPayload):
    """Somebody opened the group."""

    event: Literal["group_created"] = Field(description="What happened.", examples=["group_created"])
    user_id: Id = Field(description="Who opened it.", examples=[USER_ID])
    title: str = Field(description="Its title.", examples=["Sunday hike"])


class BecameGroupContent(ServerPayload):
    """The private chat became a group."""

    event: Literal["became_group"] = Field(description="What happened.", examples=["became_group"])
    user_id: Id = Field(description="Who added the first member.", examples=[USER_ID])
    title: str = Field(description="Its title.", examples=["Anna, Boris, Clara"])


class MembershipContent(ServerPayload):
    """Somebody came, went or was removed."""

    event: Literal["member_added", "member_removed", "member_left"] = Field(
        description="What happened.", examples=["member_added"]
    )
    user_id: Id = Field(description="Whom it is about; who did it is the `sender_id`.", examples=[USER_ID])


class TitleChangedContent(ServerPayload):
    """The group has another title."""

    event: Literal["title_changed"] = Field(description="What happened.", examples=["title_changed"])
    user_id: Id = Field(description="Who changed it.", examples=[USER_ID])
    title: str = Field(description="The new title.", examples=["Saturday hike"])


class AvatarChangedContent(ServerPayload):
    """The group has another picture, or none."""

    event: Literal["avatar_changed"] = Field(description="What happened.", examples=["avatar_changed"])
    user_id: Id = Field(description="Who changed it.", examples=[USER_ID])


class MessagePinnedContent(ServerPayload):
    """A message was pinned."""

    event: Literal["message_pinned"] = Field(description="What happened.", examples=["message_pinned"])
    user_id: Id = Field(description="Who pinned it.", examples=[USER_ID])
    seq: int = Field(description="`seq` of the pinned message.", examples=[42])


SYSTEM: Final = (
    GroupCreatedContent,
    BecameGroupContent,
    MembershipContent,
    TitleChangedContent,
    AvatarChangedContent,
    MessagePinnedContent,
)
"""The contents of system messages, told apart by ``event``."""

RECEIVED: Final[dict[str, tuple[type[TextContent | LocationContent | ContactContent] | type[ServerPayload], ...]]] = {
    "text": (TextContent,),
    "image": (ReceivedFile,),
    "video": (ReceivedFile,),
    "audio": (ReceivedFile,),
    "file": (ReceivedFile,),
    "location": (LocationContent,),
    "contact": (ContactContent,),
    "system": SYSTEM,
}
"""Message type → what its content can be."""
