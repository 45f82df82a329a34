"""How many HTTP connections there may be: of one network address, and in this process.

WebSocket connections leave this count when they are handed over; the transport counts its own.
"""

from collections import Counter
from typing import Final

from core.errors import AppError, RateLimited, Unavailable

_RETRY_AFTER_S: Final = 1


class ConnectionCaps:
    """Counts what is open. With proxies in front, an address has as many as it has requests in progress."""

    def __init__(
        self, *, per_address_max: int | None = None, total_max: int | None = None, trusted_proxies: int = 0
    ) -> None:
        self.trusted_proxies = trusted_proxies
        self._per_address_max = per_address_max
        self._total_max = total_max
        self._total = 0
        self._of_address: Counter[str] = Counter()

    def open(self) -> AppError | None:
        """Count a connection; the refusal if there are too many. It is counted all the same, until :meth:`close`."""
        self._total += 1
        return Unavailable() if self._total_max is not None and self._total > self._total_max else None

    def close(self) -> None:
        """A counted connection has ended."""
        self._total -= 1

    def take(self, address: str) -> AppError | None:
        """Count a connection or a request of ``address``; the refusal, uncounted, if it has too many."""
        if self._per_address_max is not None and self._of_address[address] >= self._per_address_max:
            return RateLimited(_RETRY_AFTER_S)
        self._of_address[address] += 1
        return None

    def give_back(self, address: str) -> None:
        """What :meth:`take` counted has ended."""
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]
