"""The context of every HTTP request: its id, its log line, its metrics, and the headers of every response.

It is the outermost middleware, so that responses of other middleware (CORS, limits, crashes) are counted and logged, too. A
route never logs that it was called.
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
from http_api.documentation import PAGES_POLICY
from http_api.middleware.host_check import PROBES
from http_api.problems import CODE_SCOPE_KEY

log = logging.getLogger("molva.http")

REQUEST_ID_HEADER: Final = "X-Request-ID"

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"


class RequestContext:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp, *, trusted_proxies: int) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request in its context, and record its end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(accept_request_id(Headers(scope=scope).get(REQUEST_ID_HEADER)), client=self._address(scope))
        status: int | None = None
        sent_bytes = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status, sent_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                complete_headers(MutableHeaders(scope=message), scope["path"], request.request_id)
            sent_bytes += len(message.get("body", b""))
            await send(message)

        with request_scope(request), _span(scope, request):
            try:
                await self._app(scope, receive, send_with_headers)
            finally:
                _record(scope, request, status, sent_bytes)

    def _address(self, scope: Scope) -> str:
        peer = (scope.get("client") or ("unknown",))[0]
        forwarded_for = ",".join(Headers(scope=scope).getlist("X-Forwarded-For"))
        return client_address(peer, forwarded_for, trusted_proxies=self._trusted_proxies)


def _span(scope: Scope, request: Request) -> AbstractContextManager[object]:
    """The tracing span of a request, part of the client's trace if it sent one. Probes have none."""
    if scope["path"] in PROBES:
        return nullcontext()
    return remote_span(f"HTTP {scope['method']}", Headers(scope=scope), {"molva.request_id": request.request_id})


def complete_headers(headers: MutableHeaders, path: str, request_id: str) -> None:
    """Add the headers of every response. A route may have set its own policy or caching before."""
    headers[REQUEST_ID_HEADER] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Content-Security-Policy", PAGES_POLICY if path.startswith("/docs") else _API_POLICY)
    if path.startswith("/v1/"):
        headers.setdefault("Cache-Control", "no-store")


def _record(scope: Scope, request: Request, status: int | None, sent_bytes: int) -> None:
    """Record the end of a request: log line and metrics. The path is not logged, since clients may write anything in it."""
    # Mounted applications, like the files of the documents, have no route; the router records their root path.
    route = getattr(scope.get("route"), "path", None) or scope.get("root_path") or "unmatched"
    method = scope["method"] if scope["method"] in _METHODS else "other"
    outcome = str(status or "aborted")
    metrics.HTTP_REQUESTS.labels(method, route, outcome).inc()
    closing = request.close()
    metrics.HTTP_SECONDS.labels(route).observe(closing["duration_ms"] / 1000)
    sizes = {"received_bytes": _declared_bytes(scope), "sent_bytes": sent_bytes}
    extra = {"method": method, "route": route, "status": status, **sizes, **closing}
    if CODE_SCOPE_KEY in scope:
        extra["outcome"] = scope[CODE_SCOPE_KEY]
    level = logging.ERROR if status == 500 else logging.DEBUG if route in PROBES else logging.INFO
    log.log(level, "http request", extra=extra)


def _declared_bytes(scope: Scope) -> int | None:
    """The size of the body, if the client said it."""
    length = Headers(scope=scope).get("Content-Length", "")
    return int(length) if length.isascii() and length.isdigit() else None
