"""A short selection of what ``make faults`` does: one fault, and planted bugs that must be caught.

The bugs are planted into functions of the product, so a change there may make them do nothing.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
_RUN_S: Final = 300
"""Only a failing test takes so long."""

pytestmark = pytest.mark.timeout(_RUN_S + 10)


def run_faults(*words: str) -> subprocess.CompletedProcess[str]:
    """``make faults``, without the setting up."""
    command = [sys.executable, "-m", "tests.faults", "--seconds", "1", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_RUN_S, check=False)


def test_promises_hold_when_answers_are_lost():
    done = run_faults("--fault", "net_answers_lost")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("bug", ["leak_after_removal", "lose_acked", "store_twice"])
def test_planted_bug_is_caught(bug: str):
    done = run_faults("--planted", "--bug", bug)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1/1 planted bugs caught" in done.stdout
