"""The proxy between a server and its database, which a test can cut, freeze and mend."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit


class DatabaseProxy:
    """Carries bytes to ``host:port`` until it is cut or frozen."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._ends: set[asyncio.StreamWriter] = set()
        self._swallowed: set[asyncio.StreamWriter] = set()
        self._flows = {"out": asyncio.Event(), "back": asyncio.Event()}
        self.lost_answer = asyncio.Event()
        """The database has answered the words of :meth:`lose_the_answer_to`."""
        self._thaw()

    @property
    def url(self) -> str:
        """The database's URL through the proxy."""
        parts = self._parts
        address = f"{parts.username}:{parts.password}@127.0.0.1:{self._port}"
        return urlunsplit(parts._replace(netloc=address))

    async def mend(self) -> None:
        """Carry again."""
        self._thaw()
        if self._server is None:
            self._server = await asyncio.start_server(self._join, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break every connection and take no new one."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._thaw()
        for end in list(self._ends):
            end.transport.abort()

    def freeze(self) -> None:
        """Keep everything open and carry nothing."""
        for flow in self._flows.values():
            flow.clear()

    def swallow(self) -> None:
        """Throw away what comes on the connections that are open now, and tell neither end. New ones are carried."""
        self._swallowed = set(self._ends)

    def lose_the_answer_to(self, words: bytes) -> None:
        """Carry nothing back from when the server says ``words``, which the database still hears."""
        self._fatal_words = words
        self.lost_answer.clear()

    def _thaw(self) -> None:
        self._fatal_words: bytes | None = None
        self._asking: asyncio.StreamWriter | None = None
        """To whom the answer goes that is lost."""
        for flow in self._flows.values():
            flow.set()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(
            self._carry(reader, far_writer, "out", asking=writer),
            self._carry(far_reader, writer, "back", asking=writer),
        )

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str, asking: asyncio.StreamWriter
    ) -> None:
        self._ends.add(writer)
        try:
            while data := await reader.read(65536):
                if way == "out" and self._fatal_words is not None and self._fatal_words in data:
                    self._flows["back"].clear()
                    self._asking, self._fatal_words = asking, None
                elif way == "back" and asking is self._asking:
                    self.lost_answer.set()
                await self._flows[way].wait()
                if writer in self._swallowed:
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._ends.discard(writer)
            self._swallowed.discard(writer)
            writer.close()


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[DatabaseProxy]:
    """A proxy that carries, cut at the end."""
    proxy = DatabaseProxy(url)
    await proxy.mend()
    yield proxy
    await proxy.cut()
