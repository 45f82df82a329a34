"""The two locks of a data directory of the embedded PostgreSQL.

The server that owns the directory holds ``server.lock``. Every process of its PostgreSQL holds ``postgres.lock``, so that a
new PostgreSQL is not started before the last process of an earlier one has gone.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from core.errors import StartupError

_PREDECESSOR_TIMEOUT_S: Final = 15.0
_HOLDER_TIMEOUT_S: Final = 0.3
"""Longer than the moment for which :func:`holder_of` takes the lock to look."""
_POLL_S: Final = 0.005


def lock_home(home: Path) -> int:
    """Take ``server.lock`` and write our process id into it."""
    lock = _flock(home / "server.lock", timeout_s=_HOLDER_TIMEOUT_S)
    if lock is None:
        raise StartupError(
            f"{home} is in use by the process {holder_of(home)}. Stop that process, or set another MOLVA_DATA_DIR."
        )
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def holder_of(home: Path) -> str | None:
    """The process id of whoever holds ``server.lock``."""
    path = home / "server.lock"
    if not path.exists():
        return None
    lock = _flock(path, timeout_s=0.0)
    if lock is not None:
        os.close(lock)
        return None
    return path.read_text().strip() or "unknown"


def lock_postgres(home: Path) -> int:
    """Take ``postgres.lock``, once the last process of an earlier PostgreSQL has gone. To be inherited, then closed."""
    lock = _flock(home / "postgres.lock", timeout_s=_PREDECESSOR_TIMEOUT_S)
    if lock is None:
        raise StartupError(
            f"The previous PostgreSQL in {home} is still shutting down after {_PREDECESSOR_TIMEOUT_S:.0f} s."
        )
    return lock


def _flock(path: Path, *, timeout_s: float) -> int | None:
    """A descriptor that holds the lock on ``path``, or None when another held it all the time."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(_POLL_S)  # flock itself knows no time-out
        else:
            return lock
