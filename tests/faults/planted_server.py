"""``python -m tests.faults.planted_server NAME``: ``molva serve`` with a planted bug. Started by the harness alone."""

import sys

import server
from core.settings import load_settings
from tests.faults.planted import BUGS

if __name__ == "__main__":
    BUGS[sys.argv[1]].plant()
    server.serve(load_settings())
