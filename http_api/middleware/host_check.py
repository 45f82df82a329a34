"""Refuses requests with a foreign ``Host``, so that no foreign name gets into a link or a cache."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.addresses import is_host_allowed
from core.errors import ValidationFailed
from http_api.problems import problem_of

PROBES: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Paths that machines ask by address every few seconds. They are logged at level DEBUG only."""


class HostCheck:
    """ASGI middleware: ``validation_failed`` for a ``Host`` that is not allowed. Starlette's own answers in plain text."""

    def __init__(self, app: ASGIApp, *, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        is_checked = scope["type"] == "http" and scope["path"] not in PROBES
        if is_checked and not is_host_allowed(Headers(scope=scope).get("host"), self._allowed):
            await problem_of(ValidationFailed.at("Host", "must be a host name of this server"))(scope, receive, send)
            return
        await self._app(scope, receive, send)
