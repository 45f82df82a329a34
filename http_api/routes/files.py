"""``/v1/files``: upload and download attachments. The rules are in ``accounts.files``.

What must stay true: an upload is never whole in memory; a browser does nothing with a file, whatever it is.
"""

import logging
import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import Field
from starlette.datastructures import FormData, UploadFile

from accounts.files import Upload, reserve_upload, store_upload
from core.errors import ErrorCode, NotFound, PayloadTooLarge, ValidationFailed
from core.faults import UNKNOWN_FIELD
from core.file_urls import FileForm, FileUrls
from core.limits import DURATION_S_MAX, FILE_BYTES_MAX
from core.logs import note
from db.files import FileRow
from http_api.backend import BackendOf
from http_api.file_access import SIGNED_OR_BEARER, FileAccess, FileRequest, find_readable_file
from http_api.identity import CALLER_ERRORS, CallerOf
from http_api.object_responses import (
    RANGE_ANSWERS,
    SANDBOX,
    bytes_answers,
    disposition,
    is_not_modified,
    requested_range,
    stream_object,
)
from http_api.problems import refusals
from realtime.model.files import describe_file, show_content
from realtime.wire.fields import FILE_ID, Id, ServerPayload, Time
from storage.formats import HEAD_BYTES, Kind
from storage.keys import file_key, thumbnail_key

_FIELDS_MAX: Final = 4
_SIGNED_AGE_S: Final = 50
"""A file that is gone is shown from a cache for less than a minute."""
_NUMBER: Final = re.compile(r"\d{1,6}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,3})?", re.ASCII)

log = logging.getLogger("molva.long")

router = APIRouter(prefix="/v1/files", tags=["Files"])


class File(ServerPayload):
    """An attachment. It never changes."""

    id: Id = Field(description="ID of the file, for `content.file_id` of a message.", examples=[FILE_ID])
    kind: Kind = Field(
        description="Message type that it can have, besides `file`: `image` (JPEG, PNG, WebP, GIF), `video`, `audio`.",
        examples=["image"],
    )
    name: str = Field(description="Name of the uploaded file.", examples=["lake.jpg"])
    mime: str = Field(description="Media type of its downloads.", examples=["image/jpeg"])
    size: int = Field(description="Size in bytes.", examples=[2_343_077])
    width: int | None = Field(description="Of an image: width in pixels, when it is upright.", examples=[4032])
    height: int | None = Field(description="Of an image: height in pixels, when it is upright.", examples=[3024])
    duration: float | None = Field(
        description="Of audio and video: duration in seconds, as declared at the upload.", examples=[None]
    )
    blurhash: str | None = Field(
        description="Of an image: its BlurHash, a placeholder (blurha.sh).", examples=["L2Eyb[_3ay_3~qofayofayayj[ay"]
    )
    url: str = Field(
        description="Signed URL of the file, relative to the server. It needs no header, and ends after 6 to 12 hours.",
        examples=[f"/v1/files/{FILE_ID}?expires=1795651200&signature=q4Hd0mXkq1yUeJ2mB8aZcw"],
    )
    thumbnail: str | None = Field(
        description="The same as `thumbnail_url`.",
        examples=[f"/v1/files/{FILE_ID}/thumbnail?expires=1795651200&signature=Zk2vB1uGm0cX8sQeT7yLhA"],
    )
    thumbnail_url: str | None = Field(
        description="Of an image: signed URL of a small copy.",
        examples=[f"/v1/files/{FILE_ID}/thumbnail?expires=1795651200&signature=Zk2vB1uGm0cX8sQeT7yLhA"],
    )
    created_at: Time = Field(description="When it was uploaded.", examples=["2026-11-23T05:08:04.123Z"])

    @classmethod
    def of(cls, row: FileRow, urls: FileUrls) -> "File":
        """From a row of ``db.files``."""
        absent = dict.fromkeys(("width", "height", "duration", "blurhash", "thumbnail", "thumbnail_url"))
        described: dict[str, Any] = {**absent, **show_content(describe_file(row), urls)}
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
"""Written by hand: with parameters for the form, FastAPI would read the whole body before it checks the token."""


