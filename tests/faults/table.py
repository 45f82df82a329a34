"""How runs are told: a line when one is over, a table at the end."""

from collections.abc import Mapping, Sequence
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


def _rows(outcomes: Sequence[Outcome]) -> list[list[str]]:
    rows = [["fault", "seed", "acked", *(name for name, _ in _COLUMNS), "slowest ack", "converged after", ""]]
    for outcome in outcomes:
        counts = [str(outcome.count(*kinds)) for _, kinds in _COLUMNS]
        converged = "never" if outcome.converged_s is None else f"{outcome.converged_s:.1f} s"
        figures = [str(outcome.acked), *counts, f"{outcome.slowest_ack_s:.1f} s", converged]
        if outcome.skipped is not None:
            figures = ["-"] * len(figures)
        rows.append([outcome.fault, str(outcome.seed), *figures, verdict(outcome)])
    return rows


def table(outcomes: Sequence[Outcome]) -> str:
    """The runs, one a row."""
    rows = _rows(outcomes)
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def markdown(outcomes: Sequence[Outcome], summaries: Mapping[str, str]) -> str:
    """The faults, one a row, each with the sums and the worst of its runs; for ``docs/reliability.md``."""
    counted = [name for name, _ in _COLUMNS[:4]]
    head = ["fault", "what happens", "runs", "acked", *counted, "slowest ack", "converged after", "verdict"]
    lines = [f"| {' | '.join(head)} |", f"| --- | --- | {'--: | ' * 8}--- |"]
    for name in dict.fromkeys(outcome.fault for outcome in outcomes):
        runs = [outcome for outcome in outcomes if outcome.fault == name and outcome.skipped is None]
        if not runs:
            lines.append(f"| `{name}` | {summaries[name]} | 0 | | | | | | | | skipped |")
            continue
        counts = [sum(run.count(*kinds) for run in runs) for _, kinds in _COLUMNS[:4]]
        times = [run.converged_s for run in runs]
        slowest = max((time for time in times if time is not None), default=0.0)
        slowest_ack_s = max(run.slowest_ack_s for run in runs)
        converged = "never" if None in times else f"{slowest:.1f} s"
        is_broken = any(run.violations for run in runs)
        cells = [f"`{name}`", summaries[name], len(runs), sum(run.acked for run in runs), *counts]
        cells += [f"{slowest_ack_s:.1f} s", converged, "BROKEN" if is_broken else "kept"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
