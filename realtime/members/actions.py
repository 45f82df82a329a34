"""``member:*``: who is in a chat. Adding somebody to a private chat turns it into a group, in place."""

from core.conflicts import ConflictReason
from core.errors import NotFound
from db import chats, members
from realtime.members.payloads import (
    MEMBERS_CURSOR,
    Member,
    MemberAdd,
    MemberList,
    MemberPage,
    MemberRemove,
    MemberRemoved,
    MembersAdded,
)
from realtime.members.rules import (
    NAMES_IN_TITLE_MAX,
    first_seq_of_newcomers,
    title_of,
)
from realtime.model.chat_changes import (
    add_system_message,
    announce_moved_pins,
    hand_over,
    let_in,
    lock_and_view,
    pick_addable,
    put_out,
    refuse_unreachable,
    view_chat,
)
from realtime.model.daily_budgets import count_strangers
from realtime.model.events import CHAT_REMOVED, CHAT_UPDATED, MESSAGE_CREATED, Reason, Removal
from realtime.model.objects import Chat, ChatView, User
from realtime.model.refusals import refuse_creator_leaving, refuse_overfull, refuse_unless_creator
from realtime.wire.changes import Change
from realtime.wire.context import Context
from realtime.wire.effects import Left
from realtime.wire.registry import Rate, Role, action


@action("member:list", role=Role.MEMBER, rate=Rate.READ)
async def list_members(context: Context, payload: MemberList) -> MemberPage:
    """List the members of a chat, in the order in which they joined."""
    joined_at, user_id = MEMBERS_CURSOR.read(payload.cursor)
    async with context.reading() as tx:
        if await chats.find_membership(tx, payload.chat_id, context.user_id) is None:
            raise NotFound("chat_id")
        rows = await members.list_members(tx, payload.chat_id, context.user_id, joined_at, user_id, payload.limit + 1)
    page = rows[: payload.limit]
    return MemberPage(
        members=[
            Member(
                user=User.of(row.user),
                role="creator" if row.is_creator else "member",
                joined_at=row.joined_at,
                added_by=row.added_by,
            )
            for row in page
        ],
        next_cursor=MEMBERS_CURSOR.write(page[-1].joined_at, page[-1].user.id) if len(rows) > len(page) else None,
    )


@action(
    "member:add",
    role=Role.MEMBER,
    rate=Rate.WRITE,
    forbids=True,
    conflicts=(ConflictReason.MEMBER_LIMIT, ConflictReason.YOU_BLOCKED_USER, ConflictReason.PEER_UNAVAILABLE),
    emits=(CHAT_UPDATED, MESSAGE_CREATED),
)
async def add_members(context: Context, payload: MemberAdd) -> MembersAdded:
    """Add people to a chat. Any member may do this.

    A private chat becomes a group: the id, the messages and the pins stay, and ``creator_id`` is still the person who
    created the chat. The title is made of the names of the members. The new members see only later messages. The first two
    members may create a new private chat. If the other person has deleted their account, they leave the group and the
    caller becomes its creator. If one of the two has blocked the other, the chat stays private.

    People whom the caller is not allowed to add are not added. ``not_added`` lists them, without the reason.
    """
    async with context.changing(payload.chat_id) as change:
        tx, chat_id = change.tx, payload.chat_id
        view = await lock_and_view(tx, chat_id, context.user_id)
        if view.peer is not None and not view.peer.is_deleted:
            await refuse_unreachable(tx, view, context.user_id)
        present = set(await members.list_member_ids(tx, chat_id))
        asked = [user_id for user_id in payload.user_ids if user_id not in present]
        newcomers, not_added = await pick_addable(tx, asked, context.user_id, field="user_ids")
        refuse_overfull(len(present) + len(newcomers))
        was_private = view.type == "private" or await chats.find_group_since(tx, chat_id) is not None
        first_seq = first_seq_of_newcomers(view, history=payload.history, was_private=was_private)
        if newcomers:
            await count_strangers(context, tx, newcomers)
            await _add(context, change, view, newcomers, first_seq)
        return MembersAdded(chat=await view_chat(tx, chat_id, context.user_id), added=newcomers, not_added=not_added)


async def _add(context: Context, change: Change, view: ChatView, newcomers: list[str], first_seq: int) -> None:
    chat: Chat = view.shared()
    actor_id = context.user_id
    await members.insert_members(change.tx, view.id, newcomers, actor_id, first_seq=first_seq, read_seq=view.message_count)
    if chat.type == "private":
        chat = await _convert(change, chat, actor_id)
    for user_id in newcomers:
        content = {"event": "member_added", "user_id": user_id}
        chat = await add_system_message(change, chat, actor_id, content, reason=Reason.MEMBER_ADDED, member_count_change=1)
    await let_in(change, view.id, newcomers, reason=Reason.MEMBER_ADDED)


async def _convert(change: Change, chat: Chat, actor_id: str) -> Chat:
    """Turn the locked private ``chat``, in which the newcomers are already, into a group; the chat after it.

    If the other one's account was deleted, it is no member of the group: nobody would ever sign in to it again, to hand
    over what it had opened or to leave.
    """
    tx = change.tx
    gone = await members.list_deleted(tx, chat.id)
    if gone:
        await members.remove_members(tx, chat.id, gone, Removal.LEFT.value)
        change.then(*(Left(chat.id, user_id) for user_id in gone))
    present = await members.list_members(tx, chat.id, actor_id, None, None, NAMES_IN_TITLE_MAX)
    title = title_of([row.user.display_name for row in present])
    await chats.convert_to_group(tx, chat.id, title)
    chat = chat.model_copy(update={"type": "group", "title": title})
    content = {"event": "became_group", "user_id": actor_id, "title": title}
    chat = await add_system_message(change, chat, actor_id, content, reason=Reason.BECAME_GROUP)
    if chat.creator_id in gone:
        chat = await hand_over(change, chat, actor_id)
    for user_id in gone:
        content = {"event": "member_left", "user_id": user_id}
        chat = await add_system_message(change, chat, user_id, content, reason=Reason.MEMBER_LEFT, member_count_change=-1)
    return chat


@action(
    "member:remove",
    role=Role.CREATOR,
    rate=Rate.WRITE,
    forbids=True,
    conflicts=(ConflictReason.NOT_A_GROUP, ConflictReason.CREATOR_CANNOT_LEAVE),
    emits=(CHAT_REMOVED, CHAT_UPDATED, MESSAGE_CREATED),
)
async def remove_member(context: Context, payload: MemberRemove) -> MemberRemoved:
    """Remove a member from a group. They receive nothing that is sent after the removal.

    If the person has left or was removed already, nothing changes.
    """
    async with context.changing(payload.chat_id) as change:
        tx, chat_id = change.tx, payload.chat_id
        view = await lock_and_view(tx, chat_id, context.user_id)
        refuse_unless_creator(view)
        refuse_creator_leaving(view, payload.user_id)
        target = await members.find_past_member(tx, chat_id, payload.user_id)
        if target is None:
            raise NotFound("user_id")
        if not target.is_present:  # it was done before, and the ack was lost
            return MemberRemoved(chat=view)
        moved = await put_out(change, chat_id, [payload.user_id], why=Removal.REMOVED)
        content = {"event": "member_removed", "user_id": payload.user_id}
        await add_system_message(
            change, view.shared(), context.user_id, content, reason=Reason.MEMBER_REMOVED, member_count_change=-1
        )
        removed = MemberRemoved(chat=await view_chat(tx, chat_id, context.user_id))
    await announce_moved_pins(context.services, moved)
    return removed
