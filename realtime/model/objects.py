"""The objects of the contract: User, Message, Chat. What all may see (events) and what is added for one (answers)."""

from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, SerializationInfo, field_serializer

from core.limits import AVATAR_SIZES
from db.chats import ChatRow
from db.unread import UnreadRow
from db.users import LastSeenFor, MessagesFrom, ProfileRow, UserRow
from realtime.model.files import show_content
from realtime.wire.fields import CHAT_ID, CLIENT_ID, PHONE, USER_ID, Id, ServerPayload, Time


class Avatar(ServerPayload):
    """Paths of the four sizes of an avatar, relative to the server. They are public and never change."""

    id: str = Field(description="ID of the avatar, made from its content.", examples=["9f86d081884c7d65"])
    small: str = Field(
        alias="50", description="Path of the image in 50x50 pixels.", examples=["/v1/avatars/9f86d081884c7d65/50"]
    )
    medium: str = Field(
        alias="100", description="Path of the image in 100x100 pixels.", examples=["/v1/avatars/9f86d081884c7d65/100"]
    )
    large: str = Field(
        alias="400", description="Path of the image in 400x400 pixels.", examples=["/v1/avatars/9f86d081884c7d65/400"]
    )
    original: str = Field(
        description="Path of the image in its original size, re-encoded.",
        examples=["/v1/avatars/9f86d081884c7d65/original"],
    )

    @classmethod
    def at(cls, avatar_id: str) -> Self:
        """The avatar with this content address."""
        return cls.model_validate(avatar_json(avatar_id))


def avatar_json(avatar_id: str) -> dict[str, str]:
    """The JSON object of the avatar with this content address."""
    return {"id": avatar_id} | {size: f"/v1/avatars/{avatar_id}/{size}" for size in AVATAR_SIZES}


class User(ServerPayload):
    """The public profile of a person. It never contains the phone number."""

    id: Id = Field(description="ID of the person.", examples=[USER_ID])
    display_name: str = Field(description="Name to show for the person.", examples=["Anna"])
    username: str | None = Field(
        description="Unique public name by which others can find the person, or null.", examples=["anna"]
    )
    about: str | None = Field(
        description="Short text of the person about themselves, or null.", examples=["On the road until Monday"]
    )
    avatar: Avatar | None = Field(description="Picture of the person, or null.")
    last_seen_at: Time | None = Field(
        description="When the person was last connected. Null if the caller shares no chat with them, across a block, or "
        "if the person shows it to nobody.",
        examples=["2026-11-23T05:08:04.123Z"],
    )
    is_bot: bool = Field(description="Whether the account belongs to a program.", examples=[False])
    is_deleted: bool = Field(description="Whether the account was deleted. Its messages stay.", examples=[False])

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
            is_bot=row.is_bot,
            is_deleted=row.is_deleted,
        )

    def shared(self) -> "User":
        """The person without what not everybody may see: for events that go to many."""
        return User.model_construct(**{name: getattr(self, name) for name in User.model_fields} | {"last_seen_at": None})


class Privacy(ServerPayload):
    """What a person lets others see and do."""

    last_seen: LastSeenFor = Field(
        description="Who sees when you were last connected, and whether you are online: `shared` (who shares a chat with "
        "you) or `nobody`.",
        examples=["shared"],
    )
    messages_from: MessagesFrom = Field(
        description="Who may open a private chat with you or add you to a group: `everyone`, `shared` (who shares a group "
        "with you) or `nobody`.",
        examples=["everyone"],
    )
    found_by_phone: bool = Field(description="Whether your phone number finds you.", examples=[True])


class Profile(User):
    """The profile of the caller: the public profile and the fields that only the caller sees."""

    phone: str = Field(description="Phone number in E.164 format. Only its owner sees it.", examples=[PHONE])
    created_at: Time = Field(description="When the person registered.", examples=["2026-11-20T18:00:00.000Z"])
    privacy: Privacy = Field(description="What the person lets others see and do.")

    @classmethod
    def of_owner(cls, row: ProfileRow) -> "Profile":
        """From the owner's own row."""
        return Profile(
            **dict(User.of(row.user)),
            phone=row.phone,
            created_at=row.created_at,
            privacy=Privacy.model_validate(row.privacy),
        )


class ForwardedFrom(ServerPayload):
    """The first sender of a forwarded message, however often it was forwarded."""

    sender_id: Id = Field(description="ID of the sender of the first message.", examples=[USER_ID])
    created_at: Time = Field(description="When the server stored the first message.", examples=["2026-11-22T17:30:00.000Z"])


class Reaction(ServerPayload):
    """A reaction: an emoji, and how many people reacted with it."""

    emoji: str = Field(description="The emoji.", examples=["🎉"])
    count: int = Field(description="Number of people who reacted with the emoji.", examples=[1])


