"""Daily budgets: how much one person may do in a day (UTC) of what costs others.

Counted in PostgreSQL, so they hold for all processes together. Accounts under a day old have a share of them.

To add a kind: a setting, and its name in :meth:`DailyBudgets.__init__`.
"""

from typing import Final

from core.clock import now_unix_s
from core.errors import RateLimited
from core.settings import Settings
from db import daily_budgets
from db.pool import Tx

_DAY_S: Final = 86_400


class DailyBudgets:
    """The budgets that the settings give; ``None`` instead of one turns them off, for load tests."""

    def __init__(self, settings: Settings) -> None:
        self._first_day_percent = settings.limits_first_day_percent
        self._day_max = {
            "private_chats": settings.limits_private_chats_per_day,
            "groups": settings.limits_groups_per_day,
            "strangers": settings.limits_strangers_added_per_day,
            "files": settings.limits_files_per_day,
            "file_bytes": settings.limits_file_bytes_per_day,
        }

    async def spend(self, tx: Tx, user_id: str, **amounts: int) -> None:
        """Count so much of each kind; ``RateLimited`` until midnight (UTC) if it is too much for a day.

        ``tx`` must be a transaction: a refusal undoes what was counted before it.
        """
        for kind, amount in sorted(amounts.items()):  # always in this order, so that two never wait for each other
            if not amount:
                continue
            used = await daily_budgets.spend(tx, user_id, kind, amount, self._day_max[kind], self._first_day_percent)
            if used is None:
                raise RateLimited(_DAY_S - now_unix_s() % _DAY_S)

    async def correct(self, tx: Tx, user_id: str, **amounts: int) -> None:
        """Add to what was counted, or take away from it, whatever the budget says."""
        for kind, amount in sorted(amounts.items()):
            if amount:
                await daily_budgets.correct(tx, user_id, kind, amount)


def budgets_of(settings: Settings) -> DailyBudgets | None:
    """The budgets; none when limits are off."""
    return DailyBudgets(settings) if settings.rate_limits == "on" else None
