"""The kinds of field that payloads are made of: strict, described, with an example each.

Nothing is coerced (``"5"`` is no integer) and nothing passes that PostgreSQL could not hold (NUL, lone surrogates).
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue, WithJsonSchema
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from core import limits
from core.clock import wire_time
from core.emojis import EMOJI_CHARS_MAX, one_emoji
from core.file_urls import FileUrls
from core.ids import canonical_id
from core.names import NAME_PATTERN, fit_name
from core.phones import PHONE_CHARS_MAX, international_pattern

_VISIBLE_PATTERN: Final = r"[^\s\u0000-\u0020\u007f-\u00a0\u00ad\u200b-\u200f\u2060\ufeff]"
_VISIBLE: Final = re.compile(_VISIBLE_PATTERN)


_DAYS: Final = r"(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
_LEAP_YEARS: Final = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_RFC_3339: Final = re.compile(
    rf"((000[1-9]|00[1-9][0-9]|0[1-9][0-9]{{2}}|[1-9][0-9]{{3}})-({_DAYS})|{_LEAP_YEARS}-02-29)"
    r"[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
"""``date-time`` of RFC 3339, section 5.6, of days that the calendar has, without leap seconds. ISO 8601 has more spellings,
which other parsers do not read."""
_TIME_CHARS_MAX: Final = 40
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class ClientPayload(BaseModel):
    """What a client sends: strict, frozen, no unknown fields."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class ServerPayload(BaseModel):
    """What the server says: an ack's ``data`` or an event's payload."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True, serialize_by_alias=True)

    def encode(self, file_urls: FileUrls | None = None) -> bytes:
        """The JSON that goes over the wire. ``file_urls`` signs the URLs of files in it."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True, context=file_urls)


class EncodedPayload:
    """An :class:`ServerPayload` whose JSON is there already: of what is said with every message."""

    __slots__ = ("_json",)

    def __init__(self, json: bytes) -> None:
        self._json = json

    def encode(self, _file_urls: FileUrls | None = None) -> bytes:
        """The JSON that goes over the wire."""
        return self._json


class NoPayload(ClientPayload):
    """Nothing needs to be said."""


class Nothing(ServerPayload):
    """It is done; there is nothing more to say."""


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


def given(*names: str) -> dict[str, Any]:
    """The JSON Schema of an object in which each of ``names`` is there and not null; for rules between fields."""
    return {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}}


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    try:
        encoded = orjson.dumps(value)
    except (orjson.JSONEncodeError, RecursionError):
        raise ValueError("must be JSON: no lone surrogates, integers of 64 bits, not too deeply nested") from None
    if len(encoded) > limits.METADATA_BYTES_MAX:
        raise ValueError(f"must be at most {limits.METADATA_BYTES_MAX} bytes of JSON")
    if b"\\u0000" in encoded and _HAS_NUL.search(encoded):
        raise ValueError("must not contain NUL")
    return value


_HAS_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def _unique(ids: list[str]) -> list[str]:
    if len(set(ids)) != len(ids):
        raise ValueError("must not have the same id twice")
    return ids


def _wire_time(text: str) -> str:
    if not _RFC_3339.fullmatch(text):
        raise ValueError("must be a time in RFC 3339, like 2026-11-23T05:08:04.123Z")
    moment = datetime.fromisoformat(text.upper())
    try:
        return wire_time(moment.astimezone(UTC))
    except OverflowError:  # it is in another year where it is UTC
        return wire_time(_LAST if moment.year > 1 else _FIRST)


class _PhoneNumber:
    """The one kind of text whose pattern is long: it has a schema of its own, to which fields refer."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(storable, handler(source), ref="PhoneNumber")

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        handler.resolve_ref_schema(described).update(
            title="PhoneNumber",
            description="A mobile phone number with its country code. Spaces, brackets, dots and dashes are allowed. A "
            "number without a country code is read as a number of the server's own country.",
            pattern=international_pattern(),
        )
        return described


_ID_SCHEMA: Final = {"type": "string", "format": "uuid"}

Id = Annotated[str, Field(max_length=36), AfterValidator(canonical_id), WithJsonSchema(_ID_SCHEMA)]
Ids = Annotated[list[Id], AfterValidator(_unique), Field(json_schema_extra={"uniqueItems": True})]
Seq = Annotated[int, Field(ge=1, le=limits.SEQ_MAX)]
Version = Annotated[int, Field(ge=0, le=limits.SEQ_MAX)]
PageSize = Annotated[int, Field(ge=1, le=limits.PAGE_SIZE_MAX)]
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
StoredText = Annotated[str, Field(json_schema_extra={"pattern": r"^[^\u0000]*$"}), AfterValidator(storable)]
VisibleText = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"pattern": rf"^[^\u0000]*{_VISIBLE_PATTERN}[^\u0000]*$"}),
    AfterValidator(storable),
    AfterValidator(visible),
]
"""A text that is not blank; where it is used, its greatest length is added."""
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
"""An object of the application's own, of at most ``METADATA_BYTES_MAX``."""
EmojiText = Annotated[
    str,
    Field(min_length=1, max_length=EMOJI_CHARS_MAX),
    AfterValidator(one_emoji),
    WithJsonSchema({"type": "string", "format": "emoji", "minLength": 1, "maxLength": EMOJI_CHARS_MAX}),
]
"""One emoji that Unicode recommends for general interchange (RGI)."""
Name = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"pattern": NAME_PATTERN}),
    AfterValidator(storable),
    AfterValidator(visible),
    AfterValidator(fit_name),
]
"""What somebody or something is called: something to see, and nothing that hides or turns round what is read.
Where it is used, its greatest length is added."""
PhoneText = Annotated[str, Field(min_length=1, max_length=PHONE_CHARS_MAX), _PhoneNumber()]
"""A phone number as people write it; :func:`core.phones.normalise_phone` tells whether it is one."""

CHAT_ID: Final = "0192f0c1-7a3b-7c4d-8e5f-60718293a4b5"
OTHERS_CHAT_ID: Final = "0192f0c2-8b4c-7d5e-9f60-718293a4b5c6"
USER_ID: Final = "0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012"
CLIENT_ID: Final = "6f1c2b9e-3d84-4f7a-9b0c-1e2d3f4a5b6c"
FILE_ID: Final = "0192f0c4-5b6a-7d8e-8f90-a1b2c3d4e5f6"
INVITE_CODE: Final = "c3VuZGF5LWhpa2UtMjAyNg"
PHONE: Final = "+79161234567"
"""For the examples of the documents. ``molva seed --examples`` makes them real: whoever signs in with ``PHONE`` is the
creator of ``CHAT_ID``, and a member, as ``USER_ID`` is, of ``OTHERS_CHAT_ID``."""
