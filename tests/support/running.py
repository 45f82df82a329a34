"""The product on a real port, inside the test's own event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import server
from core.settings import Settings
from tests.support.waiting import until


@dataclass
class RunningServer:
    """A server that listens."""

    address: str
    molva: server.Molva
    settings: Settings


@asynccontextmanager
async def run_server(settings: Settings) -> AsyncIterator[RunningServer]:
    """Serve on a free port until left."""
    listener = server.bind(settings)
    assert settings.database_url is not None
    async with server.compose(settings, settings.database_url.get_secret_value()) as molva:
        http = server.http_server(molva, listener)
        task = asyncio.create_task(http.serve(sockets=[listener]))
        await until(lambda: http.started or task.done())
        assert http.started, task.exception()
        yield RunningServer(http.address, molva, settings)
        http.should_exit = True
        await task
