"""Several faults in one run."""

import asyncio

from tests.faults.nemesis.fault import FAULTS, fault
from tests.faults.staging.stage import Stage

_IN_A_ROW = ("net_answers_lost", "terminate_backends", "kill_backend", "db_reset")


@fault(answers_within_s=None)
async def two_at_once(stage: Stage) -> None:
    """Two other faults, drawn by the seed, happen at the same time."""
    names = stage.rng.sample(sorted(name for name, one in FAULTS.items() if one.is_combinable), 2)
    stage.history.notes.append(" and ".join(names))
    await asyncio.gather(*(FAULTS[name].body(stage) for name in names))


@fault(answers_within_s=None)
async def one_after_another(stage: Stage) -> None:
    """Lost answers, ended and killed backends and resets, in an order drawn by the seed, with little calm in between."""
    for name in stage.rng.sample(_IN_A_ROW, len(_IN_A_ROW)):
        await FAULTS[name].body(stage)
        await stage.lasts(0.2)
