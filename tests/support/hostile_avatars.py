"""Every bad picture that an avatar is tried with, and what must come of it.

docs/security.md shows each table. Pictures are made when their row is sent, because some are large.
"""

import json
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

from PIL import ExifTags, Image

from core.limits import AVATAR_BYTES_MAX
from tests.support.bad_inputs import Bad, misfits, refused
from tests.support.pictures import base64_of, chunk, encoded, pixel_bomb, png, scene

HIDDEN: Final = b"<script>alert(document.domain)</script>"
GIF_DOT: Final = b"GIF89a\1\0\1\0\x80\0\0\xff\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
Make = Callable[[], bytes]
"""The body of a request."""
Row = Bad[Make]


def body_of(image: object, **more: object) -> bytes:
    """The payload with this value for a picture."""
    return json.dumps({"image": image, **more}).encode()


def _given(image: object) -> Make:
    return lambda: body_of(image)


def _drawn(make: Make, *, label: str = "") -> Make:
    return lambda: body_of(label + base64_of(make()))


def _as(kind: str, **options: Any) -> bytes:
    return encoded(scene(90, 90), kind, **options)


def _bytes(*rows: tuple[str, Make]) -> tuple[tuple[str, Make], ...]:
    return tuple((what, _drawn(make)) for what, make in rows)


PAYLOADS: Final = [
    *misfits(
        "",
        ("nothing", lambda: b""),
        ("JSON that breaks off", lambda: b'{"image": "AAAA'),
        ("an array", lambda: b"[]"),
        ("null", lambda: b"null"),
        ("text", lambda: b'"AAAA"'),
        ("a picture without JSON", lambda: _as("PNG")),
        ("a picture twice", lambda: b'{"image": "AAAA", "image": "AAAA"}'),
        ("a surrogate alone", lambda: b'{"image": "\\ud800"}'),
        ("arrays 100,000 deep", lambda: b'{"image": ' + b"[" * 100_000),
    ),
    *misfits(
        "image",
        ("no picture", lambda: b"{}"),
        ("null for a picture", _given(None)),
        ("a number for a picture", _given(7)),
        ("true for a picture", _given(True)),
        ("an array for a picture", _given(["AAAA"])),
        ("an array of bytes for a picture", _given(list(GIF_DOT))),
        ("an object for a picture", _given({"data": "AAAA"})),
        ("an empty picture", _given("")),
        ("spaces for a picture", _given("   ")),
        ("words", _given("not base64!")),
        ("a single letter of base64", _given("A")),
        ("base64 without its padding", lambda: body_of(base64_of(GIF_DOT[:34]).rstrip("="))),
        ("base64 with too much padding", lambda: body_of(base64_of(GIF_DOT[:33]) + "====")),
        ("base64 with padding that it does not need", lambda: body_of(base64_of(GIF_DOT[:33]) + "=")),
        ("padding within base64", lambda: body_of("AAA=" + base64_of(GIF_DOT))),
        ("the other base64", _given("R0lGODlh_-__")),
        ("base64 with NUL", _given("R0lG\0ODlh")),
        ("base64 in full-width letters", _given("Ｒ０ｌＧ")),
        ("base64, encoded for a URL", _given("R0lGODlh%2B%3D")),
        ("base64 of base64", lambda: body_of(base64_of(base64_of(GIF_DOT).encode()))),
        ("an address", _given("https://evil.example/picture.png")),
        ("an address in this house", _given("file:///etc/passwd")),
        ("a data URL of nothing", _given("data:image/png;base64,")),
        ("a data URL without base64", _given("data:image/svg+xml,<svg/>")),
        ("a data URL without a comma", lambda: body_of("data:image/gif;base64" + base64_of(GIF_DOT))),
        ("a data URL within a data URL", lambda: body_of("data:;base64,data:;base64," + base64_of(GIF_DOT))),
        ("a data URL with a head of 300 letters", lambda: body_of(f"data:{'x' * 300};base64," + base64_of(GIF_DOT))),
    ),
    *misfits("size", ("a field that there is not", lambda: body_of(base64_of(GIF_DOT), size=50))),
    *misfits("url", ("an address besides", lambda: body_of(base64_of(GIF_DOT), url="https://evil.example"))),
]

