"""The load generator ``load.c``: built when needed, run once per measurement."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.database import Person
from bench.peers import HERE, PeerError, Server
from bench.scenarios import Scenario

WARM_UP_SHARE: Final = 0.5
"""The length of the warm-up before each measurement, as a share of the measured time."""
_OVERTIME_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Load:
    """The compiled load generator, and the folder for its files."""

    program: Path
    home: Path

    def run(
        self, scenario: Scenario, people: Sequence[Person], server: Server, database_pid: int, *, seconds: float
    ) -> dict[str, Any]:
        """Measure, and return the report of the generator.

        ``PeerError`` if the server refused a request, closed a connection or lost a message.
        """
        tokens, chats = self.home / "tokens", self.home / "chats"
        tokens.write_text("".join(f"{person.token()}\n" for person in people))
        chats.write_text("".join(f"{person.chat_id}\n" for person in people[:: scenario.room_size]))
        command = [str(self.program), "--port", str(server.port), "--tokens", str(tokens), "--chats", str(chats)]
        command += ["--room-size", str(scenario.room_size), "--senders", str(scenario.senders)]
        command += ["--in-flight", str(scenario.in_flight), "--rate", str(scenario.rate), "--hold", str(scenario.hold_s)]
        command += ["--warm-up", str(seconds * WARM_UP_SHARE), "--seconds", str(seconds)]
        command += ["--server", str(server.pid), "--database", str(database_pid)]
        if scenario.senders:
            command.append("--activate")
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _OVERTIME_S, check=False)
        if done.returncode:
            raise PeerError(f"{scenario.title}: {done.stderr.strip()} {done.stdout.strip()}")
        said: dict[str, Any] = json.loads(done.stdout)
        return said


def build(home: Path) -> Load:
    """Compile ``load.c`` into ``home``."""
    if shutil.which("gcc") is None:
        raise PeerError("the load generator needs gcc")
    program = home / "load"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", str(program), "load.c"], cwd=HERE, check=True)
    return Load(program, home)
