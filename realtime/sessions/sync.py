"""``session:sync``: what changed about the caller's chats while they were away.

State, not a log. Every row keeps the transaction that changed it last; a cursor holds the oldest transaction that was
still running when its pass began. Whatever commits later, however long it took and whatever its number, belongs to a
transaction at or above that one, so the next pass finds it. A chat may come twice; it is never left out.
"""

from core.errors import Conflict
from db import chats
from db.chats import HorizonRow
from realtime.model.objects import ChatView
from realtime.sessions.payloads import SYNC_CURSOR, SYNCED_CURSOR, SessionSync, SessionSynced
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


@action("session:sync", role=Role.USER, rate=Rate.READ, conflicts=("cursor_unknown",))
async def sync_session(context: Context, payload: SessionSync) -> SessionSynced:
    """Return the chats that changed since the cursor, and the IDs of the chats that the caller lost.

    Without a cursor it returns all chats. Call it again with the ``cursor`` of the answer until ``has_more`` is false, and
    store the last cursor for the next time. Then call ``message:changes`` for each chat whose messages the client stores.
    """
    async with context.reading() as tx:
        horizon = await chats.read_horizon(tx)
        since, next_since, after_xid, after_id = _position(payload.cursor, horizon)
        rows = await chats.list_changed(tx, context.user_id, since, after_xid, after_id, payload.limit + 1)
        page, has_more = rows[: payload.limit], len(rows) > payload.limit
        found = await chats.find_chats(tx, context.user_id, [row.chat_id for row in page])
    views = {row.id: ChatView.of(row, context.user_id) for row in found}
    first_time = since == 0
    return SessionSynced(
        chats=[views[row.chat_id] for row in page if row.chat_id in views],
        removed_chat_ids=[] if first_time else [row.chat_id for row in page if row.chat_id not in views],
        cursor=(
            SYNC_CURSOR.write(since, next_since, page[-1].changed_xid, page[-1].chat_id)
            if has_more
            else SYNCED_CURSOR.write(next_since)
        ),
        has_more=has_more,
    )


def _position(cursor: str | None, horizon: HorizonRow) -> tuple[int, int, int | None, str | None]:
    """Since which transaction, since which the next pass, and behind which (transaction, chat) this page begins."""
    if cursor is None:
        return 0, horizon.oldest_running, None, None
    if SYNC_CURSOR.owns(cursor):
        since, next_since, after_xid, after_id = SYNC_CURSOR.read(cursor)
        return since, next_since, after_xid, after_id
    (since,) = SYNCED_CURSOR.read(cursor)
    if since > horizon.next_unused:  # made by another database, before a restore
        raise Conflict("cursor_unknown", "This cursor is of another database: sync without it.")
    return since, horizon.oldest_running, None, None
