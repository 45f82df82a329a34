"""uvicorn as this process runs it: it says where it listens, lets connections go in good order, and ends with status 0."""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import uvicorn

log = logging.getLogger("molva")

_ECHO_S: Final = 1.0
_FORCE_PAUSE_S: Final = 0.1


class HttpServer(uvicorn.Server):
    """uvicorn, without its signal handling: it ends the process by the signal again, and we end with status 0."""

    def __init__(
        self, config: uvicorn.Config, address: str, drain: Callable[[], Awaitable[None]], *, shows_docs: bool = True
    ) -> None:
        super().__init__(config)
        self._shows_docs = shows_docs
        self.address = address
        self._drain = drain
        self._told_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say where."""
        await super().startup(sockets)
        if self.started:
            documents = f"  documents and try-out: {self.address}/docs/\n" if self._shows_docs else ""
            print(f"\nMolva is ready at {self.address}\n{documents}", flush=True)  # noqa: T201  (for who started it)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the sockets go in good order, probes being told that we are not ready any more; then close everything."""
        draining = asyncio.ensure_future(self._drain())
        while not draining.done() and not self.force_exit:
            await asyncio.wait((draining,), timeout=_FORCE_PAUSE_S)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: see :meth:`stopped_by_signals`."""
        yield

    @contextlib.contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """While inside, SIGINT and SIGTERM end the serving; a second one without grace."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        """The first signal ends gracefully; a later one at once. ``make`` and a terminal may send the first one twice."""
        now = time.monotonic()
        if self._told_at is None:
            log.info("stopping")
            self._told_at = now
        elif now - self._told_at > _ECHO_S:
            log.warning("stopping at once")
            self.force_exit = True
        self.should_exit = True


class OperationsServer(uvicorn.Server):
    """uvicorn for the port of the probes and metrics. It ends with the main server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the main server has the signals."""
        yield
