"""Argon2id hashes of PINs, with bounded memory and time.

What must stay true: a hash is computed in a thread, never on the event loop; at most :data:`AT_ONCE_MAX` at once, because
each takes :data:`MEMORY_KIB`; whoever waits longer than :data:`WAIT_S` for a turn is told ``unavailable``.
"""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from core.errors import Unavailable

MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
"""With one lane: the least that OWASP's Password Storage Cheat Sheet names for Argon2id."""
AT_ONCE_MAX: Final = 2
WAIT_S: Final = 5.0


class PinHashes:
    """Makes and checks the hashes that are stored of PINs."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=MEMORY_KIB, parallelism=1)
        self._slots = asyncio.Semaphore(AT_ONCE_MAX)

    async def of(self, pin: str) -> str:
        """The hash of ``pin``, with a salt of its own."""
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, _composed(pin))

    async def is_right(self, pin: str, pin_hash: str) -> bool:
        """Whether ``pin_hash`` was made of ``pin``."""
        async with self._turn():
            try:
                return await asyncio.to_thread(self._hasher.verify, pin_hash, _composed(pin))
            except VerifyMismatchError:
                return False

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable from None
        try:
            yield
        finally:
            self._slots.release()


def _composed(pin: str) -> str:
    """The same text, however a keyboard composes its letters."""
    return unicodedata.normalize("NFC", pin)
