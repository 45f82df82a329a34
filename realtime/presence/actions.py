"""``presence:watch``: who is online, now and from now on."""

from db import presence
from realtime.presence.payloads import PRESENCE_UPDATED, PresenceAnswer, PresenceUpdated, PresenceWatch
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


@action("presence:watch", role=Role.USER, rate=Rate.READ, emits=(PRESENCE_UPDATED,))
async def watch_presence(context: Context, payload: PresenceWatch) -> PresenceAnswer:
    """Watch the presence of people, and return their present state. The list replaces the previous one.

    The caller may watch people with whom they share a chat, if neither has blocked the other and the person shows it.
    The answer leaves the others out. Changes arrive as ``presence:updated``. Over HTTP the action only returns
    the present state.
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
