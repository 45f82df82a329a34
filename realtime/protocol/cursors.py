"""Cursors: where a page ended, as an opaque word. What is in one is nobody's business but the action's that made it.

A cursor comes back from outside, so its parts are checked like a payload: nothing gets to the database that could not
have come from there.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from core.clock import wire_time
from core.errors import ValidationFailed
from core.ids import canonical_id
from core.limits import SEQ_MAX


def write_cursor(kind: str, *position: object) -> str:
    """The cursor of ``kind`` for ``position``."""
    return base64.urlsafe_b64encode(orjson.dumps([kind, *position])).rstrip(b"=").decode()


def read_cursor(kind: str, cursor: str, *parts: Callable[[Any], object]) -> list[Any]:
    """The position in ``cursor``; ``ValidationFailed`` if it is not one that :func:`write_cursor` made of ``kind``.

    ``parts``: what each part must be, :func:`number`, :func:`time` or :func:`identifier`.
    """
    try:
        found = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if isinstance(found, list) and found[:1] == [kind]:
            return [read(part) for read, part in zip(parts, found[1:], strict=True)]
    except (ValueError, TypeError, OverflowError, binascii.Error):
        pass
    raise ValidationFailed.at("cursor", "is not a cursor of this action")


def number(part: Any) -> int:
    """A count or a seq; ``ValueError`` otherwise."""
    if type(part) is not int or not 0 <= part <= SEQ_MAX:
        raise ValueError("no number")
    return part


def time(part: Any) -> str:
    """A time, spelled as the database's are; ``ValueError`` otherwise."""
    if wire_time(datetime.fromisoformat(part)) != part:
        raise ValueError("no time")
    return str(part)


def identifier(part: Any) -> str:
    """An id; ``ValueError`` otherwise."""
    return canonical_id(part)
