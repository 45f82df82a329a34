"""``chat:*``: the list, one chat, private chats, the chat on the screen."""

from contextlib import suppress
from typing import Final

from core.conflicts import ConflictReason
from core.errors import NotFound, Unavailable, ValidationFailed
from core.ids import new_id
from core.phones import normalise_phone
from db import chats, members, users
from db.chats import ChatRow
from db.pool import Tx
from realtime.chats.payloads import (
    CHATS_CURSOR,
    ChatActivate,
    ChatActivated,
    ChatAnswer,
    ChatCreated,
    ChatCreatePrivate,
    ChatGet,
    ChatList,
    ChatPage,
    ChatsWatched,
    ChatWatch,
)
from realtime.model.active_chat import find_active_chat
from realtime.model.chat_changes import let_in, refuse_unwanted, view_chat
from realtime.model.daily_budgets import count_opened
from realtime.model.events import CHAT_UPDATED, Reason, announce_personal
from realtime.model.lookup_budget import count_look_ups
from realtime.model.objects import ChatView
from realtime.model.refusals import refuse_yourself
from realtime.wire.context import Context
from realtime.wire.effects import Activated, Advanced, Watching
from realtime.wire.registry import Rate, Role, action

_TRIES_MAX: Final = 3
"""The chat that a pair had may become a group between two looks; then they have none."""
_UNPINNED: Final = 32767
"""Where the chats that are not pinned stand among the pinned (the greatest smallint)."""


@action("chat:list", role=Role.USER, rate=Rate.READ)
async def list_chats(context: Context, payload: ChatList) -> ChatPage:
    """List the caller's chats, one page at a time.

    Pinned chats come first, by position. The others follow, newest first.
    """
    pinned, updated_at, chat_id = CHATS_CURSOR.read(payload.cursor)
    async with context.reading() as tx:
        rows = await chats.list_chats(tx, context.user_id, pinned, updated_at, chat_id, payload.type, payload.limit + 1)
        active_chat_id = await find_active_chat(context, tx)
    page = rows[: payload.limit]
    return ChatPage(
        chats=[ChatView.of(row, context.user_id) for row in page],
        next_cursor=_cursor_behind(page[-1]) if len(rows) > len(page) else None,
        active_chat_id=active_chat_id,
    )


def _cursor_behind(row: ChatRow) -> str:
    return CHATS_CURSOR.write(row.me.pinned or _UNPINNED, row.updated_at, row.id)


@action("chat:get", role=Role.MEMBER, rate=Rate.READ)
async def get_chat(context: Context, payload: ChatGet) -> ChatAnswer:
    """Return one chat, as the caller sees it."""
    async with context.reading() as tx:
        return ChatAnswer(chat=await view_chat(tx, payload.chat_id, context.user_id))


@action(
    "chat:create_private",
    role=Role.USER,
    rate=Rate.WRITE,
    finds=True,
    conflicts=(ConflictReason.WITH_YOURSELF, ConflictReason.PEER_UNAVAILABLE),
    emits=(CHAT_UPDATED,),
)
async def create_private_chat(context: Context, payload: ChatCreatePrivate) -> ChatCreated:
    """Create the private chat with another person, or return the existing one.

    Two people have at most one private chat. A second call returns the same chat, also when both people call at once. If
    the other person cannot be reached, the reason ``peer_unavailable`` does not say why.
    """
    async with context.reading() as tx:
        peer_id = await _find_peer(tx, context, payload)
    refuse_yourself(context.user_id, peer_id)
    direct_key = ":".join(sorted((context.user_id, peer_id)))
    chat_id, pair = new_id(), [context.user_id, peer_id]
    async with context.changing(chat_id) as change:
        tx = change.tx
        for _ in range(_TRIES_MAX):
            found = await chats.find_private_chat(tx, direct_key)
            if found is not None:
                return ChatCreated(chat=await view_chat(tx, found, context.user_id), created=False)
            await refuse_unwanted(tx, context.user_id, peer_id)
            if await chats.insert_private_chat(tx, chat_id, context.user_id, direct_key) is not None:
                break
        else:
            raise Unavailable
        await count_opened(context, tx, "private_chats")
        await members.insert_members(tx, chat_id, pair, context.user_id, first_seq=1, read_seq=0)
        await let_in(change, chat_id, pair, reason=Reason.CREATED)
        return ChatCreated(chat=await view_chat(tx, chat_id, context.user_id), created=True)


