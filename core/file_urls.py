"""Signed URLs of files: whoever has one gets the file, without a header. So a browser can show it in ``<img>``.

A URL names the file, which of its two forms it is (the file itself or its thumbnail) and when it ends, and is signed with
a key of its own, derived from the server's secret. All URLs of a file that are made in the same six hours are equal: so
browsers cache them, and an event with one is encoded once for everybody. A URL is good for 6 to 12 hours.

The signature proves that the server gave the URL to somebody who might have the file. Whether the file is still there is
looked up each time (``db.files.find_signed_file``).
"""

import hmac
from base64 import urlsafe_b64encode
from enum import StrEnum
from typing import Final

from core.clock import now_unix_s, wire_time_of_unix
from core.tokens import derive_key

_PERIOD_S: Final = 6 * 3600
SIGNATURE_CHARS: Final = 22
_SIGNATURE_BYTES: Final = 16
"""128 bits: nobody guesses them, and the URL stays short."""


class FileForm(StrEnum):
    """What of a file a URL is for. The value is the end of its path."""

    WHOLE = ""
    THUMBNAIL = "/thumbnail"


class FileUrls:
    """Makes and recognises signed URLs."""

    def __init__(self, secret: bytes, *, previous: bytes | None = None) -> None:
        """``secret`` signs; URLs that ``previous`` signed are recognised too."""
        self._keys = [derive_key(each, "file url") for each in (secret, previous) if each is not None]

    def sign(self, file_id: str, form: FileForm = FileForm.WHOLE) -> str:
        """Path and query, relative to the server."""
        expires_s = self._expires_s()
        signature = _signature(self._keys[0], file_id, form, expires_s)
        return f"{path_of(file_id, form)}?expires={expires_s}&signature={signature}"

    def expires_at(self) -> str:
        """When the URLs end that are made now."""
        return wire_time_of_unix(self._expires_s())

    def is_genuine(self, file_id: str, form: FileForm, *, expires_s: int, signature: str) -> bool:
        """Whether the server signed a URL that has not ended."""
        if expires_s <= now_unix_s():
            return False
        return any(
            hmac.compare_digest(_signature(key, file_id, form, expires_s).encode(), signature.encode())
            for key in self._keys
        )

    @staticmethod
    def _expires_s() -> int:
        return (now_unix_s() // _PERIOD_S + 2) * _PERIOD_S


def path_of(file_id: str, form: FileForm = FileForm.WHOLE) -> str:
    """The path of a file, where the bearer token gets it too."""
    return f"/v1/files/{file_id}{form.value}"


def _signature(key: bytes, file_id: str, form: FileForm, expires_s: int) -> str:
    signed = hmac.digest(key, f"{path_of(file_id, form)} {expires_s}".encode(), "sha256")
    return urlsafe_b64encode(signed[:_SIGNATURE_BYTES]).rstrip(b"=").decode()
