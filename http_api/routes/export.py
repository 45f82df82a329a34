"""``GET /v1/me/export``: everything of the caller's as a ZIP of JSON and files, written while it is sent.

What must stay true: nothing of it is ever whole in memory, whatever somebody has said and uploaded in years; no database
connection is held while the client is slow; what others said is theirs and is not in it. To export something more: a page
of it in ``db.export``, an entry in :func:`_entries`.
"""

import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import orjson
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from core.clock import now_wire
from core.errors import ErrorCode, NotFound, Unauthorized
from db import blocks, export, files, sessions, users
from db.export import MembershipRow
from db.files import FileRow
from db.pool import Tx
from http_api.backend import Backend, BackendOf
from http_api.identity import CALLER_ERRORS, CallerOf
from http_api.object_responses import bytes_answers, with_first
from http_api.problems import refusals
from realtime.model.objects import Profile, User
from storage.keys import avatar_key, file_key

_PAGE: Final = 100
_WINDOW: Final = 1_000
"""Messages looked at in one statement."""

router = APIRouter(prefix="/v1", tags=["Profile"])

Content = AsyncIterator[bytes]
Windowed = Callable[[Tx, str, str, int, int], Awaitable[list[Any]]]
"""Of a chat (its id) and a person (theirs), what there is above one ``seq`` and up to another."""


@router.get(
    "/me/export",
    response_class=Response,
    responses={
        200: bytes_answers("application/zip", "The archive.")[200],
        **refusals(*CALLER_ERRORS, ErrorCode.RATE_LIMITED),
    },
)
async def export_me(backend: BackendOf, caller: CallerOf) -> Response:
    """Everything of yours as a ZIP archive: your profile, devices, chats, what you wrote and liked, your files.

    One at a time.
    """
    parts = _archive(backend, caller.user_id)
    first = await anext(parts)
    headers = {"Content-Disposition": f'attachment; filename="molva-{now_wire()[:10]}.zip"'}
    return StreamingResponse(with_first(first, parts), headers=headers, media_type="application/zip")


class _Sink:
    """A file that cannot be sought in; what was written is taken out piece by piece."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        """As of any file."""
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """As of any file."""

    def close(self) -> None:
        """As of any file."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._written)
        self._written.clear()
        return taken


async def _archive(backend: Backend, user_id: str) -> AsyncIterator[bytes]:
    """The archive, in pieces. ``RateLimited`` while another one of the person's is being made."""
    with backend.exports.one_more(user_id):
        sink = _Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            async for name, content, method in _entries(backend, user_id):
                entry = zipfile.ZipInfo(name)
                entry.compress_type = method
                with archive.open(entry, "w") as file:
                    async for chunk in content:
                        file.write(chunk)
                        if taken := sink.take():
                            yield taken
        yield sink.take()


async def _entries(backend: Backend, user_id: str) -> AsyncIterator[tuple[str, Content, int]]:
    """Name, content and compression of each file of the archive."""
    async with backend.database.reading() as tx:
        profile = await users.find_profile(tx, user_id)
        devices = await sessions.list_sessions(tx, user_id)
        blocked = await blocks.list_blocked(tx, user_id)
    if profile is None:
        raise Unauthorized(ErrorCode.SESSION_REVOKED)
    yield "profile.json", _once(_json(Profile.of_owner(profile))), zipfile.ZIP_DEFLATED
    yield "sessions.json", _once(_json(devices)), zipfile.ZIP_DEFLATED
    yield "blocked.json", _once(_json([User.of(row) for row in blocked])), zipfile.ZIP_DEFLATED
    yield "chats.json", _array(_chats(backend, user_id)), zipfile.ZIP_DEFLATED
    yield "messages.json", _array(_in_all_chats(backend, user_id, export.list_own_messages)), zipfile.ZIP_DEFLATED
    yield "likes.json", _array(_in_all_chats(backend, user_id, export.list_own_likes)), zipfile.ZIP_DEFLATED
    yield "files.json", _array(_files(backend, user_id)), zipfile.ZIP_DEFLATED
    if profile.user.avatar_id is not None:
        yield "avatar", await _bytes(backend, avatar_key(profile.user.avatar_id, "original")), zipfile.ZIP_STORED
    async for page in _files(backend, user_id):
        for row in page:
            yield f"files/{row.id}/{row.name}", await _bytes(backend, file_key(row.id)), zipfile.ZIP_STORED


async def _chats(backend: Backend, user_id: str) -> AsyncIterator[list[MembershipRow]]:
    after_id = None
    while True:
        async with backend.database.reading() as tx:
            page = await export.list_memberships(tx, user_id, after_id, _PAGE)
        yield page
        if len(page) < _PAGE:
            return
        after_id = page[-1].chat_id


async def _files(backend: Backend, user_id: str) -> AsyncIterator[list[FileRow]]:
    after_id = None
    while True:
        async with backend.database.reading() as tx:
            page = await files.list_own_files(tx, user_id, after_id, _PAGE)
        yield page
        if len(page) < _PAGE:
            return
        after_id = page[-1].id


async def _in_all_chats(backend: Backend, user_id: str, list_rows: Windowed) -> AsyncIterator[list[Any]]:
    """What ``list_rows`` finds in each chat that the person is or was in, window by window."""
    async for page in _chats(backend, user_id):
        for chat in page:
            for after_seq in range(0, chat.message_count, _WINDOW):
                async with backend.database.reading() as tx:
                    yield await list_rows(tx, chat.chat_id, user_id, after_seq, after_seq + _WINDOW)


async def _bytes(backend: Backend, key: str) -> Content:
    """The bytes of an object; none if it is gone."""
    try:
        return (await backend.objects.open(key)).chunks
    except NotFound:
        return _once(b"")


async def _once(content: bytes) -> Content:
    yield content


async def _array(pages: AsyncIterator[list[Any]]) -> Content:
    """All items of all pages as one JSON array, a line each."""
    before = b"["
    async for page in pages:
        if page:
            yield before + b",".join(b"\n  " + orjson.dumps(item) for item in page)
            before = b","
    yield b"[]\n" if before == b"[" else b"\n]\n"


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _plain(model: Any) -> Any:
    return model.model_dump(mode="json")
