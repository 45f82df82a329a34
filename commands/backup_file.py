"""The file of a backup: a tar archive with the dump, the files, and a manifest with their checksums.

::

    database.dump      what pg_dump wrote, in its custom format
    files/<key>        each object of the files folder
    manifest.json      what the backup is of, and the SHA-256 of each member above

The manifest is last, because it is known last: an archive without one is not whole. ``tar`` and ``pg_restore`` can read it.
"""

import contextlib
import hashlib
import json
import os
import re
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from core.errors import StartupError

DUMP: Final = "database.dump"
_MANIFEST: Final = "manifest.json"
_FILES: Final = "files/"
_FORMAT: Final = 1
_CHUNK_BYTES: Final = 1 << 20
_MANIFEST_BYTES_MAX: Final = 1 << 30
_KEY: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(slots=True)
class Manifest:
    """What a backup is of. ``files_url``: where the files are that the backup does not hold; ``None`` if it holds them."""

    taken_at: str
    molva: str
    postgres: int
    pg_dump: int
    migrations: list[str]
    epoch: str | None
    files_url: str | None
    checksums: dict[str, str] = field(default_factory=dict)

    @property
    def file_count(self) -> int:
        """How many files are in the backup."""
        return sum(name.startswith(_FILES) for name in self.checksums)


class BackupWriter:
    """Writes a backup under a temporary name; :meth:`finish` gives it its own. Left early, nothing remains."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checksums: dict[str, str] = {}

    def __enter__(self) -> "BackupWriter":
        number, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.", suffix=".part")  # mode 0600
        self._part, self._file = Path(name), os.fdopen(number, "wb")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    async def add_dump(self, chunks: AsyncIterator[bytes]) -> None:
        """Write the dump. Its size is known at the end, so its header is written last."""
        start, size, digest = self._file.tell(), 0, hashlib.sha256()
        self._file.write(bytes(tarfile.BLOCKSIZE))
        async for chunk in chunks:
            digest.update(chunk)
            size += self._file.write(chunk)
        self._pad(size)
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(_header(DUMP, size))
        self._file.seek(end)
        self._checksums[DUMP] = digest.hexdigest()

    def add_files(self, folder: Path) -> None:
        """Write each object below ``folder``. One that is deleted meanwhile, or not yet whole, is left out."""
        for path in sorted(folder.rglob("*")):
            key = path.relative_to(folder).as_posix()
            if path.is_file() and not path.is_symlink() and _KEY.fullmatch(key):
                with contextlib.suppress(FileNotFoundError), path.open("rb") as source:
                    self._add_file(_FILES + key, source)

    def _add_file(self, name: str, source: IO[bytes]) -> None:
        size, digest = os.fstat(source.fileno()).st_size, hashlib.sha256()  # an object never changes
        self._file.write(_header(name, size))
        for chunk in iter(lambda: source.read(_CHUNK_BYTES), b""):
            digest.update(chunk)
            self._file.write(chunk)
        self._pad(size)
        self._checksums[name] = digest.hexdigest()

    def finish(self, manifest: Manifest) -> int:
        """Write the manifest, and give the whole backup its name, which may replace an older one; its size in bytes."""
        manifest.checksums = self._checksums
        text = json.dumps({"format": _FORMAT, **asdict(manifest)}, indent=1).encode()
        self._file.write(_header(_MANIFEST, len(text)) + text)
        self._pad(len(text))
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._part.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return size

    def _pad(self, size: int) -> None:
        self._file.write(bytes(-size % tarfile.BLOCKSIZE))


class BackupReader:
    """Reads a backup. ``StartupError`` for anything else."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "BackupReader":
        try:
            self._archive = tarfile.open(self._path, "r:")
        except (OSError, tarfile.TarError) as problem:
            raise StartupError(f"{self._path} is not a backup that can be read: {problem}.") from None
        try:
            self._members = {member.name: member for member in self._archive}
            self.manifest = self._read_manifest()
        except BaseException as problem:
            self._archive.close()
            if isinstance(problem, OSError | tarfile.TarError):
                raise self._cut_off() from None
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._archive.close()

    def verify(self) -> None:
        """Read everything; ``StartupError`` unless each member is what the manifest says, and none is missing."""
        for name, expected in self.manifest.checksums.items():
            digest = hashlib.sha256()
            for chunk in self.chunks(name):
                digest.update(chunk)
            if digest.hexdigest() != expected:
                raise StartupError(f"{self._path} is damaged: the checksum of {name} is wrong. Take another backup.")

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a member."""
        with self._open(name) as member:
            try:
                yield from iter(lambda: member.read(_CHUNK_BYTES), b"")
            except (OSError, tarfile.TarError):
                raise self._cut_off() from None

    @contextlib.contextmanager
    def files(self) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
        """The key of each file, and the file opened."""

        def opened() -> Iterator[tuple[str, IO[bytes]]]:
            for name in self.manifest.checksums:
                if name.startswith(_FILES):
                    with self._open(name) as member:
                        yield name.removeprefix(_FILES), member

        yield opened()

    def _open(self, name: str) -> IO[bytes]:
        place = self._members.get(name)
        member = self._archive.extractfile(place) if place is not None else None
        if member is None:
            raise StartupError(f"{self._path} is damaged: {name} is missing. Take another backup.")
        return member

    def _read_manifest(self) -> Manifest:
        if _MANIFEST not in self._members:
            raise self._cut_off()
        try:
            with self._open(_MANIFEST) as found:
                told = json.loads(found.read(_MANIFEST_BYTES_MAX))
            if told.pop("format") != _FORMAT:
                raise StartupError(f"{self._path} was made by a newer version of Molva. Restore it with that version.")
            manifest = Manifest(**told)
            names = [name.removeprefix(_FILES) for name in manifest.checksums]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise StartupError(f"{self._path} is damaged: its manifest cannot be read. Take another backup.") from None
        if DUMP not in names or not all(_KEY.fullmatch(name) for name in names):
            raise StartupError(f"{self._path} is damaged: its manifest cannot be read. Take another backup.")
        return manifest

    def _cut_off(self) -> StartupError:
        return StartupError(f"{self._path} is not a whole backup: it was cut off, or is something else. Take another one.")


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member.tobuf(tarfile.GNU_FORMAT)
