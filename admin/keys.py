"""Keys of operators: made and revoked on the command line, checked at every call.

A key is 256 random bits, so its SHA-256 is kept as it is: nobody can try them all. It is shown once.
"""

import hashlib
import secrets
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from core.errors import Forbidden, StartupError, Unauthorized
from core.ids import new_id
from db import api_keys
from db.api_keys import KeyRow
from db.pool import Database

PREFIX: Final = "mk_"
_KEY_BYTES: Final = 32
_KEY_CHARS_MAX: Final = 100
_SCOPE_MISSING: Final = "This key does not have the scope that the call needs."


class Scope(StrEnum):
    """What a key may be used for."""

    ADMIN = "admin"


async def make_key(database: Database, name: str, scopes: Sequence[Scope]) -> str:
    """A new key. ``StartupError`` if a key that works has the name."""
    key = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    async with database.transaction() as tx:
        await api_keys.insert_key(tx, new_id(), name, [scope.value for scope in scopes], _hash(key))
    return key


async def list_keys(database: Database) -> list[KeyRow]:
    """Every key, without the keys themselves; the newest first."""
    async with database.reading() as tx:
        return await api_keys.list_keys(tx)


async def revoke_key(database: Database, name: str) -> None:
    """The key of this name stops working at once. ``StartupError`` if there is none."""
    async with database.reading() as tx:
        if not await api_keys.revoke_key(tx, name):
            raise StartupError(f"There is no key named {name} that works.")


async def check_key(database: Database, key: str, scope: Scope) -> KeyRow:
    """The key that somebody calls with. ``Unauthorized`` if it does not work; ``Forbidden`` if it is for something else."""
    if not key.startswith(PREFIX) or len(key) > _KEY_CHARS_MAX:
        raise Unauthorized(message="The key is not valid.")
    async with database.reading() as tx:
        row = await api_keys.find_key(tx, _hash(key))
        if row is None:
            raise Unauthorized(message="The key is not valid.")
        await api_keys.note_used(tx, row.id)
    if scope.value not in row.scopes:
        raise Forbidden(_SCOPE_MISSING)
    return row


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()
