"""``python -m tests.faults.nemesis.crowd PORT COUNT AT_ONCE``: so many connects, in a process of their own.

Apart, so that what other clients wait is the server's doing and not the harness's. Prints how many were refused in good
order.
"""

import asyncio
import contextlib
import sys
from typing import Final

_PATIENCE_S: Final = 30.0
_PATH: Final = "/socket.io/?EIO=4&transport=websocket"
_BODY: Final = b'40/chat,{"token":"none"}'


async def crowd(port: int, count: int, at_once: int) -> int:
    """How many of ``count`` were refused in so many words."""
    numbers = iter(range(count))
    refused = 0

    async def knock() -> None:
        nonlocal refused
        for _ in numbers:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(_PATIENCE_S):
                    await _handshake(port)
                refused += 1

    await asyncio.gather(*(knock() for _ in range(at_once)))
    return refused


async def _handshake(port: int) -> None:
    """Connect with a bad token, be refused in so many words, and leave."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = f"GET {_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(bytes([0x81, 0x80 | len(_BODY), 0, 0, 0, 0]) + _BODY)  # masked with zeros
        await reader.readuntil(b"44/chat,")
    finally:
        writer.transport.abort()


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(crowd(*map(int, sys.argv[1:])))}\n")
