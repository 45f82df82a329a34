"""The record of one run: what clients asked, what they were answered, what they heard.

Devices write it; the checker reads it when the run is over. Times are those of ``time.monotonic``.
"""

import itertools
import time
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class Attempt:
    """One action on one connection. ``data`` or ``error``: its ack; ``lost``: it got none, and why."""

    device: str
    user_id: str
    connection: int
    action: str
    payload: Json
    asked_at: float
    answered_at: float | None = None
    data: Json | None = None
    error: str | None = None
    lost: str | None = None

    @property
    def seconds(self) -> float:
        """How long the ack took."""
        return 0.0 if self.answered_at is None else self.answered_at - self.asked_at


@dataclass(slots=True)
class Heard:
    """One event on one connection."""

    device: str
    user_id: str
    connection: int
    at: float
    event: str
    payload: Json


@dataclass
class History:
    """Everything that happened, in the order in which it did."""

    attempts: list[Attempt] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader of the table wants to know and no promise forbids."""
    broken: list[str] = field(default_factory=list)
    """What a fault itself saw and may not be."""
    _connections: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def new_connection(self) -> int:
        """The number of a connection that begins."""
        return next(self._connections)

    def ask(self, device: str, user_id: str, connection: int, action: str, payload: Json) -> Attempt:
        """An action leaves now."""
        attempt = Attempt(device, user_id, connection, action, payload, time.monotonic())
        self.attempts.append(attempt)
        return attempt

    def hear(self, device: str, user_id: str, connection: int, event: str, payload: Json) -> None:
        """An event arrives now."""
        self.heard.append(Heard(device, user_id, connection, time.monotonic(), event, payload))

    def acked(self, action: str) -> list[Attempt]:
        """The attempts of ``action`` that got their data."""
        return [one for one in self.attempts if one.action == action and one.data is not None]
