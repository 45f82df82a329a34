"""``/v1/me/avatar``, ``/v1/chats/{id}/avatar`` and ``/v1/avatars``: pictures, in four sizes.

The rules are in ``accounts.avatars``.

The body of an upload is written to a temporary file and handed to a worker process. The worker unpacks it, checks its
format and its declared number of pixels, and only then decodes it.
"""

import re
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Final, Literal, cast

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from accounts.avatars import ID_CHARS, discard_avatar, store_avatar
from core.conflicts import ConflictReason
from core.errors import ErrorCode, NotFound, ValidationFailed
from http_api.backend import Backend, BackendOf
from http_api.identity import CALLER_ERRORS, PUBLIC_BUDGET, CallerOf
from http_api.middleware.bodies import JSON_BYTES_MAX
from http_api.object_responses import bytes_answers, is_not_modified, open_object, prepend_chunk
from http_api.problems import refusals
from realtime.account_changes import change_avatar
from realtime.chats.group_profile import change_group_avatar, check_may_change
from realtime.model.objects import ChatView, Profile
from realtime.wire.fields import CHAT_ID, ClientPayload, Id
from storage.avatar_body import unpack_avatar
from storage.formats import recognise
from storage.keys import avatar_key

_ID: Final = re.compile(rf"[0-9a-f]{{{ID_CHARS}}}")
_JSON: Final = re.compile(r"application/(?:[a-z0-9.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_IN_MEMORY_BYTES_MAX: Final = 256 * 1024
_FOR_EVER: Final = "public, max-age=31536000, immutable"

_CHAT_ERRORS: Final = (ErrorCode.NOT_FOUND, ErrorCode.FORBIDDEN)
ChatIdInPath = Annotated[Id, Path(description="The group.", examples=[CHAT_ID])]

router = APIRouter(prefix="/v1", tags=["Profile"])


class AvatarUpload(ClientPayload):
    """A picture."""

    image: str = Field(
        description="JPEG, PNG, WebP or GIF (its first frame) in base64, bare or as a data URL. The format is read from "
        "the bytes, not from the URL.",
        pattern=r"^(?:data:[^,]{0,200};base64,)?(?:/9j/|iVBORw0KGgo|R0lGOD|UklGR)[A-Za-z0-9+/\s]*={0,2}\s*$",
        examples=["data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=="],
    )


_BODY: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": AvatarUpload.model_json_schema()}}}
}
"""Written by hand: with a parameter for the body, FastAPI would read the whole body before it checks the token."""


@router.put(
    "/me/avatar",
    openapi_extra=_BODY,
    responses=refusals(*CALLER_ERRORS, ErrorCode.VALIDATION_FAILED, ErrorCode.PAYLOAD_TOO_LARGE, ErrorCode.RATE_LIMITED),
)
async def put_avatar(request: Request, backend: BackendOf, caller: CallerOf) -> Profile:
    """Set your picture.

    It is turned upright, and all metadata is removed. It is stored as centre-cropped squares of 50, 100 and 400 pixels, and
    in full.
    """
    return await _give_avatar(backend, caller.user_id, await _store_upload(request, backend, caller.user_id))


@router.delete("/me/avatar", status_code=204, responses=refusals(*CALLER_ERRORS))
async def delete_avatar(backend: BackendOf, caller: CallerOf) -> None:
    """Remove your picture. If you have none, nothing changes."""
    await _give_avatar(backend, caller.user_id, None)


@router.put(
    "/chats/{chat_id}/avatar",
    openapi_extra=_BODY,
    responses=refusals(
        *CALLER_ERRORS,
        *_CHAT_ERRORS,
        ErrorCode.VALIDATION_FAILED,
        ErrorCode.PAYLOAD_TOO_LARGE,
        ErrorCode.RATE_LIMITED,
        conflicts=(ConflictReason.NOT_A_GROUP,),
    ),
)
async def put_group_avatar(chat_id: ChatIdInPath, request: Request, backend: BackendOf, caller: CallerOf) -> ChatView:
    """Set the picture of a group, like a person's. The creator and admins may.

    A system message, `avatar_changed`, tells the members. The answer is the chat as you see it.
    """
    async with backend.accounts.database.reading() as tx:
        await check_may_change(tx, chat_id, caller.user_id)  # before the picture costs anything
    avatar_id = await _store_upload(request, backend, caller.user_id)
    return await _give_group_avatar(backend, caller.user_id, chat_id, avatar_id)


