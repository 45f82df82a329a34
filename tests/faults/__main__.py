"""``python -m tests.faults``: break things, and say what held. Ends with status 1 if a promise was not kept.

A run's choices (who says what, when a fault strikes, which two strike at once) come from its seed: the same fault, seed and
length choose the same again. What the machine does meanwhile is its own.
"""

import argparse
import asyncio
import sys
from typing import Final

from tests.faults.checking.violation import Violation
from tests.faults.nemesis import FAULTS
from tests.faults.planted import BUGS, Bug
from tests.faults.run import Outcome, run_fault
from tests.faults.staging.workplace import Workplace, workplace
from tests.faults.table import details, markdown, table, verdict

_SECONDS: Final = 4.0
_RATE: Final = 4.0
_TRIES_MAX: Final = 10


def main() -> int:
    """The exit status."""
    options = _parser().parse_args()
    if options.list:
        for fault in FAULTS.values():
            print(f"{fault.kind:10} {fault.name:20} {fault.summary}")
        for bug in BUGS.values():
            print(f"{'planted':10} {bug.name:20} {bug.summary}")
        return 0
    with workplace() as place:
        return asyncio.run(_main(place, options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make faults ARGS=…", description="Break things, and say what held.")
    parser.add_argument("--fault", action="append", choices=sorted(FAULTS), help="this one; may be repeated (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default: 1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, each a run (default: 1)")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="how long a fault lasts (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=_RATE, help="actions a second of each device (default: %(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print the table as docs/reliability.md has it")
    parser.add_argument("--list", action="store_true", help="list faults and planted bugs")
    parser.add_argument("--planted", action="store_true", help="plant each bug: is it caught within ten runs?")
    parser.add_argument("--bug", action="append", choices=sorted(BUGS), help="with --planted: this one; may be repeated")
    return parser


async def _main(place: Workplace, options: argparse.Namespace) -> int:
    await place.prepare()
    if options.planted:
        return await _try_planted(place, options)
    outcomes: list[Outcome] = []
    for name in options.fault or FAULTS:
        for seed in range(options.seed, options.seed + options.seeds):
            outcome = await run_fault(place, FAULTS[name], seed, seconds=options.seconds, rate=options.rate)
            outcomes.append(outcome)
            print(f"{name}, seed {seed}: {verdict(outcome)} ({outcome.took_s:.0f} s)", flush=True)
            if details(outcome):
                print(details(outcome), flush=True)
    summaries = {fault.name: fault.summary for fault in FAULTS.values()}
    print(f"\n{markdown(outcomes, summaries) if options.markdown else table(outcomes)}\n")
    broken = sum(bool(outcome.violations) for outcome in outcomes)
    acked = sum(outcome.acked for outcome in outcomes)
    skipped = sum(outcome.skipped is not None for outcome in outcomes)
    print(f"{len(outcomes)} runs, {skipped} skipped, {acked} acked messages, {broken} runs in which a promise was broken")
    return 1 if broken else 0


async def _try_planted(place: Workplace, options: argparse.Namespace) -> int:
    names = options.bug or list(BUGS)
    caught = 0
    for name in names:
        found = await _catch(place, BUGS[name], options)
        caught += found is not None
        print(f"{name:20} {'caught ' + found if found else 'NOT CAUGHT'}", flush=True)
    print(f"\n{caught}/{len(names)} planted bugs caught")
    return 0 if caught == len(names) else 1


async def _catch(place: Workplace, bug: Bug, options: argparse.Namespace) -> str | None:
    """In which run the checker said what this bug breaks, and its words."""
    for seed in range(options.seed, options.seed + _TRIES_MAX):
        outcome = await run_fault(
            place, FAULTS[bug.fault], seed, seconds=options.seconds, rate=options.rate, planted=bug.name
        )
        if not outcome.acked:  # the bug fits the product no more, or the machine does nothing
            print(details(outcome), flush=True)
            return None
        named: list[Violation] = [violation for violation in outcome.violations if violation.kind in bug.breaks]
        if named:
            return f"in run {seed - options.seed + 1} of {_TRIES_MAX} ({bug.fault}, seed {seed}): {named[0]}"
    return None


if __name__ == "__main__":
    sys.exit(main())
