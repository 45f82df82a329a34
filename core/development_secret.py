"""The secret that a development server makes for itself, once, in its data directory."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from core.errors import StartupError


def read_or_make(path: Path, *, bytes_min: int) -> bytes:
    """The secret in ``path`` (mode 0600), made if there is none. ``StartupError`` if it cannot be used."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_once(path, secrets.token_urlsafe(bytes_min))
        secret = path.read_bytes().strip()
    except OSError as error:
        raise StartupError(f"MOLVA_DATA_DIR cannot be used: {error}.") from error
    if len(secret) < bytes_min:
        raise StartupError(f"{path} is damaged. Remove it to make a new secret. Everyone then has to sign in again.")
    return secret


def _write_once(path: Path, content: str) -> None:
    """Make ``path`` whole or not at all, whoever else makes it now and wherever we are killed: the first one stays."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=path.parent, prefix=path.name) as made:  # mode 0600
        made.write(content)
        made.flush()
        os.fsync(made.fileno())
        with suppress(FileExistsError):
            os.link(made.name, path)
