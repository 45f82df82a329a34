"""Bans: keeping a person, a phone number or a range of addresses out.

What must stay true: when a ban is committed, no session of the person is left and none is opened afterwards; their
connections are closed at once. A ban of a person is one of their number, so that a new account with it is banned, too.
"""

from dataclasses import asdict, dataclass

from accounts.network_bans import parse_network
from admin.audit import AuditAction, Operator, record
from admin.services import AdminServices
from core.errors import NotFound, ValidationFailed
from core.ids import new_id
from core.phones import normalise_phone
from db import account_deletion, bans, operator_views
from db.bans import BanRow
from db.pool import Tx
from db.sessions import EndReason
from realtime.wire.effects import SessionEnded


@dataclass(frozen=True, slots=True)
class BanRequest:
    """Whom to ban: one of ``user_id``, ``phone`` (in any spelling) and ``network``. ``expires_at``: null for ever."""

    user_id: str | None = None
    phone: str | None = None
    network: str | None = None
    reason: str | None = None
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class _Number:
    """A phone number and the person who has it."""

    phone: str
    user_id: str | None


async def ban(services: AdminServices, operator: Operator, request: BanRequest) -> BanRow:
    """Ban somebody. ``ValidationFailed`` for what is no number and no network; ``NotFound`` (``user_id``)."""
    ended: list[str] = []
    async with services.database.transaction() as tx:
        number = await _number_of(tx, request, region=services.chat.phone_region)
        network = _network_of(request)
        if number is not None:
            await bans.lock_number(tx, number.phone)
            if number.user_id is not None:
                ended = await account_deletion.end_all_sessions(tx, number.user_id, EndReason.BANNED)
        row = await bans.insert_ban(
            tx,
            new_id(),
            number.phone if number is not None else None,
            number.user_id if number is not None else None,
            network,
            request.reason,
            operator.key.name,
            request.expires_at,
        )
        await record(tx, operator, AuditAction.BANNED, _target_of(row), after=asdict(row) | {"session_ids": ended})
    services.chat.delivery.deliver([SessionEnded(session_id, EndReason.BANNED) for session_id in ended])
    if network is not None:
        await services.network_bans.load(services.database)
    return row


async def _number_of(tx: Tx, request: BanRequest, *, region: str) -> _Number | None:
    if request.user_id is not None:
        person = await operator_views.find_person(tx, request.user_id)
        if person is None or person.phone is None:
            raise NotFound("user_id")
        return _Number(person.phone, person.id)
    if request.phone is None:
        return None
    try:
        phone = normalise_phone(request.phone, region=region)
    except ValueError as error:
        raise ValidationFailed.at("phone", str(error)) from None
    person = await operator_views.find_person_by_phone(tx, phone)
    return _Number(phone, person.id if person is not None else None)


def _network_of(request: BanRequest) -> str | None:
    if request.network is None:
        return None
    try:
        return str(parse_network(request.network))
    except ValueError:
        raise ValidationFailed.at("network", "must be an IP address or a range like 203.0.113.0/24") from None


def _target_of(row: BanRow) -> str:
    if row.network is not None:
        return f"network {row.network}"
    return f"user {row.user_id}" if row.user_id is not None else f"phone {row.phone}"


async def lift_ban(services: AdminServices, operator: Operator, ban_id: str) -> BanRow:
    """Lift a ban. Its sessions stay ended. ``NotFound`` (``ban_id``); a second time changes nothing."""
    async with services.database.transaction() as tx:
        row = await bans.lift_ban(tx, ban_id)
        if row is None:
            raise NotFound("ban_id")
        await record(tx, operator, AuditAction.BAN_LIFTED, _target_of(row), before={"ban_id": ban_id})
    if row.network is not None:
        await services.network_bans.load(services.database)
    return row


async def list_bans(
    services: AdminServices,
    operator: Operator,
    *,
    before: tuple[str | None, str | None],
    with_past: bool,
    limit: int,
) -> list[BanRow]:
    """A page of bans, newest first. ``before``: the time and the ID to go on from. ``with_past``: those that ended, too."""
    async with services.database.transaction() as tx:
        rows = await bans.list_bans(tx, *before, with_past, limit)
        await record(tx, operator, AuditAction.BANS_LISTED)
    return rows
