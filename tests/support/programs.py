"""``molva serve`` as its own process, as an operator runs it."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.waiting import DEADLINE_S, until

ROOT = Path(__file__).parents[2]


class ServerProcess:
    """A server that was started; ``log`` grows while it runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.address = ""
        self.out: list[str] = []
        self.log: list[str] = []
        self._readers = [asyncio.create_task(self._read_out()), asyncio.create_task(self._read_log())]

    async def _read_out(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.out.append(line.decode().rstrip("\n"))
            if not self.address and (found := re.search(r"http://\S+:\d+", self.out[-1])):
                self.address = found[0]

    async def _read_log(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log.append(line.decode().rstrip("\n"))

    async def ready(self) -> "ServerProcess":
        """Wait until it says where it listens."""
        await until(lambda: self.address or self.process.returncode is not None)
        assert self.address, "\n".join(self.log)
        return self

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        self.process.send_signal(number)

    async def ended(self, within_s: float = DEADLINE_S) -> int:
        """Wait until it has ended and everything that it wrote is read: its exit status."""
        async with asyncio.timeout(within_s):
            status = await self.process.wait()
            await asyncio.gather(*self._readers)
        return status


async def start_server(**settings: object) -> ServerProcess:
    """``molva serve`` with these settings alone, on a free port unless they say otherwise."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")}
    named = {f"MOLVA_{name.upper()}": str(value) for name, value in ({"port": 0} | settings).items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "serve",
        cwd=ROOT, env=inherited | named, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=2**24,
    )  # fmt: skip
    return ServerProcess(process)


@asynccontextmanager
async def serving(**settings: object) -> AsyncIterator[ServerProcess]:
    """A server that is ready; stopped at the end if it still runs."""
    server = await start_server(**settings)
    try:
        yield await server.ready()
    finally:
        if server.process.returncode is None:
            server.process.terminate()
        await server.ended()
