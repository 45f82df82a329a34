"""Two faults at once."""

import asyncio

from tests.faults.nemesis.fault import FAULTS, fault
from tests.faults.staging.stage import Stage


@fault(answers_within_s=None)
async def two_at_once(stage: Stage) -> None:
    """Two other faults, drawn by the seed, happen at the same time."""
    names = stage.rng.sample(sorted(name for name, one in FAULTS.items() if one.is_combinable), 2)
    stage.history.notes.append(" and ".join(names))
    await asyncio.gather(*(FAULTS[name].body(stage) for name in names))