@router.delete(
    "/chats/{chat_id}/avatar",
    status_code=204,
    responses=refusals(*CALLER_ERRORS, *_CHAT_ERRORS, ErrorCode.VALIDATION_FAILED, conflicts=(ConflictReason.NOT_A_GROUP,)),
)
async def delete_group_avatar(chat_id: ChatIdInPath, backend: BackendOf, caller: CallerOf) -> None:
    """Remove the picture of a group. The creator and admins may. If it has none, nothing changes."""
    await _give_group_avatar(backend, caller.user_id, chat_id, None)


@router.get(
    "/avatars/{avatar_id}/{size}",
    response_class=Response,
    responses=bytes_answers("image/*", "The image.")
    | refusals(ErrorCode.NOT_FOUND, ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE),
    dependencies=[PUBLIC_BUDGET],
)
@router.head("/avatars/{avatar_id}/{size}", include_in_schema=False, dependencies=[PUBLIC_BUDGET])
async def show_avatar(
    avatar_id: Annotated[
        str,
        Path(description="`avatar.id` of a user or a chat.", max_length=64, examples=["9f86d081884c7d659a2feaa0c55ad015"]),
    ],
    size: Annotated[Literal["50", "100", "400", "original"], Path(description="One of the four sizes.", examples=["100"])],
    request: Request,
    backend: BackendOf,
) -> Response:
    """Download one size of a picture. It is public and never changes, so it may be cached for ever."""
    if not _ID.fullmatch(avatar_id):
        raise NotFound("avatar_id")
    opened = await open_object(backend.accounts.objects, avatar_key(avatar_id, size), field="avatar_id")
    etag = f'"{avatar_id}-{size}"'
    headers = {"ETag": etag, "Cache-Control": _FOR_EVER, "Cross-Origin-Resource-Policy": "cross-origin"}
    if is_not_modified(request, etag):
        return Response(status_code=304, headers=headers)
    first = await anext(opened.chunks)
    headers["Content-Length"] = str(opened.size_bytes)
    return StreamingResponse(prepend_chunk(first, opened.chunks), headers=headers, media_type=recognise(first, "").mime)


async def _spool(request: Request) -> IO[bytes]:
    """The request's body in a temporary file, to be closed by the caller. Its size is bounded by ``bodies``."""
    body = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES_MAX)  # noqa: SIM115  (the caller closes it)
    try:
        async for chunk in request.stream():
            body.write(chunk)  # into the page cache: microseconds
    except BaseException:  # the caller, who would close it, never gets it
        body.close()
        raise
    return cast("IO[bytes]", body)


async def _store_upload(request: Request, backend: Backend, user_id: str) -> str:
    """Store the picture in the body; its id."""
    if not _JSON.fullmatch(request.headers.get("content-type", "")):
        raise ValidationFailed.at("", "must be a JSON object, sent as application/json")
    with backend.bodies.slot(user_id):
        spooled = await _spool(request)
    with spooled as body, backend.uploads.slot(user_id):
        size_bytes = body.tell()
        if size_bytes <= JSON_BYTES_MAX:
            body.seek(0)
            unpack_avatar(body.read())  # most bad bodies are refused here, without a worker
        avatar = await backend.accounts.images.make_avatar(body, size_bytes)
    return await store_avatar(backend.accounts.database, backend.accounts.objects, avatar)


async def _give_group_avatar(backend: Backend, user_id: str, chat_id: str, avatar_id: str | None) -> ChatView:
    """Give the group a stored picture, or none; remove the one before unless others have it."""
    chat, previous_id = await change_group_avatar(backend.services, user_id, chat_id, avatar_id)
    await discard_avatar(backend.accounts.database, backend.accounts.objects, previous_id)
    return chat


async def _give_avatar(backend: Backend, user_id: str, avatar_id: str | None) -> Profile:
    """Give the person a stored picture, or none; remove the one before unless others have it."""
    change = await change_avatar(backend.services, user_id, avatar_id)
    await discard_avatar(backend.accounts.database, backend.accounts.objects, change.previous_id)
    return Profile.of_owner(change.profile)
