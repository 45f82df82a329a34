"""What the model of the rules holds, and what the server shows, written alike."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Message:
    """A message; its seq is its place in the chat."""

    sender: int
    content: Json | None
    version: int
    client_id: str | None = None
    reply_to: int | None = None
    asked: tuple[Json, int | None] | None = None
    """What the send asked for, which a repeat must ask for again."""
    is_system: bool = False
    is_edited: bool = False
    is_deleted: bool = False
    likes: list[int] = field(default_factory=list)


@dataclass
class Membership:
    """What is one member's alone."""

    first_seq: int
    read_seq: int
    title: str | None = None
    muted_until: str | None = None
    is_admin: bool = False
    is_archived: bool = False


@dataclass(eq=False)
class Chat:
    """A chat. ``was_private`` stays when it becomes a group. ``touched`` orders the list."""

    type: str
    title: str | None
    creator: int
    version: int
    touched: int
    pair: frozenset[int] = frozenset()
    was_private: bool = False
    is_deleted: bool = False
    id: str = ""
    gone: dict[int, str] = field(default_factory=dict)
    """Who lost the chat, and how: a repeated leave or removal is answered as the first one was."""
    members: dict[int, Membership] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    pinned_seqs: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.messages)


def seen_message(message: Json) -> Json:
    """A message of the server, as the model writes one."""
    shown = {key: message[key] for key in ("seq", "sender_id", "type", "content", "reply_to", "client_id")}
    shown |= {key: message[key] for key in ("like_count", "liked_by_me", "version")}
    return {**shown, "is_edited": bool(message["edited_at"]), "is_deleted": bool(message["deleted_at"])}


def seen_chat(chat: Json) -> Json:
    """A chat of the server, as the model writes one."""
    shown = ("id", "type", "title", "creator_id", "member_count", "message_count", "version", "pinned_seqs")
    mine = ("title", "muted_until", "read_seq", "unread_count", "first_seq", "role", "archived")
    return {
        **{key: chat[key] for key in shown},
        "peer": chat["peer"] and chat["peer"]["id"],
        "last_message": chat["last_message"] and seen_message(chat["last_message"]),
        "me": {**{key: chat["me"][key] for key in mine}, "is_pinned": chat["me"]["pinned"] is not None},
    }
