"""The objects of the contract: User, Message, Chat. What all may see (events) and what is added for one (answers)."""

from typing import Any, Literal, Self

from pydantic import Field, SerializationInfo, field_serializer

from core.limits import AVATAR_SIZES
from db.chats import ChatRow
from db.users import ProfileRow, UserRow
from realtime.model.files import show_content
from realtime.wire.fields import CHAT_ID, CLIENT_ID, PHONE, USER_ID, Id, ServerPayload, Time


class Avatar(ServerPayload):
    """Where the four images of an avatar are: public, immutable, relative to the server."""

    id: str = Field(description="Content address; another image has another id.", examples=["9f86d081884c7d65"])
    small: str = Field(alias="50", description="50x50 pixels.", examples=["/v1/avatars/9f86d081884c7d65/50"])
    medium: str = Field(alias="100", description="100x100 pixels.", examples=["/v1/avatars/9f86d081884c7d65/100"])
    large: str = Field(alias="400", description="400x400 pixels.", examples=["/v1/avatars/9f86d081884c7d65/400"])
    original: str = Field(
        description="As large as it came, re-encoded.", examples=["/v1/avatars/9f86d081884c7d65/original"]
    )

    @classmethod
    def at(cls, avatar_id: str) -> Self:
        """The avatar with this content address."""
        return cls.model_validate({"id": avatar_id} | {size: f"/v1/avatars/{avatar_id}/{size}" for size in AVATAR_SIZES})


class User(ServerPayload):
    """A person, as anybody may see them. The phone is shown to its owner alone."""

    id: Id = Field(description="Whose profile this is.", examples=[USER_ID])
    display_name: str = Field(description="What they want to be called.", examples=["Anna"])
    username: str | None = Field(description="Their unique public name, if they chose one.", examples=["anna"])
    about: str | None = Field(description="A line about themselves.", examples=["On the road until Monday"])
    avatar: Avatar | None = Field(description="Their picture, if they have one.")
    last_seen_at: Time | None = Field(description="When they were last connected.", examples=["2026-11-23T05:08:04.123Z"])

    @classmethod
    def of(cls, row: UserRow) -> "User":
        """From a row of ``db.users``."""
        return User(
            id=row.id,
            display_name=row.display_name,
            username=row.username,
            about=row.about,
            avatar=Avatar.at(row.avatar_id) if row.avatar_id else None,
            last_seen_at=row.last_seen_at,
        )


class Profile(User):
    """A person as they see themselves."""

    phone: str = Field(description="Their number in E.164; nobody else is shown it.", examples=[PHONE])
    created_at: Time = Field(description="When they registered.", examples=["2026-11-20T18:00:00.000Z"])

    @classmethod
    def of_owner(cls, row: ProfileRow) -> "Profile":
        """From the owner's own row."""
        return Profile(**dict(User.of(row.user)), phone=row.phone, created_at=row.created_at)


class ForwardedFrom(ServerPayload):
    """Where a forwarded message comes from. Forwarded again, it keeps its first sender."""

    sender_id: Id = Field(description="Who sent the first message.", examples=[USER_ID])
    created_at: Time = Field(description="When it was stored.", examples=["2026-11-22T17:30:00.000Z"])


class Reaction(ServerPayload):
    """An emoji on a message."""

    emoji: str = Field(description="The emoji.", examples=["🎉"])
    count: int = Field(description="How many people reacted with it.", examples=[1])


class ReactionView(Reaction):
    """An emoji on a message, as one person sees it."""

    mine: bool = Field(description="Whether the caller is one of them.", examples=[False])


class Message(ServerPayload):
    """A message is (chat_id, seq): it has no other id. Deleted, it stays as a tombstone with ``content`` null."""

    chat_id: Id = Field(description="The chat it is in.", examples=[CHAT_ID])
    seq: int = Field(description="Its place in the chat: from 1, without gaps, for ever.", examples=[42])
    sender_id: Id = Field(description="Who sent it; for a system message, who caused it.", examples=[USER_ID])
    type: str = Field(description="text, image, video, audio, file, location, contact or system.", examples=["text"])
    content: dict[str, Any] | None = Field(
        description="By type; null once deleted.", examples=[{"text": "See you at seven?"}]
    )
    reply_to: int | None = Field(description="The seq of the message it answers.", examples=[None])
    mentions: list[Id] = Field(description="Members named in it.", examples=[[]])
    forwarded_from: ForwardedFrom | None = Field(
        description="Of a forwarded message: who sent the first one, and when.", examples=[None]
    )
    client_id: Id | None = Field(
        description="The sender's own id of the send; null on system messages.", examples=[CLIENT_ID]
    )
    created_at: Time = Field(description="When it was stored.", examples=["2026-11-23T05:08:04.123Z"])
    edited_at: Time | None = Field(description="When it was last edited.", examples=[None])
    deleted_at: Time | None = Field(description="When it was deleted.", examples=[None])
    like_count: int = Field(description="How many people like it.", examples=[0])
    reactions: list[Reaction] = Field(description="Emoji on it, in the order of their first use.", examples=[[]])
    metadata: dict[str, Any] | None = Field(
        description="The object that the sender's application gave with it.", examples=[None]
    )
    version: int = Field(description="The chat's version at this message's last change.", examples=[57])

    @field_serializer("content")
    def _sign_urls(self, content: dict[str, Any] | None, info: SerializationInfo[Any]) -> dict[str, Any] | None:
        """URLs of files are signed while the message is encoded, because they end after some hours."""
        return content if content is None or info.context is None else show_content(content, info.context)


