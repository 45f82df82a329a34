"""One run: a stage, people who talk, a fault in the middle, and the check of everything afterwards."""

import asyncio
import time
import traceback
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.faults.checking.checker import check
from tests.faults.checking.convergence import PROMISED_S, Convergence, await_convergence
from tests.faults.checking.observer import NoAnswer, Observer
from tests.faults.checking.readback import read_back
from tests.faults.checking.violation import Kind, Violation
from tests.faults.history import History
from tests.faults.nemesis import Fault, Skipped
from tests.faults.people.account import Account
from tests.faults.people.workload import Workload, sign_in_chat_users
from tests.faults.staging.stage import Stage, set_stage
from tests.faults.staging.workplace import Workplace

_BEFORE_S: Final = 1.0
_AFTER_S: Final = 0.3
"""How long people go on talking when the fault is over, so that something happens after it."""
_FAULT_S_MAX: Final = 120.0
"""A fault that takes so much longer than it was told to is a defect of the harness."""
_SHOWN_MAX: Final = 5


@dataclass
class Outcome:
    """What became of one run."""

    fault: str
    seed: int
    acked: int = 0
    """Sends that were acked."""
    slowest_ack_s: float = 0.0
    converged_s: float | None = None
    violations: list[Violation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str | None = None
    took_s: float = 0.0

    def count(self, *kinds: Kind) -> int:
        """Violations of these kinds."""
        return sum(violation.kind in kinds for violation in self.violations)


async def run_fault(
    workplace: Workplace, fault: Fault, seed: int, *, seconds: float, rate: float, planted: str | None = None
) -> Outcome:
    """The whole of it. What the harness itself could not do is a violation, too."""
    outcome = Outcome(fault.name, seed)
    began = time.monotonic()
    try:
        with workplace.folder(fault.database, mount_bytes=fault.mount_bytes) as work:
            history, rng = History(), Random(f"{fault.name} {seed}")
            async with set_stage(
                work, fault.database, history, Random(rng.random()), seconds=seconds, planted=planted,
                environment=fault.environment(work),
            ) as stage:  # fmt: skip
                await _play(stage, fault, outcome, rng, rate)
    except Skipped as reason:
        outcome.skipped = str(reason)
    except Exception as problem:  # one run that fails ends no other
        outcome.violations.append(Violation(Kind.BROKEN, f"the run: {type(problem).__name__}: {problem}"))
        outcome.notes.append(traceback.format_exc(limit=-3))
    outcome.took_s = time.monotonic() - began
    return outcome


async def _play(stage: Stage, fault: Fault, outcome: Outcome, rng: Random, rate: float) -> None:
    history = stage.history
    stage.chat_users = await sign_in_chat_users(stage.http, stage.address, history, Random(rng.random()), fault.patience_s)
    observers = await _observers(stage)
    workload = Workload(stage.chat_users, Random(rng.random()), rate=rate)
    try:
        workload.start()
        await asyncio.sleep(_BEFORE_S)  # the conversation is under way when the fault comes
        try:
            async with asyncio.timeout(_FAULT_S_MAX + stage.seconds):
                await fault.body(stage)
        except Exception as problem:  # what was promised is checked all the same
            history.broken.append(f"the fault itself: {type(problem).__name__}: {problem}")
            outcome.notes.append(traceback.format_exc(limit=-2))
        ended_at = time.monotonic()
        await asyncio.sleep(_AFTER_S)  # what is written right after the fault is checked, too
        workload.stop()
        converged = await await_convergence(stage.chat_users, workload, observers, ended_at)
        await workload.close()
        outcome.converged_s = converged.after_s
        outcome.violations += _promptness(history, fault, converged)
        try:
            outcome.violations += check(history, await read_back(observers, Random(rng.random())))
        except NoAnswer as problem:
            outcome.violations.append(Violation(Kind.BROKEN, f"nothing could be read back: {problem}"))
    finally:
        await workload.close()
        await asyncio.gather(*(device.stop() for device in stage.chat_users.devices))
    outcome.violations += [Violation(Kind.BROKEN, what) for what in history.broken]
    if stage.server.unasked_ends:
        outcome.violations.append(Violation(Kind.BROKEN, f"the server ended by itself: {stage.server.unasked_ends}"))
    outcome.acked = len(history.acked("message:send"))
    outcome.slowest_ack_s = max((one.seconds for one in history.attempts), default=0.0)
    outcome.notes += history.notes


async def _observers(stage: Stage) -> list[Observer]:
    """One for each person, each with a login session of its own, so that they do not depend on what devices hold."""
    accounts = [Account(stage.http, device.account.phone) for device in stage.chat_users.first_devices()]
    await asyncio.gather(*(account.sign_in_at_last() for account in accounts))
    return [Observer(stage.http, account) for account in accounts]


def _promptness(history: History, fault: Fault, converged: Convergence) -> list[Violation]:
    found = []
    if converged.after_s is None:
        found += [Violation(Kind.STALE, f"for ever: {what}") for what in converged.differences[:_SHOWN_MAX]]
    elif converged.after_s > PROMISED_S:
        found += [
            Violation(Kind.STALE, f"for {converged.after_s:.1f} s: {what}") for what in converged.at_promise[:_SHOWN_MAX]
        ]
    # Where a client gives up early (its network loses bytes), silence is the fault's, not the server's.
    if fault.answers_within_s is not None or fault.patience_s > PROMISED_S:
        for one in history.attempts:
            if one.lost == "silence":
                found.append(Violation(Kind.UNANSWERED, f"{one.device}'s {one.action}: no ack and no closed connection"))
    if fault.answers_within_s is not None:
        for one in history.attempts:
            if one.seconds > fault.answers_within_s:
                found.append(Violation(Kind.UNANSWERED, f"{one.device}'s {one.action} took {one.seconds:.1f} s"))
    return found
