"""The faults, one module a kind."""

from tests.faults.nemesis import clients, network, pairs, postgres, process, replica, resources, time
from tests.faults.nemesis.fault import FAULTS, Fault, Skipped

__all__ = [
    "FAULTS",
    "Fault",
    "Skipped",
    "clients",
    "network",
    "pairs",
    "postgres",
    "process",
    "replica",
    "resources",
    "time",
]
