"""The public profiles of those who send, in memory: so ``message:created`` holds its sender without a statement of its own.

A profile is JSON here, as it goes into the event. What must stay true: a profile is replaced in the turn in which its
change is delivered (``ProfileChanged``), so no message that is delivered later has an older one; a read that was under way
at that moment does not bring the older one back. A profile is used for ``FRESH_S`` at the most: whatever happened to an
announcement, nobody is shown an old name for longer.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Final

from db import users
from db.pool import Tx
from realtime.model.objects import User

FRESH_S: Final = 60.0
"""How long a profile is used before it is read again."""
KEPT_MAX: Final = 10_000
"""Profiles in memory; the one that was read first goes first."""


class SenderProfiles:
    """The profiles of those who sent lately in this process."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, float]] = {}
        """User ID → the profile, and until when it is used (monotonic)."""

    def replace(self, user_id: str, profile: bytes) -> None:
        """The person has another profile: a committed change is being delivered."""
        self._keep(user_id, profile, time.monotonic() + FRESH_S)

    def latest(self, user_id: str, loaded: Mapping[str, bytes]) -> bytes:
        """The person's profile: the newest known, which may be newer than what was ``loaded`` for this message."""
        kept = self._kept.get(user_id)
        return loaded[user_id] if kept is None else kept[0]

    async def load(self, tx: Tx, user_ids: Iterable[str]) -> tuple[dict[str, bytes], set[str]]:
        """The profiles of these people, and for whom they had to be read: one statement, and mostly none."""
        now = time.monotonic()
        loaded: dict[str, bytes] = {}
        missing: set[str] = set()
        for user_id in user_ids:
            kept = self._kept.get(user_id)
            if kept is not None and kept[1] > now:
                loaded[user_id] = kept[0]
            else:
                missing.add(user_id)
        if missing:
            before = {user_id: self._kept.get(user_id) for user_id in missing}
            for row in await users.list_public_profiles(tx, sorted(missing)):
                loaded[row.id] = User.of(row).encode()
                if self._kept.get(row.id) is before[row.id]:  # otherwise it was replaced meanwhile, by a newer one
                    self._keep(row.id, loaded[row.id], now + FRESH_S)
        return loaded, missing

    def _keep(self, user_id: str, profile: bytes, until: float) -> None:
        self._kept.pop(user_id, None)  # so that it goes to the end
        self._kept[user_id] = (profile, until)
        if len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]
