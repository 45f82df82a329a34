"""The results: medians, ratios, a table in Markdown, and JSON."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.peers import PRODUCT, Peer
from bench.scenarios import Figure, Scenario, figures_of


@dataclass(slots=True)
class Results:
    """Every run of one ``make bench``."""

    scenarios: Sequence[Scenario]
    peers: Sequence[Peer]
    seconds: float
    runs: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    """The reports of the load generator by scenario and peer, one for each round."""

    def add(self, scenario: Scenario, peer: Peer, run: dict[str, Any]) -> None:
        """Add the report of one round."""
        self.runs.setdefault((scenario.name, peer.name), []).append(run)

    def values(self, scenario: Scenario, peer: Peer, figure: Figure) -> list[float]:
        """The values of ``figure``, one for each round."""
        return [figures_of(scenario, run)[figure] for run in self.runs.get((scenario.name, peer.name), [])]

    def median(self, scenario: Scenario, peer: Peer, figure: Figure) -> float | None:
        """Over the rounds; ``None`` if there is none."""
        values = self.values(scenario, peer, figure)
        return statistics.median(values) if values else None

    def ratio(self, scenario: Scenario, peer: Peer, figure: Figure) -> float | None:
        """The figure of Molva divided by that of ``peer``: the median of the ratios of the rounds.

        In each round one ran right after the other, so a machine that is slower in one round does not change the ratio.
        """
        ours, theirs = self.values(scenario, PRODUCT, figure), self.values(scenario, peer, figure)
        each = [one / other for one, other in zip(ours, theirs, strict=False) if other]
        return statistics.median(each) if each else None

    def as_json(self) -> dict[str, Any]:
        """All results, the reports of the single runs too."""
        return {
            "machine": machine(),
            "seconds": self.seconds,
            "peers": {peer.name: peer.title for peer in self.peers},
            "scenarios": [self._scenario_as_json(scenario) for scenario in self.scenarios],
        }

    def _scenario_as_json(self, scenario: Scenario) -> dict[str, Any]:
        figures = {
            figure.value: {
                "median": {peer.name: self.median(scenario, peer, figure) for peer in self.peers},
                "ratio": {peer.name: self.ratio(scenario, peer, figure) for peer in self.peers if peer is not PRODUCT},
            }
            for figure in scenario.figures
        }
        runs = {peer.name: self.runs.get((scenario.name, peer.name), []) for peer in self.peers}
        return {"name": scenario.name, "title": scenario.title, "figures": figures, "runs": runs}


def machine() -> dict[str, Any]:
    """A description of this machine."""
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "node": node.removeprefix("v"),
        "kernel": platform.release().partition("-")[0],
        "architecture": platform.machine(),
    }


def table(results: Results) -> str:
    """A table in Markdown: a row for each figure, a column for each peer, and the ratios of Molva to the other peers."""
    others = [peer for peer in results.peers if peer is not PRODUCT]
    heads = ["scenario", "figure", *(peer.title for peer in results.peers)]
    heads += [f"{PRODUCT.title} / {peer.title.partition(':')[0].partition(' +')[0]}" for peer in others]
    rows = [heads]
    for scenario in results.scenarios:
        for number, figure in enumerate(scenario.figures):
            medians = [_shown(results.median(scenario, peer, figure)) for peer in results.peers]
            ratios = [_shown(results.ratio(scenario, peer, figure), "×") for peer in others]
            rows.append(["" if number else scenario.title, figure.value, *medians, *ratios])
    widths = [max(len(row[place]) for row in rows) for place in range(len(heads))]
    lines = [_line(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    rule = _line("-" * width if place < 2 else "-" * (width - 1) + ":" for place, width in enumerate(widths))
    return "\n".join([lines[0], rule, *lines[1:]])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(value: float | None, unit: str = "") -> str:
    if value is None:
        return "–"
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}{unit}"


def write(results: Results, folder: Path) -> Mapping[str, Path]:
    """Write ``results.json``, ``table.md`` and ``ratios.png``; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"json": folder / "results.json", "table": folder / "table.md", "plot": folder / "ratios.png"}
    paths["json"].write_text(json.dumps(results.as_json(), indent=1) + "\n")
    paths["table"].write_text(table(results) + "\n")
    return paths
