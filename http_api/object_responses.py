"""Responses with stored bytes: conditional requests, ranges, and headers that keep uploads harmless.

What must stay true: nothing that somebody uploaded runs in a browser under our origin, whatever it is.
"""

import re
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from core.errors import ErrorCode, NotFound
from http_api.problems import refusals
from storage.objects import Objects, Opened

_RANGE: Final = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)
_PLAIN: Final = re.compile(r"[^A-Za-z0-9 !#$&+^_`{}~.()@,;=\[\]-]")
"""Characters that the older, quoted form of a file name must not contain."""

SANDBOX: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
}
"""For uploaded bytes, in case a browser shows them."""

_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}

RANGE_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    206: {"description": "The part that `Range` asked for.", "content": {"*/*": _BINARY}},
    416: {**refusals(ErrorCode.VALIDATION_FAILED)[422], "description": "`Range` begins behind the end."},
}


def bytes_answers(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route that answers with bytes, or with 304 to a client that already has them."""
    return {
        200: {"description": description, "content": {media_type: _BINARY}},
        304: {"description": "`If-None-Match` named what is here: nothing has changed."},
    }


def is_not_modified(request: Request, etag: str) -> bool:
    """Whether the client has the current version already (``If-None-Match``, RFC 9110 §13.1.2)."""
    named = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return etag in named or named == ["*"]


def requested_range(request: Request, etag: str, size_bytes: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of the bytes that ``Range`` asks for (RFC 9110 §14); ``None``: all of them.

    Several ranges, other units and unreadable values are ignored, as the RFC allows. HTTP 416 when the range begins behind
    the end.
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
        raise HTTPException(
            416, "Range must begin before the end of the file", headers={"Content-Range": f"bytes */{size_bytes}"}
        )
    return start, end


async def open_object(objects: Objects, key: str, *, field: str, part: tuple[int, int] | None = None) -> Opened:
    """Open an object for a request that named it in ``field``. ``NotFound`` names that field if it is not there."""
    try:
        return await objects.open(key, part)
    except NotFound:
        raise NotFound(field) from None


async def stream_object(
    objects: Objects,
    key: str,
    *,
    field: str,
    mime: str,
    headers: dict[str, str],
    part: tuple[int, int] | None = None,
) -> Response:
    """Stream an object, or a part of it, from the storage. ``NotFound`` names ``field`` if it is not there."""
    opened = await open_object(objects, key, field=field, part=part)
    headers = {**headers, "Content-Length": str(opened.size_bytes)}
    if part is not None:
        start, end = part
        headers |= {"Content-Length": str(end - start), "Content-Range": f"bytes {start}-{end - 1}/{opened.size_bytes}"}
    return StreamingResponse(opened.chunks, 206 if part else 200, headers, mime)


async def prepend_chunk(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A stream whose first chunk was read already."""
    yield first
    async for chunk in rest:
        yield chunk


def disposition(name: str, *, inline: bool) -> str:
    """``Content-Disposition`` (RFC 6266), with the name in UTF-8 and, for old clients, in plain ASCII."""
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{_PLAIN.sub('_', name)}\"; filename*=UTF-8''{quote(name, safe='')}"
