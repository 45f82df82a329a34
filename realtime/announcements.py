"""What the operator announces to everybody: kept here for whoever connects, sent to whoever is online."""

from core.clock import now_wire
from db import announcements
from db.announcements import AnnouncementRow
from db.pool import Database
from realtime.sessions.payloads import SERVER_ANNOUNCEMENT, Announcement
from realtime.wire.changes import Delivery
from realtime.wire.effects import Emit, Everyone


class Announcements:
    """The announcements that have not ended, as this process knows them."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._current: dict[str, Announcement] = {}
        """By ID."""

    async def load(self, database: Database) -> None:
        """Read those of the database."""
        async with database.reading() as tx:
            rows = await announcements.list_announcements(tx)
        self._current = {row.id: Announcement.model_validate(row) for row in rows}

    @property
    def current(self) -> list[Announcement]:
        """Those that have not ended, the oldest first."""
        if not self._current:
            return []
        now = now_wire()
        self._current = {key: one for key, one in self._current.items() if one.until > now}
        return list(self._current.values())

    def tell(self, row: AnnouncementRow) -> None:
        """An announcement was made, or taken back: tell everybody who is online."""
        announcement = Announcement.model_validate(row)
        self._current[row.id] = announcement
        self._delivery.deliver([Emit(SERVER_ANNOUNCEMENT, announcement, Everyone())])
