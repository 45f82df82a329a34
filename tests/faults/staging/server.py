"""The server under test: ``molva serve`` as its own process, started again when it ends, as a supervisor would."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import httpx

ROOT: Final = Path(__file__).parents[3]
READY_S: Final = 60.0
_STOP_S: Final = 20.0
_PAUSE_S: Final = 0.3
_STARTS_MAX: Final = 3


class ServerDoesNotStart(Exception):
    """It ends again and again before it is ready."""


class Server:
    """The process, and the supervisor who starts it anew."""

    def __init__(self, *, command: list[str], settings: dict[str, str], port: int, log: Path) -> None:
        self._command = command
        self._settings = settings
        self.port = port
        self.log = log
        self.unasked_ends: list[int] = []
        """The exit statuses of ends that no fault asked for."""
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._is_wanted = False

    @property
    def address(self) -> str:
        """Where it listens; no network between."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self._is_wanted = True
        await self._spawn()
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise())
        await self.ready()

    async def _spawn(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")}
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, cwd=ROOT, env=inherited | self._settings | {"MOLVA_PORT": str(self.port)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    async def _supervise(self) -> None:
        while True:
            process = self._process
            assert process is not None
            status = await process.wait()
            if process is self._process and self._is_wanted:
                self.unasked_ends.append(status)
                await asyncio.sleep(_PAUSE_S)  # as a supervisor waits before it starts a program again
                if self._is_wanted:
                    await self._spawn()
            else:
                await asyncio.sleep(_PAUSE_S)  # the fault ended it, and will start it

    async def ready(self, within_s: float = READY_S) -> None:
        """Wait until its probe says so; ``TimeoutError`` with the end of its log otherwise."""
        deadline = time.monotonic() + within_s
        ends = len(self.unasked_ends)
        async with httpx.AsyncClient(base_url=self.address, timeout=2, trust_env=False) as http:
            while time.monotonic() < deadline:
                try:
                    if (await http.get("/health/ready")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                if len(self.unasked_ends) - ends >= _STARTS_MAX:
                    raise ServerDoesNotStart(self.log_tail(3))
                await asyncio.sleep(0.05)  # between two questions
        raise TimeoutError(f"the server is not ready within {within_s:.0f} s:\n{self.log_tail()}")

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def end(self, number: signal.Signals, within_s: float = _STOP_S) -> int:
        """End it by a signal, and wait: the exit status. After ``within_s`` it is killed."""
        self._is_wanted = False
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        try:
            async with asyncio.timeout(within_s):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()

    async def close(self) -> int:
        """The run is over: the exit status of its stop in good order."""
        status = await self.end(signal.SIGTERM)
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        return status


def serve_command(planted: str | None = None) -> list[str]:
    """What starts the product, with a planted bug if one is named."""
    if planted is None:
        return [sys.executable, "-m", "cli", "serve"]
    return [sys.executable, "-m", "tests.faults.planted_server", planted]