class ReactionView(Reaction):
    """A reaction as one person sees it."""

    mine: bool = Field(description="Whether the caller reacted with the emoji.", examples=[False])


class Message(ServerPayload):
    """A message. ``chat_id`` and ``seq`` identify it together. A deleted message keeps its place, with ``content`` null."""

    chat_id: Id = Field(description="ID of the chat that the message belongs to.", examples=[CHAT_ID])
    seq: int = Field(
        description="Position of the message in its chat. It starts at 1, has no gaps and never changes.", examples=[42]
    )
    sender_id: Id = Field(
        description="ID of the sender. For a system message: ID of the person who caused it.", examples=[USER_ID]
    )
    type: str = Field(
        description="Type of the message: one of the types of `message:send`, or `system`.", examples=["text"]
    )
    content: dict[str, Any] | None = Field(
        description="Content of the message. Its fields depend on `type`. Null once the message is deleted.",
        examples=[{"text": "See you at seven?"}],
    )
    reply_to: int | None = Field(description="`seq` of the message that this one replies to, or null.", examples=[None])
    mentions: list[Id] = Field(description="IDs of the members that the message mentions.", examples=[[]])
    forwarded_from: ForwardedFrom | None = Field(
        description="Of a forwarded message: the sender and the time of the first one. Otherwise null.", examples=[None]
    )
    client_id: Id | None = Field(
        description="The UUID that the sender's client gave the message. Null for a system message.", examples=[CLIENT_ID]
    )
    created_at: Time = Field(description="When the server stored the message.", examples=["2026-11-23T05:08:04.123Z"])
    edited_at: Time | None = Field(description="When the message was last edited, or null.", examples=[None])
    deleted_at: Time | None = Field(description="When the message was deleted, or null.", examples=[None])
    like_count: int = Field(description="Number of people who like the message.", examples=[0])
    reactions: list[Reaction] = Field(description="Reactions to the message, the first emoji first.", examples=[[]])
    metadata: dict[str, Any] | None = Field(
        description="The object that the sender's application gave the message, or null.", examples=[None]
    )
    version: int = Field(description="Version of the chat at the last change of this message.", examples=[57])

    @field_serializer("content")
    def _sign_urls(self, content: dict[str, Any] | None, info: SerializationInfo[Any]) -> dict[str, Any] | None:
        """URLs of files are signed while the message is encoded, because they end after some hours."""
        return content if content is None or info.context is None else show_content(content, info.context)


class MessageView(Message):
    """A message, as the caller sees it."""

    reactions: list[ReactionView] = Field(  # type: ignore[assignment]  # a frozen list is as good as a sequence
        description="Reactions to the message, the first emoji first.", examples=[[]]
    )
    liked_by_me: bool = Field(description="Whether the caller likes the message.", examples=[False])

    def shared(self) -> Message:
        """The message without what is one person's."""
        parts = {name: getattr(self, name) for name in Message.model_fields}
        parts["reactions"] = [Reaction(emoji=one.emoji, count=one.count) for one in self.reactions]
        return Message.model_construct(**parts)


Role = Literal["creator", "admin", "member"]
"""The role of a member. The creator of a private chat is the person who opened it."""


def role_of(*, is_creator: bool, is_admin: bool) -> Role:
    """The role of a member."""
    if is_creator:
        return "creator"
    return "admin" if is_admin else "member"


class Me(ServerPayload):
    """Personal settings and state of the caller in a chat. Nobody else sees them."""

    title: str | None = Field(description="The caller's own title for the group, or null.", examples=[None])
    pinned: int | None = Field(
        description="Position among the caller's pinned chats, from 1, or null if the chat is not pinned.", examples=[None]
    )
    muted_until: Time | None = Field(
        description="Time until which notifications are off, or null if the chat is not muted.", examples=[None]
    )
    archived: bool = Field(
        description="Whether the caller archived the chat. A message from somebody else ends it, unless the chat is muted.",
        examples=[False],
    )
    read_seq: int = Field(description="All messages up to this `seq` are read.", examples=[40])
    unread_count: int = Field(description="Number of unread messages: `message_count - read_seq`.", examples=[2])
    unread_mentions: int = Field(
        description="Number of unread messages that mention the caller, among the newest 1,000 unread messages.",
        examples=[0],
    )
    first_seq: int = Field(description="`seq` of the first message that the caller may see.", examples=[1])
    role: Role = Field(description="Role of the caller in the chat.", examples=["member"])
    joined_at: Time = Field(description="When the caller joined the chat.", examples=["2026-11-20T18:00:00.000Z"])


