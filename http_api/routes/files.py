"""``/v1/files``: attachments, on their way in and out.

What must stay true: an upload is never whole in memory; what a file is, its bytes say; only its owner and those who may see
a message that holds it get it, and to everybody else it does not exist; whatever it is, a browser does nothing with it.
"""

import re
from typing import IO, Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field
from starlette.datastructures import FormData, UploadFile

from core.errors import AppError, ErrorCode, NotFound, PayloadTooLarge, RateLimited, ValidationFailed
from core.ids import new_id
from core.limits import (
    DURATION_S_MAX,
    FILE_BYTES_MAX,
    FILE_NAME_CHARS_MAX,
    FILE_PIXELS_MAX,
    FILE_SIDE_MAX,
    UPLOADED_BYTES_PER_DAY_MAX,
)
from db import files
from db.files import FileRow
from http_api.backend import Backend, BackendOf
from http_api.identity import CALLER_ERRORS, CallerOf
from http_api.object_responses import RANGE_ANSWERS, SANDBOX, asked_part, bytes_answers, disposition, has_already, serve
from http_api.problems import refusals
from realtime.messages.attachments import describe_file
from realtime.wire.fields import FILE_ID, Id, ServerPayload, Time
from storage.formats import HEAD_BYTES, OCTETS, Format, Kind, recognise
from storage.jobs import BadImage, Bounds, Look, TooManyPixels
from storage.keys import file_key, thumbnail_key

_BOUNDS: Final = Bounds(FILE_PIXELS_MAX, FILE_SIDE_MAX)
_FIELDS_MAX: Final = 4
_RETRY_AFTER_S: Final = 3600
_NUMBER: Final = re.compile(r"\d{1,6}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_UNFIT_FOR_NAMES: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Control characters, and those that make a name read other than it is."""
_NAMELESS: Final = "file"

router = APIRouter(prefix="/v1/files", tags=["Files"])


class File(ServerPayload):
    """An attachment. Nothing of it ever changes."""

    id: Id = Field(description="For `content.file_id` of a message.", examples=[FILE_ID])
    kind: Kind = Field(
        description="As what it can be sent, besides `file`: `image` (JPEG, PNG, WebP, GIF), `video`, `audio`.",
        examples=["image"],
    )
    name: str = Field(description="What it was called.", examples=["lake.jpg"])
    mime: str = Field(description="What it is served as.", examples=["image/jpeg"])
    size: int = Field(description="Bytes.", examples=[2_343_077])
    width: int | None = Field(description="Of an image: in pixels, upright.", examples=[4032])
    height: int | None = Field(description="Of an image: in pixels, upright.", examples=[3024])
    duration: float | None = Field(description="Of audio and video: seconds, as they were declared.", examples=[None])
    blurhash: str | None = Field(
        description="Of an image: a placeholder (blurha.sh).", examples=["L2Eyb[_3ay_3~qofayofayayj[ay"]
    )
    url: str = Field(description="Where it is.", examples=[f"/v1/files/{FILE_ID}"])
    thumbnail: str | None = Field(
        description="Of an image: where a small copy is.", examples=[f"/v1/files/{FILE_ID}/thumbnail"]
    )
    created_at: Time = Field(description="When it was uploaded.", examples=["2026-11-23T05:08:04.123Z"])

    @classmethod
    def of(cls, row: FileRow) -> "File":
        """From a row of ``db.files``."""
        absent = dict.fromkeys(("width", "height", "duration", "blurhash", "thumbnail"))
        described: dict[str, Any] = {**absent, **describe_file(row)}
        return File(id=described.pop("file_id"), kind=Kind(row.kind), created_at=row.created_at, **described)


_FORM: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "title": "FileUpload",
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "minLength": 1,
                            "description": "The file, with its name.",
                        },
                        "duration": {
                            "type": "number",
                            "minimum": 0,
                            "maximum": DURATION_S_MAX,
                            "description": "Of audio and video: seconds.",
                            "example": 12.5,
                        },
                    },
                },
                "encoding": {
                    "file": {"contentType": "application/octet-stream"},
                    "duration": {"contentType": "text/plain"},
                },
            }
        },
    }
}
"""Told to the document by hand: FastAPI would read the whole body before it asks who sends it."""


@router.post(
    "",
    status_code=201,
    openapi_extra=_FORM,
    responses=refusals(*CALLER_ERRORS, ErrorCode.VALIDATION_FAILED, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.RATE_LIMITED),
)
async def upload_file(request: Request, backend: BackendOf, caller: CallerOf) -> File:
    """Upload a file, to be sent in a message.

    It is stored byte for byte. Until it is sent only you can get it, and after a day it is gone. An image gets a thumbnail
    and a placeholder; one that cannot be decoded, or has too many pixels, is an ordinary file.
    """
    with backend.uploads.one_more(caller.user_id):
        await _refuse_over_quota(backend, caller.user_id)
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise ValidationFailed.at("", "must be multipart/form-data with a field `file`")
        async with request.form(max_files=1, max_fields=_FIELDS_MAX) as form:
            upload, duration_s = _read_form(form)
            return File.of(await _store(backend, caller.user_id, upload, duration_s))


async def _refuse_over_quota(backend: Backend, user_id: str) -> None:
    if backend.settings.rate_limits == "off":
        return
    async with backend.database.reading() as tx:
        if await files.sum_uploaded_bytes(tx, user_id) >= UPLOADED_BYTES_PER_DAY_MAX:
            raise RateLimited(_RETRY_AFTER_S)


