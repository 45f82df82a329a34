"""What a fault is: a function that breaks something, waits, and mends it; it returns when the fault is over.

To add one: a function with ``@fault`` in the module of its kind. It is run, listed and tabled from then on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.staging.stage import Database, Stage

Body = Callable[[Stage], Awaitable[None]]

ANSWER_S: Final = 11.0
"""Every action is answered within the database's time-out of ten seconds, and a second for a busy machine."""


class Skipped(Exception):
    """This machine cannot do it, and why."""


@dataclass(frozen=True)
class Fault:
    """A named fault."""

    name: str
    kind: str
    summary: str
    body: Body
    database: Database
    patience_s: float
    """How long a client waits for an ack before it gives the connection up."""
    answers_within_s: float | None
    """The longest that an ack may take; None where the fault stops the server itself, or the clients' network."""
    mount_bytes: int | None
    """The size of the file system in which everything lies; None for an ordinary folder."""
    environment: Callable[[Path], dict[str, str]]
    is_combinable: bool


FAULTS: Final[dict[str, Fault]] = {}


@dataclass(frozen=True, kw_only=True)
class fault:  # noqa: N801  (a decorator)
    """Declare the decorated function as a fault; its name and the first line of its docstring are the fault's."""

    database: Database = Database.APART
    patience_s: float = 25.0
    answers_within_s: float | None = ANSWER_S
    mount_bytes: int | None = None
    environment: Callable[[Path], dict[str, str]] = field(default=lambda work: {})
    is_combinable: bool = False
    """Whether another fault may happen at the same time."""

    def __call__(self, body: Body) -> Body:
        """Register it."""
        name = body.__name__
        assert body.__doc__, f"{name} does not say what it does"
        assert name not in FAULTS, f"two faults are called {name}"
        FAULTS[name] = Fault(
            name, body.__module__.rpartition(".")[2], body.__doc__.splitlines()[0], body, self.database, self.patience_s,
            self.answers_within_s, self.mount_bytes, self.environment, self.is_combinable,
        )  # fmt: skip
        return body
