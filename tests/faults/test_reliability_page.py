"""``docs/reliability.md`` has a row for every fault and every planted bug, and for nothing else."""

import re
from pathlib import Path

from tests.faults.nemesis import FAULTS
from tests.faults.planted import BUGS

PAGE = (Path(__file__).parents[2] / "docs/reliability.md").read_text(encoding="utf-8")


def test_every_fault_and_planted_bug_has_a_row():
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows == {*FAULTS, *BUGS}


def test_there_are_at_least_25_faults_and_8_planted_bugs():
    assert len(FAULTS) >= 25
    assert len(BUGS) >= 8
