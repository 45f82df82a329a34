"""Refuses requests from banned network addresses, but for the probes and the operator's own calls."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from accounts.network_bans import NETWORK_BANNED, NetworkBans
from core.errors import Forbidden
from core.logs import current_request
from http_api.middleware.host_check import PROBES
from http_api.problems import problem_of

_OPERATORS: Final = "/v1/admin/"
"""An operator who banned their own network must be able to lift that."""


class NetworkBanCheck:
    """ASGI middleware inside the request context, which knows the client's address."""

    def __init__(self, app: ASGIApp, *, bans: NetworkBans) -> None:
        self._app = app
        self._bans = bans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        request = current_request()
        if scope["type"] == "http" and request is not None and request.client is not None:
            path = scope["path"]
            if path not in PROBES and not path.startswith(_OPERATORS) and self._bans.is_banned(request.client):
                await problem_of(Forbidden(NETWORK_BANNED))(scope, receive, send)
                return
        await self._app(scope, receive, send)
