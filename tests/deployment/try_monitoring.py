"""A real Prometheus (Debian's) on the configuration of `deploy/`: scrapes a server under load, and fills the dashboard.

``python -m tests.deployment.try_monitoring [FILE.png]``: ends with 1 if the target is not up, a rule does not load, or an
expression of the dashboard that the load must move has no data. With a file, Chromium draws some of the graphs into it
by Prometheus's own page; Grafana itself is not part of this.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.deployment.monitoring import ROOT, expressions_of_dashboard

DEADLINE_S: Final = 60.0
LOAD_S: Final = 25
MAY_BE_EMPTY: Final = {
    "Refusals per second",
    "Database errors per second",
    "Disconnects per second",
    "Connections cut per second",
}
DRAWN: Final = ("Actions per second", "Deliveries per second", "Time from action to ack", "Event-loop lag")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str) -> Any:
    """The JSON at ``url``, or the text where it is none; ``None`` when nobody answers."""
    try:
        with urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
    except (URLError, ConnectionError, TimeoutError):
        return None
    return json.loads(text) if text.startswith("{") else text


def wait_for(what: str, condition: Callable[[], Any]) -> Any:
    """What ``condition`` gives as soon as it gives something."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    sys.exit(f"try_monitoring: no {what} within {DEADLINE_S:.0f} s")


def start_prometheus(place: Path, server_port: int, port: int) -> subprocess.Popen[bytes]:
    """Prometheus on the configuration as it is, but for the server's address, the folder and a hastier pace."""
    text = (ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8")
    text = text.replace("molva:8000", f"127.0.0.1:{server_port}").replace(
        "/etc/prometheus", str(ROOT / "deploy/prometheus")
    )
    configuration = place / "prometheus.yml"
    configuration.write_text(text.replace("scrape_interval: 5s", "scrape_interval: 1s"), encoding="utf-8")
    command = [
        "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={place / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return subprocess.Popen(command, stderr=(place / "prometheus.log").open("wb"))


def faults(prometheus: str) -> list[str]:
    """What the load should have shown and did not."""
    found = []
    targets = ask(f"{prometheus}/api/v1/targets")["data"]["activeTargets"]
    found += [f"target {target['scrapeUrl']}: {target['lastError']}" for target in targets if target["health"] != "up"]
    rules = ask(f"{prometheus}/api/v1/rules")["data"]["groups"][0]["rules"]
    found += [f"alert {rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] == "err"]
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/molva.json").read_text(encoding="utf-8"))
    for title, expression in expressions_of_dashboard(dashboard):
        query = urlencode({"query": expression.replace("$__rate_interval", "30s")})
        series = ask(f"{prometheus}/api/v1/query?{query}")["data"]["result"]
        values = [f"{dict(one['metric']) or ''} {float(one['value'][1]):.4g}" for one in series]
        print(f"{title}: {'; '.join(values[:3]) or 'no data'}{' …' if len(values) > 3 else ''}")
        if not series and title not in MAY_BE_EMPTY:
            found.append(f"panel {title}: no data")
    return found


def draw(prometheus: str, file: Path) -> None:
    """A picture of some of the dashboard's graphs."""
    dashboard = json.loads((ROOT / "deploy/grafana/dashboards/molva.json").read_text(encoding="utf-8"))
    drawn = [expression for title, expression in expressions_of_dashboard(dashboard) if title in DRAWN]
    fields = {}
    for place, expression in enumerate(drawn[:4]):
        fields |= {f"g{place}.expr": expression.replace("$__rate_interval", "30s"), f"g{place}.tab": "0"}
        fields[f"g{place}.range_input"] = "2m"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,2800", "--virtual-time-budget=10000"]
    page = f"{prometheus}/classic/graph?{urlencode(fields)}"
    command = ["chromium", *flags, f"--screenshot={file}", page]
    subprocess.run(command, check=True, timeout=60, capture_output=True)


def main(file: Path | None = None) -> int:
    """Run it all; how the process should end."""
    server_port, port = free_port(), free_port()
    address, prometheus = f"http://127.0.0.1:{server_port}", f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        place.chmod(0o755)
        settings = {"MOLVA_PORT": str(server_port), "MOLVA_DATA_DIR": str(place / "data"), "MOLVA_LOG_FORMAT": "json"}
        with (place / "server.log").open("wb") as log:
            molva = str(ROOT / ".venv/bin/molva")
            server = subprocess.Popen([molva, "serve"], env={**os.environ, **settings}, stdout=log, stderr=log)
        scraper = start_prometheus(place, server_port, port)
        try:
            wait_for("server", lambda: ask(f"{address}/health/ready"))
            wait_for("Prometheus", lambda: ask(f"{prometheus}/-/ready"))
            load = ["node", str(ROOT / "tests/deployment/load.mjs"), address, "10", str(LOAD_S)]
            subprocess.run(load, check=True, timeout=120, capture_output=True)
            found = faults(prometheus)
            if file is not None:
                draw(prometheus, file)
        finally:
            for process in (scraper, server):
                process.terminate()
                process.wait(30)
    for fault in found:
        print(f"try_monitoring: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
