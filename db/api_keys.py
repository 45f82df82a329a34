"""Keys of programs and operators: what a key may do, and whether it still works."""

from dataclasses import dataclass

from core.errors import StartupError
from db.pool import Tx, constraint_means
from db.query import Affected, query

constraint_means(
    "api_keys_name_key", lambda: StartupError("There is a key with this name. Revoke it first, or take another.")
)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key, without the key itself."""

    id: str
    name: str
    scopes: list[str]
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


_KEY = "id, name, scopes, created_at, last_used_at, revoked_at"


@query("""
    -- A new key.
    INSERT INTO api_keys (id, name, scopes, key_hash) VALUES ($1, $2, $3, $4)
""")
async def insert_key(tx: Tx, key_id: str, name: str, scopes: list[str], key_hash: bytes) -> None: ...


@query(f"""
    -- The key with this hash, if it works.
    SELECT {_KEY} FROM api_keys WHERE key_hash = $1 AND revoked_at IS NULL
""")
async def find_key(tx: Tx, key_hash: bytes) -> KeyRow | None: ...


@query("""
    -- A key was used. Written once a minute, so that reading calls write little.
    UPDATE api_keys SET last_used_at = wire_now()
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < wire_now() - interval '1 minute')
""")
async def note_used(tx: Tx, key_id: str) -> None: ...


@query(f"""
    -- Every key, the newest first.
    SELECT {_KEY} FROM api_keys ORDER BY created_at DESC, id DESC
""")
async def list_keys(tx: Tx) -> list[KeyRow]: ...


@query("""
    -- A key stops working: the one of this name.
    UPDATE api_keys SET revoked_at = wire_now() WHERE lower(name) = lower($1) AND revoked_at IS NULL
""")
async def revoke_key(tx: Tx, name: str) -> Affected: ...
