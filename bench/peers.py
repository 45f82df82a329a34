"""The servers that are measured, and how each is started. All use the protocol and the tables of Molva."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.database import ACCESS_KEY, SECRET

HERE: Final = Path(__file__).parent
_READY_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.05


class PeerError(Exception):
    """A peer cannot be measured; the message says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server under test. ``command`` is run in this folder."""

    name: str
    title: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """A running peer."""

    port: int
    pid: int


PRODUCT: Final = Peer("molva", "Molva", (sys.executable, "-m", "cli", "serve"))
NODE: Final = Peer("node", "Node.js: socket.io + pg", ("node", "node/server.mjs"))
PLAIN: Final = Peer("python", "python-socketio + asyncpg", (sys.executable, "plain_server.py"))
PEERS: Final = {peer.name: peer for peer in (PRODUCT, NODE, PLAIN)}


def install_node_packages() -> None:
    """``npm ci`` in ``bench/node``, unless it was done; :class:`PeerError` where there is no Node.js."""
    if shutil.which("npm") is None:
        raise PeerError("the peer on Node.js needs Node.js with npm")
    if not (HERE / "node/node_modules/socket.io").exists():
        command = ["npm", "ci", "--prefix", str(HERE / "node"), "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, check=True)


@contextmanager
def running(peer: Peer, database_url: str, home: Path, cores: Sequence[int]) -> Iterator[Server]:
    """Start ``peer`` on ``cores``, its log going to a file in ``home``; stopped at the end."""
    port = _free_port()
    environment = {
        **os.environ,
        "MOLVA_PORT": str(port), "MOLVA_DATABASE_URL": database_url, "MOLVA_JWT_SECRET": SECRET,
        "MOLVA_DATA_DIR": str(home / "molva"), "MOLVA_RATE_LIMITS": "off", "MOLVA_LOG_FORMAT": "json",
        "PORT": str(port), "DATABASE_URL": database_url, "ACCESS_KEY": ACCESS_KEY.hex(),
        "NODE_ENV": "production", "PYTHONPATH": str(HERE.parent),
    }  # fmt: skip
    pinned = ["taskset", "--cpu-list", ",".join(map(str, cores)), *peer.command]
    with (home / f"{peer.name}.log").open("wb") as log:
        process = subprocess.Popen(pinned, cwd=HERE, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _await_listening(process, port, peer, home)
        yield Server(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_listening(process: "subprocess.Popen[bytes]", port: int, peer: Peer, home: Path) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=_POLL_S):
                return
        except OSError:
            time.sleep(_POLL_S)  # another program's start, which it does not announce in one way
    log = (home / f"{peer.name}.log").read_text(errors="replace")
    raise PeerError(f"{peer.title} did not start: {log[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
