"""Settings that are files: how Docker and Kubernetes hand out secrets (``MOLVA_SECRETS_DIR``)."""

import os
import re
from pathlib import Path
from typing import Final

from core.errors import StartupError

_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*")


def read_secrets(folder: Path) -> None:
    """Put each file of ``folder`` and of the folders in it into the environment, unless that has its variable already.

    So a secret can come from a volume of Docker or Kubernetes. ``StartupError`` if the folder cannot be read.
    """
    try:
        if not folder.is_dir():
            raise StartupError(f"MOLVA_SECRETS_DIR is no folder: {folder}.")
        for path in sorted((*folder.iterdir(), *folder.glob("*/*"))):
            if _VARIABLE.fullmatch(path.name) and path.is_file() and not os.environ.get(path.name):
                os.environ[path.name] = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"MOLVA_SECRETS_DIR cannot be read: {error}.") from error
