"""What the operator tells everybody."""

from dataclasses import dataclass

from db.pool import Tx
from db.query import query


@dataclass(frozen=True, slots=True)
class AnnouncementRow:
    """An announcement. ``level``: ``info``, ``warning`` or ``critical``."""

    id: str
    text: str
    level: str
    until: str
    created_at: str


@query("""
    -- A new announcement.
    INSERT INTO announcements (id, text, level, until) VALUES ($1, $2, $3, $4) RETURNING id, text, level, until, created_at
""")
async def insert_announcement(tx: Tx, announcement_id: str, text: str, level: str, until: str) -> AnnouncementRow: ...


@query("""
    -- Those that have not ended, the oldest first.
    SELECT id, text, level, until, created_at FROM announcements WHERE until > wire_now() ORDER BY created_at, id
""")
async def list_announcements(tx: Tx) -> list[AnnouncementRow]: ...


@query("""
    -- An announcement ends now; null if there is none, or it has ended.
    UPDATE announcements SET until = wire_now() WHERE id = $1 AND until > wire_now()
    RETURNING id, text, level, until, created_at
""")
async def end_announcement(tx: Tx, announcement_id: str) -> AnnouncementRow | None: ...
