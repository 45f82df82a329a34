"""Attachments: uploading one, and finding one for a person.

What must stay true: what a file is, its bytes say, not its name; only its owner and those who may see a message that holds
it get it, and for everybody else it does not exist; the row of a file is removed when its bytes could not be stored.

Limits on what a person uploads belong in :func:`reserve_upload`, which runs before the body is read.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Final

from accounts.daily_budgets import DailyBudgets
from accounts.services import AccountServices
from core import names
from core.errors import AppError, NotFound, PayloadTooLarge
from core.ids import new_id
from core.limits import FILE_NAME_CHARS_MAX, FILE_PIXELS_MAX, FILE_SIDE_MAX
from db import files
from db.files import FileRow
from db.pool import Database
from storage.formats import OCTETS, Format, Kind, recognise
from storage.jobs import BadImage, Bounds, Look, TooManyPixels
from storage.keys import file_key, thumbnail_key

_BOUNDS: Final = Bounds(FILE_PIXELS_MAX, FILE_SIDE_MAX)
_ENDING_CHARS_MAX: Final = 15
"""A longer ending is not kept when a name is shortened."""
_NAMELESS: Final = "file"


@dataclass(frozen=True, slots=True)
class Upload:
    """What was uploaded. ``head``: the first bytes of ``content``. ``mime`` is what the client declared."""

    content: IO[bytes]
    head: bytes
    size_bytes: int
    name: str
    mime: str
    duration_s: float | None


@asynccontextmanager
async def reserve_upload(services: AccountServices, user_id: str, size_bytes: int) -> AsyncIterator[Callable[[int], None]]:
    """Reserve room for a file of up to ``size_bytes`` before it arrives. It is given back if the block fails.

    The block calls what it gets with the bytes that it stored. ``RateLimited`` when the person has uploaded as much as a
    day allows, ``PayloadTooLarge`` when as much of the person is stored as may be.
    """
    budgets, settings = services.budgets, services.settings
    if budgets is None:
        yield lambda _: None
        return
    async with services.database.transaction() as tx:
        await budgets.spend(tx, user_id, files=1, file_bytes=size_bytes)
        stored = await files.sum_stored(tx, user_id)
        if stored.files >= settings.limits_files_stored:
            raise PayloadTooLarge(f"At most {settings.limits_files_stored:,} files of one person are stored.")
        if stored.size_bytes + size_bytes > settings.limits_file_bytes_stored:
            raise PayloadTooLarge(f"At most {settings.limits_file_bytes_stored:,} bytes of one person are stored.")
    stored_bytes: list[int] = []
    try:
        yield stored_bytes.append
    finally:
        # Shielded: a client that hangs up in the middle cancels its request, and the room must come back all the same.
        await asyncio.shield(_settle(services, budgets, user_id, size_bytes, stored_bytes))


async def _settle(
    services: AccountServices, budgets: DailyBudgets, user_id: str, reserved_bytes: int, stored_bytes: list[int]
) -> None:
    async with services.database.transaction() as tx:
        counted = 0 if stored_bytes else -1
        await budgets.correct(tx, user_id, files=counted, file_bytes=sum(stored_bytes) - reserved_bytes)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was stored, and what it takes with its thumbnail."""

    row: FileRow
    size_bytes: int


async def store_upload(services: AccountServices, owner_id: str, upload: Upload) -> StoredFile:
    """Store an uploaded file with what its bytes say about it; ``Unavailable`` when it could not be stored."""
    form, look = await _examine(services, upload)
    is_timed = upload.duration_s is not None and form.kind in {Kind.AUDIO, Kind.VIDEO}
    file_id = new_id()
    async with services.database.reading() as tx:
        row = await files.insert_file(
            tx,
            file_id,
            owner_id,
            form.kind,
            form.mime,
            clean_name(upload.name),
            upload.size_bytes,
            look.width if look else None,
            look.height if look else None,
            round(upload.duration_s * 1000) if is_timed and upload.duration_s is not None else None,
            look.blurhash if look else None,
            look.thumbnail.mime if look else None,
            len(look.thumbnail.data) if look else None,
        )
    try:
        await _put(services, file_id, upload.content, look)
    except AppError:
        async with services.database.reading() as tx:
            await files.delete_file(tx, file_id)
        raise
    return StoredFile(row, upload.size_bytes + (len(look.thumbnail.data) if look else 0))


async def _examine(services: AccountServices, upload: Upload) -> tuple[Format, Look | None]:
    """The format of the file and, if it is a picture, how it looks. A picture that cannot be decoded is a plain file."""
    form = recognise(upload.head, upload.mime)
    if form.kind is not Kind.IMAGE:
        return form, None
    try:
        return form, await services.images.examine(upload.content, upload.size_bytes, _BOUNDS)
    except (BadImage, TooManyPixels):
        return Format(Kind.FILE, OCTETS), None


async def _put(services: AccountServices, file_id: str, content: IO[bytes], look: Look | None) -> None:
    if look is not None:
        await services.objects.put(thumbnail_key(file_id), look.thumbnail.data)
    content.seek(0)
    await services.objects.put(file_key(file_id), content)


def clean_name(name: str) -> str:
    """A file's name without the folders that some browsers send, without unfit characters, and not too long."""
    bare = names.clean_name(re.split(r"[/\\]", name)[-1]).strip()
    if len(bare) > FILE_NAME_CHARS_MAX:
        stem, dot, ending = bare.rpartition(".")
        kept = f"{dot}{ending}" if stem and len(ending) <= _ENDING_CHARS_MAX else ""
        bare = bare[: FILE_NAME_CHARS_MAX - len(kept)] + kept
    return bare if bare.strip(".") else _NAMELESS


async def find_file(database: Database, file_id: str, user_id: str) -> FileRow:
    """A file that the person may get; ``NotFound`` for every other one."""
    async with database.reading() as tx:
        row = await files.find_file_for(tx, file_id, user_id)
    if row is None:
        raise NotFound("file_id")
    return row


async def find_signed_file(database: Database, file_id: str) -> FileRow:
    """A file of which somebody has a signed URL; ``NotFound`` once it is gone, or no message holds it any more."""
    async with database.reading() as tx:
        row = await files.find_signed_file(tx, file_id)
    if row is None:
        raise NotFound("file_id")
    return row
