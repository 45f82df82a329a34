"""How often Python's garbage collector looks: docs/decisions/garbage-collection.md."""

import gc
from typing import Final

_COLLECT_AFTER: Final = (20_000, 10, 10)
"""Allocations before the garbage collector looks at the youngest: docs/decisions/garbage-collection.md."""


def tune_collector() -> None:
    """What is loaded now stays for good and is not looked through again; what comes is, but not with every message."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
