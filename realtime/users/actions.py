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
    """Find people by their phone numbers or by a username. Exact matches only.

    Numbers are counted: 1,000 a day for each person, 500 in the first day of an account.
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
    """Hear nothing more from somebody.

    They cannot open a private chat with the caller, write to it, edit or like what is in it, add anybody to it or the
    caller to a group; they see neither typing, presence and read marks nor changes of the profile. They cannot tell: they
    get `peer_unavailable`, as from somebody who wants no messages or whose account was deleted.
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
    """Take a block back; without one nothing changes."""
    async with context.reading() as tx:
        await blocks.unblock_user(tx, context.user_id, payload.user_id)
    return Nothing()


@action("user:blocked", role=Role.USER, rate=Rate.READ)
async def list_blocked(context: Context, payload: NoPayload) -> BlockedUsers:  # noqa: ARG001  (it is empty)
    """Whom the caller has blocked, the latest first. They have no `last_seen_at`: a block hides it from both."""
    async with context.reading() as tx:
        rows = await blocks.list_blocked(tx, context.user_id)
    return BlockedUsers(users=[User.of(row) for row in rows])
