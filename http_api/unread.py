"""Bodies that nobody read: what still comes of them is thrown away, so that the answer gets through.

A refusal often comes before its request is whole: the body is too large, or its sender unknown. A server that then closes
with bytes unread makes the kernel reset the connection, and the reset destroys the answer on its way: most clients send
everything first and would see a broken pipe. So the answer goes out at once, and the connection stays until the rest has
come, is more than the bounds allow, or ends (what RFC 9112, section 9.6, calls closing in stages). Nothing is kept.
"""

import asyncio
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.limits import PACKET_BYTES_MAX

UNREAD_BYTES_MAX: Final = 64 * 1024 * 1024
"""What is thrown away of one body, at the most: well over twice the largest upload."""

UNREAD_S_MAX: Final = 30.0
"""How long the rest of one body may take."""

SILENCE_S_MAX: Final = 5.0
"""How long nothing at all may come of it."""


class UnreadBodies:
    """ASGI middleware around all others: ends an answer only when its request's body is over, or has had its time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; if its body is unread when the answer is out, hold the end of the answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_more, has_held_end = True, False

        async def receive_noting() -> Message:
            nonlocal has_more
            message = await receive()
            has_more = message.get("more_body", False)
            return message

        async def send_but_the_end(message: Message) -> None:
            nonlocal has_held_end
            if has_more and message["type"] == "http.response.start" and _is_long(scope):
                MutableHeaders(scope=message)["Connection"] = "close"
            elif has_more and message["type"] == "http.response.body" and not message.get("more_body", False):
                message, has_held_end = {**message, "more_body": True}, True
            await send(message)

        if not _has_body(scope):
            has_more = False
        await self._app(scope, receive_noting, send_but_the_end)
        if has_held_end:
            await _discard(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _is_long(scope: Scope) -> bool:
    """Whether the rest is not worth keeping the connection for: by its length, or because it does not tell one."""
    declared = Headers(scope=scope).get("content-length", "")
    return not declared.isdecimal() or int(declared) > PACKET_BYTES_MAX


async def _discard(receive: Receive) -> None:
    """Receive until the body is over, the client gone or a bound reached."""
    size_bytes, deadline = 0, time.monotonic() + UNREAD_S_MAX
    while size_bytes <= UNREAD_BYTES_MAX and (left_s := deadline - time.monotonic()) > 0:
        try:
            async with asyncio.timeout(min(left_s, SILENCE_S_MAX)):
                message = await receive()
        except TimeoutError:
            return
        if not message.get("more_body", False):
            return
        size_bytes += len(message["body"])
