"""Somebody answers pings and reads nothing while 40 MB go to their chat: they are cut, and nobody else notices."""

import asyncio
import json
import logging
import time
from pathlib import Path

import pytest

from tests.support.clients import ChatUsers, Person, new_client_id
from tests.support.programs import ServerProcess, serving
from tests.support.raw_socket import RawSocket
from tests.support.waiting import until

pytestmark = pytest.mark.slow

log = logging.getLogger(__name__)

TEXT = "😀" * 4096
EVENT_BYTES = len(TEXT.encode())
EVENTS_OF_A_SEND = 2
"""For who looks at the chat: the chat's new state, and the message."""
BROADCAST_BYTES = 40_000_000
CUT_AFTER_BYTES_MAX = 20_000_000
"""The bound of unread data, and what the kernel holds for both ends of the connection."""
PACE_S = 0.01
COST_BYTES_MAX = 2 * 1024 * 1024
_PAGE_BYTES = 4096


def memory_bytes(server: ServerProcess) -> int:
    """What the process holds, now."""
    return int(Path(f"/proc/{server.process.pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


async def enter(person: Person, chat_id: str) -> RawSocket:
    """Somebody who looks at the chat."""
    raw = await RawSocket.open(person.address)
    await raw.enter(person.tokens["access_token"])
    raw.send(f'42/chat,0["chat:activate",{{"chat_id":"{chat_id}"}}]')
    assert "data" in await raw.ack(0)
    return raw


async def read_nothing(raw: RawSocket) -> None:
    """Answer pings that were never read."""
    raw._reader._transport.pause_reading()  # type: ignore[attr-defined]  # what only a bad client does
    while not raw._writer.is_closing():
        raw.send("3")
        await asyncio.sleep(1)  # it does not see when it is pinged; a server takes answers that it did not ask for


async def read_on(raw: RawSocket) -> None:
    while True:
        await raw.receive()


class Talk:
    """One speaks at a steady pace, one listens: how long each message takes, in seconds."""

    def __init__(self, server: ServerProcess, speaker: RawSocket, listener: RawSocket, chat_id: str) -> None:
        self._server = server
        self._speaker = speaker
        self._listener = listener
        self._chat_id = chat_id
        self.delays_s: list[float] = []
        self.sent = 0
        self.most_bytes = 0

    async def go_on(self, count: int) -> float:
        """So many messages: the 99th percentile of their delays."""
        self.delays_s, self.sent, sent_at = [], 0, {}
        hearing = asyncio.create_task(self._hear(sent_at, count))
        for _ in range(count):
            client_id = new_client_id()
            payload = {"chat_id": self._chat_id, "client_id": client_id, "type": "text", "content": {"text": TEXT}}
            sent_at[client_id] = time.monotonic()
            self._speaker.send("42/chat,1" + json.dumps(["message:send", payload], ensure_ascii=False))
            answer = await self._speaker.ack(1)
            assert "data" in answer, answer
            self.sent += 1
            self.most_bytes = max(self.most_bytes, memory_bytes(self._server))
            await asyncio.sleep(max(0.0, sent_at[client_id] + PACE_S - time.monotonic()))  # the pace
        await hearing
        return sorted(self.delays_s)[count * 99 // 100]

    async def sent_until_cut(self) -> int:
        """Wait until the server cuts somebody: how many messages were sent before."""
        await until(lambda: any('"slow consumer"' in line for line in self._server.log))
        return self.sent

    async def _hear(self, sent_at: dict[str, float], count: int) -> None:
        while len(self.delays_s) < count:
            packet = await self._listener.receive()
            if packet.startswith('42/chat,["message:created"'):
                client_id = json.loads(packet[len("42/chat,") :])[1]["message"]["client_id"]
                self.delays_s.append(time.monotonic() - sent_at[client_id])


async def test_reader_of_nothing_is_cut_and_costs_the_others_nothing(database_url: str, tmp_path: Path):
    async with serving(database_url=database_url, data_dir=tmp_path, rate_limits="off") as server:
        chat_users = ChatUsers(server.address)
        people = [await chat_users.register() for _ in range(3)]
        members = [person.id for person in people[1:]]
        group = await people[0].act("chat:create_group", title="Slow", member_ids=members)
        chat_id = group.json()["chat"]["id"]
        speaker, listener, third = [await enter(person, chat_id) for person in people]
        talk = Talk(server, speaker, listener, chat_id)

        reading = asyncio.create_task(read_on(third))
        await talk.go_on(200)
        baseline_s, baseline_bytes = await talk.go_on(300), talk.most_bytes
        reading.cancel()

        talk.most_bytes = 0
        answering = asyncio.create_task(read_nothing(third))
        cutting = asyncio.create_task(talk.sent_until_cut())
        beside_s = await talk.go_on(BROADCAST_BYTES // EVENT_BYTES // EVENTS_OF_A_SEND)
        cost_bytes = talk.most_bytes - baseline_bytes
        cut_after_bytes = await cutting * EVENT_BYTES * EVENTS_OF_A_SEND
        log.info("cut after %d kB, cost %d kB", cut_after_bytes // 1000, cost_bytes // 1000)
        log.info("p99 of the others %.1f ms, before %.1f ms", beside_s * 1000, baseline_s * 1000)
        assert cost_bytes < COST_BYTES_MAX
        assert cut_after_bytes < CUT_AFTER_BYTES_MAX
        answering.cancel()
        third._writer.transport.abort()
        await asyncio.gather(speaker.close(), listener.close())
        await chat_users.close()
