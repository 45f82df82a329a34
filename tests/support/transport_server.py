"""The transport alone, on a real port, with a namespace that records what happens. The fixtures are in ``conftest``."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

from core.settings import Settings
from http_api.http_server import HttpServer
from realtime.transport.engineio.session import Heartbeat
from realtime.transport.options import TransportOptions
from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.handlers import ConnectRefused, Namespace
from realtime.transport.socketio.packets import encode_event
from realtime.transport.socketio.server import SocketServer, with_sockets
from server import bind
from tests.support.raw_client import RawClient, close_raw_clients
from tests.support.waiting import DEADLINE_S, until

PACKET_MAX = 65536
POST_BYTES_MAX = 1024 * 1024


class RecordingNamespace(Namespace):
    """A namespace that records what happens, and waits where a test tells it to."""

    def __init__(self) -> None:
        super().__init__("/chat")
        self.reset()

    def reset(self) -> None:
        self.connections: list[Connection] = []
        self.disconnects: list[tuple[Connection, str]] = []
        self.actions: list[str] = []
        self.admission = asyncio.Event()
        self.admission.set()
        self.work = asyncio.Event()
        self.work.set()
        self.waiting = 0

    async def on_connect(self, connection: Connection, auth: Any) -> bytes:
        self.waiting += 1
        await self.admission.wait()
        self.waiting -= 1
        if auth == {"token": "no"}:
            raise ConnectRefused("No.", {"code": "unauthorized"})
        self.connections.append(connection)
        return encode_event("/chat", "hello", b"{}")

    async def on_action(self, connection: Connection, name: str, arguments: Any) -> bytes:
        await self.work.wait()
        self.actions.append(name)
        return json.dumps(arguments if isinstance(arguments, list) else arguments.value).encode()

    async def on_disconnect(self, connection: Connection, reason: str) -> None:
        self.disconnects.append((connection, reason))

    def on_draining(self, connection: Connection) -> None:
        connection.send(encode_event("/chat", "draining", b"{}"))


class TransportServer:
    """The running transport."""

    def __init__(self, address: str, sockets: SocketServer, namespace: RecordingNamespace) -> None:
        self.address = address
        self.sockets = sockets
        self.namespace = namespace
        self.http = httpx.AsyncClient(base_url=address, timeout=DEADLINE_S)

    async def poll(self, sid: str | None = None, **more: str) -> httpx.Response:
        return await self.http.get("/socket.io/", params=query_of(sid) | more)

    async def post(self, sid: str, *packets: str, content: bytes | None = None) -> httpx.Response:
        body = "\x1e".join(packets).encode() if content is None else content
        return await self.http.post("/socket.io/", params=query_of(sid), content=body)

    async def open(self) -> str:
        """Open a polling session: its id."""
        answer = await self.poll()
        return str(json.loads(answer.text[1:])["sid"])

    async def enter(self) -> str:
        """Open a polling session that is in the namespace: its id."""
        sid = await self.open()
        assert (await self.post(sid, "40/chat,")).text == "ok"
        answer = await self.poll(sid)
        assert answer.text.startswith('40/chat,{"sid"'), answer.text
        return sid

    async def connect(self) -> RawClient:
        """Connect to the namespace over a WebSocket."""
        raw = await RawClient.open(self.address)
        await raw.send("40/chat,")
        await raw.receive_until("42/chat,")
        return raw

    async def clear(self) -> None:
        """Disconnect every client, and check that nothing is kept."""
        self.namespace.admission.set()
        self.namespace.work.set()
        await close_raw_clients()
        await self.sockets.shutdown()
        for session in list(self.sockets.eio.sockets.values()):
            await session.poll()
        await until(lambda: not self.remains())
        self.sockets.eio.is_draining = False
        self.namespace.reset()

    def remains(self) -> dict[str, object]:
        """What is still kept of any client."""
        kept = {
            "sessions": self.sockets.eio.sockets,
            "session counts": self.sockets.eio._session_counts,
            "disconnecting": self.sockets.eio.disconnecting,
            "environ": self.sockets.environ,
            "rooms": self.sockets.manager.rooms,
            "rooms by connection": self.sockets.manager._rooms_of,
            "tasks": range(self.sockets.busy),
        }
        return {name: dict.fromkeys(things) for name, things in kept.items() if things}


def query_of(sid: str | None) -> dict[str, str]:
    return {"EIO": "4", "transport": "polling"} | ({"sid": sid} if sid else {})


@asynccontextmanager
async def serving_transport(*, interval_s: float, timeout_s: float) -> AsyncIterator[TransportServer]:
    namespace = RecordingNamespace()
    sockets = SocketServer(
        TransportOptions(
            heartbeat=Heartbeat(interval_s, timeout_s),
            packet_bytes_max=PACKET_MAX,
            message_bytes_max=POST_BYTES_MAX,
            origins=["https://friend.example"],
        ),
        no_namespace=ConnectRefused("Invalid namespace", {"code": "not_found"}),
    )
    sockets.register_namespace(namespace)
    listener = bind(Settings(port=0))
    config = uvicorn.Config(
        with_sockets(sockets, None),
        log_config=None,
        lifespan="off",
        ws=sockets.eio.websocket_class,
        timeout_graceful_shutdown=1,
    )
    http = HttpServer(config, f"http://127.0.0.1:{listener.getsockname()[1]}", sockets.drain)
    task = asyncio.create_task(http.serve(sockets=[listener]))
    await until(lambda: http.started)
    server = TransportServer(http.address, sockets, namespace)
    yield server
    await server.http.aclose()
    http.should_exit = True
    await task
