"""Limits on how many expensive requests are in progress at once: for each person, and in all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from core.errors import RateLimited, Unavailable

_RETRY_AFTER_S: Final = 1


class ConcurrencyLimit:
    """The requests of one kind that are in progress in this process."""

    def __init__(self, *, per_user_max: int, total_max: int) -> None:
        self._per_user_max = per_user_max
        self._total_max = total_max
        self._in_progress: Counter[str] = Counter()

    @contextmanager
    def slot(self, user_id: str) -> Iterator[None]:
        """Take a slot while inside. ``RateLimited`` if the person has too many, ``Unavailable`` if none is free."""
        if self._in_progress[user_id] >= self._per_user_max:
            raise RateLimited(_RETRY_AFTER_S)
        if self._in_progress.total() >= self._total_max:
            raise Unavailable
        self._in_progress[user_id] += 1
        try:
            yield
        finally:
            self._in_progress[user_id] -= 1
            if not self._in_progress[user_id]:
                del self._in_progress[user_id]
