"""The present state of a chat as effects: for members who may have missed a change of it."""

from collections.abc import Callable, Sequence
from typing import Final

from db import chats, members, messages, users
from db.pool import Tx
from realtime.model.events import (
    CHAT_REMOVED,
    ChatRemoved,
    Reason,
    Removal,
    announce_personal,
    announce_reconciled,
)
from realtime.model.objects import ChatView, Message, User
from realtime.wire.effects import Effect, Emit, Joined, Left, SingleUser

_PAGE: Final = 200
_CHANGED_MAX: Final = 2_000
"""Messages that are shown after a doubt; whoever looks at the chat fetches the rest by ``message:changes``."""


async def describe_chat(
    tx: Tx,
    chat_id: str,
    *,
    believed: frozenset[str],
    is_online: Callable[[str], bool],
    since_version: int | None,
    known_message_count: int,
) -> Sequence[Effect]:
    """The effects after which everybody online has what the database has.

    Members get ``chat:updated`` with the present state. Those who look at the chat get every message that changed after
    ``since_version`` (``None``: nobody looks). Whoever came in or was removed without being told is told so.

    ``believed``: the people online who count as members in this process. ``known_message_count``: how many messages
    those who look at the chat have been told of.
    """
    creator_id = await chats.find_creator(tx, chat_id)
    present = set(await members.list_member_ids(tx, chat_id)) if creator_id is not None else set()
    why = Removal.DELETED if creator_id is None else Removal.REMOVED
    effects: list[Effect] = []
    for user_id in believed - present:
        effects.append(Emit(CHAT_REMOVED, ChatRemoved(chat_id=chat_id, reason=why), SingleUser(user_id)))
        effects.append(Left(chat_id, user_id))
    seen = await chats.find_chat(tx, chat_id, creator_id) if creator_id is not None and believed & present else None
    if seen is not None:
        changed = [] if since_version is None else await _list_changed(tx, chat_id, since_version, seen.version)
        shared = ChatView.of(seen, seen.creator_id).shared()
        senders = {message.sender_id for message in changed}
        people = {row.id: User.of(row) for row in await users.list_public_profiles(tx, sorted(senders))}
        effects += announce_reconciled(shared, changed, people, known_message_count=known_message_count)
    newcomers = [user_id for user_id in sorted(present - believed) if is_online(user_id)]
    for row in await chats.list_views(tx, chat_id, newcomers) if newcomers else []:
        view = ChatView.of(row.chat, row.user_id)
        effects.append(Joined(chat_id, row.user_id, view.me.first_seq))
        effects.append(announce_personal(view, row.user_id, Reason.CREATED))
    return effects


async def _list_changed(tx: Tx, chat_id: str, since_version: int, until_version: int) -> list[Message]:
    changed: list[Message] = []
    while since_version < until_version and len(changed) < _CHANGED_MAX:
        rows = await messages.list_changed_since(tx, chat_id, since_version, _PAGE)
        changed += [Message.model_validate(row) for row in rows]
        if len(rows) < _PAGE:
            break
        since_version = rows[-1].version
    return changed
