"""The checker: a history and what was read back, against every promise. Pure: no sockets, no clock."""

from collections.abc import Callable, Iterator
from typing import Final

from tests.faults.checking import counts, deliveries, orders, stores
from tests.faults.checking.readback import ReadBack
from tests.faults.checking.violation import Violation
from tests.faults.history import History

Rule = Callable[[History, ReadBack], Iterator[Violation]]

RULES: Final[tuple[Rule, ...]] = (
    stores.sends_are_there,
    stores.edits_are_there,
    stores.deletions_are_there,
    stores.likes_are_there,
    stores.sends_are_there_once,
    stores.nothing_was_rolled_back,
    orders.seqs_have_no_holes,
    orders.everybody_sees_the_same,
    orders.connections_keep_their_order,
    deliveries.events_come_in_order,
    deliveries.events_come_once,
    deliveries.nothing_after_removal,
    counts.counts_are_right,
    counts.ways_to_read_agree,
)


def check(history: History, read_back: ReadBack) -> list[Violation]:
    """What was not kept."""
    return [violation for rule in RULES for violation in rule(history, read_back)]
