"""How runs are told: a line when one is over, a table at the end."""

from collections.abc import Sequence
from typing import Final

from tests.faults.checking.violation import Kind
from tests.faults.run import Outcome

_SHOWN_MAX: Final = 8
_COLUMNS: Final = (
    ("lost", (Kind.LOST, Kind.ROLLED_BACK)),
    ("doubled", (Kind.DOUBLED,)),
    ("reordered", (Kind.REORDERED,)),
    ("leaked", (Kind.LEAKED,)),
    ("miscounted", (Kind.MISCOUNTED, Kind.MISSED)),
    ("other", (Kind.STALE, Kind.UNANSWERED, Kind.BROKEN)),
)


def verdict(outcome: Outcome) -> str:
    """One word."""
    if outcome.skipped is not None:
        return "skipped"
    return "BROKEN" if outcome.violations else "kept"


def details(outcome: Outcome) -> str:
    """What was not kept, and what is worth knowing, a line each."""
    lines = [f"    {violation}" for violation in outcome.violations[:_SHOWN_MAX]]
    if len(outcome.violations) > _SHOWN_MAX:
        lines.append(f"    … and {len(outcome.violations) - _SHOWN_MAX} more")
    lines += [f"    note: {note}" for note in dict.fromkeys(outcome.notes[:_SHOWN_MAX])]
    if outcome.skipped is not None:
        lines.append(f"    skipped: {outcome.skipped}")
    return "\n".join(lines)


def table(outcomes: Sequence[Outcome]) -> str:
    """The runs, one a row."""
    head = ["fault", "seed", "acked", *(name for name, _ in _COLUMNS), "slowest ack", "converged after", ""]
    rows = [head]
    for outcome in outcomes:
        counts = [str(outcome.count(*kinds)) for _, kinds in _COLUMNS]
        converged = "never" if outcome.converged_s is None else f"{outcome.converged_s:.1f} s"
        figures = [str(outcome.acked), *counts, f"{outcome.slowest_ack_s:.1f} s", converged]
        if outcome.skipped is not None:
            figures = ["-"] * len(figures)
        rows.append([outcome.fault, str(outcome.seed), *figures, verdict(outcome)])
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
