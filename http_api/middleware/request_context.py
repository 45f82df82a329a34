"""The frame around every HTTP request: its id, its log line, its metrics, the headers that every answer carries.

It is the outermost layer, so that even answers of other middlewares (CORS, limits, crashes) are counted and can be found
by their id. A route never logs that it was called.
"""

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import metrics
from core.addresses import client_address
from core.logs import Request, accept_request_id, request_scope
from core.tracing import remote_span
from http_api.middleware.host_check import PROBES
from http_api.problems import CODE_SCOPE_KEY

log = logging.getLogger("molva.http")

REQUEST_ID_HEADER: Final = "X-Request-ID"

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
_PAGES_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""The documents load everything from here; Swagger UI styles its elements inline and has icons as data URLs."""


class RequestContext:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, *, trusted_proxies: int) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the request, pass it on, close it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(accept_request_id(Headers(scope=scope).get(REQUEST_ID_HEADER)), client=self._address(scope))
        status: int | None = None

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                complete_headers(MutableHeaders(scope=message), scope["path"], request.request_id)
            await send(message)

        with request_scope(request), _span(scope, request):
            try:
                await self._app(scope, receive, send_framed)
            finally:
                _record(scope, request, status)

    def _address(self, scope: Scope) -> str:
        peer = (scope.get("client") or ("unknown",))[0]
        forwarded_for = ",".join(Headers(scope=scope).getlist("X-Forwarded-For"))
        return client_address(peer, forwarded_for, trusted_proxies=self._trusted_proxies)


def _span(scope: Scope, request: Request) -> AbstractContextManager[object]:
    """The span of a request, part of the caller's trace if it sent one. Probes have none."""
    if scope["path"] in PROBES:
        return nullcontext()
    return remote_span(f"HTTP {scope['method']}", Headers(scope=scope), {"molva.request_id": request.request_id})


def complete_headers(headers: MutableHeaders, path: str, request_id: str) -> None:
    """What every answer carries; a route that knows better has set its own policy or caching already."""
    headers[REQUEST_ID_HEADER] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Content-Security-Policy", _PAGES_POLICY if path.startswith("/docs") else _API_POLICY)
    if path.startswith("/v1/"):
        headers.setdefault("Cache-Control", "no-store")


def _record(scope: Scope, request: Request, status: int | None) -> None:
    """The line and the metrics that close a request. The path itself is not logged: anything may stand in it."""
    # What is mounted, like the files of the documents, has no route; the router notes where it is.
    route = getattr(scope.get("route"), "path", None) or scope.get("root_path") or "unmatched"
    method = scope["method"] if scope["method"] in _METHODS else "other"
    outcome = str(status or "aborted")
    metrics.HTTP_REQUESTS.labels(method, route, outcome).inc()
    closing = request.close()
    metrics.HTTP_SECONDS.labels(route).observe(closing["duration_ms"] / 1000)
    extra = {"method": method, "route": route, "status": status, **closing}
    if CODE_SCOPE_KEY in scope:
        extra["outcome"] = scope[CODE_SCOPE_KEY]
    level = logging.ERROR if status == 500 else logging.DEBUG if route in PROBES else logging.INFO
    log.log(level, "http request", extra=extra)
