"""What a message of each type holds. The server alone makes ``system`` messages.

To add a type: its content here, in ``CONTENTS`` and in ``AnyContent``; its variant in ``payloads.AnySend``; and, where
it has words that a search should find, ``plain_words`` in ``schema.sql`` with a migration.
"""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError

from core import limits
from core.errors import ValidationFailed
from core.faults import problems_of
from realtime.wire.fields import FILE_ID, ClientPayload, Id, Name, VisibleText


class TextContent(ClientPayload):
    """A text."""

    text: VisibleText = Field(
        description="The text, kept as it came.", max_length=limits.TEXT_CHARS_MAX, examples=["See you at seven?"]
    )


class LocationContent(ClientPayload):
    """A place on the map (WGS 84)."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] = Field(
        description="Degrees north.", examples=[55.7539]
    )
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] = Field(
        description="Degrees east.", examples=[37.6208]
    )
    title: Annotated[VisibleText, Field(max_length=limits.TITLE_CHARS_MAX)] | None = Field(
        None, description="What is there.", examples=["The old tower"]
    )


class ContactContent(ClientPayload):
    """Somebody's card."""

    name: Name = Field(description="Their name.", max_length=limits.DISPLAY_NAME_CHARS_MAX, examples=["Anna"])
    phone: VisibleText = Field(description="Their number, as it is to be shown.", max_length=40, examples=["+79161234567"])


_Caption = Annotated[VisibleText, Field(max_length=limits.CAPTION_CHARS_MAX)] | None
_Name = Annotated[Name, Field(max_length=limits.FILE_NAME_CHARS_MAX)] | None
_Duration = Annotated[float, Field(ge=0, le=limits.DURATION_S_MAX, allow_inf_nan=False)] | None
_Side = Annotated[int, Field(ge=1, le=limits.FILE_SIDE_MAX)] | None


class FileContent(ClientPayload):
    """A file that the sender uploaded. The server adds what it knows of it: ``name``, ``mime``, ``size``, ``url``."""

    file_id: Id = Field(description="`id` of the answer of `POST /v1/files`.", examples=[FILE_ID])
    caption: _Caption = Field(None, description="A text below it.", examples=["From last summer"])
    name: _Name = Field(None, description="What to call it; absent: as it was uploaded.", examples=["lake.jpg"])


class ImageContent(FileContent):
    """A picture. The server adds ``width``, ``height``, ``thumbnail`` and ``blurhash`` too."""


class AudioContent(FileContent):
    """Sound."""

    duration: _Duration = Field(None, description="Seconds; absent: as it was uploaded.", examples=[12.5])


class VideoContent(AudioContent):
    """Moving pictures."""

    width: _Side = Field(None, description="In pixels.", examples=[1280])
    height: _Side = Field(None, description="In pixels.", examples=[720])


CONTENTS: Final[dict[str, type[ClientPayload]]] = {
    "text": TextContent,
    "location": LocationContent,
    "contact": ContactContent,
    "image": ImageContent,
    "video": VideoContent,
    "audio": AudioContent,
    "file": FileContent,
}
"""The content of each type that clients may send."""


def _as_it_came(content: Any) -> Any:
    return content


AnyContent = Annotated[
    dict[str, Any],
    BeforeValidator(
        _as_it_came,
        json_schema_input_type=TextContent
        | LocationContent
        | ContactContent
        | ImageContent
        | VideoContent
        | AudioContent
        | FileContent,
    ),
]
"""Content whose type is not in the payload: :func:`read_content` checks it once the type is known."""


def read_content(message_type: str, content: dict[str, Any]) -> dict[str, Any]:
    """``content`` if it fits a message of this type; ``ValidationFailed`` otherwise."""
    try:
        return stored_content(CONTENTS[message_type].model_validate(content))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise ValidationFailed(problems_of({**fault, "loc": ("content", *fault["loc"])} for fault in faults)) from None


def stored_content(content: ClientPayload) -> dict[str, Any]:
    """The content as it is stored and shown: what was left out stays out."""
    return content.model_dump(exclude_none=True)
