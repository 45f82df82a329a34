"""Where the peers play: a durable PostgreSQL, seeded once by ``molva seed``; a fresh copy of the database for each run."""

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

SECRET: Final = "a secret for load tests that protects nothing"  # noqa: S105
ACCESS_KEY: Final = derive_key(SECRET.encode(), "access token")
"""What signs access tokens, for the peers."""
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
class Stage:
    """The running PostgreSQL."""

    url: str
    pid: int
    casts: Mapping[str, Sequence[Person]]
    """The people of each scenario, room after room."""

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh copy of the seeded database, dropped at the end."""
        name = "bench_run"
        asyncio.run(_execute(self.url, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY file_copy"))
        try:
            yield _named(self.url, name)
        finally:
            asyncio.run(_execute(self.url, f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def set_stage(home: Path, scenarios: Sequence[Scenario]) -> Iterator[Stage]:
    """Start PostgreSQL with the settings of ``molva serve`` in ``home``, on the cores of this process, and seed it."""
    with EmbeddedPostgres(home / "data", durable=True, settings=_SETTINGS) as url:
        asyncio.run(_execute(url, f"CREATE DATABASE {_TEMPLATE}"))
        casts = {scenario.name: _seed(_named(url, _TEMPLATE), home, scenario) for scenario in scenarios}
        pid = int((home / "data/postgres/postmaster.pid").read_text().splitlines()[0])
        yield Stage(url, pid, casts)


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
