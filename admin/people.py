"""People as the operator sees them, their sessions and connections, and erasing an account for somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from accounts.avatars import discard_avatar
from admin.audit import AuditAction, Operator, record
from admin.services import AdminServices
from core.errors import NotFound, Unauthorized
from core.ids import canonical_id
from core.phones import normalise_phone
from db import account_deletion, bans, operator_views, sessions
from db.bans import BanRow
from db.operator_views import PersonRow
from db.pool import Tx
from db.sessions import DeviceRow, EndReason
from realtime import account_changes
from realtime.wire.context import OnlineConnection
from realtime.wire.effects import ConnectionEnded, SessionEnded

CLOSED_BY_OPERATOR: Final = "closed_by_operator"
"""Why a single connection was ended; its session goes on."""
FOUND_MAX: Final = 50
"""People who are found by a name."""


@dataclass(frozen=True, slots=True)
class PersonOverview:
    """A person, where they are signed in and connected, and the bans of their number."""

    person: PersonRow
    sessions: list[DeviceRow]
    connections: Sequence[OnlineConnection]
    bans: list[BanRow]


async def find_people(services: AdminServices, operator: Operator, query: str) -> list[PersonRow]:
    """The people whose ID, phone number (in any spelling) or username this is, or in whose name it is."""
    async with services.database.transaction() as tx:
        found = await _find(tx, query.strip(), region=services.chat.phone_region)
        await record(tx, operator, AuditAction.USERS_FOUND, after={"query": query, "found": len(found)})
    return found


async def _find(tx: Tx, query: str, *, region: str) -> list[PersonRow]:
    exact = await _find_exactly(tx, query, region=region)
    if exact is not None:
        return [exact]
    escaped = query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await operator_views.find_people_by_name(tx, f"%{escaped}%", FOUND_MAX)


async def _find_exactly(tx: Tx, query: str, *, region: str) -> PersonRow | None:
    try:
        return await operator_views.find_person(tx, canonical_id(query))
    except ValueError:
        pass  # no ID
    try:
        found = await operator_views.find_person_by_phone(tx, normalise_phone(query, region=region))
    except ValueError:
        found = None  # no phone number
    return found or await operator_views.find_person_by_username(tx, query.removeprefix("@"))


async def show_person(services: AdminServices, operator: Operator, user_id: str) -> PersonOverview:
    """One person. ``NotFound`` (``user_id``)."""
    async with services.database.transaction() as tx:
        person = await _existing(tx, user_id)
        devices = await sessions.list_sessions(tx, user_id)
        held = await bans.list_bans_of(tx, person.phone) if person.phone is not None else []
        await record(tx, operator, AuditAction.USER_SHOWN, f"user {user_id}")
    return PersonOverview(person, devices, services.chat.online.listeners_of(user_id), held)


async def _existing(tx: Tx, user_id: str) -> PersonRow:
    person = await operator_views.find_person(tx, user_id)
    if person is None:
        raise NotFound("user_id")
    return person


async def end_sessions(services: AdminServices, operator: Operator, user_id: str) -> list[str]:
    """Sign a person out everywhere; the IDs of the sessions that ended. ``NotFound`` (``user_id``)."""
    async with services.database.transaction() as tx:
        await _existing(tx, user_id)
        ended = await account_deletion.end_all_sessions(tx, user_id, EndReason.ENDED_BY_OPERATOR)
        await record(tx, operator, AuditAction.SESSIONS_ENDED, f"user {user_id}", after={"session_ids": ended})
    services.chat.delivery.deliver([SessionEnded(session_id, EndReason.ENDED_BY_OPERATOR) for session_id in ended])
    return ended


async def end_session(services: AdminServices, operator: Operator, user_id: str, session_id: str) -> None:
    """Sign one device of a person out. ``NotFound`` (``session_id``) if it is not theirs or has ended."""
    async with services.database.transaction() as tx:
        if not await sessions.end_session(tx, session_id, user_id, EndReason.ENDED_BY_OPERATOR):
            raise NotFound("session_id")
        await record(tx, operator, AuditAction.SESSIONS_ENDED, f"user {user_id}", after={"session_ids": [session_id]})
    services.chat.delivery.deliver([SessionEnded(session_id, EndReason.ENDED_BY_OPERATOR)])


async def end_connection(services: AdminServices, operator: Operator, user_id: str, connection_id: str) -> None:
    """Close one connection of a person, who may connect again. ``NotFound`` (``connection_id``) if it is not there."""
    online = services.chat.online.listeners_of(user_id)
    if connection_id not in {connection.connection_id for connection in online}:
        raise NotFound("connection_id")
    async with services.database.transaction() as tx:
        await record(tx, operator, AuditAction.CONNECTION_ENDED, f"user {user_id}", after={"connection_id": connection_id})
    services.chat.delivery.deliver([ConnectionEnded(connection_id, user_id, CLOSED_BY_OPERATOR)])


async def note_export(services: AdminServices, operator: Operator, user_id: str) -> None:
    """An operator exports everything of a person. ``NotFound`` (``user_id``), also of a deleted account."""
    async with services.database.transaction() as tx:
        if (await _existing(tx, user_id)).deleted_at is not None:
            raise NotFound("user_id")
        await record(tx, operator, AuditAction.USER_EXPORTED, f"user {user_id}")


async def erase_person(services: AdminServices, operator: Operator, user_id: str) -> None:
    """Delete an account for its owner, as ``DELETE /v1/me`` does. ``NotFound`` (``user_id``); twice is once."""
    async with services.database.transaction() as tx:
        person = await _existing(tx, user_id)
        # Before the deletion, so that no account is erased without a trace of who did it.
        await record(
            tx, operator, AuditAction.USER_ERASED, f"user {user_id}", before={"was_deleted": person.deleted_at is not None}
        )
    try:
        erased = await account_changes.delete_account(services.chat, user_id)
    except Unauthorized:
        return  # the account is deleted already
    await discard_avatar(services.database, services.accounts.objects, erased.avatar_id)
