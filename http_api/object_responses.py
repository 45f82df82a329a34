"""How stored bytes are served: not again if the client has them, in parts if it asks, as a download if they may be harmful.

What must stay true: nothing that a stranger uploaded runs in a browser under our origin, whatever it is.
"""

import re
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from core.errors import ErrorCode
from http_api.problems import refusals
from storage.objects import Objects

_RANGE: Final = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)
_PLAIN: Final = re.compile(r"[^A-Za-z0-9 !#$&+^_`{}~.()@,;=\[\]-]")
"""What has no place in the old form of a file name, between quotes."""

SANDBOX: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
}
"""For what strangers uploaded, should a browser show it after all."""

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}

RANGE_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    206: {"description": "The part that `Range` asked for.", "content": {"*/*": _BINARY}},
    416: {**refusals(ErrorCode.VALIDATION_FAILED)[422], "description": "`Range` begins behind the end."},
}


def bytes_answers(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    """A route's ``responses`` when it answers with bytes, or with 304 to a client that has them."""
    return {
        200: {"description": description, "content": {media_type: _BINARY}},
        304: {"description": "`If-None-Match` named what is here: nothing has changed."},
    }


def has_already(request: Request, etag: str) -> bool:
    """Whether the client says that it has this (``If-None-Match``, RFC 9110 §13.1.2)."""
    named = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return etag in named or named == ["*"]


def asked_part(request: Request, etag: str, size_bytes: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of the bytes that ``Range`` asks for (RFC 9110 §14); ``None``: all of them.

    Several ranges, other units and what cannot be read are ignored, as they may be. HTTP 416 when it begins behind the end.
    """
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    first, last = match.groups() if match else ("", "")
    if not (first or last) or request.headers.get("if-range", etag) != etag:
        return None
    if first:
        start, end = int(first), min(int(last), size_bytes - 1) + 1 if last else size_bytes
        if last and int(last) < start:
            return None
    else:
        start, end = max(0, size_bytes - int(last)), size_bytes
    if start >= size_bytes or start >= end:
        raise HTTPException(416, "begins behind the end", headers={"Content-Range": f"bytes */{size_bytes}"})
    return start, end


async def serve(
    objects: Objects, key: str, *, mime: str, headers: dict[str, str], part: tuple[int, int] | None = None
) -> Response:
    """The bytes of an object, or a part of them, as they come from the storage. ``NotFound`` if they are not there."""
    opened = await objects.open(key, part)
    headers = {**headers, "Content-Length": str(opened.size_bytes)}
    if part is not None:
        start, end = part
        headers |= {"Content-Length": str(end - start), "Content-Range": f"bytes {start}-{end - 1}/{opened.size_bytes}"}
    return StreamingResponse(opened.chunks, 206 if part else 200, headers, mime)


async def with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """``rest`` behind what was taken from it already."""
    yield first
    async for chunk in rest:
        yield chunk


def disposition(name: str, *, inline: bool) -> str:
    """``Content-Disposition`` (RFC 6266): the whole name for those who know UTF-8, a plain one for those who do not."""
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{_PLAIN.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"
