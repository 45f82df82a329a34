"""What opening chats and adding people costs of the caller's daily budgets."""

from db import members
from db.pool import Tx
from realtime.wire.context import Context


async def count_opened(context: Context, tx: Tx, kind: str) -> None:
    """The caller opened one of ``private_chats`` or ``groups``. ``RateLimited`` if that is too many for a day."""
    if context.services.budgets is not None:
        await context.services.budgets.spend(tx, context.user_id, **{kind: 1})


async def count_strangers(context: Context, tx: Tx, user_ids: list[str]) -> None:
    """The caller is about to add these people. Those with whom the caller shares no chat yet count."""
    if context.services.budgets is not None and user_ids:
        strangers = await members.count_strangers(tx, user_ids, context.user_id)
        await context.services.budgets.spend(tx, context.user_id, strangers=strangers)
