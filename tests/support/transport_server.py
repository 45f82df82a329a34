"""The transport alone, on a real port, with a namespace that notes what happens; the fixtures are in ``conftest``."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

from core.settings import Settings
from realtime.transport.engineio.server import Terms
from realtime.transport.engineio.session import Heartbeat
from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.handlers import Namespace, Refused
from realtime.transport.socketio.packets import encode_event
from realtime.transport.socketio.server import SocketServer, with_sockets
from server import HttpServer, bind
from tests.support.clients import DEADLINE_S
from tests.support.raw_client import Wire, close_wires, until

PING_INTERVAL_S = 0.3
PING_TIMEOUT_S = 0.2
PACKET_MAX = 65536
POST_BYTES_MAX = 1024 * 1024


class Stage(Namespace):
    """A namespace that notes what happens and waits where it is told to."""

    def __init__(self) -> None:
        super().__init__("/chat")
        self.reset()

    def reset(self) -> None:
        self.connections: list[Connection] = []
        self.goodbyes: list[tuple[Connection, str]] = []
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
            raise Refused("No.", {"code": "unauthorized"})
        self.connections.append(connection)
        return encode_event("/chat", "hello", b"{}")

    async def on_action(self, connection: Connection, name: str, arguments: Any) -> bytes:
        await self.work.wait()
        self.actions.append(name)
        return json.dumps(arguments if isinstance(arguments, list) else arguments.value).encode()

    async def on_disconnect(self, connection: Connection, reason: str) -> None:
        self.goodbyes.append((connection, reason))

    def on_draining(self, connection: Connection) -> None:
        connection.send(encode_event("/chat", "draining", b"{}"))


class Theatre:
    """The running transport."""

    def __init__(self, address: str, sockets: SocketServer, stage: Stage) -> None:
        self.address = address
        self.sockets = sockets
        self.stage = stage
        self.http = httpx.AsyncClient(base_url=address, timeout=DEADLINE_S)

    async def poll(self, link_id: str | None = None, **more: str) -> httpx.Response:
        return await self.http.get("/socket.io/", params=query_of(link_id) | more)

    async def post(self, link_id: str, *packets: str, content: bytes | None = None) -> httpx.Response:
        body = "\x1e".join(packets).encode() if content is None else content
        return await self.http.post("/socket.io/", params=query_of(link_id), content=body)

    async def open(self) -> str:
        """A client that polls: its id."""
        answer = await self.poll()
        return str(json.loads(answer.text[1:])["sid"])

    async def enter(self) -> str:
        """One that is in the namespace."""
        link_id = await self.open()
        assert (await self.post(link_id, "40/chat,")).text == "ok"
        answer = await self.poll(link_id)
        assert answer.text.startswith('40/chat,{"sid"'), answer.text
        return link_id

    async def wire(self) -> Wire:
        wire = await Wire.open(self.address)
        await wire.send("40/chat,")
        await wire.receive_until("42/chat,")
        return wire

    async def clear(self) -> None:
        """Send everybody home."""
        self.stage.admission.set()
        self.stage.work.set()
        await close_wires()
        await self.sockets.shutdown()
        for link in list(self.sockets.eio.sockets.values()):
            await link.poll()
        await until(lambda: not self.remains())
        self.sockets.eio.is_draining = False
        self.stage.reset()

    def remains(self) -> dict[str, object]:
        """What is still kept of anybody."""
        kept = {
            "links": self.sockets.eio.sockets,
            "clients": self.sockets._clients,
            "environ": self.sockets.environ,
            "rooms": self.sockets.manager.rooms,
            "tasks": self.sockets._tasks,
        }
        return {name: dict.fromkeys(things) for name, things in kept.items() if things}


def query_of(link_id: str | None) -> dict[str, str]:
    return {"EIO": "4", "transport": "polling"} | ({"sid": link_id} if link_id else {})


@asynccontextmanager
async def playing(*, interval_s: float, timeout_s: float) -> AsyncIterator[Theatre]:
    stage = Stage()
    sockets = SocketServer(
        Terms(
            heartbeat=Heartbeat(interval_s, timeout_s),
            packet_bytes_max=PACKET_MAX,
            message_bytes_max=POST_BYTES_MAX,
            origins=["https://friend.example"],
        ),
        no_namespace=Refused("Invalid namespace", {"code": "not_found"}),
    )
    sockets.register_namespace(stage)
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
    theatre = Theatre(http.address, sockets, stage)
    yield theatre
    await theatre.http.aclose()
    http.should_exit = True
    await task
