"""Who may download a file: the holder of a signed URL, or the caller of a Bearer token who may see a message with the file.

A token that is given decides, even beside a signature: whoever sends one asks for what that person may see.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from accounts.files import find_file, find_signed_file
from core.errors import Unauthorized
from core.file_urls import SIGNATURE_CHARS, FileForm
from db.files import FileRow
from http_api.backend import Backend, BackendOf
from http_api.identity import authenticate, identify, take_of_address

_UNIX_S_MAX: Final = 2**53 - 1
_bearer = HTTPBearer(scheme_name="bearer", auto_error=False)

SIGNED_OR_BEARER: Final[dict[str, Any]] = {"security": [{}, {"bearer": []}]}
"""For the description of a route: it needs no token where the URL is signed."""


@dataclass(frozen=True, slots=True)
class FileRequest:
    """By what somebody wants a file: the person, or else the signature and the end of the URL."""

    user_id: str | None
    expires_s: int
    signature: str

    @property
    def is_signed(self) -> bool:
        """Whether it is the URL that proves the right."""
        return self.user_id is None


async def _read_access(
    request: Request,
    backend: BackendOf,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    expires: Annotated[
        int | None, Query(ge=0, le=_UNIX_S_MAX, description="Of a signed URL: when it ends, in Unix time.")
    ] = None,
    signature: Annotated[
        str | None, Query(max_length=SIGNATURE_CHARS, description="Of a signed URL: its signature.")
    ] = None,
) -> FileRequest:
    if credentials is not None or expires is None or signature is None:
        caller = await authenticate(request, backend, await identify(backend, credentials))
        return FileRequest(caller.user_id, 0, "")
    return FileRequest(None, expires, signature)


FileAccess = Annotated[FileRequest, Depends(_read_access)]
"""For the parameter of a route: requests with neither a valid token nor a signature do not reach it."""


async def find_readable_file(backend: Backend, access: FileRequest, file_id: str, form: FileForm) -> FileRow:
    """The file, if the request may have it. ``Unauthorized`` for a URL that has ended or that the server did not sign;
    ``NotFound`` for a file that is not there or that the person may not see."""
    database = backend.accounts.database
    if access.user_id is not None:
        return await find_file(database, file_id, access.user_id)
    if not backend.services.file_urls.is_genuine(file_id, form, expires_s=access.expires_s, signature=access.signature):
        take_of_address(backend, "public")
        raise Unauthorized(message="The URL has ended or is not valid. Get a fresh one with file:url.")
    return await find_signed_file(database, file_id)
