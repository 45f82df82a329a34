"""``/v1/me/avatar`` and ``/v1/avatars``: a picture of a person, in four sizes.

On the way in: the body is spooled, and handed to a worker process, which unpacks it, looks at what it is and how many
pixels it claims, and only then decodes it; the four images are stored under their content address; last, one statement
gives them to the person. So there is never a mix of two pictures, and a crash at any point leaves the old one.
"""

import asyncio
import logging
import re
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Final, Literal, cast

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from core.errors import AppError, ErrorCode, NotFound, ValidationFailed
from db import avatars, users
from db.pool import Tx
from db.users import ProfileRow
from http_api.backend import Backend, BackendOf
from http_api.identity import CALLER_ERRORS, CallerOf
from http_api.middleware.bodies import JSON_BYTES_MAX
from http_api.object_responses import bytes_answers, has_already, with_first
from http_api.problems import refusals
from http_api.routes.profile import change_profile
from maintenance.sweeping import remove_unused_avatar
from realtime.model.objects import Profile
from realtime.wire.fields import ClientPayload
from storage.avatar_body import unpack_avatar
from storage.formats import recognise
from storage.keys import avatar_key

log = logging.getLogger("molva.people")

_ID: Final = re.compile(r"[0-9a-f]{32}")
_ID_CHARS: Final = 32
_JSON: Final = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_IN_MEMORY_BYTES_MAX: Final = 256 * 1024
_FOR_EVER: Final = "public, max-age=31536000, immutable"

router = APIRouter(prefix="/v1", tags=["Profile"])


class AvatarUpload(ClientPayload):
    """A picture."""

    image: str = Field(
        description="JPEG, PNG, WebP or GIF (of which the first frame counts) in base64, bare or as a data URL. What it "
        "is, its bytes say, not the URL.",
        pattern=r"^(?:data:[^,]{0,200};base64,)?(?:/9j/|iVBORw0KGgo|R0lGOD|UklGR)[A-Za-z0-9+/\s]*={0,2}\s*$",
        examples=["data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=="],
    )


_BODY: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": AvatarUpload.model_json_schema()}}}
}
"""Told to the document by hand: FastAPI would read the whole body before it asks who sends it."""


@router.put(
    "/me/avatar",
    openapi_extra=_BODY,
    responses=refusals(*CALLER_ERRORS, ErrorCode.VALIDATION_FAILED, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.RATE_LIMITED),
)
async def put_avatar(request: Request, backend: BackendOf, caller: CallerOf) -> Profile:
    """Set your picture.

    It is turned upright, freed of all metadata, and stored as centre-cropped squares of 50, 100 and 400 pixels and in full.
    """
    if not _JSON.fullmatch(request.headers.get("content-type", "")):
        raise ValidationFailed.at("", "must be a JSON object, sent as application/json")
    with backend.uploads.one_more(caller.user_id), await _spool(request) as body:
        size_bytes = body.tell()
        if size_bytes <= JSON_BYTES_MAX:
            body.seek(0)
            unpack_avatar(body.read())  # most of what is refused is refused here, before a worker is troubled
        avatar = await backend.images.make_avatar(body, size_bytes)
    avatar_id = avatar.digest[:_ID_CHARS]
    async with backend.database.reading() as tx:
        await avatars.hold_avatar(tx, avatar_id)
    puts = (backend.objects.put(avatar_key(avatar_id, size), image.data) for size, image in avatar.images.items())
    await asyncio.gather(*puts)
    return await _give_avatar(backend, caller.user_id, avatar_id)


@router.delete("/me/avatar", status_code=204, responses=refusals(*CALLER_ERRORS))
async def delete_avatar(backend: BackendOf, caller: CallerOf) -> None:
    """Remove your picture; without one nothing changes."""
    await _give_avatar(backend, caller.user_id, None)


@router.get(
    "/avatars/{avatar_id}/{size}",
    response_class=Response,
    responses=bytes_answers("image/*", "The image.") | refusals(ErrorCode.NOT_FOUND, ErrorCode.UNAVAILABLE),
)
@router.head("/avatars/{avatar_id}/{size}", include_in_schema=False)
async def show_avatar(
    avatar_id: Annotated[
        str, Path(description="`avatar.id` of a user.", max_length=64, examples=["9f86d081884c7d659a2feaa0c55ad015"])
    ],
    size: Annotated[Literal["50", "100", "400", "original"], Path(description="Which of the four.", examples=["100"])],
    request: Request,
    backend: BackendOf,
) -> Response:
    """An image of somebody's picture. Public; it never changes, so it may be kept for ever."""
    if not _ID.fullmatch(avatar_id):
        raise NotFound
    opened = await backend.objects.open(avatar_key(avatar_id, size))
    etag = f'"{avatar_id}-{size}"'
    headers = {"ETag": etag, "Cache-Control": _FOR_EVER, "Cross-Origin-Resource-Policy": "cross-origin"}
    if has_already(request, etag):
        return Response(status_code=304, headers=headers)
    first = await anext(opened.chunks)
    headers["Content-Length"] = str(opened.size_bytes)
    return StreamingResponse(with_first(first, opened.chunks), headers=headers, media_type=recognise(first, "").mime)


async def _spool(request: Request) -> IO[bytes]:
    """The request's body in a temporary file, to be closed by the caller. Its size is bounded by ``bodies``."""
    body = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES_MAX)  # noqa: SIM115  (the caller closes it)
    try:
        async for chunk in request.stream():
            body.write(chunk)  # into the page cache: microseconds
    except BaseException:
        body.close()
        raise
    return cast("IO[bytes]", body)


async def _give_avatar(backend: Backend, user_id: str, avatar_id: str | None) -> Profile:
    """Give somebody a stored picture, or none; the one they had goes, unless others have it."""
    previous: str | None = None

    async def change(tx: Tx) -> ProfileRow | None:
        nonlocal previous
        wearer = await avatars.lock_wearer(tx, user_id)
        if wearer is None:
            return None
        concerned = {name for name in (avatar_id, wearer.avatar_id) if name is not None}
        await avatars.lock_avatars(tx, list(concerned))
        if avatar_id is not None:
            await avatars.note_used(tx, avatar_id)
        if wearer.avatar_id != avatar_id:
            previous = wearer.avatar_id
            await avatars.set_avatar(tx, user_id, avatar_id)
        if previous is not None:
            await avatars.note_unused(tx, previous)
        return await users.find_profile(tx, user_id)

    row = await change_profile(backend, user_id, change)
    if previous is not None:
        try:
            await remove_unused_avatar(backend.database, backend.objects, previous)
        except AppError as error:
            log.warning("old picture stays for now", extra={"outcome": error.code.value})
    return Profile.of_owner(row)
