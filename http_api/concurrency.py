"""How much of something that costs may be under way at once: of one person, and of all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from core.errors import RateLimited, Unavailable

_RETRY_AFTER_S: Final = 1


class ConcurrencyLimit:
    """What is under way in this process, of one kind."""

    def __init__(self, *, of_one_max: int, of_all_max: int) -> None:
        self._of_one_max = of_one_max
        self._of_all_max = of_all_max
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def one_more(self, user_id: str) -> Iterator[None]:
        """While inside, one more is under way; ``RateLimited`` if the person has too many, ``Unavailable`` if all have."""
        if self._under_way[user_id] >= self._of_one_max:
            raise RateLimited(_RETRY_AFTER_S)
        if self._under_way.total() >= self._of_all_max:
            raise Unavailable
        self._under_way[user_id] += 1
        try:
            yield
        finally:
            self._under_way[user_id] -= 1
            if not self._under_way[user_id]:
                del self._under_way[user_id]
