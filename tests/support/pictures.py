"""Pictures for the tests, drawn here: a scene of which one can tell what is up, in many formats and states."""

import base64
import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import ExifTags, Image, ImageDraw

SKY, GRASS, SUN, HOUSE = (90, 160, 230), (60, 150, 60), (250, 210, 40), (200, 40, 30)
GPS_LATITUDE = (55.0, 45.0, 14.25)
_BACK = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
"""EXIF orientation → the one that undoes it."""
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def scene(width: int, height: int) -> Image.Image:
    """Sky above, grass below, the sun at the top right of the central square, a house at its bottom left."""
    image = Image.new("RGB", (width, height), SKY)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height * 3 // 5, width, height), fill=GRASS)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    at = lambda x, y: (left + side * x // 100, top + side * y // 100)  # noqa: E731  (a short name for one line)
    draw.ellipse((*at(70, 8), *at(92, 30)), fill=SUN)
    draw.rectangle((*at(12, 50), *at(42, 88)), fill=HOUSE)
    draw.polygon((at(6, 50), at(27, 32), at(48, 50)), fill=(120, 30, 20))
    draw.rectangle((*at(22, 66), *at(32, 88)), fill=(90, 50, 20))
    return image


def photo(width: int = 3024, height: int = 4032, *, orientation: int = 6, **options: Any) -> bytes:
    """What a phone stores of the scene: turned, with EXIF data that says how, where and with what it was taken."""
    image = scene(width, height)
    noise = Image.effect_noise((width // 2, height // 2), 24).resize((width, height)).convert("RGB")
    image = Image.blend(image, noise, 0.1)  # as much detail as a real one, and about as many bytes
    if orientation != 1:
        image = image.transpose(_TURN[_BACK[orientation]])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Molvaphone"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", GPS_LATITUDE
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E", (37.0, 37.0, 14.0)
    return encoded(image, "JPEG", exif=exif, comment=b"taken at home", quality=80, **options)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """An image as the bytes of a file."""
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(data: bytes) -> Image.Image:
    """The bytes of a file as an image."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


def png(width: int, height: int, *, depth: int = 8, colour: int = 2, rows: bytes = b"", chunks: bytes = b"") -> bytes:
    """A PNG by hand: ``rows`` is what the pixels are compressed from, ``chunks`` comes before them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunks
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pixel_bomb(side: int = 13_300) -> bytes:
    """A PNG of a few kilobytes that wants to be decoded to ``side``² pixels."""
    return png(side, side, depth=1, colour=0, rows=bytes(side * (1 + (side + 7) // 8)))


def base64_of(data: bytes) -> str:
    """As an avatar's payload wants it."""
    return base64.b64encode(data).decode()


def differs(pixel: Any, colour: tuple[int, int, int]) -> int:
    """By how much a pixel is off, in its worst channel."""
    return max(abs(have - want) for have, want in zip(pixel[:3], colour, strict=True))


def assert_upright(image: Image.Image, *, tolerance: int = 40) -> None:
    """The scene, its central square or the whole of it, as it was drawn."""
    rgb = image.convert("RGB")
    side = min(rgb.size)
    left, top = (rgb.width - side) // 2, (rgb.height - side) // 2
    for (x, y), colour in {(81, 19): SUN, (16, 58): HOUSE, (10, 10): SKY, (85, 92): GRASS}.items():
        pixel = rgb.getpixel((left + side * x // 100, top + side * y // 100))
        assert differs(pixel, colour) <= tolerance, (x, y, pixel, colour)
