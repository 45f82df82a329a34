"""Cursors: where a page ended, as an opaque word. What is in one is nobody's business but the action's that made it."""

import base64
import binascii
from typing import Any

import orjson

from core.errors import ValidationFailed


def write_cursor(kind: str, *position: object) -> str:
    """The cursor of ``kind`` for ``position``."""
    return base64.urlsafe_b64encode(orjson.dumps([kind, *position])).rstrip(b"=").decode()


def read_cursor(kind: str, cursor: str, *types: type) -> list[Any]:
    """The position in ``cursor``; ``ValidationFailed`` if it is not one that :func:`write_cursor` made of ``kind``.

    ``types``: what each part must be (a bool is no int).
    """
    try:
        found = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        found = None
    if isinstance(found, list) and found[:1] == [kind] and [type(part) for part in found[1:]] == list(types):
        return found[1:]
    raise ValidationFailed.at("cursor", "is not a cursor of this action")