@router.post(
    "",
    status_code=201,
    openapi_extra=_FORM,
    responses=refusals(*CALLER_ERRORS, ErrorCode.VALIDATION_FAILED, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.RATE_LIMITED),
)
async def upload_file(request: Request, backend: BackendOf, caller: CallerOf) -> File:
    """Upload a file, to be sent in a message.

    It is stored byte for byte. Until it is sent, only you can download it, and after a day it is removed. An image gets a
    thumbnail and a placeholder. An image that cannot be decoded, or has too many pixels, is stored as an ordinary file.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ValidationFailed.at("", "must be multipart/form-data with a field named file")
    declared = request.headers.get("content-length", "")
    size_bytes = min(int(declared), FILE_BYTES_MAX) if declared.isdecimal() else FILE_BYTES_MAX
    async with reserve_upload(backend.accounts, caller.user_id, size_bytes) as note_stored:
        log.info("upload begun", extra={"size_bytes": size_bytes})  # it takes long: a crash in the middle leaves a trace
        with backend.bodies.slot(caller.user_id):
            form = await request.form(max_files=1, max_fields=_FIELDS_MAX)
        try:
            upload = await _read_form(form)
            with backend.uploads.slot(caller.user_id):
                stored = await store_upload(backend.accounts, caller.user_id, upload)
            note(file_id=stored.row.id)
        finally:
            await form.close()
        note_stored(stored.size_bytes)
        return File.of(stored.row, backend.services.file_urls)


async def _read_form(form: FormData) -> Upload:
    """The file and its declared duration; ``ValidationFailed`` for everything else in the form."""
    for name in form:
        if name not in {"file", "duration"}:
            raise ValidationFailed.at(name[:64], UNKNOWN_FIELD)
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise ValidationFailed.at("file", "must be a file with a name")
    if not upload.size:
        raise ValidationFailed.at("file", "must not be empty")
    if upload.size > FILE_BYTES_MAX:
        raise PayloadTooLarge(f"The file must be at most {FILE_BYTES_MAX:,} bytes.")
    return Upload(
        content=upload.file,
        head=await upload.read(HEAD_BYTES),
        size_bytes=upload.size,
        name=upload.filename or "",
        mime=upload.content_type or "",
        duration_s=_read_duration(form.get("duration")),
    )


def _read_duration(duration: UploadFile | str | None) -> float | None:
    """Seconds, if the form has them."""
    if duration is None:
        return None
    if not isinstance(duration, str) or not _NUMBER.fullmatch(duration) or float(duration) > DURATION_S_MAX:
        raise ValidationFailed.at("duration", f"must be a number of seconds from 0 to {DURATION_S_MAX}")
    return float(duration)


_FileId = Annotated[Id, Path(description="ID of the file.", examples=[FILE_ID])]
_FILE_ERRORS: Final = refusals(*CALLER_ERRORS, ErrorCode.NOT_FOUND)


@router.get(
    "/{file_id}",
    response_class=Response,
    openapi_extra=SIGNED_OR_BEARER,
    responses=bytes_answers("*/*", "The file.") | RANGE_ANSWERS | _FILE_ERRORS,
)
@router.head("/{file_id}", include_in_schema=False)
async def show_file(file_id: _FileId, request: Request, backend: BackendOf, access: FileAccess) -> Response:
    """Download a file, or the part that `Range` names.

    With a signed URL no header is needed, and the file comes as a download with its name; `<img>` and `<video>` show it all
    the same. With an access token the file must be yours or in a message that you may see.
    """
    row = await find_readable_file(backend, access, file_id, FileForm.WHOLE)
    etag = f'"{row.id}"'
    is_shown = row.kind != Kind.FILE and not access.is_signed
    headers = _headers(etag, access) | {
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(row.name, inline=is_shown),
    }
    if is_not_modified(request, etag):
        return Response(status_code=304, headers=headers)
    part = requested_range(request, etag, row.size_bytes)
    objects = backend.accounts.objects
    return await stream_object(objects, file_key(row.id), field="file_id", mime=row.mime, headers=headers, part=part)


@router.get(
    "/{file_id}/thumbnail",
    response_class=Response,
    openapi_extra=SIGNED_OR_BEARER,
    responses=bytes_answers("image/*", "The small copy.") | _FILE_ERRORS,
)
@router.head("/{file_id}/thumbnail", include_in_schema=False)
async def show_thumbnail(file_id: _FileId, request: Request, backend: BackendOf, access: FileAccess) -> Response:
    """Download a small copy of an image, at most 320 pixels wide and high. Other files have none."""
    row = await find_readable_file(backend, access, file_id, FileForm.THUMBNAIL)
    if row.thumbnail_mime is None:
        raise NotFound("file_id")
    etag = f'"{row.id}-thumbnail"'
    headers = _headers(etag, access)
    if is_not_modified(request, etag):
        return Response(status_code=304, headers=headers)
    objects, key = backend.accounts.objects, thumbnail_key(row.id)
    return await stream_object(objects, key, field="file_id", mime=row.thumbnail_mime, headers=headers)


def _headers(etag: str, access: FileRequest) -> dict[str, str]:
    """Only the client may keep a copy, and must soon ask again, because the right to see the file may be gone.

    A signed URL is for pages of other origins: they may show what comes of it.
    """
    fresh = f"max-age={_SIGNED_AGE_S}" if access.is_signed else "no-cache"
    return {
        "ETag": etag,
        "Cache-Control": f"private, {fresh}",
        "Cross-Origin-Resource-Policy": "cross-origin",
        **SANDBOX,
    }
