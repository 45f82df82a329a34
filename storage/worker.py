"""The process in which strangers' pictures are decoded: ``python -m storage.worker``, started by ``storage.workers``.

It takes one job after the other from its standard input and answers on its standard output, in the messages of
``storage.jobs``. It knows no secret, writes no file, and ends when its input does; a job that wants more memory than it may
have is refused, one that takes more time ends the process.
"""

import hashlib
import os
import resource
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

import orjson

from core.errors import AppError, PayloadTooLarge, ValidationFailed
from storage.avatar_body import NO_PICTURE, TOO_MANY_PIXELS, unpack_avatar
from storage.images import examine, make_avatar
from storage.jobs import HEAD_LENGTH_BYTES, BadImage, Bounds, TooManyPixels, pack_head

MEMORY_BYTES_MAX: Final = 1024 * 1024 * 1024
"""Of address space. The most that a picture within the bounds takes is about three quarters of it."""
CPU_S_MAX: Final = 30
"""For one job."""
_NICENESS: Final = 10
"""Who chats goes first."""

Message = tuple[dict[str, Any], Sequence[bytes]]


def _avatar(body: bytes, bounds: Bounds) -> Message:
    try:
        images = make_avatar(unpack_avatar(body), bounds)
    except BadImage:
        raise ValidationFailed.at("image", NO_PICTURE) from None
    except TooManyPixels:
        raise PayloadTooLarge(TOO_MANY_PIXELS) from None
    parts = [image.data for image in images.values()]
    head = {
        "names": list(images),
        "mimes": [image.mime for image in images.values()],
        "digest": hashlib.sha256(b"".join(parts)).hexdigest(),
    }
    return head, parts


def _look(data: bytes, bounds: Bounds) -> Message:
    look = examine(data, bounds)
    head = {"width": look.width, "height": look.height, "blurhash": look.blurhash, "mimes": [look.thumbnail.mime]}
    return head, [look.thumbnail.data]


_JOBS: Final[dict[str, Callable[[bytes, Bounds], Message]]] = {"avatar": _avatar, "look": _look}


def main() -> None:
    """Work until there is nothing more to come."""
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    while (job := _read(sys.stdin.buffer)) is not None:
        _limit_time()
        head, parts = _work(*job)
        sys.stdout.buffer.write(pack_head({**head, "sizes": [len(part) for part in parts]}))
        for part in parts:
            sys.stdout.buffer.write(part)
        sys.stdout.buffer.flush()


def _read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    length = stream.read(HEAD_LENGTH_BYTES)
    if len(length) < HEAD_LENGTH_BYTES:
        return None
    head = orjson.loads(stream.read(int.from_bytes(length, "big")))
    return head, stream.read(sum(head["sizes"]))


def _limit_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + CPU_S_MAX
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _work(head: dict[str, Any], data: bytes) -> Message:
    try:
        found, parts = _JOBS[head["job"]](data, Bounds(head["pixels_max"], head["side_max"]))
    except BadImage:
        return {"outcome": "bad_image"}, []
    except TooManyPixels:
        return {"outcome": "too_many_pixels"}, []
    except AppError as error:
        return {"outcome": error.code.value, "message": error.message, "details": error.details}, []
    except Exception as error:  # out of memory, or a bug: who asked must hear of it
        return {"outcome": "failed", "problem": type(error).__name__}, []
    return {"outcome": "ok", **found}, parts


if __name__ == "__main__":
    main()