class Unread(ServerPayload):
    """Unread totals over all chats of the caller that are not muted, for a badge."""

    chats: int = Field(description="Number of chats with unread messages.", examples=[2])
    messages: int = Field(description="Number of unread messages.", examples=[7])
    mentions: int = Field(description="Number of unread messages that mention the caller.", examples=[1])

    @classmethod
    def of(cls, row: UnreadRow) -> Self:
        """From a row of ``db.unread``."""
        return cls(chats=row.chat_count, messages=row.message_count, mentions=row.mention_count)


class Chat(ServerPayload):
    """A chat, as all its members see it. Events that go to all members contain this."""

    id: Id = Field(description="ID of the chat. It stays the same when a private chat becomes a group.", examples=[CHAT_ID])
    type: Literal["private", "group"] = Field(
        description="`private` for a chat of two people, `group` for a group.", examples=["private"]
    )
    title: str | None = Field(description="Title of the group. Null for a private chat.", examples=[None])
    description: str | None = Field(description="What the group is about, or null.", examples=[None])
    avatar: Avatar | None = Field(description="Picture of the group, or null.", examples=[None])
    creator_id: Id = Field(
        description="ID of the member who created the chat, or to whom it was transferred.", examples=[USER_ID]
    )
    member_count: int = Field(description="Number of members.", examples=[2])
    message_count: int = Field(
        description="Number of messages, deleted ones included. It is also the `seq` of the newest message.", examples=[42]
    )
    last_message: Message | None = Field(description="The newest message, or null if there is none.")
    pinned_seqs: list[int] = Field(
        description="`seq` of each pinned message that the recipient may see, newest first.", examples=[[]]
    )
    metadata: dict[str, Any] = Field(description="JSON object of the application.", examples=[{}])
    created_at: Time = Field(description="When the chat was created.", examples=["2026-11-20T18:00:00.000Z"])
    updated_at: Time = Field(
        description="When the newest message was stored. The chat list is sorted by it.",
        examples=["2026-11-23T05:08:04.123Z"],
    )
    version: int = Field(
        description="Version of the chat. Every change that all members share raises it by one.", examples=[57]
    )

    def from_seq(self, first_seq: int) -> "Chat":
        """The chat for those who may not see what was before ``first_seq``."""
        last = self.last_message
        seen = last if last is not None and last.seq >= first_seq else None
        return self.model_copy(
            update={"last_message": seen, "pinned_seqs": [seq for seq in self.pinned_seqs if seq >= first_seq]}
        )


class ChatView(Chat):
    """A chat, as the caller sees it."""

    last_message: MessageView | None = Field(description="The newest message that the caller may see, or null.")
    peer: User | None = Field(description="The other person in a private chat. Null for a group.")
    others_read_seq: int = Field(
        description="Furthest read mark of the other members: someone has read all messages up to this `seq`. 0 if nobody "
        "has. Members across a block do not count.",
        examples=[41],
    )
    me: Me = Field(description="Personal settings and state of the caller in this chat.")
    _row: ChatRow | None = PrivateAttr(None)

    def shared(self) -> Chat:
        """The chat as all members share it, including what this member may not see."""
        if self._row is None:
            raise RuntimeError("the view was not made of a row")
        last = self._row.last_message
        parts = {name: getattr(self, name) for name in Chat.model_fields}
        parts["last_message"] = MessageView.model_validate(last).shared() if last is not None else None
        parts["pinned_seqs"] = self._row.pinned_seqs
        return Chat.model_construct(**parts)

    @classmethod
    def of(cls, row: ChatRow, user_id: str) -> "ChatView":
        """From a row of ``db.chats``, for the person it was read for."""
        first_seq, last = row.me.first_seq, row.last_message
        view = ChatView(
            id=row.id,
            type=row.type,
            title=row.title,
            description=row.description,
            avatar=Avatar.at(row.avatar_id) if row.avatar_id else None,
            creator_id=row.creator_id,
            member_count=row.member_count,
            message_count=row.message_count,
            last_message=MessageView.model_validate(last) if last is not None and last.seq >= first_seq else None,
            pinned_seqs=[seq for seq in row.pinned_seqs if seq >= first_seq],
            metadata=row.metadata,
            created_at=row.created_at,
            updated_at=row.updated_at,
            version=row.version,
            peer=User.of(row.peer) if row.peer else None,
            others_read_seq=row.others_read_seq,
            me=Me(
                title=row.me.title,
                pinned=row.me.pinned,
                muted_until=row.me.muted_until,
                archived=row.me.archived,
                read_seq=row.me.read_seq,
                unread_count=row.message_count - row.me.read_seq,
                unread_mentions=row.me.unread_mentions,
                first_seq=row.me.first_seq,
                role=role_of(is_creator=row.creator_id == user_id, is_admin=row.me.is_admin),
                joined_at=row.me.joined_at,
            ),
        )
        view._row = row
        return view
