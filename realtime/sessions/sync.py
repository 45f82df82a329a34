"""``session:sync``: what changed about the caller's chats while they were away.

State, not a log. Every row keeps the transaction that changed it last; a cursor holds the oldest transaction that was
still running when its pass began. Whatever commits later, however long it took and whatever its number, belongs to a
transaction at or above that one, so the next pass finds it. A chat may come twice; it is never left out.
"""

from core.conflicts import ConflictReason
from core.errors import Conflict
from db import chats, sync
from db.sync import HorizonRow
from realtime.model.objects import ChatView
from realtime.model.people import find_people
from realtime.sessions.payloads import OLD_CURSORS, SYNC_CURSOR, SYNCED_CURSOR, SessionSync, SessionSynced
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


@action("session:sync", role=Role.USER, rate=Rate.READ, conflicts=(ConflictReason.CURSOR_UNKNOWN,))
async def sync_session(context: Context, payload: SessionSync) -> SessionSynced:
    """Return the chats that changed since the cursor, and the IDs of the chats that the caller lost.

    Without a cursor it returns all chats. Call it again with the ``cursor`` of the answer until ``has_more`` is false, and
    store the last cursor for the next time. Then call ``message:changes`` for each chat whose messages the client stores.
    """
    epoch = context.services.epoch.epoch
    async with context.reading() as tx:
        horizon = await sync.read_horizon(tx)
        since, next_since, after_xid, after_id = _position(payload.cursor, horizon, epoch)
        rows = await sync.list_changed(tx, context.user_id, since, after_xid, after_id, payload.limit + 1)
        page, has_more = rows[: payload.limit], len(rows) > payload.limit
        found = await chats.find_chats(tx, context.user_id, [row.chat_id for row in page])
        views = {row.id: ChatView.of(row, context.user_id) for row in found}
        people = await find_people(tx, context.user_id, chats=views.values())
    first_time = since == 0
    return SessionSynced(
        chats=[views[row.chat_id] for row in page if row.chat_id in views],
        users=people,
        removed_chat_ids=[] if first_time else [row.chat_id for row in page if row.chat_id not in views],
        cursor=(
            SYNC_CURSOR.write(epoch, since, next_since, page[-1].changed_xid, page[-1].chat_id)
            if has_more
            else SYNCED_CURSOR.write(epoch, next_since)
        ),
        has_more=has_more,
    )


def _position(cursor: str | None, horizon: HorizonRow, epoch: str) -> tuple[int, int, int | None, str | None]:
    """From which transaction this pass asks, from which the next one, and after which (transaction, chat) the page begins.

    ``Conflict`` with the reason ``cursor_unknown`` for a cursor of another history of the database.
    """
    after_xid, after_id = None, None
    if cursor is None:
        return 0, horizon.oldest_running, None, None
    if any(form.owns(cursor) for form in OLD_CURSORS):
        raise Conflict(ConflictReason.CURSOR_UNKNOWN)
    if SYNC_CURSOR.owns(cursor):
        cursor_epoch, since, next_since, after_xid, after_id = SYNC_CURSOR.read(cursor)
    else:
        cursor_epoch, since = SYNCED_CURSOR.read(cursor)
        next_since = horizon.oldest_running
    if cursor_epoch != epoch or since > horizon.next_unused:
        raise Conflict(ConflictReason.CURSOR_UNKNOWN)
    return since, next_since, after_xid, after_id
