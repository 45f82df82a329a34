"""Which chat is meant when an action names none: the active chat of the connection, or over HTTP that of the session."""

from db import chats
from db.pool import Tx
from realtime.wire.context import Context


async def find_active_chat(context: Context, tx: Tx) -> str | None:
    """The active chat of the caller; ``None`` if there is none."""
    if context.caller.connection is not None:
        return context.caller.connection.active_chat_id
    return await chats.find_active_chat(tx, context.caller.session_id)
