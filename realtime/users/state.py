"""The present state of a person as effects: for those who may have missed a change of their profile."""

from collections.abc import Sequence

from db.pool import Tx
from realtime.model.events import announce_user
from realtime.wire.effects import Effect


async def describe_user(tx: Tx, user_id: str) -> Sequence[Effect]:
    """Tell the person, and everybody who shares a chat with them, who they are now; an account may be deleted by now."""
    return [await announce_user(tx, user_id)]
