"""The people of a page: whoever sent or caused one of its messages, and the other one of each private chat.

An answer that holds messages holds its people too (``users``), so that a client can show names and pictures without a
request for each person. To make it so for another action: its answer derives from :class:`WithPeople`, and its handler
calls :func:`find_people` with what the page holds.

What must stay true: a page takes one further statement for all its people, however many there are.
"""

from collections.abc import Iterable

from pydantic import Field

from db import users
from db.pool import Tx
from realtime.model.objects import Chat, ChatView, Message, User
from realtime.wire.fields import USER_ID, Id, ServerPayload

_USER_EXAMPLE = {
    "id": USER_ID,
    "display_name": "Anna",
    "username": "anna",
    "about": "On the road until Monday",
    "avatar": None,
    "last_seen_at": "2026-11-23T05:08:04.123Z",
    "is_bot": False,
    "is_deleted": False,
}


class WithPeople(ServerPayload):
    """An answer that holds messages or chats, with the people in them."""

    users: dict[Id, User] = Field(
        description="Profiles of the people in this answer, by user ID: the senders of its messages, the people that its "
        "system messages name (`content.user_id`), the authors of what was forwarded, and the peers of its private chats. "
        "Deleted accounts are included.",
        examples=[{USER_ID: _USER_EXAMPLE}],
    )


async def find_people(
    tx: Tx, viewer_id: str, *, messages: Iterable[Message] = (), chats: Iterable[Chat] = ()
) -> dict[str, User]:
    """The people of ``messages`` and of ``chats`` (with their last messages), as the viewer may see them, by ID.

    The viewer is in all these chats.
    """
    named: set[str] = set()
    chat_ids: set[str] = set()
    for chat in chats:
        chat_ids.add(chat.id)
        if chat.last_message is not None:
            named |= _people_of(chat.last_message)
        if isinstance(chat, ChatView) and chat.peer is not None:
            named.add(chat.peer.id)
    for message in messages:
        chat_ids.add(message.chat_id)
        named |= _people_of(message)
    if not named:
        return {}
    rows = await users.list_people(tx, sorted(named), viewer_id, sorted(chat_ids))
    return {row.id: User.of(row) for row in rows}


def _people_of(message: Message) -> set[str]:
    """Whom a client needs to show the message."""
    named = {message.sender_id}
    if message.type == "system" and message.content is not None and "user_id" in message.content:
        named.add(message.content["user_id"])
    if message.forwarded_from is not None:
        named.add(message.forwarded_from.sender_id)
    return named