class MessageView(Message):
    """A message as one person sees it."""

    reactions: list[ReactionView] = Field(  # type: ignore[assignment]  # a frozen list is as good as a sequence
        description="Emoji on it, in the order of their first use.", examples=[[]]
    )
    liked_by_me: bool = Field(description="Whether the caller likes it.", examples=[False])

    def shared(self) -> Message:
        """The message without what is one person's."""
        parts = {name: getattr(self, name) for name in Message.model_fields}
        parts["reactions"] = [Reaction(emoji=one.emoji, count=one.count) for one in self.reactions]
        return Message.model_construct(**parts)


class Me(ServerPayload):
    """What is the caller's alone about a chat."""

    title: str | None = Field(description="The caller's own name for the group.", examples=[None])
    pinned: int | None = Field(description="Position among the caller's pins, from 1.", examples=[None])
    muted_until: Time | None = Field(description="No notifications until then.", examples=[None])
    read_seq: int = Field(description="Everything up to here is read.", examples=[40])
    unread_count: int = Field(description="message_count - read_seq.", examples=[2])
    first_seq: int = Field(description="Nothing before it exists for the caller.", examples=[1])
    role: Literal["creator", "member"] = Field(description="The caller's role.", examples=["member"])
    joined_at: Time = Field(description="When the caller came in.", examples=["2026-11-20T18:00:00.000Z"])


class Chat(ServerPayload):
    """A chat as all its members see it; events to all carry this."""

    id: Id = Field(description="The chat's id; it stays when a private chat becomes a group.", examples=[CHAT_ID])
    type: Literal["private", "group"] = Field(description="Two people, or a group.", examples=["private"])
    title: str | None = Field(description="The group's title; null for a private chat.", examples=[None])
    creator_id: Id = Field(description="Who opened it (or was handed it).", examples=[USER_ID])
    member_count: int = Field(description="How many people are in it.", examples=[2])
    message_count: int = Field(description="The newest seq.", examples=[42])
    last_message: Message | None = Field(description="The newest message, if there is one.")
    created_at: Time = Field(description="When it was opened.", examples=["2026-11-20T18:00:00.000Z"])
    updated_at: Time = Field(
        description="When the newest message came: the order of the list.", examples=["2026-11-23T05:08:04.123Z"]
    )
    version: int = Field(description="Rises by one with every change that all members share.", examples=[57])

    def shared(self) -> "Chat":
        """The chat without what is one member's."""
        parts = {name: getattr(self, name) for name in Chat.model_fields}
        if isinstance(self.last_message, MessageView):
            parts["last_message"] = self.last_message.shared()
        return Chat.model_construct(**parts)


class ChatView(Chat):
    """A chat as one member sees it."""

    last_message: MessageView | None = Field(description="The newest message that the caller may see.")
    peer: User | None = Field(description="The other one, in a private chat.")
    me: Me = Field(description="What is the caller's alone.")

    @classmethod
    def of(cls, row: ChatRow, user_id: str) -> "ChatView":
        """From a row of ``db.chats``, for the person it was read for."""
        return ChatView(
            id=row.id,
            type=row.type,
            title=row.title,
            creator_id=row.creator_id,
            member_count=row.member_count,
            message_count=row.message_count,
            last_message=MessageView.model_validate(row.last_message) if row.last_message else None,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
            peer=User.of(row.peer) if row.peer else None,
            me=Me(
                title=row.me.title,
                pinned=row.me.pinned,
                muted_until=row.me.muted_until,
                read_seq=row.me.read_seq,
                unread_count=row.message_count - row.me.read_seq,
                first_seq=row.me.first_seq,
                role="creator" if row.creator_id == user_id else "member",
                joined_at=row.me.joined_at,
            ),
        )
