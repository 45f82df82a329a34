"""``python -m bench``: runs the peers in turn, prints the table of ratios, writes JSON, table and plot.

The server under test has the first core to itself; the load generator and PostgreSQL share the others. In each round every
peer runs every scenario, one after the other, on a fresh process and a fresh copy of the database.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import load, report
from bench.database import SeededPostgres, run_postgres
from bench.peers import NODE, PEERS, Peer, PeerError, install_node_packages, running
from bench.scenarios import SCENARIOS, TINY, Scenario

_ROOT = Path(__file__).parent.parent
_BAR_WIDTH = 30


def main() -> int:
    """Measure as the arguments say; exit status 1 if that was not possible."""
    chosen = _arguments()
    scenarios = [each for each in (TINY if chosen.tiny else SCENARIOS) if not chosen.only or each.name in chosen.only]
    peers = [PEERS[name] for name in chosen.peers]
    home = _ROOT / "var/bench"
    home.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=home))
    cores = sorted(os.sched_getaffinity(0))
    server_cores, other_cores = (cores[:1], cores[1:]) if len(cores) > 1 else (cores, cores)
    os.sched_setaffinity(0, other_cores)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server under test is stopped too
    results = report.Results(scenarios, peers, chosen.seconds)
    try:
        if NODE in peers:
            install_node_packages()
        generator = load.build(home)
        with run_postgres(home, scenarios) as postgres:
            _measure(results, postgres, generator, home, server_cores, rounds=chosen.rounds)
    except PeerError as error:
        print(f"\nbench: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, SystemExit):
        print("\nbench: interrupted; what was measured so far:", file=sys.stderr)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"\n{report.table(results)}\n")
    paths = report.write(results, chosen.out)
    try:
        from bench.plot import draw  # noqa: PLC0415  (matplotlib is a dependency group of its own)

        draw(results, paths["plot"])
    except ImportError:
        print("bench: no plot, because matplotlib is not installed (uv sync --group bench)", file=sys.stderr)
    print("written:", *(path for path in paths.values() if path.exists()))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured; medians are shown")
    parser.add_argument("--seconds", type=float, default=6.0, help="of sending, per measurement")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--only", nargs="+", choices=[each.name for each in SCENARIOS], help="these scenarios alone")
    parser.add_argument("--tiny", action="store_true", help="tiny numbers: whether it works, not how fast")
    parser.add_argument("--out", type=Path, default=_ROOT / "docs/performance", help="where results go")
    return parser.parse_args()


def _measure(
    results: report.Results,
    postgres: SeededPostgres,
    generator: load.Load,
    home: Path,
    cores: Sequence[int],
    *,
    rounds: int,
) -> None:
    plan = [(scenario, peer) for _ in range(rounds) for scenario in results.scenarios for peer in results.peers]
    for number, (scenario, peer) in enumerate(plan):
        _show_progress(number, len(plan), scenario, peer)
        with postgres.fresh_copy() as url, running(peer, url, home, cores) as server:
            run = generator.run(scenario, postgres.people[scenario.name], server, postgres.pid, seconds=results.seconds)
        results.add(scenario, peer, run)


def _show_progress(done: int, total: int, scenario: Scenario, peer: Peer) -> None:
    bar = "#" * (_BAR_WIDTH * done // total)
    line = f"[{bar:<{_BAR_WIDTH}}] {done}/{total} {scenario.title}: {peer.title}"
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
    else:
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
