"""The scenarios: how many people connect, who sends how much, and which figures are shown.

To add a scenario, add an entry to :data:`SCENARIOS`; seeding, runs, table and plot follow from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Figure(StrEnum):
    """A figure that is shown; the value is its heading in the table."""

    STORED = "stored messages/s"
    ACKED = "acked sends/s"
    CPU_PER_DELIVERY = "server CPU s per 100,000 deliveries"
    CPU_PER_SEND = "server CPU s per 100,000 sends"
    DELIVERY_P50 = "delivery p50, ms"
    DELIVERY_P99 = "delivery p99, ms"
    CONNECTS = "connects/s"
    MEMORY = "kB per idle connection"

    @property
    def is_better_high(self) -> bool:
        """Whether a higher value is better."""
        return self in (Figure.STORED, Figure.ACKED, Figure.CONNECTS)


@dataclass(frozen=True, slots=True)
class Scenario:
    """``users`` connect, in rooms of ``room_size``; the first ``senders`` of each room send.

    Closed loop: each sender has ``in_flight`` messages under way, and sends the next when one is acked and delivered to
    the whole room. With ``rate`` (messages/s, all rooms together) the loop is open: messages are due when they are due,
    and a delay counts from then.
    """

    name: str
    title: str
    users: int
    room_size: int
    figures: tuple[Figure, ...]
    senders: int = 0
    in_flight: int = 1
    rate: int = 0
    hold_s: float = 0.0


_ROOM: Final = (Figure.STORED, Figure.CPU_PER_DELIVERY, Figure.DELIVERY_P50, Figure.DELIVERY_P99)

SCENARIOS: Final = (
    Scenario("room-10", "Room of 10", 10, 10, _ROOM, senders=10, in_flight=2),
    Scenario("room-100", "Room of 100", 100, 100, _ROOM, senders=20),
    Scenario("room-1000", "Room of 1,000", 1000, 1000, _ROOM, senders=20),
    Scenario("pairs", "500 chats of two", 1000, 2, (Figure.ACKED, Figure.CPU_PER_SEND, Figure.DELIVERY_P99), senders=2),
    Scenario(
        "paced", "Paced: 10,000 deliveries/s to a room of 100", 100, 100,
        (Figure.CPU_PER_DELIVERY, Figure.DELIVERY_P50, Figure.DELIVERY_P99), senders=20, in_flight=100, rate=100,
    ),
    Scenario("idle", "5,000 connect at once, then idle", 5000, 2, (Figure.CONNECTS, Figure.MEMORY), hold_s=3.0),
)  # fmt: skip

TINY: Final = (
    Scenario("room-10", "Room of 10", 10, 10, _ROOM, senders=2),
    Scenario("pairs", "4 chats of two", 8, 2, (Figure.ACKED, Figure.CPU_PER_SEND), senders=2),
    Scenario("paced", "Paced", 10, 10, (Figure.DELIVERY_P99,), senders=2, in_flight=20, rate=20),
    Scenario("idle", "20 connect", 20, 2, (Figure.CONNECTS, Figure.MEMORY), hold_s=0.1),
)
"""Small scenarios, to see that the benchmark works."""


def figures_of(scenario: Scenario, run: Mapping[str, Any]) -> dict[Figure, float]:
    """The figures of ``scenario``, from a report of the load generator."""
    seconds, deliveries, acks = run["seconds"], run["deliveries"], run["acks"]
    found = {
        Figure.STORED: _ratio(acks, seconds),
        Figure.ACKED: _ratio(acks, seconds),
        Figure.CPU_PER_DELIVERY: _ratio(run["server_cpu_s"] * 100_000, deliveries),
        Figure.CPU_PER_SEND: _ratio(run["server_cpu_s"] * 100_000, acks),
        Figure.DELIVERY_P50: run["delivery_p50_ms"],
        Figure.DELIVERY_P99: run["delivery_p99_ms"],
        Figure.CONNECTS: _ratio(run["connections"], run["connect_s"]),
        Figure.MEMORY: _ratio(run["rss_idle_kb"] - run["rss_before_kb"], run["connections"]),
    }
    return {figure: found[figure] for figure in scenario.figures}


def _ratio(amount: float, by: float) -> float:
    return amount / by if by else 0.0
