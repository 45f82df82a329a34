"""A network between two programs, which a fault can slow down, stop, or make lose what it carries.

It is a TCP proxy: bytes that it takes are acknowledged to the sender's kernel, as by a middlebox. What it loses is lost
for good, so a connection that lost something never carries anything again.
"""

import asyncio
from enum import Enum
from typing import Final

_CHUNK_BYTES: Final = 65536
_CLOSE_S: Final = 0.5


class State(Enum):
    """What happens to bytes."""

    CARRIES = "carries"
    STALLS = "stalls"  # kept until the network carries again
    LOSES = "loses"  # gone, and nobody is told


class _Line:
    """One connection through the network."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.ends = (near, far)
        self.lost_something = False

    def reset(self) -> None:
        for end in self.ends:
            end.transport.abort()


class Network:
    """Carries connections from its own port to ``target``."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.port = 0
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self.is_refusing = False
        self._out = State.CARRIES
        self._back = State.CARRIES
        self._carries = asyncio.Event()
        self._carries.set()
        self._lines: set[_Line] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> "Network":
        """Listen."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        """Take no more, and end what there is."""
        if self._server is not None:
            self._server.close()
        self.mend()
        self.is_refusing = True
        self.reset()
        while self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_S)
            self.reset()

    # --- what faults do

    def stall(self) -> None:
        """Keep everything open and carry nothing, either way."""
        self._set(State.STALLS, State.STALLS)

    def lose(self) -> None:
        """Swallow what is sent, either way; no FIN, no RST."""
        self._set(State.LOSES, State.LOSES)

    def lose_answers(self) -> None:
        """Carry what is asked and swallow what is answered."""
        self._set(State.CARRIES, State.LOSES)

    def reset(self) -> None:
        """End every connection at once, with RST."""
        for line in list(self._lines):
            line.reset()

    def mend(self, *, reset_broken: bool = True) -> None:
        """Carry again. Connections that lost something are reset, or (half-open) stay as dead as they are."""
        self.delay_s, self.bytes_per_s, self.is_refusing = 0.0, None, False
        self._set(State.CARRIES, State.CARRIES)
        if reset_broken:
            for line in [line for line in self._lines if line.lost_something]:
                line.reset()

    def _set(self, out: State, back: State) -> None:
        self._out, self._back = out, back
        if State.STALLS in (out, back):
            self._carries.clear()
        else:
            self._carries.set()

    # --- carrying

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if self.is_refusing:
                raise ConnectionError
            await self._carries.wait()
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(writer, far_writer)
        line.lost_something = self._out is State.LOSES
        self._lines.add(line)
        try:
            await asyncio.gather(
                self._carry(line, reader, far_writer, is_back=False), self._carry(line, far_reader, writer, is_back=True)
            )
        finally:
            self._lines.discard(line)
            line.reset()

    async def _carry(
        self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_back: bool
    ) -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if self.bytes_per_s is not None and is_back:
                    await asyncio.sleep(len(data) / self.bytes_per_s)
                await self._carries.wait()
                line.lost_something |= (self._back if is_back else self._out) is State.LOSES
                if not line.lost_something:
                    writer.write(data)
                    await writer.drain()
                elif not is_back and self._out is State.CARRIES:
                    writer.write(data)  # only answers are lost: what is asked still arrives
            if not line.lost_something:
                writer.close()
        except OSError:
            line.reset()
