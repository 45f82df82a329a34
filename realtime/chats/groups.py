"""Groups as a whole: opening, leaving, handing over, deleting."""

import hashlib

import orjson

from core.conflicts import ConflictReason
from core.errors import Conflict, NotFound
from core.ids import new_id
from db import chats, members
from realtime.chats.payloads import ChatAnswer, ChatCreateGroup, ChatGet, ChatLeave, ChatTransfer, GroupCreated
from realtime.model.chat_changes import (
    add_system_message,
    announce_moved_pins,
    let_in,
    lock_and_view,
    pick_addable,
    put_out,
    view_chat,
)
from realtime.model.daily_budgets import count_opened, count_strangers
from realtime.model.events import (
    CHAT_REMOVED,
    CHAT_UPDATED,
    MESSAGE_CREATED,
    Reason,
    Removal,
    announce_chat,
    announce_personal,
)
from realtime.model.objects import ChatView
from realtime.model.refusals import refuse_creator_leaving, refuse_overfull, refuse_unless_creator, refuse_unless_group
from realtime.wire.changes import Change
from realtime.wire.context import Context
from realtime.wire.fields import Nothing
from realtime.wire.registry import Rate, Role, action


@action(
    "chat:create_group",
    role=Role.USER,
    rate=Rate.WRITE,
    finds=True,
    conflicts=(ConflictReason.CLIENT_ID_REUSED, ConflictReason.MEMBER_LIMIT),
    emits=(CHAT_UPDATED,),
)
async def create_group(context: Context, payload: ChatCreateGroup) -> GroupCreated:
    """Create a group. The caller becomes its creator.

    With a ``client_id`` a retry is safe: it returns the group that was created before. People whom the caller may not add
    are left out. ``not_added`` lists them, without the reason.
    """
    user_id = context.user_id
    others = [other for other in payload.member_ids if other != user_id]
    refuse_overfull(1 + len(others))
    chat_id, key, wish = new_id(), None, None
    if payload.client_id is not None:
        key = f"{user_id}:{payload.client_id}"
        wish = hashlib.sha256(orjson.dumps([payload.title, sorted(others)])).digest()
    async with context.changing(chat_id) as change:
        tx = change.tx
        opened = await chats.insert_group(tx, chat_id, payload.title, user_id, key, wish, 1 + len(others))
        if opened is None:
            return await _find_opened(context, change, others, key or "", wish)
        others, not_added = await pick_addable(tx, others, user_id, field="member_ids")
        await chats.set_member_count(tx, chat_id, 1 + len(others))
        await count_opened(context, tx, "groups")
        await count_strangers(context, tx, others)
        await members.insert_members(tx, chat_id, [user_id, *others], user_id, first_seq=1, read_seq=0)
        chat = (await view_chat(tx, chat_id, user_id)).shared()
        content = {"event": "group_created", "user_id": user_id, "title": payload.title}
        await add_system_message(change, chat, user_id, content, reason=Reason.CREATED)
        await let_in(change, chat_id, [user_id, *others], reason=Reason.CREATED)
        return GroupCreated(chat=await view_chat(tx, chat_id, user_id), not_added=not_added)


async def _find_opened(context: Context, change: Change, others: list[str], key: str, wish: bytes | None) -> GroupCreated:
    created = await chats.find_created(change.tx, key)
    if created is not None and created.creation_hash != wish:
        raise Conflict(ConflictReason.CLIENT_ID_REUSED)
    view = await chats.find_chat(change.tx, created.chat_id, context.user_id) if created is not None else None
    if view is None:  # the group that this client_id opened is the caller's no more
        raise NotFound("client_id")
    added = await members.list_past_members(change.tx, view.id, others)
    not_added = [other for other in others if other not in added]
    return GroupCreated(chat=ChatView.of(view, context.user_id), not_added=not_added)


@action(
    "chat:leave",
    role=Role.MEMBER,
    rate=Rate.WRITE,
    conflicts=(ConflictReason.NOT_A_GROUP, ConflictReason.CREATOR_CANNOT_LEAVE),
    emits=(CHAT_REMOVED, CHAT_UPDATED, MESSAGE_CREATED),
)
async def leave_chat(context: Context, payload: ChatLeave) -> Nothing:
    """Leave a group. If the caller has left it already, nothing changes.

    The creator cannot leave: transfer the group to another member first, or delete it.
    """
    async with context.changing(payload.chat_id) as change:
        past = await members.find_past_member(change.tx, payload.chat_id, context.user_id)
        if past is not None and past.left_reason == Removal.LEFT:
            return Nothing()  # it was done before, and the ack was lost
        view = await lock_and_view(change.tx, payload.chat_id, context.user_id)
        refuse_creator_leaving(view, context.user_id)
        moved = await put_out(change, view.id, [context.user_id], why=Removal.LEFT)
        content = {"event": "member_left", "user_id": context.user_id}
        await add_system_message(
            change, view.shared(), context.user_id, content, reason=Reason.MEMBER_LEFT, member_count_change=-1
        )
    await announce_moved_pins(context.services, moved)
    return Nothing()


@action(
    "chat:transfer",
    role=Role.CREATOR,
    rate=Rate.WRITE,
    forbids=True,
    conflicts=(ConflictReason.NOT_A_GROUP,),
    emits=(CHAT_UPDATED,),
)
async def transfer_chat(context: Context, payload: ChatTransfer) -> ChatAnswer:
    """Make another member the creator of the group. The caller becomes a plain member."""
    async with context.changing(payload.chat_id) as change:
        tx, chat_id = change.tx, payload.chat_id
        view = await lock_and_view(tx, chat_id, context.user_id)
        if payload.user_id == view.creator_id:  # nothing to do, or done before the ack was lost
            refuse_unless_group(view)
            return ChatAnswer(chat=view)
        refuse_unless_creator(view)
        if await chats.find_membership(tx, chat_id, payload.user_id) is None:
            raise NotFound("user_id")
        await chats.transfer_chat(tx, chat_id, payload.user_id)
        view = await view_chat(tx, chat_id, context.user_id)
        pair = frozenset((context.user_id, payload.user_id))
        change.then(*announce_chat(view.shared(), Reason.TRANSFERRED, without=pair))
        for user_id in pair:
            change.then(announce_personal(await view_chat(tx, chat_id, user_id), user_id, Reason.TRANSFERRED))
        return ChatAnswer(chat=view)


@action(
    "chat:delete",
    role=Role.CREATOR,
    rate=Rate.WRITE,
    forbids=True,
    conflicts=(ConflictReason.NOT_A_GROUP,),
    emits=(CHAT_REMOVED,),
)
async def delete_chat(context: Context, payload: ChatGet) -> Nothing:
    """Delete a group for all members.

    The group disappears at once. The server removes its messages in the background.
    """
    async with context.changing(payload.chat_id) as change:
        tx, chat_id = change.tx, payload.chat_id
        if await chats.find_deleter(tx, chat_id) == context.user_id:
            return Nothing()  # it was done before, and the ack was lost
        refuse_unless_creator(await lock_and_view(tx, chat_id, context.user_id))
        moved = await put_out(change, chat_id, await members.list_member_ids(tx, chat_id), why=Removal.DELETED)
        await chats.delete_chat(tx, chat_id)
    await announce_moved_pins(context.services, moved)
    return Nothing()
