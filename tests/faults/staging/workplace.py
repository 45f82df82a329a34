"""Folders for runs: a database that is made and migrated once and copied for each run, on a file system of a given size."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from db.embedded import EmbeddedPostgres
from db.migrate import migrate
from tests.faults.nemesis.fault import Skipped
from tests.faults.staging.stage import Database

_COPIED = ("postgres", "postgres.password")


class Workplace:
    """Where the runs of one command happen."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._template = root / "template"
        self._count = 0

    async def prepare(self) -> None:
        """Make the database that runs begin with."""
        with EmbeddedPostgres(self._template) as url:
            await migrate(url)

    @contextmanager
    def folder(self, database: Database, *, mount_bytes: int | None) -> Iterator[Path]:
        """A run's folder, with the database in it. ``mount_bytes``: it is a file system of its own, of this size."""
        self._count += 1
        work = self._root / f"run{self._count}"
        work.mkdir()
        if mount_bytes is not None:
            _mount(work, mount_bytes)
        try:
            home = work / ("data" if database is Database.EMBEDDED else "database")
            home.mkdir()
            for name in _COPIED:
                place = self._template / name
                (shutil.copytree if place.is_dir() else shutil.copy2)(place, home / name)
            yield work
        finally:
            if mount_bytes is not None:
                subprocess.run(["umount", "--lazy", str(work)], check=False)
            with suppress(OSError):
                shutil.rmtree(work)


def _mount(work: Path, size_bytes: int) -> None:
    options = f"size={size_bytes},mode=755"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(work)],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise Skipped("needs the right to mount a tmpfs: run it as root")


@contextmanager
def workplace() -> Iterator[Workplace]:
    """A temporary one."""
    with tempfile.TemporaryDirectory(prefix="molva-faults-", ignore_cleanup_errors=True) as root:
        yield Workplace(Path(root))
