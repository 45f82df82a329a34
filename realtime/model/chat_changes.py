"""What the changes of a chat have in common: its lock, how a member sees it, system messages, coming and going."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from core.conflicts import ConflictReason
from core.errors import Conflict, NotFound, Unavailable
from db import blocks, chats, members, messages
from db.members import MovedPinRow
from db.pool import Tx
from realtime.model.events import (
    CHAT_REMOVED,
    ChatRemoved,
    Reason,
    Removal,
    announce_chat,
    announce_message,
    announce_personal,
)
from realtime.model.objects import Chat, ChatView, MessageView
from realtime.wire.changes import Change, chat_subject
from realtime.wire.context import Services
from realtime.wire.effects import Emit, Joined, Left, SingleUser


async def view_chat(tx: Tx, chat_id: str, user_id: str) -> ChatView:
    """The chat as ``user_id`` sees it; ``NotFound`` for who is not in it."""
    row = await chats.find_chat(tx, chat_id, user_id)
    if row is None:
        raise NotFound("chat_id")
    return ChatView.of(row, user_id)


async def lock_and_view(tx: Tx, chat_id: str, user_id: str) -> ChatView:
    """Lock the chat until the transaction ends, then look: what is seen stays true. ``NotFound`` for outsiders."""
    await chats.lock_chat(tx, chat_id)
    return await view_chat(tx, chat_id, user_id)


async def refuse_unreachable(tx: Tx, chat: ChatView, user_id: str) -> None:
    """Nothing is said in a private chat across a block, or with a deleted account.

    ``you_blocked_user`` for who has blocked the other one; ``peer_unavailable`` for the blocked, who cannot tell why.
    """
    if chat.peer is not None:
        match await blocks.find_barrier(tx, user_id, chat.peer.id):
            case "you_blocked_user":
                raise Conflict(ConflictReason.YOU_BLOCKED_USER)
            case "peer_unavailable":
                raise Conflict(ConflictReason.PEER_UNAVAILABLE)


async def refuse_unwanted(tx: Tx, user_id: str, other_id: str) -> None:
    """``peer_unavailable`` where ``user_id`` may open no private chat with the other one: blocked, by their privacy, or
    because the account was deleted. ``NotFound`` if there never was such a person.
    """
    may_open = await blocks.may_open_chat(tx, user_id, other_id)
    if may_open is None:
        raise NotFound("user_id")
    if not may_open:
        raise Conflict(ConflictReason.PEER_UNAVAILABLE)


async def pick_addable(tx: Tx, user_ids: list[str], caller_id: str, *, field: str) -> tuple[list[str], list[str]]:
    """Of these people, those whom the caller may add to a group, and those not, in their order.

    ``NotFound`` (``field``) if one of them never existed.
    """
    candidates = await members.list_candidates(tx, user_ids, caller_id) if user_ids else []
    if len(candidates) < len(user_ids):
        raise NotFound(field)
    addable = [one.user_id for one in candidates if one.may_be_added]
    return addable, [one.user_id for one in candidates if not one.may_be_added]


async def add_system_message(
    change: Change, chat: Chat, actor_id: str, content: dict[str, Any], *, reason: Reason, member_count_change: int = 0
) -> Chat:
    """Add a system message to the locked ``chat`` and announce it to its present members; the chat after it."""
    row = await messages.insert_system_message(change.tx, chat.id, actor_id, content, member_count_change)
    message = MessageView.model_validate(row).shared()
    after = chat.model_copy(
        update={
            "member_count": chat.member_count + member_count_change,
            "message_count": message.seq,
            "version": message.version,
            "updated_at": message.created_at,
            "last_message": message,
        }
    )
    change.then(*announce_message(after, message, reason))
    return after


async def hand_over(change: Change, chat: Chat, heir_id: str) -> Chat:
    """Make ``heir_id`` the creator of the locked ``chat``, because its creator is no more; the chat after it."""
    await chats.transfer_chat(change.tx, chat.id, heir_id)
    view = await view_chat(change.tx, chat.id, heir_id)
    change.then(
        *announce_chat(view.shared(), Reason.TRANSFERRED, without=frozenset((heir_id,))),
        announce_personal(view, heir_id, Reason.TRANSFERRED),
    )
    return view.shared()


async def let_in(change: Change, chat_id: str, user_ids: Sequence[str], *, reason: Reason) -> None:
    """After the commit these new members hear the chat; each is told of it, with what is theirs."""
    for row in await chats.list_views(change.tx, chat_id, list(user_ids)):
        view = ChatView.of(row.chat, row.user_id)
        change.then(Joined(chat_id, row.user_id, view.me.first_seq), announce_personal(view, row.user_id, reason))


async def put_out(change: Change, chat_id: str, user_ids: Sequence[str], *, why: Removal) -> list[MovedPinRow]:
    """These members lose the locked chat: they are told so, and hear nothing more of it.

    Returns the pins that move up because of it: tell them with :func:`announce_moved_pins` after the change.
    """
    moved = await members.list_pins_behind(change.tx, chat_id, list(user_ids))
    await members.remove_members(change.tx, chat_id, list(user_ids), why.value)
    for user_id in user_ids:
        change.then(
            Emit(CHAT_REMOVED, ChatRemoved(chat_id=chat_id, reason=why), SingleUser(user_id)), Left(chat_id, user_id)
        )
    return moved


async def announce_moved_pins(services: Services, moved: Sequence[MovedPinRow], reason: Reason = Reason.PINNED) -> None:
    """Tell people who are online that pins of theirs have another position now.

    Each is told in the turn of its chat, so that it is not older than what was told of that chat before. What fails is not
    the caller's concern: the change that moved the pins is committed.
    """
    for pin in moved:
        if services.online.is_online(pin.user_id):
            with suppress(NotFound, Unavailable):  # it was lost meanwhile, or the database was
                async with services.changes.of(chat_subject(pin.chat_id), single_statement=True) as change:
                    view = await view_chat(change.tx, pin.chat_id, pin.user_id)
                    change.then(announce_personal(view, pin.user_id, reason))
