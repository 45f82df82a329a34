"""``invite:*``: joining a group by a code.

An invite that lets nobody in (revoked, spent, ended, of a deleted group), and any invite for somebody who was removed from
the group, is ``not_found`` like an invented code. Uses are counted under the chat's lock, so no more people join than may.
"""

import secrets
from typing import Final

from core import limits
from core.conflicts import ConflictReason
from core.errors import Conflict, NotFound
from db import chats, invites, members
from realtime.invites.payloads import (
    Invite,
    InviteAccepted,
    InviteAnswer,
    InviteCode,
    InviteCreate,
    InviteList,
    InvitePreview,
    Invites,
)
from realtime.model.chat_changes import add_system_message, let_in, lock_and_view, view_chat
from realtime.model.events import CHAT_UPDATED, MESSAGE_CREATED, Reason, Removal
from realtime.model.objects import Avatar, ChatView
from realtime.model.refusals import refuse_overfull, refuse_unless_admin
from realtime.wire.changes import Change
from realtime.wire.context import Context
from realtime.wire.fields import Nothing
from realtime.wire.registry import Rate, Role, action

_CODE_BYTES: Final = 18
"""144 bits: nobody guesses one."""


@action(
    "invite:create",
    role=Role.ADMIN,
    rate=Rate.WRITE,
    forbids=True,
    conflicts=(ConflictReason.NOT_A_GROUP, ConflictReason.INVITE_LIMIT),
)
async def create_invite(context: Context, payload: InviteCreate) -> InviteAnswer:
    """Make an invite to a group; whoever has its code may join. The creator and admins may. At most 50 at a time."""
    async with context.changing(payload.chat_id) as change:
        tx, chat_id = change.tx, payload.chat_id
        refuse_unless_admin(await lock_and_view(tx, chat_id, context.user_id))
        if len(await invites.list_invites(tx, chat_id)) >= limits.INVITES_MAX:
            raise Conflict(ConflictReason.INVITE_LIMIT)
        row = await invites.insert_invite(
            tx, secrets.token_urlsafe(_CODE_BYTES), chat_id, context.user_id, payload.expires_in, payload.uses_max
        )
        return InviteAnswer(invite=Invite.of(row))


@action("invite:list", role=Role.ADMIN, rate=Rate.READ, forbids=True, conflicts=(ConflictReason.NOT_A_GROUP,))
async def list_invites(context: Context, payload: InviteList) -> Invites:
    """The invites of a group that still let people in, newest first. The creator and admins may."""
    async with context.reading() as tx:
        refuse_unless_admin(await view_chat(tx, payload.chat_id, context.user_id))
        return Invites(invites=[Invite.of(row) for row in await invites.list_invites(tx, payload.chat_id)])


@action("invite:revoke", role=Role.USER, rate=Rate.WRITE, finds=True, forbids=True)
async def revoke_invite(context: Context, payload: InviteCode) -> Nothing:
    """End an invite: nobody joins by it any more. The creator and admins may. A revoked invite stays so."""
    async with context.reading() as tx:
        chat_id = await invites.find_invited_chat(tx, payload.code)
    if chat_id is None:
        raise NotFound("code")
    async with context.changing(chat_id) as change:
        await chats.lock_chat(change.tx, chat_id)
        row = await chats.find_chat(change.tx, chat_id, context.user_id)
        if row is None:
            raise NotFound("code")
        refuse_unless_admin(ChatView.of(row, context.user_id))
        await invites.revoke_invite(change.tx, payload.code)
    return Nothing()


@action("invite:preview", role=Role.USER, rate=Rate.LOOK_UP, finds=True)
async def preview_invite(context: Context, payload: InviteCode) -> InvitePreview:
    """What the group behind an invite shows, before one joins."""
    async with context.reading() as tx:
        row = await invites.find_invited(tx, payload.code, context.user_id)
    if row is None or not row.is_open:
        raise NotFound("code")
    avatar = Avatar.at(row.avatar_id) if row.avatar_id else None
    return InvitePreview(title=row.title, avatar=avatar, member_count=row.member_count)


@action(
    "invite:accept",
    role=Role.USER,
    rate=Rate.LOOK_UP,
    finds=True,
    conflicts=(ConflictReason.MEMBER_LIMIT,),
    emits=(CHAT_UPDATED, MESSAGE_CREATED),
)
async def accept_invite(context: Context, payload: InviteCode) -> InviteAccepted:
    """Join a group by an invite. A member gets the chat, and the invite is not used up.

    A newcomer sees the whole history, but of a chat that was private once only what comes after.
    """
    async with context.reading() as tx:
        chat_id = await invites.find_invited_chat(tx, payload.code)
    if chat_id is None:
        raise NotFound("code")
    async with context.changing(chat_id) as change:
        tx, user_id = change.tx, context.user_id
        if await chats.lock_chat(tx, chat_id) is None:
            raise NotFound("code")
        past = await members.find_past_member(tx, chat_id, user_id)
        if past is None or not past.is_present:
            if past is not None and past.left_reason == Removal.REMOVED:
                raise NotFound("code")
            await _join(change, chat_id, user_id, payload.code)
        return InviteAccepted(chat=await view_chat(tx, chat_id, user_id))


async def _join(change: Change, chat_id: str, user_id: str, code: str) -> None:
    tx = change.tx
    added_by = await invites.use_invite(tx, code)
    creator_id = await chats.find_creator(tx, chat_id)
    if added_by is None or creator_id is None:
        raise NotFound("code")
    chat = (await view_chat(tx, chat_id, creator_id)).shared()
    refuse_overfull(chat.member_count + 1)
    was_private = await chats.find_group_since(tx, chat_id) is not None
    first_seq = chat.message_count + 1 if was_private else 1
    await members.insert_members(tx, chat_id, [user_id], added_by, first_seq=first_seq, read_seq=chat.message_count)
    content = {"event": "member_added", "user_id": user_id}
    await add_system_message(change, chat, user_id, content, reason=Reason.MEMBER_ADDED, member_count_change=1)
    await let_in(change, chat_id, [user_id], reason=Reason.MEMBER_ADDED)
