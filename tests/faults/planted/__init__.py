"""Bugs that are put into the server under test, each to break one promise: the checker must find every one of them.

A bug is a function that changes the product inside the process that ``planted_server`` starts; nothing of it is in the
product. If the product has moved on so that a bug finds nothing to change, it says so and the server does not start.
"""

from tests.faults.planted import events, storing
from tests.faults.planted.bug import BUGS, Bug

__all__ = ["BUGS", "Bug", "events", "storing"]