async def _find_peer(tx: Tx, context: Context, payload: ChatCreatePrivate) -> str:
    if payload.user_id is not None:
        return payload.user_id
    try:
        phone = normalise_phone(payload.phone or "", region=context.services.phone_region)
    except ValueError as error:
        raise ValidationFailed.at("phone", str(error)) from None
    await count_look_ups(context, tx, 1)
    found = await users.find_users_by_phones(tx, [phone], context.user_id)
    if not found:
        raise NotFound("phone")
    return found[0].user.id


@action("chat:activate", role=Role.MEMBER, rate=Rate.READ, emits=(CHAT_UPDATED,))
async def activate_chat(context: Context, payload: ChatActivate) -> ChatActivated:
    """Make a chat the active one of this connection, or none.

    The active chat is the one on the screen. Its new messages arrive as ``message:created``, and it is the default chat of
    ``message:send`` and ``message:list``. Each connection has its own active chat. The login session remembers the last
    one, and the next connection of the session begins with it. It becomes null when the caller is no longer a member.
    Over HTTP, where no events arrive, the action sets what the session remembers.
    """
    session_id, connection = context.caller.session_id, context.caller.connection
    if payload.chat_id is None:
        async with context.reading() as tx:
            await chats.set_active_chat(tx, session_id, None)
        if connection is not None:
            context.services.delivery.deliver([Activated(connection.connection_id, context.user_id, None)])
        return ChatActivated(chat=None)
    async with context.changing(payload.chat_id) as change:
        chat = await view_chat(change.tx, payload.chat_id, context.user_id)
        await chats.set_active_chat(change.tx, session_id, payload.chat_id)
        if connection is not None:
            change.then(
                Activated(connection.connection_id, context.user_id, payload.chat_id),
                Advanced(payload.chat_id, chat.version, chat.message_count),
            )
        change.then(announce_personal(chat, context.user_id, Reason.ACTIVATED))
    return ChatActivated(chat=chat)


@action("chat:watch", role=Role.USER, rate=Rate.READ)
async def watch_chats(context: Context, payload: ChatWatch) -> ChatsWatched:
    """Receive the events of these chats on this connection too, as if they were active.

    This is for a client that shows several chats at once. The list replaces the previous one; an empty list ends it. The
    answer leaves out chats that the caller is not a member of. A chat that the caller loses later drops out of the list.
    Over HTTP, where no events arrive, the action only returns the chats.
    """
    connection, user_id = context.caller.connection, context.user_id
    if connection is None:
        async with context.reading() as tx:
            rows = await chats.find_chats(tx, user_id, payload.chat_ids)
        views = {row.id: ChatView.of(row, user_id) for row in rows}
        return ChatsWatched(chats=[views[chat_id] for chat_id in payload.chat_ids if chat_id in views])
    watched = [chat_id for chat_id in connection.watched_chat_ids if chat_id in payload.chat_ids]
    context.services.delivery.deliver([Watching(connection.connection_id, user_id, tuple(watched))])
    found: list[ChatView] = []
    for chat_id in payload.chat_ids:
        # Each in its chat's turn, so that nothing happens between what is answered here and the first event.
        with suppress(NotFound):
            async with context.changing(chat_id, single_statement=True) as change:
                found.append(await view_chat(change.tx, chat_id, user_id))
                if chat_id not in watched:
                    watched.append(chat_id)
                change.then(
                    Watching(connection.connection_id, user_id, tuple(watched)),
                    Advanced(chat_id, found[-1].version, found[-1].message_count),
                )
    return ChatsWatched(chats=found)
