"""Who may know whether somebody is online: whoever may know when they were last seen (``db.visibility``)."""

from dataclasses import dataclass

from db.pool import Tx
from db.query import query
from db.visibility import sees_last_seen


@dataclass(frozen=True, slots=True)
class WatchableRow:
    """Somebody who may be watched."""

    user_id: str
    last_seen_at: str | None


@dataclass(frozen=True, slots=True)
class EntitledRow:
    """Somebody who may know, and what there is to know."""

    watcher_id: str
    last_seen_at: str | None


@query(f"""
    -- Of these people, those whom the person may watch.
    SELECT u.id AS user_id, u.last_seen_at
      FROM users u
     WHERE u.id = ANY ($2::uuid[]) AND u.id <> $1 AND u.deleted_at IS NULL
       AND {sees_last_seen("u", "$1")}
     ORDER BY array_position($2::uuid[], u.id)
""")
async def list_watchable(tx: Tx, user_id: str, user_ids: list[str]) -> list[WatchableRow]: ...


@query(f"""
    -- Of these watchers, those who may still know of the person.
    SELECT w.id AS watcher_id, u.last_seen_at
      FROM users u, unnest($2::uuid[]) AS w (id)
     WHERE u.id = $1 AND u.deleted_at IS NULL AND {sees_last_seen("u", "w.id")}
""")
async def list_entitled(tx: Tx, user_id: str, watcher_ids: list[str]) -> list[EntitledRow]: ...
