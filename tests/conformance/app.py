"""Our transport as the official suites want it: Socket.IO under ``/socket.io/``, bare Engine.IO under ``/engine.io/``.

The handlers are written against python-socketio's public API alone, so that the suites show that it works, too. The suites:
https://github.com/socketio/engine.io-protocol and https://github.com/socketio/socket.io-protocol, folder ``test-suite``.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import socketio
import uvicorn

from realtime.transport.engineio.server import EngineServer
from realtime.transport.engineio.session import EngineSession, Heartbeat
from realtime.transport.options import TransportOptions
from realtime.transport.socketio.server import SocketServer
from realtime.transport.websocket.connection import Flusher, WebSocket
from realtime.transport.websocket.frames import binary_frame, text_frame
from tests.support.waiting import until

OPTIONS = {"packet_bytes_max": 1_000_000}
SUITE_OPTIONS = {"heartbeat": Heartbeat(interval_s=0.3, timeout_s=0.2), "connect_timeout_s": 1.0}
"""What the official suites expect. Our own tests of the same server have time: a busy machine answers no ping in 0.2 s."""
NAMESPACES = ("/", "/custom")


class Echo:
    """The session handler of the bare Engine.IO server: sends every message back."""

    def opened(self, session: EngineSession) -> None:
        pass

    def received(self, session: EngineSession, message: bytes, *, is_text: bool) -> None:
        session.send(text_frame(b"4" + message) if is_text else binary_frame(message))

    def closed(self, session: EngineSession) -> None:
        pass


class Conversation(socketio.AsyncNamespace):
    """What the Socket.IO suite talks to."""

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        self.server.start_background_task(self.emit, "auth", auth or {}, to=sid)

    async def on_message(self, sid: str, *arguments: Any) -> None:
        await self.emit("message-back", arguments, to=sid)

    async def trigger_event(self, event: str, *arguments: Any) -> Any:
        if event == "message-with-ack":
            return arguments[1:]
        return await super().trigger_event(event, *arguments)


def socket_server(**options: Any) -> SocketServer:
    """The Socket.IO server of the suite; ``options`` in place of its settings."""
    server = SocketServer(TransportOptions(**{**OPTIONS, **options}))
    for namespace in NAMESPACES:
        server.register_namespace(Conversation(namespace))
    return server


def engine_server(**options: Any) -> EngineServer:
    """The bare Engine.IO server of the suite."""
    server = EngineServer(options=TransportOptions(**{**OPTIONS, "path": "/engine.io/", **options}), async_mode="asgi")
    server.session_handler = Echo()
    return server


class BothServers:
    """The seats of both servers on one port: by path."""

    def __init__(self, *servers: EngineServer) -> None:
        self._servers = servers
        self._flusher = Flusher()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for server in self._servers:
            if scope["path"].startswith(server.options.path):
                await server.handle_request(scope, receive, send)

    def websocket(self, **by_uvicorn: Any) -> WebSocket:
        def admit(socket: WebSocket, handshake: Any) -> Any:
            server = next((one for one in self._servers if handshake.path == one.options.path), self._servers[0])
            return server._admit(socket, handshake)

        return WebSocket(admit, self._flusher, message_bytes_max=1_000_000, trusted_proxies=0, **by_uvicorn)


@asynccontextmanager
async def serving(port: int = 0, **options: Any) -> AsyncIterator[tuple[int, SocketServer, EngineServer]]:
    """Both servers on ``port``: the port, and the servers."""
    sockets, engine = socket_server(**options), engine_server(**options)
    both = BothServers(sockets.eio, engine)
    config = uvicorn.Config(
        both, host="127.0.0.1", port=port, log_config=None, access_log=False, lifespan="off", ws=both.websocket
    )
    server = uvicorn.Server(config)
    task = asyncio.ensure_future(server._serve())
    await until(lambda: server.started or task.done())
    assert server.started, task.exception()
    try:
        yield server.servers[0].sockets[0].getsockname()[1], sockets, engine
    finally:
        await sockets.shutdown()
        await engine.shutdown()
        await sockets.settle()
        server.should_exit = True
        await task


async def main() -> None:
    async with serving(3000, **SUITE_OPTIONS):
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
