"""Validates the dashboard and the alert rules: each PromQL expression parses and asks only for metrics that exist.

``python -m tests.deployment.monitoring [FOLDER]`` prints each fault on a line and ends with 1 if there is any. Where
Debian's ``promtool`` is found, it checks the configuration and the rules too.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import promql_parser
import yaml
from prometheus_client import REGISTRY

from core import metrics

ROOT: Final = Path(__file__).parents[2]
INTERVAL: Final = "1m"
_SCRAPED: Final = {"up"}
_NAME: Final = re.compile(r"\b(?:molva|process|python)_[a-z_]+\b|\bup\b")


def metric_names() -> set[str]:
    """The names of all time series that ``/metrics`` can show."""
    assert metrics.ACTIONS
    names = set(_SCRAPED)
    for family in REGISTRY.collect():
        names |= {sample.name for sample in family.samples}
        if family.name.startswith("molva_"):
            endings = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",)}.get(family.type, ("",))
            names |= {family.name + ending for ending in endings}
    return names


def faults_of_expression(expression: str, *, place: str) -> Iterator[str]:
    """What is wrong with a PromQL expression."""
    expression = expression.replace("$__rate_interval", INTERVAL)
    try:
        promql_parser.parse(expression)
    except ValueError as error:
        yield f"{place}: {error}"
        return
    unknown = set(_NAME.findall(expression)) - metric_names()
    for name in sorted(unknown):
        yield f"{place}: there is no metric {name}"


def expressions_of_dashboard(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The title of each panel with each of its expressions."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def faults(folder: Path) -> Iterator[str]:
    """What is wrong with the files in ``folder``."""
    dashboard = json.loads((folder / "grafana/dashboards/molva.json").read_text(encoding="utf-8"))
    for title, expression in expressions_of_dashboard(dashboard):
        yield from faults_of_expression(expression, place=f"dashboard, {title}")
    rules = yaml.safe_load((folder / "prometheus/alerts.yml").read_text(encoding="utf-8"))
    runbook = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield from faults_of_expression(rule["expr"], place=f"alert {rule['alert']}")
            if f"### {rule['alert']}\n" not in runbook:
                yield f"alert {rule['alert']}: docs/operations.md has no entry"
            if rule["annotations"].get("runbook") != f"docs/operations.md#{rule['alert'].lower()}":
                yield f"alert {rule['alert']}: the runbook's address is another"
    yield from faults_by_promtool(folder / "prometheus")


def faults_by_promtool(folder: Path) -> Iterator[str]:
    """What Prometheus's own tool says, where it is installed."""
    if shutil.which("promtool") is None:
        return
    with tempfile.TemporaryDirectory() as temporary:
        configuration = (folder / "prometheus.yml").read_text(encoding="utf-8")
        file = Path(temporary) / "prometheus.yml"
        file.write_text(configuration.replace("/etc/prometheus", str(folder)), encoding="utf-8")
        command = ["promtool", "check", "config", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        yield f"promtool: {done.stdout}{done.stderr}"


def main(folder: Path = ROOT / "deploy") -> int:
    """Print the faults; how the process should end."""
    found = list(faults(folder))
    for fault in found:
        print(f"{folder.name}: {fault}")
    if not found:
        print(f"{folder.name}: dashboard and alerts validated")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
