"""What the server and its image workers have to say to each other. Nothing here decodes anything.

A message on the pipe is four bytes with the length of a JSON object, the object, and as many bytes as its ``sizes`` add up
to. A job's object has ``job``, ``pixels_max`` and ``side_max``; an answer's has ``outcome``.
"""

from dataclasses import dataclass
from typing import Any, Final

import orjson

HEAD_LENGTH_BYTES: Final = 4


class BadImage(Exception):
    """The bytes are no whole picture of a format that is taken."""


class TooManyPixels(Exception):
    """More pixels, or a longer side, than is taken."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many pixels a picture may have, in all and along a side."""

    pixels_max: int
    side_max: int

    def admit(self, width: int, height: int) -> bool:
        """Whether a picture of this size is within them."""
        return width * height <= self.pixels_max and max(width, height) <= self.side_max


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as bytes."""

    data: bytes
    mime: str


@dataclass(frozen=True, slots=True)
class Avatar:
    """A picture in all its sizes. ``digest``: hex of SHA-256 over all of them."""

    digest: str
    images: dict[str, Encoded]


@dataclass(frozen=True, slots=True)
class Look:
    """How an attached picture looks: its size as it is to be shown, a small copy, a placeholder for it."""

    width: int
    height: int
    thumbnail: Encoded
    blurhash: str


def pack_head(head: dict[str, Any]) -> bytes:
    """What goes in front of a message's bytes."""
    text = orjson.dumps(head)
    return len(text).to_bytes(HEAD_LENGTH_BYTES, "big") + text
