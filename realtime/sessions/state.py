"""The present state of a login session as effects: which chat is active."""

from collections.abc import Sequence

from db import chats, sessions
from db.pool import Tx
from realtime.wire.effects import Activated, Effect


async def describe_session(tx: Tx, session_id: str) -> Sequence[Effect]:
    """The chat that the session has open, if it is alive."""
    session = await sessions.find_session(tx, session_id)
    if session is None:
        return []
    return [Activated(session_id, session.owner.user.id, await chats.find_active_chat(tx, session_id))]
