"""The end of a process, wanted or not: what was acked is there afterwards, and nothing is left running."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.clients import ChatUsers, Person, new_client_id
from tests.support.programs import ServerProcess, serving, start_server
from tests.support.raw_client import RawClient, close_raw_clients
from tests.support.waiting import until

pytestmark = pytest.mark.slow

SENDERS, SENDS = 4, 150


@pytest.fixture(autouse=True)
async def _raw_clients() -> AsyncIterator[None]:
    yield
    await close_raw_clients()


def processes_of(folder: Path) -> list[str]:
    """Who still runs on behalf of a data directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if str(folder) in words and state != "Z":
                found.append(words)
    return found


def is_one_sentence(server: ServerProcess) -> bool:
    """What an operator sees of a start that failed."""
    text = "\n".join(server.log)
    return text.startswith("molva: ") and text.endswith(".") and "\n" not in text and "Traceback" not in text


class Flood:
    """Messages sent without waiting, and what came back."""

    def __init__(self, raw: RawClient, chat_id: str) -> None:
        self.raw = raw
        self.chat_id = chat_id
        self.acked: dict[int, dict[str, Any]] = {}
        self.events: list[str] = []

    async def run(self) -> None:
        """Until the connection closes, or all is acked."""
        sending = asyncio.create_task(self._send())
        try:
            while len(self.acked) < SENDS:
                packet = str(await self.raw.socket.recv())
                if packet.startswith("43/chat,"):
                    ack_id, _, answers = packet[len("43/chat,") :].partition("[")
                    self.acked[int(ack_id)] = json.loads(f"[{answers}")[0]
                elif packet.startswith("42/chat,"):
                    self.events.append(json.loads(packet[len("42/chat,") :])[0])
        except ConnectionClosed:
            pass
        await sending

    async def _send(self) -> None:
        try:
            for number in range(SENDS):
                payload = {"chat_id": self.chat_id, "client_id": new_client_id(), "type": "text"}
                event = ["message:send", {**payload, "content": {"text": str(number)}}]
                await self.raw.send(f"42/chat,{number}" + json.dumps(event))
        except ConnectionClosed:
            pass

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The acked ones."""
        return [answer["data"]["message"] for answer in self.acked.values() if "data" in answer]


async def flood_with(chat_users: ChatUsers) -> tuple[Person, str, list[Flood], list[asyncio.Task[None]]]:
    """Two people who write to each other as fast as they can."""
    people = [await chat_users.register() for _ in range(2)]
    opened = await people[0].act("chat:create_private", user_id=people[1].id)
    chat_id = opened.json()["chat"]["id"]
    floods = []
    for number in range(SENDERS):
        raw = await RawClient.open(chat_users.address)
        await raw.enter(people[number % 2].tokens["access_token"])
        floods.append(Flood(raw, chat_id))
    return people[0], chat_id, floods, [asyncio.create_task(flood.run()) for flood in floods]


async def history(chat_users: ChatUsers, person: Person, chat_id: str) -> dict[int, dict[str, Any]]:
    """Every message, by seq."""
    found: dict[int, dict[str, Any]] = {}
    more = True
    while more:
        answer = await person.act("message:list", chat_id=chat_id, after=max(found, default=0), limit=100)
        page = answer.json()
        found |= {message["seq"]: message for message in page["messages"]}
        more = page["has_more"]
    return found


async def test_killed_server_keeps_what_it_acked_and_leaves_nothing_running(tmp_path: Path):
    settings = {"data_dir": tmp_path, "rate_limits": "off"}
    async with serving(**settings) as server:
        chat_users = ChatUsers(server.address)
        person, chat_id, floods, tasks = await flood_with(chat_users)
        await until(lambda: sum(len(flood.acked) for flood in floods) > 100)
        second = await start_server(**settings)
        assert await second.ended() == 1
        assert is_one_sentence(second), second.log
        server.send(signal.SIGKILL)
        assert await server.ended() == -signal.SIGKILL
        await asyncio.gather(*tasks)
        await chat_users.close()
    await until(lambda: not processes_of(tmp_path))
    acked = {message["seq"]: message for flood in floods for message in flood.messages}
    assert len(acked) > 100
    async with serving(**settings) as server:
        chat_users = ChatUsers(server.address)
        stored = await history(chat_users, person_on(chat_users, person), chat_id)
        assert sorted(stored) == list(range(1, len(stored) + 1))
        assert {seq: stored[seq]["client_id"] for seq in acked} == {seq: acked[seq]["client_id"] for seq in acked}
        assert {seq: stored[seq]["content"] for seq in acked} == {seq: acked[seq]["content"] for seq in acked}
        await chat_users.close()
    assert server.process.returncode == 0
    await until(lambda: not processes_of(tmp_path))


def person_on(chat_users: ChatUsers, person: Person) -> Person:
    """The same person, on the server's new address."""
    return Person(chat_users.address, person.phone, person.user, person.tokens, chat_users.http)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_stopped_server_answers_what_it_received_and_ends_well(
    database_url: str, tmp_path: Path, number: signal.Signals
):
    async with serving(database_url=database_url, data_dir=tmp_path, rate_limits="off") as server:
        chat_users = ChatUsers(server.address)
        quiet = await (await chat_users.register()).connect()
        _person, chat_id, floods, tasks = await flood_with(chat_users)
        await until(lambda: sum(len(flood.acked) for flood in floods) > 20)
        server.send(number)
        assert (await quiet.expect_event("server:draining")).payload["reconnect_within"] > 0
        assert await server.ended() == 0
        await quiet.disconnected.wait()
        await asyncio.gather(*tasks)
        await chat_users.close()
    acked = {message["client_id"] for flood in floods for message in flood.messages}
    connection = await asyncpg.connect(database_url)
    stored = await connection.fetch("SELECT client_id::text FROM messages WHERE chat_id = $1", chat_id)
    await connection.close()
    assert {row["client_id"] for row in stored} == acked
    assert all("data" in answer for flood in floods for answer in flood.acked.values())
    for flood in floods:
        assert flood.events[-1] == "server:draining" or len(flood.acked) == SENDS
    assert "Traceback" not in "\n".join(server.log)


async def test_start_that_cannot_succeed_is_one_sentence(database_url: str, tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        good = {"database_url": database_url, "data_dir": tmp_path}
        attempts = {
            "taken port": good | {"port": taken.getsockname()[1]},
            "wrong host": good | {"database_url": "postgresql://x:y@127.0.0.1:1/x"},
            "no such database": good | {"database_url": database_url + "_not"},
            "broken setting": good | {"port": "eighty"},
        }
        servers = {name: await start_server(**settings) for name, settings in attempts.items()}
        for name, server in servers.items():
            assert await server.ended() == 1, name
            assert is_one_sentence(server), (name, server.log)
            assert not server.address, name