def _read_form(form: FormData) -> tuple[UploadFile, float | None]:
    """The file and the declared duration in seconds; everything else is refused."""
    for name in form:
        if name not in {"file", "duration"}:
            raise ValidationFailed.at(name[:64], "is no field of this form")
    upload, duration = form.get("file"), form.get("duration")
    if not isinstance(upload, UploadFile):
        raise ValidationFailed.at("file", "must be a file, with a name")
    if not upload.size:
        raise ValidationFailed.at("file", "must not be empty")
    if upload.size > FILE_BYTES_MAX:
        raise PayloadTooLarge(f"A file has at most {FILE_BYTES_MAX:,} bytes.")
    if duration is None:
        return upload, None
    if not isinstance(duration, str) or not _NUMBER.fullmatch(duration) or float(duration) > DURATION_S_MAX:
        raise ValidationFailed.at("duration", f"must be seconds, from 0 to {DURATION_S_MAX}")
    return upload, float(duration)


async def _store(backend: Backend, owner_id: str, upload: UploadFile, duration_s: float | None) -> FileRow:
    form, look = await _look_at(backend, upload)
    is_timed = duration_s is not None and form.kind in {Kind.AUDIO, Kind.VIDEO}
    file_id, size_bytes = new_id(), upload.size or 0
    async with backend.database.reading() as tx:
        row = await files.insert_file(
            tx,
            file_id,
            owner_id,
            form.kind,
            form.mime,
            clean_name(upload.filename or ""),
            size_bytes,
            look.width if look else None,
            look.height if look else None,
            round(duration_s * 1000) if is_timed and duration_s is not None else None,
            look.blurhash if look else None,
            look.thumbnail.mime if look else None,
        )
    try:
        await _put(backend, file_id, upload.file, look)
    except AppError:
        async with backend.database.reading() as tx:
            await files.delete_file(tx, file_id)
        raise
    return row


async def _look_at(backend: Backend, upload: UploadFile) -> tuple[Format, Look | None]:
    """What the file is, and how it looks if it is a picture."""
    form = recognise(await upload.read(HEAD_BYTES), upload.content_type or "")
    if form.kind is not Kind.IMAGE:
        return form, None
    try:
        return form, await backend.images.examine(upload.file, upload.size or 0, _BOUNDS)
    except (BadImage, TooManyPixels):
        return Format(Kind.FILE, OCTETS), None


async def _put(backend: Backend, file_id: str, content: IO[bytes], look: Look | None) -> None:
    if look is not None:
        await backend.objects.put(thumbnail_key(file_id), look.thumbnail.data)
    content.seek(0)
    await backend.objects.put(file_key(file_id), content)


def clean_name(name: str) -> str:
    """A file's name without the folders that some browsers send with it and without what does not belong into a name."""
    bare = _UNFIT_FOR_NAMES.sub("", re.split(r"[/\\]", name)[-1]).strip()
    if len(bare) > FILE_NAME_CHARS_MAX:
        stem, dot, ending = bare.rpartition(".")
        kept = f"{dot}{ending}" if stem and len(ending) < 16 else ""
        bare = bare[: FILE_NAME_CHARS_MAX - len(kept)] + kept
    return bare if bare.strip(".") else _NAMELESS


_FileId = Annotated[Id, Path(description="Which file.", examples=[FILE_ID])]
_FILE_ERRORS: Final = refusals(*CALLER_ERRORS, ErrorCode.NOT_FOUND)


@router.get(
    "/{file_id}", response_class=Response, responses=bytes_answers("*/*", "The file.") | RANGE_ANSWERS | _FILE_ERRORS
)
@router.head("/{file_id}", include_in_schema=False)
async def show_file(file_id: _FileId, request: Request, backend: BackendOf, caller: CallerOf) -> Response:
    """A file, or the part of it that `Range` asks for; if it is yours or in a message that you may see."""
    row = await _find(backend, file_id, caller.user_id)
    etag = f'"{row.id}"'
    headers = _headers(etag) | {
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(row.name, inline=row.kind != Kind.FILE),
    }
    if has_already(request, etag):
        return Response(status_code=304, headers=headers)
    part = asked_part(request, etag, row.size_bytes)
    return await serve(backend.objects, file_key(row.id), mime=row.mime, headers=headers, part=part)


@router.get(
    "/{file_id}/thumbnail", response_class=Response, responses=bytes_answers("image/*", "The small copy.") | _FILE_ERRORS
)
@router.head("/{file_id}/thumbnail", include_in_schema=False)
async def show_thumbnail(file_id: _FileId, request: Request, backend: BackendOf, caller: CallerOf) -> Response:
    """A small copy of an image, at most 320 pixels wide and high. Other files have none."""
    row = await _find(backend, file_id, caller.user_id)
    if row.thumbnail_mime is None:
        raise NotFound
    etag = f'"{row.id}-thumbnail"'
    if has_already(request, etag):
        return Response(status_code=304, headers=_headers(etag))
    return await serve(backend.objects, thumbnail_key(row.id), mime=row.thumbnail_mime, headers=_headers(etag))


async def _find(backend: Backend, file_id: str, user_id: str) -> FileRow:
    async with backend.database.reading() as tx:
        row = await files.find_file_for(tx, file_id, user_id)
    if row is None:
        raise NotFound
    return row


def _headers(etag: str) -> dict[str, str]:
    """Kept by nobody but the client, and looked at again each time: the right to see it may be gone."""
    return {"ETag": etag, "Cache-Control": "private, no-cache", **SANDBOX}
