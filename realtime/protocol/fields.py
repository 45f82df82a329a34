"""The kinds of field that payloads are made of: strict, described, with an example each.

Nothing is coerced (``"5"`` is no integer) and nothing passes that PostgreSQL could not hold (NUL, lone surrogates).
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.json_schema import WithJsonSchema

from core import limits
from core.clock import wire_time
from core.ids import canonical_id

_VISIBLE_PATTERN: Final = r"[^\s\u0000-\u0020\u007f-\u00a0\u00ad\u200b-\u200f\u2060\ufeff]"
_VISIBLE: Final = re.compile(_VISIBLE_PATTERN)
_TEXT_LENGTH: Final = re.compile(r"Value (should have at (?:most|least) \d+) item(s?) after validation, not \d+")


_RFC_3339: Final = re.compile(
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
"""``date-time`` of RFC 3339, section 5.6. ISO 8601 has more spellings, which other parsers do not read."""
_LEAP_SECOND: Final = re.compile(r"(?<=:)60(?![0-9:])")
"""It ends a day in UTC, and is read as the midnight behind it: no calendar here knows it."""
_TIME_CHARS_MAX: Final = 40


class Payload(BaseModel):
    """What a client sends: strict, frozen, no unknown fields."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class Answer(BaseModel):
    """What the server says: an ack's ``data`` or an event's payload."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True, serialize_by_alias=True)


class NoPayload(Payload):
    """Nothing needs to be said."""


class Nothing(Answer):
    """It is done; there is nothing more to say."""


def in_words(message: str) -> str:
    """pydantic's words for a fault, as a client gets them.

    The length of a text is checked behind our own validators, where pydantic takes it for a collection of items.
    """
    return _TEXT_LENGTH.sub(r"String \1 character\2", message).removeprefix("Value error, ")


def storable(text: str) -> str:
    """``text`` if PostgreSQL can hold it; ``ValueError`` for NUL and lone surrogates."""
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain lone surrogates") from None
    return text


def visible(text: str) -> str:
    """``text`` if there is something to see in it; ``ValueError`` for white space, controls and invisible marks alone."""
    if not _VISIBLE.search(text):
        raise ValueError("must not be blank")
    return text


def _unique(ids: list[str]) -> list[str]:
    if len(set(ids)) != len(ids):
        raise ValueError("must not repeat an id")
    return ids


def _wire_time(text: str) -> str:
    if not _RFC_3339.fullmatch(text):
        _refuse_time()
    try:
        moment = datetime.fromisoformat(_LEAP_SECOND.sub("59", text.upper())).astimezone(UTC)
        if _LEAP_SECOND.search(text):
            if (moment.hour, moment.minute) != (23, 59):
                _refuse_time()
            moment = moment.replace(microsecond=0) + timedelta(seconds=1)
        return wire_time(moment)
    except (ValueError, OverflowError):
        return _refuse_time()


def _refuse_time() -> str:
    raise ValueError("must be a time in RFC 3339, like 2026-11-23T05:08:04.123Z")


_ID_SCHEMA: Final = {"type": "string", "format": "uuid"}

Id = Annotated[str, Field(max_length=36), AfterValidator(canonical_id), WithJsonSchema(_ID_SCHEMA)]
Ids = Annotated[list[Id], AfterValidator(_unique), Field(json_schema_extra={"uniqueItems": True})]
Seq = Annotated[int, Field(ge=1, le=limits.SEQ_MAX)]
Version = Annotated[int, Field(ge=0, le=limits.SEQ_MAX)]
PageSize = Annotated[int, Field(ge=1, le=limits.PAGE_SIZE_MAX)]
Cursor = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(storable)]
Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
TimeIn = Annotated[
    str,
    Field(max_length=_TIME_CHARS_MAX),
    AfterValidator(_wire_time),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "pattern": f"^{_RFC_3339.pattern}$", "maxLength": _TIME_CHARS_MAX}
    ),
]
"""A time as clients may write it, kept as :data:`Time`."""
StoredText = Annotated[str, AfterValidator(storable)]
VisibleText = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"pattern": _VISIBLE_PATTERN}),
    AfterValidator(storable),
    AfterValidator(visible),
]
"""A text that is not blank; where it is used, its greatest length is added."""

CHAT_ID: Final = "0192f0c1-7a3b-7c4d-8e5f-60718293a4b5"
OTHERS_CHAT_ID: Final = "0192f0c2-8b4c-7d5e-9f60-718293a4b5c6"
USER_ID: Final = "0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012"
CLIENT_ID: Final = "6f1c2b9e-3d84-4f7a-9b0c-1e2d3f4a5b6c"
FILE_ID: Final = "0192f0c4-5b6a-7d8e-8f90-a1b2c3d4e5f6"
PHONE: Final = "+79161234567"
"""For the examples of the documents. ``molva seed --examples`` makes them real: whoever signs in with ``PHONE`` is the
creator of ``CHAT_ID``, and a member, as ``USER_ID`` is, of ``OTHERS_CHAT_ID``."""
