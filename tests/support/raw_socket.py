"""A WebSocket by hand, for frames that no library would send."""

import asyncio
import base64
import json
import os
import struct
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from tests.support.waiting import DEADLINE_S

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(
    content: bytes | str,
    opcode: int = TEXT,
    *,
    final: bool = True,
    reserved: int = 0,
    masked: bool = True,
    size: bytes = b"",
) -> bytes:
    """A client's frame; ``size``: the length's bytes instead of the right ones, the first without the mask's bit."""
    content = content.encode() if isinstance(content, str) else content
    first = (0x80 if final else 0) | reserved << 4 | opcode
    if not size:
        length = len(content)
        if length < 126:
            size = bytes((length,))
        else:
            size = b"\x7e" + struct.pack("!H", length) if length < 1 << 16 else b"\x7f" + struct.pack("!Q", length)
    if not masked:
        return bytes((first,)) + size + content
    mask = b"\x0f\xf0\xaa\x55"
    hidden = bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))
    return bytes((first, size[0] | 0x80)) + size[1:] + mask + hidden


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close, whatever the other side thinks of it."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


class Closed(Exception):
    """The server closed; the code if it said one."""

    def __init__(self, code: int | None) -> None:
        self.code = code
        super().__init__(f"closed with {code}")


class RawSocket:
    """One Engine.IO client over a WebSocket, down to the bytes. Pings are answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.sid = ""
        self.connection_id = ""

    @staticmethod
    async def request(
        address: str, target: str, **headers: str | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, int]:
        """Ask for a WebSocket: the status of the answer. ``headers``: more or (``None``) fewer, ``_`` for ``-``."""
        url = urlsplit(address)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        fields: dict[str, str | None] = {
            "host": url.netloc,
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-version": "13",
            "sec-websocket-key": base64.b64encode(os.urandom(16)).decode(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(DEADLINE_S):
            head = await reader.readuntil(b"\r\n\r\n")
        return reader, writer, int(head.split(b" ")[1])

    @classmethod
    async def open(cls, address: str) -> "RawSocket":
        """Connected, with the first packet read."""
        reader, writer, status = await cls.request(address, "/socket.io/?EIO=4&transport=websocket")
        assert status == 101
        raw = cls(reader, writer)
        raw.sid = json.loads((await raw.receive())[1:])["sid"]
        return raw

    async def enter(self, token: str) -> None:
        """Connect to ``/chat``."""
        self.send("40/chat," + json.dumps({"token": token}))
        answer = await self.receive()
        assert answer.startswith("40/chat,"), answer
        self.connection_id = json.loads(answer[len("40/chat,") :])["sid"]
        assert (await self.receive()).startswith('42/chat,["session:ready"')

    def send(self, *packets: str) -> None:
        """Text frames."""
        self.write(b"".join(map(frame, packets)))

    def write(self, content: bytes) -> None:
        """Bytes as they are."""
        self._writer.write(content)

    async def receive_frame(self) -> tuple[int, bytes]:
        """The next frame; ``Closed`` when there is none any more, or it says so."""
        try:
            first, size = await self._reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
            content = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Closed(None) from None
        if first & 0x0F == CLOSE:
            raise Closed(int.from_bytes(content[:2], "big") if content else None)
        return first & 0x0F, content

    async def receive(self) -> str:
        """The next packet."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                opcode, content = await self.receive_frame()
                if opcode == TEXT and content == b"2":
                    self.send("3")
                elif opcode == TEXT:
                    return content.decode()

    async def ack(self, ack_id: int) -> dict[str, Any]:
        """The answer with this id."""
        beginning = f"43/chat,{ack_id}["
        while not (packet := await self.receive()).startswith(beginning):
            pass
        answer: dict[str, Any] = json.loads(packet[len(beginning) : -1])
        return answer

    async def closed(self) -> int | None:
        """Wait until the server has closed: the code that it gave."""
        try:
            while True:
                await self.receive()
        except Closed as closed:
            return closed.code

    async def close(self) -> None:
        await hang_up(self._writer)
