"""``message:changes``: what changed in a chat since the version that a client has."""

from core.conflicts import ConflictReason
from core.errors import Conflict, NotFound
from db import chats, messages
from realtime.messages.payloads import ChangesPage, MessageChanges
from realtime.model.objects import MessageView
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


@action("message:changes", role=Role.MEMBER, rate=Rate.READ, conflicts=(ConflictReason.VERSION_UNKNOWN,))
async def list_changes(context: Context, payload: MessageChanges) -> ChangesPage:
    """Return the messages that are new, edited, deleted or liked since the client's version of the chat.

    Each message comes once, as it is now, however often it changed. Versions do not expire. Call it again with the
    ``version`` of the answer until ``has_more`` is false. A version that the database never had is a ``conflict`` with the
    reason ``version_unknown``: a backup was restored. Then delete the local data of the chat and fetch it again.
    """
    chat_id, user_id, limit = payload.chat_id, context.user_id, payload.limit
    async with context.reading() as tx:
        # The chat's version is read before the messages: a change that is committed in between is in the page already.
        chat = await chats.find_chat(tx, chat_id, user_id)
        if chat is None:
            raise NotFound("chat_id")
        if payload.version > chat.version or payload.epoch not in {None, context.services.epoch.epoch}:
            raise Conflict(ConflictReason.VERSION_UNKNOWN)
        rows = await messages.list_changes(tx, chat_id, user_id, payload.version, limit + 1)
    page, has_more = rows[:limit], len(rows) > limit
    version = page[-1].version if page and (has_more or page[-1].version > chat.version) else chat.version
    return ChangesPage(messages=[MessageView.model_validate(row) for row in page], version=version, has_more=has_more)
