"""Who hears what, in which order; and nobody hears more, twice, or too late."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, nullcontext
from typing import Any, TypeVar

import pytest

from core.errors import Unavailable
from core.logs import Request, request_scope
from core.settings import Settings
from realtime.delivery.fanout import Fanout
from realtime.delivery.hub import Hub
from realtime.delivery.order import TurnQueue
from realtime.model.events import CHAT_READ, ChatRead
from realtime.wire.changes import Subject, chat_subject
from realtime.wire.effects import (
    Activated,
    Emit,
    Joined,
    Left,
    Members,
    SharedChats,
    SingleUser,
    Viewers,
    ViewersWithoutMessage,
)
from tests.support.clients import ChatUsers, Client, new_client_id
from tests.support.database_proxy import DatabaseProxy, proxy_to
from tests.support.raw_client import RawClient, close_raw_clients
from tests.support.running import RunningServer, run_server
from tests.support.waiting import DEADLINE_S, until

T = TypeVar("T")


@pytest.fixture(autouse=True)
async def _raw_clients() -> AsyncIterator[None]:
    yield
    await close_raw_clients()


def id_of(client: Client) -> str:
    return str(client.ready["user"]["id"])


async def group_of(chat_users: ChatUsers, count: int) -> tuple[list[Client], str]:
    """A group and one connection of each of its members; nothing unread."""
    clients = [await (await chat_users.register()).connect() for _ in range(count)]
    opened = await clients[0].send("chat:create_group", title="Choir", member_ids=[id_of(client) for client in clients[1:]])
    for client in clients:
        await client.expect_event("chat:updated")
    return clients, opened["chat"]["id"]


async def heard(client: Client) -> list[str]:
    """The names of what came since, with everything on its way."""
    await client.send("user:blocked")
    names = [event.name for event in client.events[client._read :]]
    client.forget_events()
    return names


# --- messages


async def test_message_is_told_to_members_and_shown_to_who_looks(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    stranger = await (await chat_users.register()).connect()
    second = await (await chat_users.register(chat_users.people[1].phone)).connect()
    for client in (anna, boris):
        await client.send("chat:activate", chat_id=chat_id)
    for client in (anna, boris, second, stranger):
        await heard(client)
    await anna.say(chat_id, "hello")
    for client in (anna, boris):
        assert await heard(client) == ["chat:updated", "message:created"]
    for client in (clara, second):
        assert await heard(client) == ["chat:updated"]
    assert await heard(stranger) == []


async def test_events_of_a_message_carry_what_the_ack_says(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    await boris.send("chat:activate", chat_id=chat_id)
    boris.forget_events()
    sent = await anna.say(chat_id, "hello")
    updated = (await boris.expect_event("chat:updated")).payload
    created = (await boris.expect_event("message:created")).payload
    shared = {name: value for name, value in sent.items() if name != "liked_by_me"}
    assert created == {"message": shared, "message_count": sent["seq"], "sender": created["sender"]}
    assert created["sender"]["id"] == sent["sender_id"]
    assert updated["reason"] == "message"
    chat = updated["chat"]
    assert "me" not in chat
    assert "peer" not in chat
    assert (chat["message_count"], chat["version"], chat["last_message"]) == (sent["seq"], sent["version"], shared)
    fetched = (await boris.send("chat:get", chat_id=chat_id))["chat"]
    assert {name: fetched[name] for name in set(chat) - {"last_message"}} == {
        name: chat[name] for name in set(chat) - {"last_message"}
    }


async def test_every_connection_hears_every_message_once_and_in_order(chat_users: ChatUsers):
    clients, chat_id = await group_of(chat_users, 4)
    other_device = await chat_users.people[1].connect()
    listeners = [*clients, other_device]
    for client in listeners:
        await client.send("chat:activate", chat_id=chat_id)
    for client in listeners:
        client.forget_events()
    first = (await clients[0].send("chat:get", chat_id=chat_id))["chat"]["message_count"] + 1
    count = 40
    await asyncio.gather(*(clients[number % 4].say(chat_id, str(number)) for number in range(count)))
    seqs = list(range(first, first + count))
    for client in listeners:
        await client.expect_event("message:created", lambda told: told["message"]["seq"] == seqs[-1])
        events = [
            event
            for event in client.events
            if event.payload.get("chat", {}).get("last_message") or "message" in event.payload
        ]
        created = [event.payload["message"]["seq"] for event in events if event.name == "message:created"]
        updated = [
            event.payload["chat"]["message_count"]
            for event in events
            if event.name == "chat:updated" and event.payload["reason"] == "message"
        ]
        assert created == updated == seqs
        names = [event.name for event in events if event.payload.get("reason", "message") == "message"]
        assert names == ["chat:updated", "message:created"] * count


async def test_versions_arrive_without_a_gap_whatever_changes(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    await boris.send("chat:activate", chat_id=chat_id)
    version = (await boris.send("chat:get", chat_id=chat_id))["chat"]["version"]
    boris.forget_events()
    start = len(boris.events)
    seqs = [(await client.say(chat_id, "x"))["seq"] for client in (anna, clara, anna)]
    await asyncio.gather(
        anna.send("message:edit", chat_id=chat_id, seq=seqs[0], content={"text": "y"}),
        clara.send("message:like", chat_id=chat_id, seq=seqs[0]),
        boris.send("message:like", chat_id=chat_id, seq=seqs[1]),
        anna.send("message:delete", chat_id=chat_id, seq=seqs[2]),
        clara.say(chat_id, "z"),
    )
    newest = (await boris.send("chat:get", chat_id=chat_id))["chat"]["version"]
    seen = version
    for event in boris.events[start:]:
        payload = event.payload
        told = payload.get("version") or payload.get("message", {}).get("version") or payload.get("chat", {}).get("version")
        if told is not None and "me" not in payload.get("chat", {}):
            assert told in (seen, seen + 1), (event, seen)
            seen = told
    assert seen == newest > version + 5


async def test_personal_changes_reach_only_ones_own_connections(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    await boris.say(chat_id, "unread")
    other_device = await chat_users.people[0].connect()
    device = await (await chat_users.register(chat_users.people[0].phone)).connect()
    boris.forget_events()
    for action, payload, reason in (
        ("chat:rename", {"title": "Mine"}, "renamed"),
        ("chat:pin", {}, "pinned"),
        ("chat:mute", {"until": "2030-01-01T00:00:00.000Z"}, "muted"),
        ("chat:activate", {}, "activated"),
        ("message:read", {"seq": 2}, "read"),
    ):
        await anna.send(action, chat_id=chat_id, **payload)
        for client in (other_device, device):
            told = (await client.expect_event("chat:updated")).payload
            assert (told["reason"], told["chat"]["id"]) == (reason, chat_id)
            assert told["chat"]["me"]["title"] == "Mine"
    assert await heard(boris) == []


# --- bounds


async def test_client_that_does_not_read_harms_nobody(
    running: RunningServer, chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("realtime.transport.websocket.connection.UNSENT_BYTES_MAX", 512 * 1024)
    anna, _boris, chat_id = await chat_users.pair()
    raw = await RawClient.open(chat_users.address)
    await raw.enter(chat_users.people[1].tokens["access_token"])
    raw.socket.transport.pause_reading()
    hub = running.molva.sockets.namespace_handlers["/chat"]._hub
    await anna.send("chat:activate", chat_id=chat_id)
    words, cut = "x" * 4096, False
    async with asyncio.timeout(DEADLINE_S):
        while not cut:
            await asyncio.gather(*(anna.say(chat_id, words) for _ in range(50)))
            cut = len(hub.listeners_of(chat_users.people[1].id)) == 1
    count = (await anna.send("chat:get", chat_id=chat_id))["chat"]["message_count"]
    await anna.expect_event("message:created", lambda told: told["message_count"] == count)


# --- the database in doubt


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[DatabaseProxy]:
    async with proxy_to(database_url) as proxy:
        yield proxy


@pytest.fixture
async def tethered(settings: Settings, proxy: DatabaseProxy) -> AsyncIterator[ChatUsers]:
    """People on a server whose database can be taken away."""
    changes = {"database_url": proxy.url, "rate_limits": "off"}
    async with run_server(Settings(**(settings.model_dump() | changes))) as server:
        chat_users = ChatUsers(server.address)
        yield chat_users
        await proxy.mend()
        await chat_users.close()


async def lose_the_answer(proxy: DatabaseProxy, client: Client, action: str, **payload: Any) -> None:
    """The change is committed, and nobody here can know it."""
    words = payload["client_id"].encode() if action == "message:send" else b"COMMIT"
    await break_after_the_answer(proxy, words, client.expect_refusal(action, "unavailable", **payload))


async def break_after_the_answer(proxy: DatabaseProxy, words: bytes, change: Coroutine[Any, Any, T]) -> T:
    """The connections break when the database has answered ``words``: what came of the change."""
    proxy.lose_the_answer_to(words)
    outcome = asyncio.create_task(change)
    await until(proxy.lost_answer.is_set)
    await proxy.cut()
    try:
        return await outcome
    finally:
        await proxy.mend()


async def test_message_of_unknown_fate_is_told_when_it_is_known(tethered: ChatUsers, proxy: DatabaseProxy):
    anna, boris, chat_id = await tethered.pair()
    await anna.say(chat_id, "well known")
    send = text(chat_id)
    await lose_the_answer(proxy, anna, "message:send", **send)
    await boris.expect_event("chat:updated", lambda told: told["chat"]["message_count"] == 2)
    assert (await anna.send("message:send", **send))["duplicate"] is True


async def test_message_of_unknown_fate_is_shown_to_who_looks(tethered: ChatUsers, proxy: DatabaseProxy):
    (anna, boris), chat_id = await group_of(tethered, 2)
    await boris.send("chat:activate", chat_id=chat_id)
    await anna.say(chat_id, "well known")
    await boris.expect_event("message:created")
    await lose_the_answer(proxy, anna, "message:send", **text(chat_id))
    told = (await boris.expect_event("chat:updated", lambda told: told["reason"] == "reconciled")).payload["chat"]
    shown = (await boris.expect_event("message:created")).payload
    assert shown["message"]["seq"] == shown["message_count"] == told["message_count"]
    assert shown["message"] == told["last_message"]


async def test_edit_of_unknown_fate_is_shown_to_who_looks(tethered: ChatUsers, proxy: DatabaseProxy):
    (anna, boris), chat_id = await group_of(tethered, 2)
    old, new = [(await anna.say(chat_id, words))["seq"] for words in ("first", "second")]
    await boris.send("chat:activate", chat_id=chat_id)
    boris.forget_events()
    await lose_the_answer(proxy, anna, "message:edit", chat_id=chat_id, seq=old, content={"text": "edited"})
    told = (await boris.expect_event("chat:updated", lambda told: told["reason"] == "reconciled")).payload["chat"]
    shown = (await boris.expect_event("message:updated")).payload["message"]
    assert (shown["seq"], shown["content"], shown["version"]) == (old, {"text": "edited"}, told["version"])
    assert told["last_message"]["seq"] == new
    assert await heard(boris) == []


async def test_connection_that_begins_in_a_chat_is_shown_what_is_in_doubt(tethered: ChatUsers, proxy: DatabaseProxy):
    (anna, boris), chat_id = await group_of(tethered, 2)
    seq = (await anna.say(chat_id, "first"))["seq"]
    await boris.send("chat:activate", chat_id=chat_id)
    await boris.close()
    again = await tethered.people[1].connect()
    await lose_the_answer(proxy, anna, "message:like", chat_id=chat_id, seq=seq)
    shown = (await again.expect_event("message:updated")).payload["message"]
    assert (shown["seq"], shown["like_count"]) == (seq, 1)


async def test_profile_of_unknown_fate_is_told_when_it_is_known(tethered: ChatUsers, proxy: DatabaseProxy):
    _anna, boris, _chat_id = await tethered.pair()
    person = tethered.people[0]
    rename = person.http.patch("/v1/me", json={"display_name": "Anna the Great"}, headers=person.headers)
    assert (await break_after_the_answer(proxy, b"COMMIT", rename)).json()["code"] == "unavailable"
    told = (await boris.expect_event("user:updated")).payload["user"]
    assert told["display_name"] == "Anna the Great"


async def test_group_of_unknown_fate_is_told_when_it_is_known(tethered: ChatUsers, proxy: DatabaseProxy):
    anna, boris = [await (await tethered.register()).connect() for _ in range(2)]
    await lose_the_answer(proxy, anna, "chat:create_group", title="Lost", member_ids=[id_of(boris)])
    for client in (anna, boris):
        told = (await client.expect_event("chat:updated")).payload
        assert (told["reason"], told["chat"]["title"]) == ("created", "Lost")
        assert told["chat"]["me"]["read_seq"] >= 0
    await anna.say(told["chat"]["id"], "found")
    await boris.expect_event("chat:updated", lambda told: told["reason"] == "message")


async def test_member_whose_removal_is_of_unknown_fate_hears_no_later_message(tethered: ChatUsers, proxy: DatabaseProxy):
    (anna, boris), chat_id = await group_of(tethered, 2)
    await boris.send("chat:activate", chat_id=chat_id)
    await lose_the_answer(proxy, anna, "member:remove", chat_id=chat_id, user_id=id_of(boris))
    boris.forget_events()
    async with asyncio.timeout(DEADLINE_S):
        while "error" in await anna.push("message:send", text(chat_id)):
            pass
    assert (await boris.expect_event("chat:removed")).payload == {"chat_id": chat_id, "reason": "removed"}
    assert await heard(boris) == []


async def test_group_whose_end_is_of_unknown_fate_is_gone_for_all(tethered: ChatUsers, proxy: DatabaseProxy):
    (anna, boris), chat_id = await group_of(tethered, 2)
    await lose_the_answer(proxy, anna, "chat:delete", chat_id=chat_id)
    for client in (anna, boris):
        assert (await client.expect_event("chat:removed")).payload == {"chat_id": chat_id, "reason": "deleted"}


def text(chat_id: str) -> dict[str, Any]:
    return {"chat_id": chat_id, "client_id": new_client_id(), "type": "text", "content": {"text": "x"}}


# --- the audience


class RecordingListener:
    """A listener that keeps what it is sent."""

    def __init__(self, user_id: str, session_id: str = "s", active_chat_id: str | None = None) -> None:
        self.connection_id = f"{user_id} {session_id} {id(self)}"
        self.user_id = user_id
        self.session_id = session_id
        self.active_chat_id = active_chat_id
        self.watched_chat_ids: tuple[str, ...] = ()
        self.heard: list[bytes] = []

    def send(self, packet: bytes) -> None:
        self.heard.append(packet)


def enter(people: Hub, listener: RecordingListener, *chats: tuple[str, int]) -> RecordingListener:
    with people.loading(listener.user_id):
        people.enter(listener, chats)
    return listener


def test_audiences_mean_whom_they_say():
    people = Hub()
    anna = enter(people, RecordingListener("anna", active_chat_id="c"), ("c", 1))
    other_device = enter(people, RecordingListener("anna", "other"), ("c", 1))
    boris = enter(people, RecordingListener("boris", active_chat_id="c"), ("c", 5))
    clara = enter(people, RecordingListener("clara"), ("c", 1), ("d", 1))
    dora = enter(people, RecordingListener("dora", active_chat_id="d"), ("d", 1))
    assert [*people.resolve(Members("c"))] == [anna, other_device, boris, clara]
    assert [*people.resolve(Members("c", frozenset({"anna"})))] == [boris, clara]
    assert [*people.resolve(Viewers("c"))] == [anna, boris]
    assert [*people.resolve(Viewers("c", seq=4))] == [anna]
    assert [*people.resolve(Viewers("c", seq=5))] == [anna, boris]
    assert [*people.resolve(Viewers("c", without=frozenset({"anna"})))] == [boris]
    assert [*people.resolve(Viewers("c", seq=5, with_user_id="anna"))] == [boris, anna, other_device]
    assert [*people.resolve(Viewers("c", seq=5, with_user_id="clara"))] == [anna, boris, clara]
    assert [*people.resolve(Viewers("c", seq=4, with_user_id="boris"))] == [anna]
    assert [*people.resolve(Viewers("c", seq=5, with_user_id="dora"))] == [anna, boris]
    assert [*people.resolve(ViewersWithoutMessage("c", 4))] == [boris]
    assert [*people.resolve(SingleUser("anna"))] == [anna, other_device]
    assert {*people.resolve(SharedChats("dora", ("d",)))} == {dora, clara}
    assert [*people.resolve(SharedChats("anna", ("c", "d")))] == [anna, other_device, boris, clara, dora]
    for audience in (Members("x"), Viewers("x"), ViewersWithoutMessage("x", 1), SingleUser("x"), SharedChats("x", ("x",))):
        assert [*people.resolve(audience)] == []


def test_who_went_is_forgotten():
    people = Hub()
    listeners = [enter(people, RecordingListener("anna", str(number), "c"), ("c", 1)) for number in range(3)]
    people.exit(listeners[0])
    people.exit(listeners[0])
    assert people.is_online("anna")
    for listener in listeners:
        people.exit(listener)
    assert not people.is_online("anna")
    assert not people.known_chat("c").members
    assert (people._online, people._chats) == ({}, {})


def test_failed_admission_leaves_nothing():
    people = Hub()
    with pytest.raises(Unavailable), people.loading("anna"):
        raise Unavailable
    assert people._online == {}


def test_changes_during_an_admission_are_not_lost():
    people = Hub()
    with people.loading("anna"):
        people.join("new", "anna", 7)
        people.leave("old", "anna")
        listener = RecordingListener("anna", active_chat_id="old")
        people.enter(listener, [("old", 1), ("kept", 1)])
    assert listener.active_chat_id is None
    assert [*people.resolve(Members("new"))] == [listener]
    assert [*people.resolve(Members("kept"))] == [listener]
    assert [*people.resolve(Members("old"))] == []


def test_chat_left_during_an_admission_is_not_on_the_screen():
    people = Hub()
    with people.loading("anna"):
        people.leave("c", "anna")
        people.join("c", "anna", 9)
        listener = RecordingListener("anna", active_chat_id="c")
        people.enter(listener, [("c", 1)])
    assert listener.active_chat_id is None
    assert [*people.resolve(Viewers("c"))] == []


def test_chat_that_was_left_cannot_come_on_the_screen():
    people = Hub()
    listener = enter(people, RecordingListener("anna"), ("c", 1))
    people.leave("c", "anna")
    people.activate(listener.connection_id, "anna", "c")
    people.watch_chats(listener.connection_id, "anna", ["c"])
    assert listener.active_chat_id is None
    assert [*people.resolve(Viewers("c"))] == []


# --- carrying out


class ScriptedDelivery:
    """A delivery whose database says what the test wants."""

    def __init__(self) -> None:
        self.people = Hub()
        self.asked = 0
        self.is_away = False
        self.fanout = Fanout(self.people, lambda name, payload: name.encode() + b" " + payload)
        self.turns = TurnQueue(self.repair)

    async def repair(self, subject: Subject) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise Unavailable
        if subject.id == "broken":
            raise RuntimeError("planted")
        self.fanout.deliver([said(subject.id, 99)])

    @asynccontextmanager
    async def turn(self, subject: Subject) -> AsyncIterator[None]:
        await self.turns.take(subject)
        yield
        self.turns.give_back(subject)


CHAT = chat_subject("c")


def said(chat_id: str, read_seq: int) -> Emit:
    user_id = "0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012"
    return Emit(CHAT_READ, ChatRead.model_construct(chat_id=chat_id, user_id=user_id, read_seq=read_seq), Members(chat_id))


async def test_effects_take_place_in_order():
    scripted = ScriptedDelivery()
    anna, boris = (
        enter(scripted.people, RecordingListener("anna"), ("c", 1)),
        enter(scripted.people, RecordingListener("boris")),
    )
    scripted.fanout.deliver([said("c", 1), Joined("c", "boris", 1), said("c", 2), Left("c", "anna"), said("c", 3)])
    assert [packet[-2:-1] for packet in anna.heard] == [b"1", b"2"]
    assert [packet[-2:-1] for packet in boris.heard] == [b"2", b"3"]
    scripted.fanout.deliver([Activated(boris.connection_id, "boris", "c")])
    assert boris.active_chat_id == "c"


async def test_request_that_caused_an_event_says_so_at_its_end(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="molva.delivery")
    scripted, request = ScriptedDelivery(), Request("r")
    enter(scripted.people, RecordingListener("anna"), ("c", 1))
    with request_scope(request):
        scripted.fanout.deliver([said("c", 1), said("d", 1)])
    assert request.close()["events"] == [
        {"event_name": "chat:read", "to": "Members", "recipients": 1},
        {"event_name": "chat:read", "to": "Members", "recipients": 0},
    ]
    assert caplog.records == []


@pytest.mark.parametrize("request_before", [None, Request("r")])
async def test_event_outside_of_a_request_has_a_line_of_its_own(
    caplog: pytest.LogCaptureFixture, request_before: Request | None
):
    caplog.set_level(logging.INFO, logger="molva.delivery")
    scripted = ScriptedDelivery()
    enter(scripted.people, RecordingListener("anna"), ("c", 1))
    with nullcontext() if request_before is None else request_scope(request_before):
        if request_before is not None:
            request_before.close()
        scripted.fanout.deliver([said("c", 1)])
    assert [record.event_name for record in caplog.records] == ["chat:read"]  # type: ignore[attr-defined]


async def test_event_is_encoded_once_for_all():
    scripted = ScriptedDelivery()
    listeners = [enter(scripted.people, RecordingListener(f"user {number}"), ("c", 1)) for number in range(5)]
    scripted.fanout.deliver([said("c", 1)])
    assert len({id(listener.heard[0]) for listener in listeners}) == 1


async def test_changes_of_one_chat_take_turns_and_leave_no_lock():
    scripted = ScriptedDelivery()
    order: list[str] = []

    async def change(name: str, go_on: asyncio.Event) -> None:
        async with scripted.turn(CHAT):
            order.append(f"{name} begins")
            await go_on.wait()
            order.append(f"{name} ends")

    gates = [asyncio.Event() for _ in range(3)]
    tasks = [asyncio.create_task(change(str(number), gate)) for number, gate in enumerate(gates)]
    await until(lambda: order)
    tasks[1].cancel()
    gates[2].set()
    gates[0].set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == ["0 begins", "0 ends", "2 begins", "2 ends"]
    assert scripted.turns._waiting == {}


async def test_chat_in_doubt_is_told_when_the_database_answers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("realtime.delivery.order._RETRY_PAUSE_S", 0.001)
    scripted = ScriptedDelivery()
    listener = enter(scripted.people, RecordingListener("anna"), ("c", 1))
    scripted.is_away = True
    scripted.turns.note_doubt(CHAT)
    await until(lambda: scripted.asked > 3)
    assert listener.heard == []
    scripted.is_away = False
    await until(lambda: listener.heard)
    assert len(listener.heard) == 1
    await scripted.turns.close()


async def test_doubt_that_comes_up_during_the_telling_is_told_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("realtime.delivery.order._RETRY_PAUSE_S", 0.001)
    scripted = ScriptedDelivery()
    listener = enter(scripted.people, RecordingListener("anna"), ("c", 1))
    scripted.turns.note_doubt(CHAT)
    await until(lambda: scripted.asked)
    scripted.turns.note_doubt(CHAT)
    await until(lambda: len(listener.heard) == 2)
    await scripted.turns.close()


async def test_next_change_waits_until_the_one_before_it_is_known():
    scripted = ScriptedDelivery()
    listener = enter(scripted.people, RecordingListener("anna"), ("c", 1))
    async with scripted.turn(CHAT):
        scripted.turns.note_doubt(CHAT)
    async with scripted.turn(CHAT):
        assert len(listener.heard) == 1
        scripted.fanout.deliver([said("c", 100)])
    async with scripted.turn(CHAT):
        pass
    assert scripted.asked == 1
    await scripted.turns.close()


async def test_chat_whose_state_cannot_be_read_holds_up_no_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("realtime.delivery.order._RETRY_PAUSE_S", 0.001)
    scripted = ScriptedDelivery()
    listener = enter(scripted.people, RecordingListener("anna"), ("good", 1))
    scripted.turns.note_doubt(chat_subject("broken"))
    scripted.turns.note_doubt(chat_subject("good"))
    await until(lambda: listener.heard)
    assert scripted.turns._doubtful == {}
    await scripted.turns.close()


async def test_doubts_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("realtime.delivery.order.DOUBTS_MAX", 3)
    scripted = ScriptedDelivery()
    for number in range(5):
        scripted.turns.note_doubt(chat_subject(str(number)))
    assert len(scripted.turns._doubtful) == 3
    await scripted.turns.close()
