"""A chat's present state as effects: for members who may have missed a change."""

from collections.abc import Callable, Sequence

from db import chats, members
from db.pool import Tx
from realtime.model.events import (
    CHAT_REMOVED,
    ChatRemoved,
    Reason,
    Removal,
    announce_chat,
    announce_personal,
)
from realtime.model.objects import ChatView
from realtime.wire.effects import Effect, Emit, Joined, Left, SingleUser


async def state_of_chat(
    tx: Tx, chat_id: str, *, believed: frozenset[str], is_online: Callable[[str], bool]
) -> Sequence[Effect]:
    """``chat:updated`` with the present state; who came in or was put out without being told is told so.

    ``believed``: the people online who are taken for members.
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
        effects.append(announce_chat(ChatView.of(seen, seen.creator_id).shared(), Reason.RECONCILED))
    newcomers = [user_id for user_id in sorted(present - believed) if is_online(user_id)]
    for row in await chats.list_views(tx, chat_id, newcomers) if newcomers else []:
        view = ChatView.of(row.chat, row.user_id)
        effects.append(Joined(chat_id, row.user_id, view.me.first_seq))
        effects.append(announce_personal(view, row.user_id, Reason.CREATED))
    return effects
