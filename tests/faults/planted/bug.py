"""What a planted bug is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.faults.checking.violation import Kind


@dataclass(frozen=True)
class Bug:
    """One of them. ``breaks``: what the checker has to call it; ``fault``: during which it shows."""

    name: str
    summary: str
    breaks: tuple[Kind, ...]
    fault: str
    plant: Callable[[], None]


BUGS: Final[dict[str, Bug]] = {}


@dataclass(frozen=True, kw_only=True)
class bug:  # noqa: N801  (a decorator)
    """Declare the decorated function as a planted bug; its name and the first line of its docstring are the bug's."""

    breaks: tuple[Kind, ...]
    fault: str = "calm"

    def __call__(self, plant: Callable[[], None]) -> Callable[[], None]:
        """Register it."""
        assert plant.__doc__
        name = plant.__name__
        BUGS[name] = Bug(name, plant.__doc__.splitlines()[0], self.breaks, self.fault, plant)
        return plant
