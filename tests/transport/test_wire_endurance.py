"""What lasts: a client that reads nothing, one that talks nonsense without end, one that asks for everything at once."""

import asyncio
import json
import logging
import os
import random
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from realtime.transport.socketio.packets import BadPacket, decode_packet, encode_event
from tests.conformance.app import serving
from tests.support.raw_socket import BINARY, RawSocket, frame
from tests.support.waiting import until

pytestmark = pytest.mark.slow

FUZZED_PACKETS = int(os.environ.get("MOLVA_TEST_FUZZED_PACKETS", "20000"))
"""1000000 is what a release is tried with."""
FUZZED_GROWTH_BYTES_MAX = 20 * 1024 * 1024
BROADCAST_BYTES = 40 * 1024 * 1024
CUT_AFTER_BYTES_MAX = 20 * 1024 * 1024
"""The bound of unread data, and what the kernel holds for both ends of the connection."""
SLOW_COST_BYTES_MAX = 2 * 1024 * 1024


def memory_bytes() -> int:
    """Of this process, now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


class ConformanceServer:
    """The transport alone."""

    def __init__(self, port: int, sockets: Any) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.sockets = sockets

    async def enter(self) -> RawSocket:
        raw = await RawSocket.open(self.address)
        raw.send("40")
        assert (await raw.receive()).startswith("40{")
        assert await raw.receive() == '42["auth",{}]'
        return raw


@pytest.fixture
async def conformance_server() -> AsyncIterator[ConformanceServer]:
    async with serving() as (port, sockets, _):
        yield ConformanceServer(port, sockets)


async def test_client_that_reads_nothing_is_cut_and_costs_little(conformance_server: ConformanceServer):
    slow, reading = await conformance_server.enter(), await conformance_server.enter()
    slow._reader._transport.pause_reading()  # type: ignore[attr-defined]  # what only a bad client does

    async def read() -> int:
        count = 0
        while (await reading.receive()) != '42["end"]':
            count += 1
        return count

    counting = asyncio.create_task(read())
    event = encode_event("/", "noise", json.dumps("x" * 10_000).encode())
    before, most, cut_after = memory_bytes(), 0, 0
    total = BROADCAST_BYTES // len(event)
    for number in range(total):
        for session in list(conformance_server.sockets.eio.sockets.values()):
            session.send(event)
        await conformance_server.sockets.eio.sockets[reading.sid].writable()
        await asyncio.sleep(0)  # the server's turn
        most = max(most, memory_bytes())
        if not cut_after and slow.sid not in conformance_server.sockets.eio.sockets:
            cut_after = number
    conformance_server.sockets.eio.sockets[reading.sid].send(b'\x81\x0942["end"]')
    assert await counting == total
    assert 0 < cut_after * len(event) < CUT_AFTER_BYTES_MAX
    assert most - before < SLOW_COST_BYTES_MAX + 2 * 1024 * 1024  # beside what the reading end buffers in this process
    slow._writer.transport.abort()
    await reading.close()


def nonsense(dice: random.Random) -> str | bytes:
    """A packet that may be anything, mostly nearly right."""
    packet = dice.choice(SEEDS).encode()
    for _ in range(dice.randrange(4)):
        place = dice.randrange(len(packet) + 1)
        match dice.randrange(5):
            case 0:
                packet = packet[:place] + bytes((dice.randrange(256),)) + packet[place:]
            case 1:
                packet = packet[:place] + packet[place + dice.randrange(4) :]
            case 2:
                packet = packet[:place] + dice.choice(BITS) + packet[place:]
            case 3:
                packet += packet[place:]
            case _:
                packet = dice.randbytes(dice.randrange(40))
    return packet


SEEDS = (
    '2["message",1,"2",{"3":[true]}]',
    '2/custom,12["message-with-ack",{"a":[1,2.5,null]}]',
    "0",
    "0/custom,{}",
    "1/custom,",
    '3/custom,7["x"]',
    '51-["message",{"_placeholder":true,"num":0}]',
    '61-/custom,3[{"_placeholder":true,"num":0}]',
    '2[""]',
)
SYNTAX = (b"[", b"]", b"{", b"}", b'"', b",", b"/", b"-", b"\x1e", b"\xff")
BITS = (*SYNTAX, b"\\ud800", b"NaN", b"1e999", b"9" * 20, b"[" * 80)


def test_decoder_survives_nonsense():
    dice = random.Random(20261123)
    outcomes = {True: 0, False: 0}
    for _ in range(FUZZED_PACKETS):
        try:
            decode_packet(nonsense(dice), size_bytes_max=65536)
        except BadPacket:
            outcomes[False] += 1
        else:
            outcomes[True] += 1
    assert all(outcomes.values())


async def test_server_survives_nonsense(conformance_server: ConformanceServer, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.ERROR, "molva")  # what it keeps of warnings would count as the server's memory
    dice = random.Random(20261124)
    neighbour = await conformance_server.enter()
    sent, warm = 0, 0
    while sent < FUZZED_PACKETS:
        raw = await conformance_server.enter()
        for _ in range(50):
            packet = nonsense(dice)
            opcode = BINARY if dice.random() < 0.05 else 1
            broken = frame(b"4" + packet, opcode) if dice.random() < 0.9 else dice.randbytes(dice.randrange(60))
            raw.write(broken)
            sent += 1
        raw._writer.transport.abort()
        await asyncio.sleep(0)
        if sent > FUZZED_PACKETS // 4 and not warm:
            warm = memory_bytes()
        if not sent % 500:
            neighbour.send('42["message",1]')
            while await neighbour.receive() != '42["message-back",1]':
                pass
    await until(lambda: len(conformance_server.sockets.eio.sockets) == 1 and not conformance_server.sockets.busy)
    assert memory_bytes() - warm < FUZZED_GROWTH_BYTES_MAX
    assert not [record for record in caplog.records if record.exc_info]
    await neighbour.close()


async def test_client_that_reads_gets_every_ack_of_a_burst(conformance_server: ConformanceServer):
    raw = await conformance_server.enter()
    raw.send(*(f'42{number}["message-with-ack",{number},"{"x" * 1000}"]' for number in range(1000)))
    for number in range(1000):
        assert (await raw.receive()).startswith(f"43{number}[{number},")
    await raw.close()
