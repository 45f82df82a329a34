"""What a message of each type holds. The server alone makes ``system`` messages.

To add a type, follow docs/how-to/add-a-message-type.md. A type with words that a search
should find also needs ``plain_words`` in ``schema.sql``, with a migration.
"""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError

from core import limits
from core.errors import ValidationFailed
from core.faults import problems_of
from realtime.wire.fields import FILE_ID, ClientPayload, Id, Name, VisibleText


class TextContent(ClientPayload):
    """Content of a text message."""

    text: VisibleText = Field(
        description="The text. The server stores it unchanged.",
        max_length=limits.TEXT_CHARS_MAX,
        examples=["See you at seven?"],
    )


class LocationContent(ClientPayload):
    """Content of a location message: a point on the map (WGS 84)."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] = Field(
        description="Latitude in degrees; north is positive.", examples=[55.7539]
    )
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] = Field(
        description="Longitude in degrees; east is positive.", examples=[37.6208]
    )
    title: Annotated[VisibleText, Field(max_length=limits.TITLE_CHARS_MAX)] | None = Field(
        None, description="Name of the place.", examples=["The old tower"]
    )


class ContactContent(ClientPayload):
    """Content of a contact message: a name and a phone number."""

    name: Name = Field(description="Name of the contact.", max_length=limits.DISPLAY_NAME_CHARS_MAX, examples=["Anna"])
    phone: VisibleText = Field(
        description="Phone number of the contact, as it will be shown.", max_length=40, examples=["+79161234567"]
    )


_Caption = Annotated[VisibleText, Field(max_length=limits.CAPTION_CHARS_MAX)] | None
_Name = Annotated[Name, Field(max_length=limits.FILE_NAME_CHARS_MAX)] | None
_Duration = Annotated[float, Field(ge=0, le=limits.DURATION_S_MAX, allow_inf_nan=False)] | None
_Side = Annotated[int, Field(ge=1, le=limits.FILE_SIDE_MAX)] | None


class FileContent(ClientPayload):
    """Content of a file message: a file that the sender uploaded. The server adds ``name``, ``mime``, ``size``, ``url``."""

    file_id: Id = Field(description="`id` from the answer of `POST /v1/files`.", examples=[FILE_ID])
    caption: _Caption = Field(None, description="Text shown below the file.", examples=["From last summer"])
    name: _Name = Field(None, description="File name to show. Omit it to keep the uploaded name.", examples=["lake.jpg"])


class ImageContent(FileContent):
    """Content of an image message. The server also adds ``width``, ``height``, ``thumbnail`` and ``blurhash``."""


class AudioContent(FileContent):
    """Content of an audio message."""

    duration: _Duration = Field(
        None, description="Duration in seconds. Omit it to keep the duration given at the upload.", examples=[12.5]
    )


class VideoContent(AudioContent):
    """Content of a video message."""

    width: _Side = Field(None, description="Width in pixels.", examples=[1280])
    height: _Side = Field(None, description="Height in pixels.", examples=[720])


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
        json_schema_input_type=reduce(or_, CONTENTS.values()),
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
