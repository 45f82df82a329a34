"""A promise that was not kept."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Which promise."""

    LOST = "lost"  # acked, and not there
    DOUBLED = "doubled"  # stored twice, or told twice on one connection
    REORDERED = "reordered"  # another order than was sent, than others see, or with holes
    LEAKED = "leaked"  # told to who was put out
    ROLLED_BACK = "rolled back"  # told or answered, and never committed
    MISCOUNTED = "miscounted"
    MISSED = "missed"  # two ways to read the same thing disagree
    STALE = "stale"  # a client did not converge in time
    UNANSWERED = "unanswered"  # no ack and no closed connection, or much too late
    BROKEN = "broken"  # what a fault itself saw, or a server that ended by itself


@dataclass(frozen=True)
class Violation:
    """One of them."""

    kind: Kind
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"
