"""Somebody is removed while others talk as fast as they can: not a word of what comes after reaches them."""

import asyncio
import itertools
import logging
import time
from typing import Any

import pytest

from tests.clients import Client, Event, Town
from tests.wire import until

log = logging.getLogger(__name__)

SENDERS = 4
IN_FLIGHT = 25
WARM_UP_MESSAGES = 200


class Crowd:
    """People who send into one chat, each with many sends under way, until told to stop."""

    def __init__(self, senders: list[Client], chat_id: str) -> None:
        self.senders = senders
        self.chat_id = chat_id
        self.seqs: list[int] = []
        self.has_begun = asyncio.Event()
        self._is_over = False
        self._started = time.monotonic()
        self._tasks = [asyncio.create_task(self._talk(sender)) for sender in senders for _ in range(IN_FLIGHT)]

    async def _talk(self, sender: Client) -> None:
        for number in itertools.count():
            if self._is_over:
                return
            self.seqs.append((await sender.say(self.chat_id, f"{number}"))["seq"])
            if len(self.seqs) >= WARM_UP_MESSAGES:
                self.has_begun.set()

    async def say_more(self, count: int) -> None:
        """Wait until so many more were stored."""
        goal = len(self.seqs) + count
        await until(lambda: len(self.seqs) >= goal, "they stopped talking")

    async def stop(self) -> float:
        """Messages a second. Whoever was told that the chat is gone has stopped already."""
        self._is_over = True
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        assert {getattr(outcome, "code", outcome) for outcome in outcomes} <= {None, "not_found"}
        return len(self.seqs) / (time.monotonic() - self._started)


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


@pytest.mark.parametrize("how", ["removed", "left", "deleted"])
async def test_nothing_from_after_the_removal_arrives(town: Town, how: str):
    people = [await town.register() for _ in range(SENDERS + 1)]
    creator, *senders = [await person.connect() for person in people[:SENDERS]]
    victims = [await people[-1].connect() for _ in range(2)]
    ids = [person.id for person in people[1:]]
    chat_id = (await creator.send("chat:create_group", title="Loud", member_ids=ids))["chat"]["id"]
    await victims[0].send("chat:activate", chat_id=chat_id)

    crowd = Crowd([creator, *senders], chat_id)
    await crowd.has_begun.wait()
    match how:
        case "removed":
            await creator.send("member:remove", chat_id=chat_id, user_id=people[-1].id)
        case "left":
            await victims[1].send("chat:leave", chat_id=chat_id)
        case "deleted":
            await creator.send("chat:delete", chat_id=chat_id)
    if how != "deleted":
        await crowd.say_more(WARM_UP_MESSAGES)
    log.info("%d messages a second", await crowd.stop())
    removal_seq = max(crowd.seqs) + 1 if how == "deleted" else await newest_system_seq(creator, chat_id)

    for victim in victims:
        await victim.send("chat:list", limit=1)
        heard = of_chat(victim.events, chat_id)
        assert (heard[-1].name, heard[-1].payload) == ("chat:removed", {"chat_id": chat_id, "reason": how})
        assert [event.name for event in heard].count("chat:removed") == 1
        assert all(seq_of(event) < removal_seq for event in heard)
    # What came before did arrive, all of it and in order.
    created = [seq_of(event) for event in of_chat(victims[0].events, chat_id) if event.name == "message:created"]
    assert created == list(range(created[0], removal_seq))
