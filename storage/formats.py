"""What the bytes of a file say that they are, by their first few: the label that came with them is not believed.

Nothing is decoded here and nothing imported that could, so that the server itself may look at what strangers send. To add a
format: a line in :data:`_MAGICS`, or a branch in :func:`_format_of_container`.
"""

import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

HEAD_BYTES: Final = 64 * 1024
"""How much of a file :func:`recognise` wants to see at the most."""

OCTETS: Final = "application/octet-stream"


class Kind(StrEnum):
    """What a file can be sent as. Every file can be sent as ``file``."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Format:
    """What a file is, and the media type that it may be served with."""

    kind: Kind
    mime: str


_MAGICS: Final[tuple[tuple[bytes, Format], ...]] = (
    (b"\xff\xd8\xff", Format(Kind.IMAGE, "image/jpeg")),
    (b"\x89PNG\r\n\x1a\n", Format(Kind.IMAGE, "image/png")),
    (b"GIF87a", Format(Kind.IMAGE, "image/gif")),
    (b"GIF89a", Format(Kind.IMAGE, "image/gif")),
    (b"ID3", Format(Kind.AUDIO, "audio/mpeg")),
    (b"fLaC", Format(Kind.AUDIO, "audio/flac")),
    (b"#!AMR", Format(Kind.AUDIO, "audio/amr")),
    (b"\x00\x00\x01\xba", Format(Kind.VIDEO, "video/mpeg")),
    (b"%PDF-", Format(Kind.FILE, "application/pdf")),
)
_RIFF: Final = {
    b"WEBP": Format(Kind.IMAGE, "image/webp"),
    b"WAVE": Format(Kind.AUDIO, "audio/wav"),
    b"AVI ": Format(Kind.VIDEO, "video/x-msvideo"),
}
_BRANDS: Final = {
    b"M4A ": Format(Kind.AUDIO, "audio/mp4"),
    b"M4B ": Format(Kind.AUDIO, "audio/mp4"),
    b"qt  ": Format(Kind.VIDEO, "video/quicktime"),
    b"heic": Format(Kind.FILE, "image/heic"),
    b"heix": Format(Kind.FILE, "image/heic"),
    b"mif1": Format(Kind.FILE, "image/heif"),
    b"avif": Format(Kind.FILE, "image/avif"),
}
"""Major brands of ISO base media files (``ftyp``) that are no MP4 video."""

_NO_FILL: Final = re.compile(rb"[^\xff]")
_SUBTYPE: Final = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}"
_HARMLESS: Final = re.compile(
    rf"(?!text/(?:html|xml|css)|application/(?:xml|xhtml)|.*[+]xml|.*script)(?:application|text|font|model)/{_SUBTYPE}"
)
"""Media types that may be taken from a label: what is served is a download, and this one does nothing in a browser."""


def recognise(head: bytes, label: str) -> Format:
    """What a file is that begins with ``head``.

    ``label`` is the media type that came with it: it decides between sound and picture where a container may hold either,
    and names what no magic number tells, if that is harmless.
    """
    declared = label.partition(";")[0].strip().lower()
    for magic, form in _MAGICS:
        if head.startswith(magic):
            return form
    container = _format_of_container(head, declared)
    if container is not None:
        return container
    return Format(Kind.FILE, declared if _HARMLESS.fullmatch(declared) else OCTETS)


def _format_of_container(head: bytes, declared: str) -> Format | None:
    is_sound = declared.startswith("audio/")
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        form = _BRANDS.get(head[8:12])
        return form or (Format(Kind.AUDIO, "audio/mp4") if is_sound else Format(Kind.VIDEO, "video/mp4"))
    if head[:4] == b"\x1aE\xdf\xa3":
        subtype = "webm" if b"webm" in head[:64] else "x-matroska"
        return Format(Kind.AUDIO, f"audio/{subtype}") if is_sound else Format(Kind.VIDEO, f"video/{subtype}")
    if head[:4] == b"OggS":
        return Format(Kind.VIDEO, "video/ogg") if declared.startswith("video/") else Format(Kind.AUDIO, "audio/ogg")
    return _format_of_frame(head)


def _format_of_frame(head: bytes) -> Format | None:
    """MPEG audio without a container: the fields of a frame's header (ISO/IEC 11172-3 §2.4.1.3, 13818-7 §6.2)."""
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return Format(Kind.AUDIO, "audio/aac")
    has_layer, has_version = head[1] & 0x06 != 0, head[1] & 0x18 != 0x08
    has_rates = head[2] & 0xF0 not in {0x00, 0xF0} and head[2] & 0x0C != 0x0C
    if head[1] & 0xE0 == 0xE0 and has_layer and has_version and has_rates:
        return Format(Kind.AUDIO, "audio/mpeg")
    return None


def declared_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels that a picture's head claims; ``None`` if it does not get that far.

    Takes microseconds, so that a picture which claims too much is refused before anybody decodes it.
    """
    try:
        if data.startswith(b"\x89PNG") and data[12:16] == b"IHDR":
            return _pair(">II", data, 16)
        if data.startswith(b"GIF8"):
            return _pair("<HH", data, 6)
        if data.startswith(b"\xff\xd8"):
            return _declared_size_of_jpeg(data)
        if data.startswith(b"RIFF"):
            return _declared_size_of_webp(data)
    except (struct.error, IndexError):
        return None
    return None


def _pair(form: str, data: bytes, offset: int) -> tuple[int, int]:
    first, second = struct.unpack_from(form, data, offset)
    return int(first), int(second)


def _declared_size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    """From the frame header, SOF0 to SOF15 (ITU-T T.81 B.2.2)."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:  # fill bytes
            marked = _NO_FILL.search(data, place)
            if marked is None:
                return None
            place = marked.start() - 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = _pair(">HH", data, place + 5)
            return width, height
        place += 2 + int(struct.unpack_from(">H", data, place + 2)[0])
    return None


def _declared_size_of_webp(data: bytes) -> tuple[int, int] | None:
    """From the first chunk (RFC 9649 §2.5 to 2.7)."""
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L" if data[20:21] == b"\x2f":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            width, height = _pair("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
    return None
