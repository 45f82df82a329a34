"""The PostgreSQL of a benchmark: ``molva seed`` fills one database, and every run gets a fresh copy of it.

It is durable, with the settings of ``molva serve``, so that a commit costs what it costs in use.
"""

import asyncio
import json
import os
import subprocess
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from bench.scenarios import Scenario
from core.tokens import AccessTokens, derive_key
from db.embedded import EmbeddedPostgres

SECRET: Final = "a secret for load tests that protects nothing"  # noqa: S105  (as it says)
ACCESS_KEY: Final = derive_key(SECRET.encode(), "access token")
"""The key that signs access tokens; the peers check tokens with it."""
_TEMPLATE: Final = "bench_template"
_SETTINGS: Final = {"max_connections": "60"}


@dataclass(frozen=True, slots=True)
class Person:
    """A seeded user with a login session."""

    user_id: str
    session_id: str
    chat_id: str

    def token(self) -> str:
        """A new access token."""
        return AccessTokens(SECRET.encode()).issue(user_id=self.user_id, session_id=self.session_id).token


@dataclass(frozen=True, slots=True)
class SeededPostgres:
    """A running PostgreSQL with the seeded database. ``pid`` is that of its first process."""

    url: str
    pid: int
    people: Mapping[str, Sequence[Person]]
    """The seeded people by the name of the scenario, those of one chat after the other."""

    @contextmanager
    def fresh_copy(self) -> Iterator[str]:
        """The URL of a fresh copy of the seeded database, dropped at the end."""
        name = "bench_run"
        asyncio.run(_execute(self.url, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY file_copy"))
        try:
            yield _named(self.url, name)
        finally:
            asyncio.run(_execute(self.url, f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def run_postgres(home: Path, scenarios: Sequence[Scenario]) -> Iterator[SeededPostgres]:
    """Start PostgreSQL in ``home``, on the cores of this process, and seed it for ``scenarios``; stop it at the end."""
    with EmbeddedPostgres(home / "data", durable=True, settings=_SETTINGS) as url:
        asyncio.run(_execute(url, f"CREATE DATABASE {_TEMPLATE}"))
        people = {scenario.name: _seed(_named(url, _TEMPLATE), home, scenario) for scenario in scenarios}
        pid = int((home / "data/postgres/postmaster.pid").read_text().splitlines()[0])
        yield SeededPostgres(url, pid, people)


def _seed(url: str, home: Path, scenario: Scenario) -> list[Person]:
    path = home / "people.jsonl"
    rooms = scenario.users // scenario.room_size
    command = [sys.executable, "-m", "cli", "seed", "--tokens", str(path)]
    command += [
        "--users",
        str(scenario.users),
        "--chats",
        str(rooms),
        "--members",
        str(scenario.room_size),
        "--messages",
        "0",
    ]
    environment = {**os.environ, "MOLVA_DATABASE_URL": url, "MOLVA_JWT_SECRET": SECRET}
    subprocess.run(command, cwd=Path(__file__).parent.parent, env=environment, check=True, capture_output=True)
    people = []
    for line in path.read_text().splitlines():
        person = json.loads(line)
        payload = person["access_token"].split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        people.append(Person(claims["sub"], claims["sid"], person["chat_ids"][0]))
    return sorted(people, key=lambda person: person.chat_id)


def _named(url: str, name: str) -> str:
    return url.replace("/molva?", f"/{name}?")


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
