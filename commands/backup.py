"""``molva backup`` and ``molva restore``: the database and the files in one file, and back.

What must stay true: a backup has its name only when it is whole; nothing is restored before every checksum was compared;
the restored database has a new epoch before anybody is told that it is there.
"""

import asyncio
import importlib.metadata
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from commands.backup_file import DUMP, BackupReader, BackupWriter, Manifest
from commands.restored import renew_epoch_of
from commands.tables import readable
from core.errors import AppError, StartupError
from core.settings import Settings
from db.dumps import dumping, put_back, refuse_unless_free
from db.embedded import running_url
from db.migrate import known_names
from server import database_url_of, migrate_as_owner
from storage.objects import Objects


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made. ``seconds`` it took."""

    path: Path
    size_bytes: int
    seconds: float
    manifest: Manifest

    def lines(self) -> list[str]:
        """What the operator should know of it."""
        return [
            f"backup    {self.path}",
            f"size      {readable(self.size_bytes)}, written in {self.seconds:.1f} s",
            *described(self.manifest),
        ]


def described(manifest: Manifest) -> list[str]:
    """What a backup is of, in lines for the operator."""
    files = f"{manifest.file_count} files" if manifest.files_url is None else (
        f"not in the backup: they are in {manifest.files_url}. Switch on versioning there, or copy them"
    )  # fmt: skip
    return [
        f"taken at  {manifest.taken_at}, by Molva {manifest.molva}",
        f"database  PostgreSQL {manifest.postgres}, schema {manifest.migrations[-1]}, epoch {manifest.epoch or 'none'}",
        f"files     {files}",
    ]


def back_up(settings: Settings, target: Path) -> Made:
    """Write a backup while servers run: to the file ``target``, or into the directory ``target``, named by the time.

    ``StartupError`` when there is nothing to back up, or it cannot be written; then no file is left.
    """
    started = time.monotonic()
    path = target / datetime.now(UTC).strftime("molva-%Y%m%dT%H%M%SZ.tar") if target.is_dir() else target
    try:
        with database_url_of(settings, beside_server=True) as url, BackupWriter(path) as writer:
            manifest = asyncio.run(_write(settings, _owner_url(settings, url), writer))
            size = writer.finish(manifest)
    except OSError as problem:
        raise StartupError(f"{path} cannot be written: {problem.strerror or problem}.") from None
    return Made(path, size, time.monotonic() - started, manifest)


async def _write(settings: Settings, url: str, writer: BackupWriter) -> Manifest:
    async with dumping(url) as dump:
        await writer.add_dump(dump.chunks())
    folder = _files_folder(settings)
    if folder is not None:  # after the database: whatever it names is there
        writer.add_files(folder)
    return Manifest(
        taken_at=dump.snapshot.taken_at,
        molva=importlib.metadata.version("molva"),
        postgres=dump.snapshot.server_version,
        pg_dump=dump.snapshot.pg_dump_version,
        migrations=dump.snapshot.migrations,
        epoch=dump.snapshot.epoch,
        files_url=None if folder is not None else settings.files_place,
    )


def check(source: Path) -> Manifest:
    """Read a whole backup and compare every checksum; ``StartupError`` if this version could not restore it."""
    with BackupReader(_newest(source)) as backup:
        _verify(backup)
        return backup.manifest


def restore(settings: Settings, source: Path, *, replaces: bool) -> tuple[Manifest, str]:
    """Put a backup back, with its files, and begin a new epoch: what was restored, and the epoch.

    ``source``: the file, or a directory, of which the newest backup is taken. ``StartupError`` if the backup is damaged or
    of a newer version, a server runs, or the database has data that may not be replaced (``replaces``); then nothing was
    changed.
    """
    if settings.database_url is None and running_url(settings.data_dir) is not None:
        raise StartupError("A server is running on this database. Stop every server, then restore.")
    with BackupReader(_newest(source)) as backup:
        _verify(backup)
        with database_url_of(settings) as url:
            return backup.manifest, asyncio.run(_put_back(settings, url, backup, replaces=replaces))


async def _put_back(settings: Settings, url: str, backup: BackupReader, *, replaces: bool) -> str:
    owner_url = _owner_url(settings, url)
    await refuse_unless_free(owner_url, replaces=replaces)
    await _put_files(settings, backup)  # before the database names them
    manifest = backup.manifest
    await put_back(owner_url, backup.chunks(DUMP), checksum=manifest.checksums[DUMP], pg_dump_version=manifest.pg_dump)
    try:
        await migrate_as_owner(settings, url)  # the backup may be of an earlier version
        return await renew_epoch_of(owner_url)
    except (StartupError, AppError) as problem:
        raise StartupError(
            f"The backup is back, but the last step failed: {problem} Before a server starts, run `molva migrate`, then "
            "`molva restored`."
        ) from None


async def _put_files(settings: Settings, backup: BackupReader) -> None:
    if not backup.manifest.file_count:
        return
    objects = Objects(settings.files_place)
    try:
        with backup.files() as files:
            for key, content in files:
                await objects.put(key, content)
    except AppError:
        raise StartupError(f"{settings.files_place} cannot be written, so nothing was restored.") from None
    finally:
        await objects.close()


def _verify(backup: BackupReader) -> None:
    unknown = [name for name in backup.manifest.migrations if name not in known_names()]
    if unknown:
        raise StartupError(
            f"The backup has the migration {unknown[0]} of a newer version of Molva. Restore it with that version."
        )
    backup.verify()


def _newest(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = sorted(source.glob("molva-*.tar"))
    if not found:
        raise StartupError(f"There is no backup (molva-*.tar) in {source}.")
    return found[-1]


def _owner_url(settings: Settings, url: str) -> str:
    owner = settings.database_owner_url if settings.database_url is not None else None
    return url if owner is None else owner.get_secret_value()


def _files_folder(settings: Settings) -> Path | None:
    """The folder of the files; ``None`` when they are in an object storage."""
    place = settings.files_place
    return None if place.startswith("s3://") else Path(place.removeprefix("file://"))
