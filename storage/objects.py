"""Where the bytes are: a folder on this machine, or an object storage that speaks S3.

A key is a path (``avatars/<id>/50``). What must stay true: an object is there whole or not at all; it never changes,
because another content has another key; a storage that is away is ``Unavailable`` within :data:`_TIMEOUT_S`, and no
exception of the library passes.

S3 is configured as everywhere: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``,
``AWS_ALLOW_HTTP``, or the role of the machine.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from core.errors import NotFound, StartupError, Unavailable

if TYPE_CHECKING:
    from obstore import GetResult

log = logging.getLogger("molva.objects")

_TIMEOUT_S: Final = 20
_CONNECT_TIMEOUT_S: Final = 5
_RETRIES_MAX: Final = 3
_CHUNK_BYTES: Final = 256 * 1024
_LETTING_GO_S: Final = 0.05
"""The library's threads drop their last references to Python's objects behind our back; an interpreter that ends meanwhile
aborts."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An object about to be read. ``size_bytes`` of the whole object."""

    size_bytes: int
    chunks: AsyncIterator[bytes]


class Objects:
    """The object storage of this process."""

    def __init__(self, url: str) -> None:
        """``url``: a folder, or ``s3://bucket/prefix``; ``StartupError`` when it cannot be used."""
        try:
            self._store = _open(url)
        except (BaseError, OSError, ValueError) as error:
            raise StartupError(f"MOLVA_FILES_URL cannot be used: {_first_line(error)}.") from None

    async def put(self, key: str, content: bytes | IO[bytes]) -> None:
        """Store an object; again is harmless. A file is read from where it stands, in pieces."""
        with _domain_errors(key):
            await obstore.put_async(self._store, key, content)

    async def open(self, key: str, part: tuple[int, int] | None = None) -> Opened:
        """An object, or the bytes of it from ``part[0]`` up to ``part[1]`` (exclusive); ``NotFound`` if there is none."""
        with _domain_errors(key):
            found = await obstore.get_async(self._store, key, options={"range": part} if part else None)
        return Opened(found.meta["size"], _read(found, key))

    async def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there are as good as removed."""
        await asyncio.gather(*(self._delete(key) for key in keys))

    async def _delete(self, key: str) -> None:
        with suppress(NotFound), _domain_errors(key):
            await obstore.delete_async(self._store, key)

    async def close(self) -> None:
        """Let go of everything."""
        await asyncio.sleep(_LETTING_GO_S)


def _open(url: str) -> ObjectStore:
    if url.startswith("s3://"):
        _forget_empty_variables()
        return from_url(
            url,
            client_options={
                "timeout": f"{_TIMEOUT_S}s",
                "connect_timeout": f"{_CONNECT_TIMEOUT_S}s",
                "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true",  # options replace the variable
            },
            retry_config={"max_retries": _RETRIES_MAX, "retry_timeout": timedelta(seconds=_TIMEOUT_S)},
        )
    folder = Path(url.removeprefix("file://"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(folder, automatic_cleanup=True)


def _forget_empty_variables() -> None:
    """An empty variable counts as absent, as everywhere; the library would take an empty endpoint for an address."""
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]


async def _read(found: "GetResult", key: str) -> AsyncIterator[bytes]:
    with _domain_errors(key):
        async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)


@contextmanager
def _domain_errors(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound from None
    except (BaseError, OSError) as error:
        log.error("object storage unavailable", extra={"key": key, "problem": _first_line(error)})
        raise Unavailable from None


def _first_line(error: Exception) -> str:
    """What the library says, without the state that it prints behind it."""
    return str(error).partition("\n")[0][:300]
