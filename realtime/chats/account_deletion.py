"""Taking a deleted account out of its groups. Not an action: ``realtime.account_changes`` and ``maintenance`` call it.

A private chat stays with the other person, who no longer sees who the deleted one was. If it becomes a group later, that
person alone is its first member. A group is left. A group that the account created passes to the member who joined first,
or is deleted if there is none. Doing it again changes nothing, so what a crash interrupted can simply be repeated.
"""

from db import account_deletion, chats
from realtime.model.chat_changes import add_system_message, hand_over, put_out, view_chat
from realtime.model.events import Reason, Removal
from realtime.wire.context import Caller, Context, Services


async def leave_groups(services: Services, user_id: str) -> None:
    """Take a deleted account out of every group, one after the other. ``Unavailable`` leaves the rest to another time."""
    async with services.database.reading() as tx:
        group_ids = await account_deletion.list_groups(tx, user_id)
    for chat_id in group_ids:
        await leave_group(services, user_id, chat_id)


async def leave_group(services: Services, user_id: str, chat_id: str) -> None:
    """Take a deleted account out of one group."""
    context = Context(Caller(user_id, session_id=""), services)
    async with context.changing(chat_id) as change:
        tx = change.tx
        await chats.lock_chat(tx, chat_id)
        if await chats.find_membership(tx, chat_id, user_id) is None:
            return
        heir_id = await account_deletion.find_heir(tx, chat_id, user_id)
        if heir_id is None:
            await put_out(change, chat_id, [user_id], why=Removal.DELETED)
            await chats.delete_chat(tx, chat_id)
            return
        chat = (await view_chat(tx, chat_id, user_id)).shared()
        if chat.creator_id == user_id:
            chat = await hand_over(change, chat, heir_id)
        await put_out(change, chat_id, [user_id], why=Removal.LEFT)
        content = {"event": "member_left", "user_id": user_id}
        await add_system_message(change, chat, user_id, content, reason=Reason.MEMBER_LEFT, member_count_change=-1)
