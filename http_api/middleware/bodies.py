"""Request bodies: limits that apply before anything reads them, and strict JSON.

A route takes at most :data:`JSON_BYTES_MAX` unless :data:`BODY_BYTES_MAX` names it; a route with a larger body is added
there. Routers that take JSON say ``route_class=StrictRoute``.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import PayloadTooLarge
from core.limits import AVATAR_BYTES_MAX, FILE_BYTES_MAX, PACKET_BYTES_MAX
from core.strict_json import parse_json
from http_api.problems import problem_of

JSON_BYTES_MAX: Final = PACKET_BYTES_MAX
_FRAME_BYTES_MAX: Final = 64 * 1024
"""What surrounds an upload: JSON and the start of a data URL, or multipart boundaries."""

_AVATAR_BODY_BYTES_MAX: Final = AVATAR_BYTES_MAX * 4 // 3 + _FRAME_BYTES_MAX
"""Base64."""

BODY_BYTES_MAX: Final[dict[tuple[str, str], int]] = {
    ("PUT", "/v1/me/avatar"): _AVATAR_BODY_BYTES_MAX,
    ("PUT", "/v1/chats/*/avatar"): _AVATAR_BODY_BYTES_MAX,
    ("POST", "/v1/files"): FILE_BYTES_MAX + _FRAME_BYTES_MAX,
}
"""Method and path (``*`` for an ID) → bytes, where the limit is not :data:`JSON_BYTES_MAX`."""
_CHAT_PATH: Final = re.compile(r"/v1/chats/[^/]+/")


def _bytes_max(method: str, path: str) -> int:
    return BODY_BYTES_MAX.get((method, _CHAT_PATH.sub("/v1/chats/*/", path, count=1)), JSON_BYTES_MAX)


class BodyLimits:
    """ASGI middleware: 413 for a body over the limit of its route, with ``Content-Length`` or in chunks.

    Starlette has such a middleware, but it answers in plain text instead of a problem. Bytes that nobody reads are thrown
    away by ``http_protocol``, within its own limit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a bounded ``receive``."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size_bytes_max = _bytes_max(scope["method"], scope["path"])
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > size_bytes_max:
            await problem_of(PayloadTooLarge())(scope, receive, send)
            return
        size_bytes = 0

        async def receive_within_limit() -> Message:
            nonlocal size_bytes
            message = await receive()
            size_bytes += len(message.get("body", b""))
            if size_bytes > size_bytes_max:
                raise HTTPException(413)  # the only exception that everything that reads bodies lets through
            return message

        await self._app(scope, receive_within_limit, send)


class _StrictRequest(Request):
    async def json(self) -> Any:
        return parse_json(await self.body())


class StrictRoute(APIRoute):
    """A route whose JSON body is read by :func:`parse_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, on a stricter request."""
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly
