"""What is made of pictures: avatars in four sizes, and how an attachment looks.

Pure: bytes in, bytes out. It runs in worker processes (``storage.worker``), because what comes in was made by strangers and
decoding it takes time and memory.

What must stay true: the size in pixels is checked before anything is decoded; nothing of the metadata comes through (EXIF
with its GPS data, XMP, comments, colour profiles: orientation and colours are applied to the pixels first); what comes
out was encoded here, so that whatever else was in the input is gone.
"""

from io import BytesIO
from typing import Any, Final

import blurhash
from PIL import ExifTags, GifImagePlugin, Image, ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from storage.jobs import BadImage, Bounds, Encoded, Look, TooManyPixels

_PLUGINS: Final = (JpegImagePlugin, PngImagePlugin, WebPImagePlugin, GifImagePlugin)
"""Imported so that Pillow does not load every other plugin to find these."""
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF")

AVATAR_SIDES: Final = (50, 100, 400)
THUMBNAIL_SIDE_MAX: Final = 320
_BLURHASH_SIDE_MAX: Final = 32
_BLURHASH_COMPONENTS: Final = (4, 3)
_QUALITY: Final = 90
_PNG_LEVEL: Final = 3
"""A level more takes twice as long and saves a few per cent."""
_REDUCING_GAP: Final = 3.0
"""Very large pictures are first shrunk cheaply to this many times the wanted size; the eye sees no difference."""

_TRANSPOSITIONS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation → what makes the picture upright (CIPA DC-008, tag 0x0112). From 5 on the sides change places."""

Image.MAX_IMAGE_PIXELS = None  # Pillow's own bound only warns; ours refuses, in _open


def make_avatar(data: bytes, bounds: Bounds) -> dict[str, Encoded]:
    """The four images of an avatar: centre-cropped squares ``"50"``, ``"100"``, ``"400"``, and ``"original"`` in full.

    ``BadImage`` or ``TooManyPixels`` if there is nothing to make them of.
    """
    image = _open(data, bounds)
    upright = _in_srgb(_upright(image))
    square = _centre_square(upright)
    images = {}
    for side in AVATAR_SIDES:
        small = square.resize((side, side), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
        images[str(side)] = _encode(small, "PNG" if _has_alpha(small) else "JPEG")
    kept = {"PNG": "PNG", "GIF": "PNG", "WEBP": "WEBP"}.get(image.format or "", "JPEG")
    images["original"] = _encode(upright, kept)
    return images


def examine(data: bytes, bounds: Bounds) -> Look:
    """How an attachment looks. ``BadImage`` or ``TooManyPixels`` if it does not look like anything."""
    image = _open(data, bounds)
    size = image.size
    image.draft("RGB", (THUMBNAIL_SIDE_MAX * 2, THUMBNAIL_SIDE_MAX * 2))  # a JPEG is decoded at a fraction of its size
    small = _upright(image)
    if _orientation(image) >= 5:
        size = size[::-1]
    small.thumbnail((THUMBNAIL_SIDE_MAX, THUMBNAIL_SIDE_MAX), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
    small = _in_srgb(small)
    thumbnail = _encode(small, "PNG" if _has_alpha(small) else "JPEG")
    return Look(*size, thumbnail=thumbnail, blurhash=_blurhash_of(small))


def _open(data: bytes, bounds: Bounds) -> Image.Image:
    """The picture, its head read and nothing decoded."""
    try:
        image = Image.open(BytesIO(data), formats=_FORMATS)
    except Exception as error:  # a parser of foreign bytes may raise anything
        raise BadImage from error
    if not bounds.admit(*image.size):
        raise TooManyPixels
    return image


def _orientation(image: Image.Image) -> int:
    """How a decoded picture has to be turned: Pillow may decode one to find this, and its faults would be lost."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken EXIF data is as good as none
        return 1
    return orientation if orientation in _TRANSPOSITIONS else 1


def _upright(image: Image.Image) -> Image.Image:
    """The first frame, decoded, as the photographer saw it, in one of the modes L, LA, RGB, RGBA, CMYK."""
    try:
        image.load()
        plain = _in_plain_mode(image)
    except Exception as error:  # a decoder of foreign bytes may raise anything
        raise BadImage from error
    orientation = _orientation(image)
    return plain.transpose(_TRANSPOSITIONS[orientation]) if orientation != 1 else plain


def _in_plain_mode(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey; a plain conversion would clip them
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if "transparency" in image.info or image.mode == "PA":
        return image.convert("RGBA")
    return image if image.mode in {"L", "LA", "RGB", "RGBA", "CMYK"} else image.convert("RGB")


def _in_srgb(image: Image.Image) -> Image.Image:
    """The same colours, as a browser shows them that knows nothing of the picture's own colour profile."""
    mode = "RGBA" if _has_alpha(image) else "RGB"
    profile_bytes = image.info.get("icc_profile")
    if profile_bytes:
        try:
            profile = ImageCms.ImageCmsProfile(BytesIO(profile_bytes))
            if "sRGB" not in ImageCms.getProfileDescription(profile):
                image = _transformed(image, profile, mode)
        except Exception:  # a profile that cannot be read or does not fit is as good as none
            profile_bytes = None
    return image if image.mode == mode else image.convert(mode)


def _transformed(image: Image.Image, profile: Any, mode: str) -> Image.Image:
    source = image.convert(mode) if image.mode == "LA" else image
    transformed = ImageCms.profileToProfile(source, profile, ImageCms.createProfile("sRGB"), outputMode=mode)
    return transformed if transformed is not None else image


def _has_alpha(image: Image.Image) -> bool:
    """Whether anything of the picture can be seen through."""
    return image.mode in {"LA", "RGBA"} and image.getchannel("A").getextrema()[0] != 255


def _centre_square(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image if image.width == image.height else image.crop((left, top, left + side, top + side))


def _encode(image: Image.Image, kind: str) -> Encoded:
    image.info = {}  # Pillow writes some of what it read there
    buffer = BytesIO()
    match kind:
        case "PNG":
            image.save(buffer, "PNG", compress_level=_PNG_LEVEL)
        case "WEBP":
            image.save(buffer, "WEBP", quality=_QUALITY, method=2)
        case _:
            image.convert("RGB").save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return Encoded(buffer.getvalue(), f"image/{kind.lower()}")


def _blurhash_of(image: Image.Image) -> str:
    """A placeholder of a few dozen characters (blurha.sh), of a small copy, because its price is by the pixel."""
    tiny = image.convert("RGB")
    tiny.thumbnail((_BLURHASH_SIDE_MAX, _BLURHASH_SIDE_MAX))
    return str(blurhash.encode(tiny, *_BLURHASH_COMPONENTS))
