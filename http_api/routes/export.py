"""``GET /v1/me/export``: everything that belongs to the caller as a ZIP archive of JSON and files.

``accounts.export`` reads the rows; here they become files of an archive.

What must stay true: the archive is written while it is sent and is never whole in memory.
"""

import logging
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import orjson
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from accounts import export
from core.clock import now_wire
from core.errors import ErrorCode, NotFound
from http_api.backend import Backend, BackendOf
from http_api.identity import CALLER_ERRORS, CallerOf
from http_api.object_responses import bytes_answers, prepend_chunk
from http_api.problems import refusals
from realtime.model.objects import Profile, User
from storage.keys import avatar_key, file_key
from storage.objects import Objects

log = logging.getLogger("molva.long")

router = APIRouter(prefix="/v1", tags=["Profile"])

Content = AsyncIterator[bytes]


@router.get(
    "/me/export",
    response_class=Response,
    responses={
        200: bytes_answers("application/zip", "The archive.")[200],
        **refusals(*CALLER_ERRORS, ErrorCode.RATE_LIMITED),
    },
)
async def export_me(backend: BackendOf, caller: CallerOf) -> Response:
    """Download everything of yours as a ZIP archive: profile, devices, blocked people, chats, messages, likes, reactions,
    invites, reports and files.

    You can have one export in progress at a time.
    """
    return await answer_archive(backend, caller.user_id)


async def answer_archive(backend: Backend, user_id: str) -> Response:
    """The archive of a person. ``RateLimited`` while another one of theirs is being made."""
    log.info("export begun", extra={"about_user_id": user_id})  # it takes long: a crash in the middle leaves a trace
    parts = _archive(backend, user_id)
    first = await anext(parts)
    headers = {"Content-Disposition": f'attachment; filename="molva-{now_wire()[:10]}.zip"'}
    return StreamingResponse(prepend_chunk(first, parts), headers=headers, media_type="application/zip")


class _Sink:
    """A file without seeking, for ``zipfile`` to write to. What was written is taken out piece by piece."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        """As every file has it."""
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """As every file has it."""

    def close(self) -> None:
        """As every file has it."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._written)
        self._written.clear()
        return taken


async def _archive(backend: Backend, user_id: str) -> AsyncIterator[bytes]:
    """The archive, in pieces. ``RateLimited`` while another one of the person's is being made."""
    with backend.exports.slot(user_id):
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
    database, objects = backend.accounts.database, backend.accounts.objects
    person = await export.find_person(database, user_id)
    yield "profile.json", _once(_json(Profile.of_owner(person.profile))), zipfile.ZIP_DEFLATED
    yield "sessions.json", _once(_json(person.devices)), zipfile.ZIP_DEFLATED
    yield "blocked.json", _once(_json([User.of(row) for row in person.blocked])), zipfile.ZIP_DEFLATED
    yield "chats.json", _array(export.list_chats(database, user_id)), zipfile.ZIP_DEFLATED
    yield "messages.json", _array(export.list_messages(database, user_id)), zipfile.ZIP_DEFLATED
    yield "likes.json", _array(export.list_likes(database, user_id)), zipfile.ZIP_DEFLATED
    yield "reactions.json", _array(export.list_reactions(database, user_id)), zipfile.ZIP_DEFLATED
    yield "invites.json", _array(export.list_invites(database, user_id)), zipfile.ZIP_DEFLATED
    yield "reports.json", _array(export.list_reports(database, user_id)), zipfile.ZIP_DEFLATED
    yield "files.json", _array(export.list_files(database, user_id)), zipfile.ZIP_DEFLATED
    if person.profile.user.avatar_id is not None:
        yield "avatar", await _bytes(objects, avatar_key(person.profile.user.avatar_id, "original")), zipfile.ZIP_STORED
    async for page in export.list_files(database, user_id):
        for row in page:
            yield f"files/{row.id}/{row.name}", await _bytes(objects, file_key(row.id)), zipfile.ZIP_STORED


async def _bytes(objects: Objects, key: str) -> Content:
    """The bytes of an object; none if it is gone."""
    try:
        return (await objects.open(key)).chunks
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
