"""The picture in the body of ``PUT /v1/me/avatar``: ``{"image": <base64, bare or as a data URL>}``.

It is unpacked in a worker, because a body of several megabytes would hold the event loop for tens of milliseconds; the
server itself unpacks small ones first, so that nonsense and pictures that claim a billion pixels cost it microseconds.
Nothing here decodes a picture.
"""

import base64
import json
import re
from typing import Final

from core.errors import PayloadTooLarge, ValidationFailed
from core.faults import NO_OBJECT, NO_STRING, REQUIRED, UNKNOWN_FIELD
from core.limits import AVATAR_BYTES_MAX, AVATAR_PIXELS_MAX, AVATAR_SIDE_MAX
from core.strict_json import parse_json
from storage.formats import HEAD_BYTES, Kind, declared_size, recognise
from storage.jobs import Bounds

BOUNDS: Final = Bounds(AVATAR_PIXELS_MAX, AVATAR_SIDE_MAX)
TOO_MANY_PIXELS: Final = (
    f"The picture must have at most {AVATAR_PIXELS_MAX:,} pixels, and at most {AVATAR_SIDE_MAX:,} on each side."
)
NO_PICTURE: Final = "must be a complete JPEG, PNG, WebP or GIF picture"

_TOO_LARGE: Final = f"The picture must be at most {AVATAR_BYTES_MAX:,} bytes."
_DATA_URL: Final = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)


def unpack_avatar(body: bytes) -> bytes:
    """The picture, looked at as far as that is possible without decoding it.

    ``ValidationFailed`` for another body, and for what is no picture by its first bytes; ``PayloadTooLarge`` for too many
    bytes, or for more pixels than are taken.
    """
    picture = _decode(_read(body))
    if len(picture) > AVATAR_BYTES_MAX:
        raise PayloadTooLarge(_TOO_LARGE)
    if recognise(picture[:HEAD_BYTES], "").kind is not Kind.IMAGE:
        raise ValidationFailed.at("image", NO_PICTURE)
    size = declared_size(picture)
    if size is not None and not BOUNDS.admit(*size):
        raise PayloadTooLarge(TOO_MANY_PIXELS)
    return picture


def _read(body: bytes) -> str:
    """The payload's one field."""
    try:
        payload = parse_json(body)
    except json.JSONDecodeError as error:
        raise ValidationFailed.at("", f"must be valid JSON: {error.msg}") from None
    if not isinstance(payload, dict):
        raise ValidationFailed.at("", f"{NO_OBJECT}, sent as application/json")
    unknown = [name for name in payload if name != "image"]
    if unknown:
        raise ValidationFailed.at(unknown[0][:64], UNKNOWN_FIELD)
    image = payload.get("image")
    if not isinstance(image, str):
        raise ValidationFailed.at("image", NO_STRING if "image" in payload else REQUIRED)
    return image


def _decode(text: str) -> bytes:
    """base64 by RFC 4648 §4; line breaks are no part of it."""
    head = _DATA_URL.match(text)
    encoded = "".join(text[head.end() if head else 0 :].split())
    if len(encoded) > (AVATAR_BYTES_MAX + 2) // 3 * 4:
        raise PayloadTooLarge(_TOO_LARGE)
    try:
        if len(encoded) % 4 or encoded.endswith("==="):  # the library takes more padding than there may be
            raise ValueError("too much padding")
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        raise ValidationFailed.at("image", "must be base64, as plain text or as a data URL") from None
