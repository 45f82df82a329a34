"""``session:*``: keeping a connection whose access token expires."""

from core.clock import wire_time_of_unix
from core.errors import Unauthorized
from realtime.sessions.payloads import SessionRefresh, SessionRefreshed
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


@action("session:refresh", role=Role.USER, rate=Rate.READ)
async def refresh_session(context: Context, payload: SessionRefresh) -> SessionRefreshed:
    """Keep the connection open with a new access token.

    The token must belong to the same person and the same login session. Over HTTP there is no connection, so the action
    only returns when the token expires.
    """
    claims = context.services.tokens.verify(payload.token)
    if (claims.user_id, claims.session_id) != (context.user_id, context.caller.session_id):
        raise Unauthorized
    if context.caller.connection is not None:
        context.caller.connection.extend(claims.expires_at_s)
    return SessionRefreshed(expires_at=wire_time_of_unix(claims.expires_at_s))
