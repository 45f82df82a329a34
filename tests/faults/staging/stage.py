"""Everything that one run needs, built from nothing and taken down again: what faults act on.

::

    clients → client network → server → database network → PostgreSQL

A fault says whether PostgreSQL is the server's own (``EMBEDDED``) or the harness's (``APART``, with the database network in
between). The harness itself asks past both networks.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from random import Random
from typing import Final

import httpx

from tests.faults.history import History
from tests.faults.people.workload import ChatUsers
from tests.faults.staging.network import Network
from tests.faults.staging.postgres import OwnPostgres, Postgres
from tests.faults.staging.server import Server, serve_command

_CONNECTIONS: Final = "60"
_HTTP_S: Final = 5.0


class Database(Enum):
    """Where PostgreSQL is."""

    EMBEDDED = "the server runs it"
    APART = "behind a network"


class Stage:
    """One run's surroundings."""

    def __init__(self, work: Path, database: Database, history: History, rng: Random, *, seconds: float) -> None:
        self.work = work
        self.database = database
        self.history = history
        self.rng = rng
        """The fault's own choices."""
        self.seconds = seconds
        """How long the fault lasts, where that is its own choice."""
        self.data_dir = work / "data"
        self.postgres: Postgres
        self.server: Server
        self.client_network: Network
        self.database_network: Network
        self.http: httpx.AsyncClient
        """Past the networks."""
        self.chat_users: ChatUsers
        self.cleanups: list[Callable[[], Awaitable[None]]] = []
        """What a fault leaves running until the run is over."""

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.client_network.port}"

    def own_postgres(self) -> OwnPostgres:
        """PostgreSQL, for a fault that needs it to be the harness's."""
        assert isinstance(self.postgres, OwnPostgres)
        return self.postgres

    async def lasts(self, seconds: float | None = None) -> None:
        """The fault goes on."""
        await asyncio.sleep(self.seconds if seconds is None else seconds)


@asynccontextmanager
async def set_stage(
    work: Path,
    database: Database,
    history: History,
    rng: Random,
    *,
    seconds: float,
    planted: str | None = None,
    environment: dict[str, str] | None = None,
) -> AsyncIterator[Stage]:
    """A stage with a running server."""
    stage = Stage(work, database, history, rng, seconds=seconds)
    stage.data_dir.mkdir(parents=True, exist_ok=True)
    settings = {
        "MOLVA_ENVIRONMENT": "development",
        "MOLVA_DATA_DIR": str(stage.data_dir),
        "MOLVA_RATE_LIMITS": "off",
        "MOLVA_LOG_FORMAT": "json",
    } | (environment or {})
    own: OwnPostgres | None = None
    try:
        if database is Database.APART:
            own = OwnPostgres(work / "database", {"max_connections": _CONNECTIONS})
            await own.start()
            stage.postgres = own
            stage.database_network = await Network(("127.0.0.1", own.port)).open()
            settings["MOLVA_DATABASE_URL"] = own.url(port=stage.database_network.port)
        else:
            stage.postgres = Postgres(stage.data_dir)
        stage.server = Server(command=serve_command(planted), settings=settings, port=free_port(), log=work / "server.log")
        await stage.server.start()
        stage.client_network = await Network(("127.0.0.1", stage.server.port)).open()
        async with httpx.AsyncClient(base_url=stage.server.address, timeout=_HTTP_S, trust_env=False) as stage.http:
            yield stage
    finally:
        await _take_down(stage, own)


async def _take_down(stage: Stage, own: OwnPostgres | None) -> None:
    if hasattr(stage, "client_network"):
        await stage.client_network.close()
    if hasattr(stage, "server"):
        await stage.server.close()
    for clean_up in reversed(stage.cleanups):
        await clean_up()
    if hasattr(stage, "database_network"):
        await stage.database_network.close()
    if own is not None:
        await own.stop()


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
