"""``report:create``: telling the operator what is wrong."""

from dataclasses import asdict
from typing import Any, Final

from core.errors import NotFound, RateLimited
from core.ids import new_id
from core.limits import REPORTS_PER_DAY_MAX
from db import chats, messages, reports, users
from db.pool import Tx
from realtime.reports.payloads import ReportCreate
from realtime.wire.context import Context
from realtime.wire.fields import Nothing
from realtime.wire.registry import Rate, Role, action

_RETRY_AFTER_S: Final = 3600


@action("report:create", role=Role.USER, rate=Rate.WRITE, finds=True)
async def create_report(context: Context, payload: ReportCreate) -> Nothing:
    """Report a message, a chat or a person to the operator. Nobody else learns of it.

    What you report is kept as it is now, even if it is edited or deleted afterwards. You can report what you may see.
    """
    async with context.services.database.transaction() as tx:
        reported = await _reported(tx, payload, context.user_id)
        await reports.lock_reporter(tx, context.user_id)
        message = reported.get("message")
        stored = await reports.insert_report(
            tx,
            new_id(),
            context.user_id,
            payload.reason,
            payload.comment,
            payload.chat_id,
            payload.seq,
            payload.user_id or (message["sender_id"] if message else None),
            reported,
            REPORTS_PER_DAY_MAX if context.services.limits_look_ups else None,
        )
    if stored is None:
        raise RateLimited(_RETRY_AFTER_S)
    return Nothing()


async def _reported(tx: Tx, payload: ReportCreate, caller_id: str) -> dict[str, Any]:
    """What is reported, as it is now; ``NotFound`` for what the caller may not see."""
    reported: dict[str, Any] = {}
    if payload.chat_id is not None:
        chat = await chats.find_chat(tx, payload.chat_id, caller_id)
        if chat is None:
            raise NotFound("chat_id")
        reported["chat"] = {
            "type": chat.type, "title": chat.title, "creator_id": chat.creator_id, "member_count": chat.member_count,
        }  # fmt: skip
    if payload.chat_id is not None and payload.seq is not None:
        message = await messages.find_message(tx, payload.chat_id, caller_id, payload.seq)
        if message is None:
            raise NotFound("seq")
        (sender,) = await users.list_people(tx, [message.sender_id], caller_id, [payload.chat_id])
        reported |= {"message": asdict(message), "sender": asdict(sender)}
    if payload.user_id is not None:
        user = await users.find_user_for(tx, payload.user_id, caller_id)
        if user is None:
            raise NotFound("user_id")
        reported["user"] = asdict(user)
    return reported
