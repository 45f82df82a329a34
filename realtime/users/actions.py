"""``user:*``: finding people."""

from typing import Final

from core.conflicts import ConflictReason
from core.errors import Conflict, NotFound, ValidationFailed
from core.phones import normalise_phone
from db import blocks, users
from db.users import UserRow
from realtime.model.lookup_budget import count_look_ups
from realtime.model.objects import User
from realtime.model.refusals import refuse_yourself
from realtime.users.payloads import BlockedUsers, FoundUser, UserFind, UserNamed, UsersFound
from realtime.wire.context import Context
from realtime.wire.fields import NoPayload, Nothing
from realtime.wire.registry import Rate, Role, action

_BLOCKED_MAX: Final = 1_000
"""People whom one can block: ``user:blocked`` lists them all."""


@action("user:find", role=Role.USER, rate=Rate.LOOK_UP)
async def find_users(context: Context, payload: UserFind) -> UsersFound:
    """Find people by phone numbers or by username. Only exact matches are returned.

    A person may look up 1,000 phone numbers a day, and 500 on the first day of their account.
    """
    async with context.reading() as tx:
        if payload.username is not None:
            row = await users.find_user_by_username(tx, payload.username, context.user_id)
            return UsersFound(users=[_found(row, None)] if row else [])
        asked = _normalised(payload.phones or [], context.services.phone_region)
        await count_look_ups(context, tx, len(asked))
        rows = await users.find_users_by_phones(tx, list(asked), context.user_id)
    return UsersFound(users=[_found(row.user, asked[row.phone]) for row in rows])


def _found(row: UserRow, phone: str | None) -> FoundUser:
    return FoundUser(**User.of(row).model_dump(), phone=phone)


def _normalised(phones: list[str], region: str) -> dict[str, str]:
    """E.164 → the spelling that was asked for."""
    asked: dict[str, str] = {}
    for place, phone in enumerate(phones):
        try:
            asked.setdefault(normalise_phone(phone, region=region), phone)
        except ValueError as error:
            raise ValidationFailed.at(f"phones.{place}", str(error)) from None
    return asked


@action(
    "user:block",
    role=Role.USER,
    rate=Rate.WRITE,
    finds=True,
    conflicts=(ConflictReason.WITH_YOURSELF, ConflictReason.BLOCK_LIMIT),
)
async def block_user(context: Context, payload: UserNamed) -> Nothing:
    """Block a person.

    A blocked person cannot create a private chat with the caller, send messages to an existing one, edit or like messages
    in it, or add anybody to it. They cannot add the caller to a group, and they see neither typing, presence and read marks
    of the caller nor changes of the profile. They are not told about the block: ``peer_unavailable`` is also the answer for
    a person who wants no messages, and for a deleted account.
    """
    refuse_yourself(context.user_id, payload.user_id)
    async with context.reading() as tx:
        if await blocks.has_blocked(tx, context.user_id, payload.user_id):
            return Nothing()
        if await users.find_user_for(tx, payload.user_id, context.user_id) is None:
            raise NotFound("user_id")
        if await blocks.count_blocked(tx, context.user_id) >= _BLOCKED_MAX:
            raise Conflict(ConflictReason.BLOCK_LIMIT)
        await blocks.block_user(tx, context.user_id, payload.user_id)
    return Nothing()


@action("user:unblock", role=Role.USER, rate=Rate.WRITE)
async def unblock_user(context: Context, payload: UserNamed) -> Nothing:
    """Unblock a person. If they are not blocked, nothing changes."""
    async with context.reading() as tx:
        await blocks.unblock_user(tx, context.user_id, payload.user_id)
    return Nothing()


@action("user:blocked", role=Role.USER, rate=Rate.READ)
async def list_blocked(context: Context, payload: NoPayload) -> BlockedUsers:  # noqa: ARG001  (it is empty)
    """List the people whom the caller has blocked, the latest block first.

    Their `last_seen_at` is null: a block hides presence in both directions.
    """
    async with context.reading() as tx:
        rows = await blocks.list_blocked(tx, context.user_id)
    return BlockedUsers(users=[User.of(row) for row in rows])
