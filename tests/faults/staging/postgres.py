"""The PostgreSQL of a run, as a fault sees it: its processes, and a way in that no network carries.

Either the server under test runs it (its home is the server's data directory), or the harness does, so that a network can
be put between the two.
"""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Final

import asyncpg

from db.embedded import EmbeddedPostgres

READY_S: Final = 60.0


class Postgres:
    """The PostgreSQL whose password lies in ``home``, and whose data in ``data`` (``home/postgres``)."""

    def __init__(self, home: Path, *, data: Path | None = None) -> None:
        self.home = home
        self._data = data or home / "postgres"

    @property
    def port(self) -> int:
        """Where it listens now."""
        return int(self._pid_file()[3])

    @property
    def pid(self) -> int:
        """The postmaster."""
        return int(self._pid_file()[0])

    def _pid_file(self) -> list[str]:
        return (self._data / "postmaster.pid").read_text().splitlines()

    def processes(self) -> list[int]:
        """The postmaster and all its children."""
        pid = self.pid
        return [pid, *children_of(pid)]

    def signal_all(self, number: signal.Signals) -> None:
        """A signal to each of its processes, the postmaster first."""
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def url(self, database: str = "molva", port: int | None = None) -> str:
        """The way in that no network carries."""
        password = (self.home / "postgres.password").read_text()
        return f"postgresql://postgres:{password}@127.0.0.1:{port or self.port}/{database}"

    async def admin(self, database: str = "molva") -> "asyncpg.Connection[asyncpg.Record]":
        """A connection of our own."""
        settings = {"application_name": "nemesis", "default_transaction_read_only": "off"}
        return await asyncpg.connect(self.url(database), timeout=5, server_settings=settings)

    async def answers(self, within_s: float = READY_S) -> None:
        """Wait until it lets us in; ``TimeoutError`` if it does not."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                connection = await self.admin()
                await connection.fetchval("SELECT 1")
                await connection.close()
            except (
                OSError,
                IndexError,
                ValueError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                TimeoutError,
            ) as problem:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"PostgreSQL is not back within {within_s:.0f} s: {problem}") from None
                await asyncio.sleep(0.05)  # it does not announce that it is back
            else:
                return


class OwnPostgres(Postgres):
    """One that the harness runs, beside the server under test."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        super().__init__(home)
        self._embedded = EmbeddedPostgres(home, settings=settings)

    async def start(self) -> None:
        """Start it."""
        await asyncio.to_thread(self._embedded.start)

    async def stop(self) -> None:
        """Stop it, in good order."""
        await asyncio.to_thread(self._embedded.stop)


def children_of(parent: int) -> list[int]:
    """The processes whose parent is ``parent``."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                stat = (place / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == parent:
                found.append(int(place.name))
    return found
