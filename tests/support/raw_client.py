"""A client that sends any Engine.IO packet over a WebSocket, also such as no correct client sends."""

import asyncio
import json
from typing import Any, ClassVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.waiting import DEADLINE_S


async def close_raw_clients() -> None:
    """Close every client that a test left open."""
    clients, RawClient.opened = RawClient.opened, []
    for raw in clients:
        raw.socket.transport.abort()
        await raw.socket.wait_closed()


class RawClient:
    """One Engine.IO client that sends what a test tells it to."""

    opened: ClassVar[list["RawClient"]] = []

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.handshake: dict[str, Any] = {}
        RawClient.opened.append(self)

    @classmethod
    async def dial(cls, address: str, query: str = "EIO=4&transport=websocket", **options: Any) -> "RawClient":
        """A WebSocket of which nothing has been read."""
        url = address.replace("http://", "ws://") + f"/socket.io/?{query}"
        return cls(await connect(url, compression=None, max_size=None, ping_interval=None, **options))

    @classmethod
    async def open(cls, address: str, query: str = "EIO=4&transport=websocket", **options: Any) -> "RawClient":
        """A WebSocket with the first packet read."""
        raw = await cls.dial(address, query, **options)
        first = await raw.socket.recv()
        assert first[0] == "0", first
        raw.handshake = json.loads(first[1:])
        return raw

    async def send(self, *packets: str | bytes) -> None:
        for packet in packets:
            await self.socket.send(packet)

    async def receive(self) -> str:
        """The next packet but pings, which are answered."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                packet = await self.socket.recv()
                if packet != "2":
                    return str(packet)
                await self.socket.send("3")

    async def receive_until(self, beginning: str) -> str:
        """The next packet that begins so, without its beginning."""
        while True:
            packet = await self.receive()
            if packet.startswith(beginning):
                return packet[len(beginning) :]

    async def enter(self, token: str) -> dict[str, Any]:
        """Connect to ``/chat``: the payload of ``session:ready``."""
        await self.send("40/chat," + json.dumps({"token": token}))
        assert (await self.receive()).startswith('40/chat,{"sid"')
        name, payload = json.loads((await self.receive())[len("42/chat,") :])
        assert name == "session:ready"
        ready: dict[str, Any] = payload
        return ready

    async def refused_with(self, auth: object, namespace: str = "/chat") -> dict[str, Any]:
        """Connect, and be refused: the CONNECT_ERROR."""
        prefix = "" if namespace == "/" else f"{namespace},"
        await self.send(f"40{prefix}" + ("" if auth is None else json.dumps(auth)))
        error: dict[str, Any] = json.loads(await self.receive_until(f"44{prefix}"))
        return error

    async def ack(self, ack_id: int) -> dict[str, Any]:
        """The ack with this id; events before it are passed over."""
        answers = json.loads(await self.receive_until(f"43/chat,{ack_id}"))
        assert len(answers) == 1, answers
        answer: dict[str, Any] = answers[0]
        return answer

    async def call(self, ack_id: int, *event: object) -> dict[str, Any]:
        """Emit an event and wait for its ack."""
        await self.send(f"42/chat,{ack_id}" + json.dumps(event))
        return await self.ack(ack_id)

    async def closed(self) -> list[str]:
        """Wait until the server has closed; what came before that."""
        packets: list[str] = []
        async with asyncio.timeout(DEADLINE_S):
            try:
                while True:
                    packets.append(str(await self.socket.recv()))
            except ConnectionClosed:
                return packets

    async def close(self) -> None:
        await self.socket.close()