_HEIC: Final = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
OTHER_FORMATS: Final = misfits(
    "image",
    *_bytes(
        ("text", lambda: b"hello"),
        ("a single byte", lambda: b"\xff"),
        ("a megabyte of zeroes", lambda: bytes(1 << 20)),
        ("HTML", lambda: b"<!doctype html>" + HIDDEN),
        ("SVG", lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        ("SVG with entities", lambda: b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>'),
        ("compressed SVG", lambda: b"\x1f\x8b\x08\0" + zlib.compress(b"<svg/>")),
        ("BMP", lambda: _as("BMP")),
        ("TIFF", lambda: _as("TIFF")),
        ("TIFF of the other order", lambda: b"MM\0*\0\0\0\x08\0\0"),
        ("an icon", lambda: _as("ICO")),
        ("an Apple icon", lambda: b"icns\0\0\0\x08"),
        ("PPM", lambda: _as("PPM")),
        ("TGA", lambda: _as("TGA")),
        ("PCX", lambda: _as("PCX")),
        ("DDS", lambda: _as("DDS")),
        ("SGI", lambda: _as("SGI")),
        ("PostScript", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n"),
        ("PSD", lambda: b"8BPS\0\1" + bytes(20)),
        ("QOI", lambda: b"qoif" + struct.pack(">IIBB", 9, 9, 3, 0) + bytes(20)),
        ("JPEG 2000", lambda: b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20)),
        ("JPEG XL", lambda: b"\xff\x0a" + bytes(20)),
        ("HEIC", lambda: _HEIC),
        ("AVIF", lambda: _HEIC.replace(b"heic", b"avif")),
        ("WMF", lambda: b"\xd7\xcd\xc6\x9a" + bytes(40)),
        ("FITS", lambda: b"SIMPLE  =                    T".ljust(2880)),
        ("PDF", lambda: b"%PDF-1.7\n" + HIDDEN),
        ("MP4", lambda: b"\0\0\0\x18ftypisom" + bytes(64)),
        ("WAV", lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(32)),
        ("ZIP", lambda: b"PK\3\4" + bytes(40)),
        ("a program", lambda: b"\x7fELF\2\1\1" + bytes(60)),
        ("a picture behind a byte", lambda: b"\n" + _as("PNG")),
    ),
    ("SVG that is labelled PNG", _drawn(lambda: b"<svg/>", label="data:image/png;base64,")),
    ("BMP that is labelled JPEG", _drawn(lambda: _as("BMP"), label="data:image/jpeg;base64,")),
    ("HTML that is labelled GIF", _drawn(lambda: HIDDEN, label="data:image/gif;base64,")),
)  # fmt: skip


def _without(kind: bytes) -> bytes:
    """A PNG whose chunks of this kind are gone."""
    whole, kept = _as("PNG"), [b"\x89PNG\r\n\x1a\n"]
    place = 8
    while place < len(whole):
        length = 12 + int.from_bytes(whole[place : place + 4], "big")
        if whole[place + 4 : place + 8] != kind:
            kept.append(whole[place : place + length])
        place += length
    return b"".join(kept)


def _with_chunk(name: bytes, data: bytes) -> bytes:
    whole = _as("PNG")
    return whole[:33] + chunk(name, data) + whole[33:]


def png_with_pixels(packed: bytes) -> bytes:
    """A PNG whose compressed pixels are these."""
    return _without(b"IDAT")[:-12] + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _riff(*chunks: tuple[bytes, bytes]) -> bytes:
    content = b"WEBP" + b"".join(name + struct.pack("<I", len(data)) + data for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _webp_head(width: int, height: int) -> bytes:
    return _riff((b"VP8X", bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")))


def _jpeg_claiming(width: int, height: int) -> bytes:
    whole = _as("JPEG")
    place = whole.index(b"\xff\xc0") + 5
    return whole[:place] + struct.pack(">HH", height, width) + whole[place + 4 :]


def _inflating_text(name: bytes, head: bytes) -> bytes:
    """A PNG with a text or profile that is 64 KiB as it is and 64 MiB when unpacked."""
    return _with_chunk(name, head + zlib.compress(bytes(1 << 26)))


BROKEN: Final = misfits(
    "image",
    *_bytes(
        ("PNG: the beginning alone", lambda: b"\x89PNG\r\n\x1a\n"),
        ("PNG: the head alone", lambda: _as("PNG")[:33]),
        ("PNG: cut in the middle", lambda: encoded(scene(99, 99))[:-90]),
        ("PNG: without pixels", lambda: _without(b"IDAT")),
        ("PNG: without a head", lambda: _without(b"IHDR")),
        ("PNG: no width", lambda: png(0, 9, rows=b"")),
        ("PNG: no height", lambda: png(9, 0, rows=b"")),
        ("PNG: 7 bits", lambda: png(9, 9, depth=7, rows=bytes(300))),
        ("PNG: a colour type that there is not", lambda: png(9, 9, colour=5, rows=bytes(300))),
        ("PNG: pixels that are not compressed", lambda: png_with_pixels(b"x" * 90)),
        ("PNG: pixels with another check sum", lambda: png_with_pixels(zlib.compress(bytes(90 * 271))[:-1] + b"x")),
        ("PNG: fewer pixels than it says", lambda: png(90, 90, rows=bytes(100))),
        ("PNG: a head with another check sum", lambda: _as("PNG")[:29] + b"\0\0\0\0" + _as("PNG")[33:]),
        ("PNG: a chunk of four gigabytes", lambda: _as("PNG")[:33] + b"\xff\xff\xff\xffIDAT"),
        ("PNG: a palette without colours", lambda: png(9, 9, colour=3, rows=bytes(90), chunks=chunk(b"PLTE", b""))[:-30]),
        ("PNG: a text that unpacks to 64 MiB", lambda: _inflating_text(b"zTXt", b"Comment\0\0")),
        ("PNG: a colour profile that unpacks to 64 MiB", lambda: _inflating_text(b"iCCP", b"icc\0\0")),
        ("JPEG: the beginning alone", lambda: b"\xff\xd8\xff"),
        ("JPEG: the beginning and the end", lambda: b"\xff\xd8\xff\xd9"),
        ("JPEG: cut in its head", lambda: _as("JPEG")[:200]),
        ("JPEG: cut in the middle", lambda: encoded(scene(900, 900), "JPEG")[:-4000]),
        ("JPEG: no width", lambda: _jpeg_claiming(0, 90)),
        ("JPEG: nothing but fill bytes", lambda: b"\xff\xd8" + b"\xff" * 1_000_000),
        ("GIF: the beginning alone", lambda: b"GIF89a"),
        ("GIF: no size", lambda: b"GIF89a" + bytes(7) + b";"),
        ("GIF: a frame of no size", lambda: GIF_DOT.replace(b",\0\0\0\0\1\0\1\0", b",\0\0\0\0\0\0\0\0")),
        ("GIF: no frame", lambda: GIF_DOT[:19] + b";"),
        ("GIF: cut in its frame", lambda: GIF_DOT[:-6]),
        ("WebP: the beginning alone", lambda: b"RIFF\0\0\0\0WEBP"),
        ("WebP: a head without a picture", lambda: _webp_head(90, 90)),
        ("WebP: cut in the middle", lambda: _as("WEBP")[:-200]),
        ("WebP: nonsense for a picture", lambda: _riff((b"VP8 ", b"x" * 90))),
        ("WebP: nonsense for a lossless picture", lambda: _riff((b"VP8L", b"/" + b"\1" * 90))),
    ),
)  # fmt: skip


TOO_LARGE: Final = refused(
    413,
    "payload_too_large",
    *_bytes(
        ("13,300 by 13,300 pixels in 22 KB", pixel_bomb),
        ("5,001 by 5,000 pixels", lambda: png(5001, 5000, rows=b"")),
        ("1 by 65,535 pixels", lambda: png(1, 65_535, rows=bytes(4 * 65_535))),
        ("65,535 by 1 pixels", lambda: png(65_535, 1, rows=bytes(4 * 65_535))),
        ("16,384 by 1 pixels", lambda: png(16_384, 1, rows=bytes(4 * 16_384))),
        ("four billion pixels by four billion", lambda: png(2**32 - 1, 2**32 - 1, rows=b"")),
        ("as many as make none in 32 bits", lambda: png(65_536, 65_536, rows=b"")),
        ("a JPEG of 65,500 by 65,500 pixels", lambda: _jpeg_claiming(65_500, 65_500)),
        ("a GIF of 65,535 by 65,535 pixels", lambda: GIF_DOT.replace(b"a\1\0\1\0", b"a\xff\xff\xff\xff")),
        ("a WebP of 16,777,216 by 16,777,216 pixels", lambda: _webp_head(1 << 24, 1 << 24)),
        ("a GIF of one pixel whose frame has 65,535 by 65,535",
         lambda: GIF_DOT.replace(b",\0\0\0\0\1\0\1\0", b",\0\0\0\0\xff\xff\xff\xff")),
        ("a byte more than 5 MiB", lambda: _as("PNG").ljust(AVATAR_BYTES_MAX + 1, b"\0")),
    ),
    ("base64 of twelve million letters", lambda: b'{"image": "' + b"A" * 12_000_000 + b'"}'),
    ("a picture and ten million spaces", lambda: body_of(base64_of(GIF_DOT)) + b" " * 10_000_000),
)  # fmt: skip


_EXIF_LOOP: Final = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x87i\0\4\0\0\0\1\0\0\0\x08\0\0\0\x08"


def _exif(**tags: Any) -> bytes:
    exif = Image.Exif()
    for name, value in tags.items():
        exif[ExifTags.Base[name]] = value
    return exif.tobytes()


def _animated(kind: str, frames: int) -> bytes:
    colours = ((200, 30, 30), (30, 200, 30))
    images = [Image.new("RGB", (8, 8), colours[number % 2]) for number in range(frames)]
    buffer = BytesIO()
    images[0].save(buffer, kind, save_all=True, append_images=images[1:], duration=20)
    return buffer.getvalue()


def _taken(*rows: tuple[str, Make]) -> list[Row]:
    return [Bad(what, _drawn(make), 200, absent=HIDDEN) for what, make in rows]


TAKEN: Final = [
    *(
        Bad(f"{kind} that is labelled {label or 'nothing'}",
            _drawn(lambda kind=kind: _as(kind), label=f"data:{label};base64,"), 200, absent=HIDDEN)
        for kind, label in (("PNG", "image/jpeg"), ("JPEG", "text/html"), ("GIF", "image/svg+xml"), ("WEBP", ""))
    ),
    *_taken(
        ("PNG with HTML behind it", lambda: _as("PNG") + HIDDEN),
        ("PNG with HTML in a comment", lambda: _with_chunk(b"tEXt", b"Comment\0" + HIDDEN)),
        ("PNG with HTML in a chunk of its own", lambda: _with_chunk(b"evIl", HIDDEN)),
        ("PNG with HTML for a colour profile", lambda: _with_chunk(b"iCCP", b"icc\0\0" + zlib.compress(HIDDEN))),
        ("PNG with HTML for EXIF data", lambda: _with_chunk(b"eXIf", HIDDEN)),
        ("PNG with a second picture behind it", lambda: _as("PNG") + _as("PNG") + HIDDEN),
        ("JPEG with HTML in a comment", lambda: _as("JPEG", comment=HIDDEN)),
        ("JPEG with HTML behind it", lambda: _as("JPEG") + HIDDEN),
        ("JPEG that is also an archive", lambda: _as("JPEG", comment=HIDDEN) + b"PK\3\4" + HIDDEN),
        ("JPEG that is also a PDF", lambda: _as("JPEG", comment=b"%PDF-1.7 " + HIDDEN) + b"%%EOF"),
        ("JPEG with HTML for a camera", lambda: _as("JPEG", exif=_exif(Make=HIDDEN.decode(), ImageDescription="x"))),
        ("JPEG with HTML for EXIF data", lambda: _as("JPEG", exif=b"Exif\0\0" + HIDDEN)),
        ("JPEG with HTML for a colour profile", lambda: _as("JPEG", icc_profile=HIDDEN)),
        ("GIF that is also JavaScript", lambda: _as("GIF", comment=HIDDEN) + b"/*" + HIDDEN + b"*/"),
        ("WebP with HTML for XMP and EXIF data", lambda: _as("WEBP", xmp=HIDDEN, exif=b"Exif\0\0" + HIDDEN)),
        ("WebP with HTML behind it", lambda: _as("WEBP") + HIDDEN),
        ("an orientation that there is not", lambda: _as("JPEG", exif=_exif(Orientation=9))),
        ("EXIF data of 60,000 bytes", lambda: _as("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + HIDDEN * 1500)),
        ("EXIF data that points at itself", lambda: _as("JPEG", exif=_EXIF_LOOP)),
        ("a JPEG with a marker of no length", lambda: b"\xff\xd8\xff\xe0\0\0" + _as("JPEG")[20:]),
        ("a PNG without an end", lambda: _without(b"IEND")),
        ("a GIF of a thousand frames", lambda: _animated("GIF", 1000)),
        ("a PNG of a hundred frames", lambda: _animated("PNG", 100)),
        ("a WebP of a hundred frames", lambda: _animated("WEBP", 100)),
        ("inverted CMYK", lambda: encoded(scene(90, 90).convert("CMYK"), "JPEG")),
        ("16 bits of grey", lambda: encoded(Image.new("I;16", (90, 90), 40_000))),
        ("16 bits a colour", lambda: png(9, 9, depth=16, rows=(b"\0" + bytes(54)) * 9)),
        ("a palette with transparency", lambda: encoded(scene(90, 90).quantize(8), transparency=0)),
        ("a palette shorter than its pixels need", lambda: png(
            9, 9, colour=3, rows=(b"\0" + b"\xff" * 9) * 9, chunks=chunk(b"PLTE", bytes(3))
        )),
        ("more pixels than it says", lambda: png(9, 9, rows=bytes(1 << 20))),
        ("a single pixel", lambda: GIF_DOT),
        ("16,383 pixels by one", lambda: encoded(Image.new("RGB", (16_383, 1)))),
    ),
]  # fmt: skip

TABLES: Final = {
    "payloads": PAYLOADS,
    "other formats": OTHER_FORMATS,
    "broken pictures": BROKEN,
    "pictures that are too large": TOO_LARGE,
    "pictures that are taken, without what hides in them": TAKEN,
}
