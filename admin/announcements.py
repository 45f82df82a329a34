"""What the operator announces to everybody, and takes back."""

from dataclasses import asdict

from admin.audit import AuditAction, Operator, record
from admin.services import AdminServices
from core.errors import NotFound
from core.ids import new_id
from db import announcements
from db.announcements import AnnouncementRow


async def announce(services: AdminServices, operator: Operator, *, text: str, level: str, until: str) -> AnnouncementRow:
    """Tell everybody who is online, and who connects before ``until``."""
    async with services.database.transaction() as tx:
        row = await announcements.insert_announcement(tx, new_id(), text, level, until)
        await record(tx, operator, AuditAction.ANNOUNCED, f"announcement {row.id}", after=asdict(row))
    services.announcements.tell(row)
    return row


async def end_announcement(services: AdminServices, operator: Operator, announcement_id: str) -> None:
    """Take an announcement back. ``NotFound`` (``announcement_id``) if there is none, or it has ended."""
    async with services.database.transaction() as tx:
        row = await announcements.end_announcement(tx, announcement_id)
        if row is None:
            raise NotFound("announcement_id")
        await record(tx, operator, AuditAction.ANNOUNCEMENT_ENDED, f"announcement {announcement_id}")
    services.announcements.tell(row)


async def list_announcements(services: AdminServices, operator: Operator) -> list[AnnouncementRow]:
    """Those that have not ended, the oldest first."""
    async with services.database.transaction() as tx:
        rows = await announcements.list_announcements(tx)
        await record(tx, operator, AuditAction.ANNOUNCEMENTS_LISTED)
    return rows
