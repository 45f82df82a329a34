"""The PIN: a second factor that whoever sets one needs at every sign-in, beside the code.

What must stay true: a try is counted, and committed, before it is compared; a code is not used up before the PIN is right;
a forgotten PIN lapses as ``db.pins`` says.
"""

from accounts.services import AccountServices
from core.errors import ErrorCode, RateLimited, Unauthorized
from db import pins
from db.pins import PinRow

_WRONG_PIN = "The PIN is not right."


async def set_pin(services: AccountServices, user_id: str, pin: str) -> None:
    """Give somebody a PIN, or another one. ``Unauthorized`` (``session_revoked``) if the account is gone."""
    pin_hash = await services.pin_hashes.of(pin)
    async with services.database.reading() as tx:
        if not await pins.set_pin(tx, user_id, pin_hash):
            raise Unauthorized(ErrorCode.SESSION_REVOKED)


async def remove_pin(services: AccountServices, user_id: str) -> None:
    """Take somebody's PIN away, if there is one."""
    async with services.database.reading() as tx:
        await pins.delete_pin(tx, user_id)


async def check_pin(services: AccountServices, row: PinRow, pin: str) -> None:
    """``Unauthorized`` for a wrong PIN, ``RateLimited`` after too many of them. No transaction may be open."""
    async with services.database.reading() as tx:
        if not await pins.count_try(tx, row.user_id, row.pin_hash):
            raise RateLimited(row.locked_for_s or pins.LOCK_DAYS * 86_400)
    if not await services.pin_hashes.is_right(pin, row.pin_hash):
        raise Unauthorized(message=_WRONG_PIN, why="PIN")
