"""Who may know whether somebody is online: those who share a chat with them, unless one has blocked the other."""

from dataclasses import dataclass
from typing import Final

from db.pool import Tx
from db.query import query

_SHARE_A_CHAT: Final = """
    EXISTS (SELECT FROM members mine
              JOIN members theirs ON theirs.chat_id = mine.chat_id AND theirs.left_at IS NULL
             WHERE mine.user_id = {one} AND mine.left_at IS NULL AND theirs.user_id = {other})
    AND NOT EXISTS (SELECT FROM blocks b WHERE b.user_id = {one} AND b.blocked_id = {other})
    AND NOT EXISTS (SELECT FROM blocks b WHERE b.user_id = {other} AND b.blocked_id = {one})
"""


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
       AND {_SHARE_A_CHAT.format(one="$1", other="u.id")}
     ORDER BY array_position($2::uuid[], u.id)
""")
async def list_watchable(tx: Tx, user_id: str, user_ids: list[str]) -> list[WatchableRow]: ...


@query(f"""
    -- Of these watchers, those who may still know of the person.
    SELECT w.id AS watcher_id, u.last_seen_at
      FROM users u, unnest($2::uuid[]) AS w (id)
     WHERE u.id = $1 AND u.deleted_at IS NULL AND {_SHARE_A_CHAT.format(one="u.id", other="w.id")}
""")
async def list_entitled(tx: Tx, user_id: str, watcher_ids: list[str]) -> list[EntitledRow]: ...
