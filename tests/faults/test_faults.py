"""A short selection of what ``make faults`` does: one fault, and one planted bug that must be caught."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
_RUN_S: Final = 110

pytestmark = pytest.mark.timeout(_RUN_S + 10)


def run_faults(*words: str) -> subprocess.CompletedProcess[str]:
    """``make faults``, without the setting up."""
    command = [sys.executable, "-m", "tests.faults", "--seconds", "1", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_RUN_S, check=False)


def test_promises_hold_when_answers_are_lost():
    done = run_faults("--fault", "net_answers_lost")
    assert done.returncode == 0, done.stdout + done.stderr


def test_planted_bug_is_caught():
    done = run_faults("--planted", "--bug", "leak_after_removal")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1/1 planted bugs caught" in done.stdout
