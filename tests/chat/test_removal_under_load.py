"""Somebody is removed while others send 1,000 messages a second: not a word of what comes after reaches them."""

import asyncio
import itertools
import json
import logging
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import ChatUsers, Client, Event, Person, new_client_id
from tests.support.programs import serving
from tests.support.raw_socket import RawSocket
from tests.support.waiting import until

pytestmark = pytest.mark.slow

log = logging.getLogger(__name__)

SENDERS = 12
RATE_PER_S = 1_000
"""What all of them offer together."""
UNANSWERED_MAX = 2_000
"""They wait for a server that cannot keep up on a busy machine: otherwise it would cut them as a flood."""
TURN_S = 0.02
EACH_MESSAGES = 1_000
"""How many are stored before somebody goes, and after."""
_STORED = re.compile(rb'43/chat,\d+\[\{"data":.*?"seq":(\d+)')


class SteadySenders:
    """People who send into one chat at a set pace until told to stop."""

    def __init__(self, sockets: list[RawSocket], chat_id: str) -> None:
        self.seqs: list[int] = []
        self.refusals: set[str] = set()
        self._chat_id = chat_id
        self._sockets = sockets
        self._turns = itertools.cycle(sockets)
        self._answers = 0
        self._sent = 0
        self._started = time.monotonic()
        self._readers = [asyncio.create_task(self._listen(socket)) for socket in sockets]
        self._talking = asyncio.create_task(self._talk())

    async def _talk(self) -> None:
        while True:
            due = int((time.monotonic() - self._started) * RATE_PER_S) - self._sent
            due = max(0, min(due, UNANSWERED_MAX - (self._sent - self._answers)))
            for socket in itertools.islice(self._turns, due):
                self._sent += 1
                socket.send(self._packet(self._sent))
            await asyncio.sleep(TURN_S)  # the pace at which they offer, not a wait

    def _packet(self, number: int) -> str:
        content = {"type": "text", "content": {"text": f"{number}"}}
        payload = {"chat_id": self._chat_id, "client_id": new_client_id(), **content}
        return f"42/chat,{number}" + json.dumps(["message:send", payload])

    async def _listen(self, socket: RawSocket) -> None:
        while True:
            _, packet = await socket.receive_frame()
            if packet == b"2":
                socket.send("3")
            elif packet.startswith(b"43"):
                self._answers += 1
                if stored := _STORED.match(packet):
                    self.seqs.append(int(stored[1]))
                else:
                    self.refusals.add(json.loads(packet[packet.index(b"[") :])[0]["error"]["code"])

    async def say_more(self) -> None:
        """Wait until many more were stored."""
        goal = len(self.seqs) + EACH_MESSAGES
        await until(lambda: len(self.seqs) >= goal)

    async def stop(self) -> float:
        """Stop, and wait for every answer: messages stored a second."""
        self._talking.cancel()
        await until(lambda: self._answers == self._sent)
        rate_per_s = len(self.seqs) / (time.monotonic() - self._started)
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(self._talking, *self._readers, return_exceptions=True)
        await asyncio.gather(*(socket.close() for socket in self._sockets))
        return rate_per_s


def of_chat(events: list[Event], chat_id: str) -> list[Event]:
    def chat_of(payload: dict[str, Any]) -> Any:
        return payload.get("chat_id") or (payload.get("chat") or {}).get("id") or payload["message"]["chat_id"]

    return [event for event in events if event.name != "session:ready" and chat_of(event.payload) == chat_id]


def seq_of(event: Event) -> int:
    """The newest seq that an event tells of."""
    payload = event.payload
    seq: int = payload["message"]["seq"] if "message" in payload else payload.get("chat", {}).get("message_count", 0)
    return seq


async def newest_system_seq(client: Client, chat_id: str) -> int:
    """The seq of the message that tells of the removal."""
    page: dict[str, Any] = {"messages": [], "has_more": True}
    while page["has_more"]:
        bound = {"before": page["messages"][0]["seq"]} if page["messages"] else {}
        page = await client.send("message:list", chat_id=chat_id, limit=100, **bound)
        for message in reversed(page["messages"]):
            if message["type"] == "system":
                seq: int = message["seq"]
                return seq
    raise AssertionError("nothing tells of the removal")


@pytest.fixture
async def alone(database_url: str, tmp_path: Path) -> AsyncIterator[ChatUsers]:
    """People on a server that is a process of its own: it need not share its core with those who send."""
    async with serving(database_url=database_url, data_dir=tmp_path, rate_limits="off") as server:
        chat_users = ChatUsers(server.address)
        yield chat_users
        await chat_users.close()


async def begin_sending(people: list[Person], chat_id: str) -> SteadySenders:
    """One socket each, and they begin."""
    sockets = [await RawSocket.open(person.address) for person in people]
    for socket, person in zip(sockets, people, strict=True):
        await socket.enter(person.tokens["access_token"])
    return SteadySenders(sockets, chat_id)


@pytest.mark.parametrize("how", ["removed", "left", "deleted"])
async def test_nothing_from_after_the_removal_arrives(alone: ChatUsers, how: str):
    people = [await alone.register() for _ in range(SENDERS + 1)]
    creator, victims = await people[0].connect(), [await people[-1].connect() for _ in range(2)]
    ids = [person.id for person in people[1:]]
    chat_id = (await creator.send("chat:create_group", title="Loud", member_ids=ids))["chat"]["id"]
    await victims[0].send("chat:activate", chat_id=chat_id)

    senders = await begin_sending(people[:SENDERS], chat_id)
    await senders.say_more()
    match how:
        case "removed":
            await creator.send("member:remove", chat_id=chat_id, user_id=people[-1].id)
        case "left":
            await victims[1].send("chat:leave", chat_id=chat_id)
        case "deleted":
            await creator.send("chat:delete", chat_id=chat_id)
            await until(lambda: senders.refusals)
    if how != "deleted":
        await senders.say_more()
    log.info("%d messages a second", await senders.stop())
    assert senders.refusals == ({"not_found"} if how == "deleted" else set())
    removal_seq = max(senders.seqs) + 1 if how == "deleted" else await newest_system_seq(creator, chat_id)

    for victim in victims:
        await victim.send("chat:list", limit=1)
        heard = of_chat(victim.events, chat_id)
        assert (heard[-1].name, heard[-1].payload) == ("chat:removed", {"chat_id": chat_id, "reason": how})
        assert [event.name for event in heard].count("chat:removed") == 1
        assert all(seq_of(event) < removal_seq for event in heard)
    # What came before did arrive, all of it and in order.
    created = [seq_of(event) for event in of_chat(victims[0].events, chat_id) if event.name == "message:created"]
    assert created == list(range(created[0], removal_seq))
