"""``presence:watch``: who is online, now and from now on."""

from db import presence
from realtime.presence.payloads import PRESENCE_UPDATED, PresenceAnswer, PresenceUpdated, PresenceWatch
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


@action("presence:watch", role=Role.USER, rate=Rate.READ, emits=(PRESENCE_UPDATED,))
async def watch_presence(context: Context, payload: PresenceWatch) -> PresenceAnswer:
    """Replace the connection's watch list; the answer tells how it is now.

    Only people with whom the caller shares a chat, with whom there is no block either way, and who show it; the others are
    left out without a word. Over HTTP, where nothing can arrive later, it only answers.
    """
    online = context.services.online
    async with context.reading() as tx:
        rows = await presence.list_watchable(tx, context.user_id, payload.user_ids)
    connection = context.caller.connection
    if connection is not None:
        online.watch(context.user_id, connection.connection_id, [row.user_id for row in rows])
    return PresenceAnswer(
        presence=[
            PresenceUpdated(user_id=row.user_id, online=online.is_online(row.user_id), last_seen_at=row.last_seen_at)
            for row in rows
        ]
    )
