"""The benchmark works: every peer starts, gets its load and is compared. Speed is not tested here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.peers import HERE, NODE, PLAIN, PRODUCT, Peer
from bench.report import Results, table
from bench.scenarios import SCENARIOS, Figure

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 280


@pytest.mark.timeout(_TIMEOUT_S + 20)
@pytest.mark.skipif(shutil.which("gcc") is None, reason="the load generator needs gcc")
@pytest.mark.skipif(shutil.which("taskset") is None, reason="the servers are pinned by taskset")
@pytest.mark.parametrize("rival", [PLAIN, pytest.param(NODE, marks=pytest.mark.node)], ids=lambda peer: peer.name)
def test_product_and_peer_serve_the_load_and_are_compared(rival: Peer, tmp_path: Path) -> None:
    if rival is NODE and not (HERE / "node/node_modules/socket.io").exists():
        pytest.skip("needs Node.js and the packages of bench/node: `make bench` installs them")
    command = [sys.executable, "-m", "bench", "--tiny", "--rounds", "1", "--seconds", "0.3", "--only", "room-10", "idle"]
    command += ["--out", str(tmp_path), "--peers", PRODUCT.name, rival.name]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    room, idle = json.loads((tmp_path / "results.json").read_text())["scenarios"]
    for peer in (PRODUCT, rival):
        (sent,), (held,) = room["runs"][peer.name], idle["runs"][peer.name]
        assert sent["acks"] > 0
        assert sent["faults"] == sent["unanswered"] == sent["undelivered"] == 0
        assert held["connections"] == 20
    assert room["figures"][Figure.STORED]["ratio"][rival.name] > 0
    assert (tmp_path / "table.md").read_text() in done.stdout


def test_a_ratio_is_of_rounds_and_not_of_medians() -> None:
    scenario = next(each for each in SCENARIOS if each.name == "pairs")
    results = Results([scenario], [PRODUCT, NODE], seconds=1)
    for ours, theirs in ((300, 100), (40, 10), (50, 100)):  # the machine was slower in the second round
        for peer, acks in ((PRODUCT, ours), (NODE, theirs)):
            run = {"seconds": 1, "acks": acks, "deliveries": 2 * acks, "server_cpu_s": 1, "connect_s": 1, "connections": 4}
            run |= {"delivery_p50_ms": 1, "delivery_p99_ms": 2, "rss_idle_kb": 0, "rss_before_kb": 0}
            results.add(scenario, peer, run)
    assert results.median(scenario, PRODUCT, Figure.ACKED) == 50
    assert results.ratio(scenario, NODE, Figure.ACKED) == 3
    assert "3.00×" in table(results)
