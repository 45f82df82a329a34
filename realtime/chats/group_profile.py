"""What a group shows to all its members, and who may change it: title, description, metadata, picture."""

from accounts.avatars import exchange_avatar
from core.conflicts import ConflictReason
from db import avatars, chats
from db.pool import Tx
from realtime.chats.payloads import ChatAnswer, ChatUpdate
from realtime.model.chat_changes import add_system_message, lock_and_view, view_chat
from realtime.model.events import CHAT_UPDATED, MESSAGE_CREATED, Reason, announce_chat
from realtime.model.objects import ChatView
from realtime.model.refusals import refuse_unless_admin
from realtime.wire.changes import chat_subject
from realtime.wire.context import Context, Services
from realtime.wire.registry import Rate, Role, action


@action(
    "chat:update",
    role=Role.ADMIN,
    rate=Rate.WRITE,
    forbids=True,
    conflicts=(ConflictReason.NOT_A_GROUP,),
    emits=(CHAT_UPDATED, MESSAGE_CREATED),
)
async def update_chat(context: Context, payload: ChatUpdate) -> ChatAnswer:
    """Change what a group shows to all its members: title, description, metadata. The creator and admins may.

    A new title is told by a system message, `title_changed`. For a name of one's own there is `chat:rename`.
    """
    async with context.changing(payload.chat_id) as change:
        tx, chat_id, user_id = change.tx, payload.chat_id, context.user_id
        view = await lock_and_view(tx, chat_id, user_id)
        refuse_unless_admin(view)
        chat = view.shared()
        asked = {name: getattr(payload, name) for name in payload.model_fields_set - {"chat_id"}}
        after = chat.model_copy(update=asked)
        if after == chat:
            return ChatAnswer(chat=view)
        await chats.update_group(tx, chat_id, after.title, after.description, after.metadata)
        if after.title != chat.title:
            content = {"event": "title_changed", "user_id": user_id, "title": after.title}
            await add_system_message(change, after, user_id, content, reason=Reason.UPDATED)
        else:
            version = await chats.raise_version(tx, chat_id)
            change.then(*announce_chat(after.model_copy(update={"version": version}), Reason.UPDATED))
        return ChatAnswer(chat=await view_chat(tx, chat_id, user_id))


async def check_may_change(tx: Tx, chat_id: str, user_id: str) -> None:
    """``not_found``, ``not_a_group`` or ``forbidden`` for whoever may not change what the chat shows."""
    refuse_unless_admin(await view_chat(tx, chat_id, user_id))


async def change_group_avatar(
    services: Services, user_id: str, chat_id: str, avatar_id: str | None
) -> tuple[ChatView, str | None]:
    """Give a group a stored picture, or none. Returns the chat as ``user_id`` sees it, and the picture before, if another.

    Afterwards the caller discards that one: ``accounts.avatars.discard_avatar``. ``not_found``, ``not_a_group``,
    ``forbidden``.
    """
    async with services.changes.of(chat_subject(chat_id)) as change:
        tx = change.tx
        view = await lock_and_view(tx, chat_id, user_id)
        refuse_unless_admin(view)
        previous_id = view.avatar.id if view.avatar is not None else None
        await exchange_avatar(tx, previous_id, avatar_id)
        if avatar_id == previous_id:
            return view, None
        await avatars.set_group_avatar(tx, chat_id, avatar_id)
        after = (await view_chat(tx, chat_id, user_id)).shared()
        content = {"event": "avatar_changed", "user_id": user_id}
        await add_system_message(change, after, user_id, content, reason=Reason.UPDATED)
        return await view_chat(tx, chat_id, user_id), previous_id
