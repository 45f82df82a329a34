"""The transport alone, on a real port: Engine.IO as its specification has it, and its bounds.

The cases of the specification follow its test suite: https://github.com/socketio/engine.io-protocol
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.exceptions import InvalidStatus

from core.settings import Settings
from realtime.transport import connection as connections
from realtime.transport import link as links
from realtime.transport import server as servers
from realtime.transport import websocket as websockets
from realtime.transport.connection import Connection
from realtime.transport.engine import Terms
from realtime.transport.handlers import Namespace, Refused
from realtime.transport.link import Heartbeat
from realtime.transport.packets import encode_event
from realtime.transport.server import SocketServer, with_sockets
from server import HttpServer, bind
from tests.clients import DEADLINE_S
from tests.wire import Wire, close_wires, until

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
        return await self.http.get("/socket.io/", params=_query(link_id) | more)

    async def post(self, link_id: str, *packets: str, content: bytes | None = None) -> httpx.Response:
        body = "\x1e".join(packets).encode() if content is None else content
        return await self.http.post("/socket.io/", params=_query(link_id), content=body)

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


def _query(link_id: str | None) -> dict[str, str]:
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


@pytest.fixture(scope="module")
async def brisk() -> AsyncIterator[Theatre]:
    """With a heartbeat that a test can wait for."""
    async with playing(interval_s=PING_INTERVAL_S, timeout_s=PING_TIMEOUT_S) as theatre:
        yield theatre


@pytest.fixture(scope="module")
async def long_running() -> AsyncIterator[Theatre]:
    """With a heartbeat that disturbs nobody."""
    async with playing(interval_s=60, timeout_s=60) as theatre:
        yield theatre


@pytest.fixture
async def calm(long_running: Theatre) -> AsyncIterator[Theatre]:
    """The same, with nobody there."""
    yield long_running
    await long_running.clear()


@pytest.fixture(autouse=True)
async def _wires() -> AsyncIterator[None]:
    yield
    await close_wires()


# --- handshake


async def test_polling_client_is_told_its_id_and_the_bounds(calm: Theatre):
    answer = await calm.poll()
    assert answer.status_code == 200
    handshake = json.loads(answer.text[1:])
    assert answer.text[0] == "0"
    assert handshake.pop("sid")
    assert handshake == {"upgrades": ["websocket"], "pingInterval": 60000, "pingTimeout": 60000, "maxPayload": PACKET_MAX}
    assert answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"


async def test_websocket_client_is_told_its_id_and_the_bounds(calm: Theatre):
    wire = await Wire.open(calm.address)
    assert wire.handshake.pop("sid")
    assert wire.handshake == {"upgrades": [], "pingInterval": 60000, "pingTimeout": 60000, "maxPayload": PACKET_MAX}


@pytest.mark.parametrize(
    "query",
    ["", "transport=polling", "EIO=abc&transport=polling", "EIO=3&transport=polling", "EIO=4", "EIO=4&transport=abc",
     "EIO=4&transport=polling&sid=abc", "EIO=4&transport=websocket"],
)  # fmt: skip
async def test_handshake_that_the_protocol_does_not_have_is_refused(calm: Theatre, query: str):
    answer = await calm.http.get(f"/socket.io/?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message"}


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_handshake_by_another_method_is_refused(calm: Theatre, method: str):
    assert (await calm.http.request(method, "/socket.io/", params=_query(None))).status_code == 400
    assert not calm.remains()


@pytest.mark.parametrize(
    "query", ["transport=websocket", "EIO=abc&transport=websocket", "EIO=4&transport=polling", "EIO=4"]
)
async def test_websocket_that_the_protocol_does_not_have_is_refused(calm: Theatre, query: str):
    with pytest.raises(InvalidStatus) as refusal:
        await Wire.open(calm.address, query)
    assert refusal.value.response.status_code == 400
    assert not calm.remains()


async def test_foreign_origin_is_refused_and_known_ones_are_named(calm: Theatre):
    def come_from(origin: str) -> Any:
        return calm.http.get("/socket.io/", params=_query(None), headers={"Origin": origin})

    assert (await come_from("https://foe.example")).status_code == 403
    assert not calm.remains()
    for origin in ("https://friend.example", calm.address):
        answer = await come_from(origin)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in answer.headers
    with pytest.raises(InvalidStatus) as refusal:
        await Wire.open(calm.address, origin="https://foe.example")
    assert refusal.value.response.status_code == 403


async def test_request_id_is_given_back(calm: Theatre):
    answer = await calm.http.get("/socket.io/", headers={"X-Request-ID": "mine"})
    assert answer.headers["x-request-id"] == "mine"


# --- heartbeat


async def test_polling_client_that_answers_stays(brisk: Theatre):
    link_id = await brisk.open()
    for _ in range(3):
        assert (await brisk.poll(link_id)).text == "2"
        assert (await brisk.post(link_id, "3")).text == "ok"
    assert link_id in brisk.sockets.eio.sockets


async def test_websocket_client_that_answers_stays(brisk: Theatre):
    wire = await Wire.open(brisk.address)
    for _ in range(3):
        assert await wire.socket.recv() == "2"
        await wire.send("3")
    assert wire.handshake["sid"] in brisk.sockets.eio.sockets
    await wire.close()


async def test_silent_polling_client_is_forgotten(brisk: Theatre):
    link_id = await brisk.enter()
    await until(lambda: brisk.stage.goodbyes)
    assert brisk.stage.goodbyes.pop()[1] == "ping timeout"
    assert (await brisk.poll(link_id)).status_code == 400


async def test_silent_websocket_client_is_closed(brisk: Theatre):
    wire = await brisk.wire()
    assert await wire.closed() == ["2"]
    await until(lambda: brisk.stage.goodbyes)
    assert brisk.stage.goodbyes.pop()[1] == "ping timeout"


# --- close


async def test_polling_client_that_closes_is_gone(calm: Theatre):
    link_id = await calm.enter()
    poll = asyncio.create_task(calm.poll(link_id))
    await until(lambda: calm.sockets.eio.sockets[link_id].is_polled)
    await calm.post(link_id, "1")
    assert (await poll).text == "6"
    assert (await calm.poll(link_id)).status_code == 400
    await until(lambda: not calm.remains())
    assert [reason for _, reason in calm.stage.goodbyes] == ["client disconnect"]


async def test_websocket_client_that_closes_is_gone(calm: Theatre):
    wire = await calm.wire()
    await wire.send("1")
    await wire.closed()
    await until(lambda: not calm.remains())
    assert [reason for _, reason in calm.stage.goodbyes] == ["client disconnect"]


async def test_client_that_leaves_the_namespace_keeps_its_link(calm: Theatre):
    wire = await calm.wire()
    await wire.send("41/chat,")
    await until(lambda: calm.stage.goodbyes)
    await wire.send("40/chat,")
    await wire.receive_until("42/chat,")
    assert [reason for _, reason in calm.stage.goodbyes] == ["client disconnect"]


async def test_client_that_leaves_and_comes_back_in_one_breath_is_in_again(calm: Theatre):
    wire = await calm.wire()
    await wire.send("41/chat,", "40/chat,", '42/chat,1["a"]')
    assert (await wire.receive()).startswith('40/chat,{"sid"')
    assert await wire.receive() == '42/chat,["hello",{}]'
    assert await wire.receive() == "43/chat,1[[]]"
    assert [connection for connection, _ in calm.stage.goodbyes] == calm.stage.connections[:1]


async def test_closed_polling_client_can_still_fetch_its_last_words(calm: Theatre):
    link_id = await calm.enter()
    calm.stage.connections[0].send(encode_event("/chat", "last", b"{}"))
    calm.stage.connections[0].close()
    assert (await calm.poll(link_id)).text == '42/chat,["last",{}]\x1e41/chat,\x1e1'
    assert (await calm.poll(link_id)).status_code == 400


async def test_lost_poll_closes(calm: Theatre):
    link_id = await calm.enter()
    poll = asyncio.create_task(calm.poll(link_id))
    await until(lambda: calm.sockets.eio.sockets[link_id].is_polled)
    poll.cancel()
    await until(lambda: not calm.remains())
    assert [reason for _, reason in calm.stage.goodbyes] == ["transport close"]


async def test_overlapping_polls_close(calm: Theatre):
    link_id = await calm.open()
    first = asyncio.create_task(calm.poll(link_id))
    await until(lambda: calm.sockets.eio.sockets[link_id].is_polled)
    assert (await calm.poll(link_id)).status_code == 400
    assert (await first).text == "1"
    assert (await calm.poll(link_id)).status_code == 400


# --- upgrade


async def probe(theatre: Theatre, link_id: str) -> Wire:
    return await Wire.dial(theatre.address, f"EIO=4&transport=websocket&sid={link_id}")


async def test_client_upgrades_and_loses_nothing(calm: Theatre):
    link_id = await calm.enter()
    poll = asyncio.create_task(calm.poll(link_id))
    await until(lambda: calm.sockets.eio.sockets[link_id].is_polled)
    wire = await probe(calm, link_id)
    await wire.send("2probe")
    assert await wire.receive() == "3probe"
    assert (await poll).text == "6"
    calm.stage.connections[0].send(encode_event("/chat", "between", b"{}"))
    await wire.send("5")
    assert await wire.receive() == '42/chat,["between",{}]'
    await wire.send('42/chat,1["a"]')
    assert await wire.receive() == "43/chat,1[[]]"
    assert (await calm.poll(link_id)).status_code == 400
    assert (await calm.post(link_id, "3")).status_code == 400
    assert await (await probe(calm, link_id)).closed() == []
    await wire.send('42/chat,2["a"]')
    assert await wire.receive() == "43/chat,2[[]]"
    await wire.close()
    await until(lambda: not calm.remains())
    assert len(calm.stage.goodbyes) == 1


async def test_poll_that_waits_is_released_by_the_upgrade(calm: Theatre):
    link_id = await calm.enter()
    wire = await probe(calm, link_id)
    await wire.send("2probe", "5")
    assert await wire.receive() == "3probe"
    await until(lambda: calm.sockets.eio.sockets[link_id].upgraded)


@pytest.mark.parametrize("packets", [["2"], ["5x"], ["2probe", "4hello"], [b"2probe"]])
async def test_failed_upgrade_leaves_the_polls(calm: Theatre, packets: list[str | bytes]):
    link_id = await calm.enter()
    wire = await probe(calm, link_id)
    await wire.send(*packets)
    await wire.closed()
    assert (await calm.post(link_id, '42/chat,1["a"]')).text == "ok"
    assert "43/chat,1[[]]" in (await calm.poll(link_id)).text
    second = await probe(calm, link_id)
    await second.send("2probe")
    assert await second.receive() == "3probe"


async def test_upgrade_that_never_ends_is_given_up(calm: Theatre, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(links, "PROBE_TIMEOUT_S", 0.05)
    link_id = await calm.enter()
    wire = await probe(calm, link_id)
    await wire.closed()
    assert link_id in calm.sockets.eio.sockets


# --- messages


async def test_packets_of_one_post_are_taken_in_order(calm: Theatre):
    link_id = await calm.enter()
    count = 200
    answer = await calm.post(link_id, *(f'42/chat,{number}["a{number}"]' for number in range(count)))
    assert answer.text == "ok"
    acks: list[str] = []
    while len(acks) < count:
        acks += (await calm.poll(link_id)).text.split("\x1e")
    assert acks == [f"43/chat,{number}[[]]" for number in range(count)]
    assert calm.stage.actions == [f"a{number}" for number in range(count)]


@pytest.mark.parametrize("body", [b"abc", b"", b"\xff", b"4", b"4abc", b"b!", b"42/chat,{}", b"bAQID"])
async def test_post_that_is_no_packet_is_refused_and_closes(calm: Theatre, body: bytes):
    link_id = await calm.enter()
    assert (await calm.post(link_id, content=body)).status_code == 400
    await until(lambda: calm.stage.goodbyes)
    assert calm.stage.goodbyes[0][1] == "bad packet"


async def test_post_beyond_the_bound_is_refused(calm: Theatre):
    link_id = await calm.enter()
    assert (await calm.post(link_id, content=b"4" * (POST_BYTES_MAX + 1))).status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"4" * (POST_BYTES_MAX // 16)

    link_id = await calm.enter()
    answer = await calm.http.post("/socket.io/", params=_query(link_id), content=chunks())
    assert answer.status_code == 413


@pytest.mark.parametrize("packet", ["abc", "", "0{}", "4", "47", '42["a"]', "42/chat,[1]", "46/chat,1[]", b"\x01", b""])
async def test_websocket_message_that_is_no_packet_closes(calm: Theatre, packet: str | bytes):
    wire = await calm.wire()
    await wire.send(packet)
    await wire.closed()
    await until(lambda: not calm.remains())
    assert [reason for _, reason in calm.stage.goodbyes] == ["bad packet"]


async def test_websocket_message_beyond_the_bound_closes(calm: Theatre):
    wire = await calm.wire()
    await wire.send("4" * (POST_BYTES_MAX + 1))
    await wire.closed()
    await until(lambda: not calm.remains())


async def test_text_in_fragments_is_one_message(calm: Theatre):
    wire = await calm.wire()
    await wire.socket.send(iter(["42/chat", ",1[", '"a"]']))
    assert await wire.receive() == "43/chat,1[[]]"


async def test_unusable_events_are_acked_and_the_connection_lives(calm: Theatre):
    wire = await calm.wire()
    await wire.send('42/chat,1["a",NaN]')
    assert await wire.receive() == '43/chat,1["not_json"]'
    await wire.send('42/chat,2["a","' + "x" * PACKET_MAX + '"]')
    assert await wire.receive() == '43/chat,2["too_large"]'
    await wire.send('452-/chat,3["a",{"_placeholder":true,"num":0}]', b"one", b"two")
    assert await wire.receive() == '43/chat,3["binary"]'
    await wire.send('42/chat,4["a"]')
    assert await wire.receive() == "43/chat,4[[]]"


async def test_text_in_place_of_an_attachment_closes(calm: Theatre):
    wire = await calm.wire()
    await wire.send('451-/chat,["a"]', '42/chat,1["a"]')
    await wire.closed()


# --- connecting


def set_connect_timeout(theatre: Theatre, monkeypatch: pytest.MonkeyPatch, timeout_s: float) -> None:
    monkeypatch.setattr(theatre.sockets, "_terms", replace(theatre.sockets._terms, connect_timeout_s=timeout_s))


async def test_client_that_enters_no_namespace_is_closed(calm: Theatre, monkeypatch: pytest.MonkeyPatch):
    set_connect_timeout(calm, monkeypatch, 0.05)
    wire = await Wire.open(calm.address)
    await wire.closed()
    await until(lambda: not calm.remains())


async def test_client_that_left_the_namespace_is_closed_after_a_while(calm: Theatre, monkeypatch: pytest.MonkeyPatch):
    wire = await calm.wire()
    set_connect_timeout(calm, monkeypatch, 0.05)
    await wire.send("41/chat,")
    await wire.closed()
    await until(lambda: not calm.remains())


async def test_slow_admission_is_waited_for(calm: Theatre, monkeypatch: pytest.MonkeyPatch):
    set_connect_timeout(calm, monkeypatch, 0.02)
    calm.stage.admission.clear()
    wire = await Wire.open(calm.address)
    began = time.monotonic()
    await wire.send("40/chat,")
    await until(lambda: calm.stage.waiting and time.monotonic() - began > 0.1)
    calm.stage.admission.set()
    await wire.receive_until("42/chat,")


async def test_unknown_namespaces_refuse(calm: Theatre):
    wire = await Wire.open(calm.address)
    for namespace in ("/", "/admin", "/chat/x", "/Chat"):
        assert (await wire.refused_with(None, namespace))["data"] == {"code": "not_found"}
    await wire.send("40/chat,")
    await wire.receive_until("42/chat,")


async def test_refused_client_may_try_again(calm: Theatre):
    wire = await Wire.open(calm.address)
    assert await wire.refused_with({"token": "no"}) == {"message": "No.", "data": {"code": "unauthorized"}}
    await wire.send("40/chat,")
    await wire.receive_until("42/chat,")


async def test_second_connect_closes_and_disconnects_once(calm: Theatre):
    wire = await calm.wire()
    await wire.send("40/chat,")
    await wire.closed()
    await until(lambda: not calm.remains())
    assert len(calm.stage.goodbyes) == 1


async def test_second_connect_during_the_first_closes_and_disconnects_once(calm: Theatre):
    calm.stage.admission.clear()
    wire = await Wire.open(calm.address)
    await wire.send("40/chat,", "40/chat,")
    await until(lambda: calm.stage.waiting)
    calm.stage.admission.set()
    await wire.closed()
    await until(lambda: not calm.remains())
    assert [connection for connection, _ in calm.stage.goodbyes] == calm.stage.connections


async def test_event_before_the_connect_closes(calm: Theatre):
    wire = await Wire.open(calm.address)
    await wire.send('42/chat,1["a"]')
    await wire.closed()


async def test_events_sent_in_one_breath_with_the_connect_run_after_it(calm: Theatre):
    calm.stage.admission.clear()
    wire = await Wire.open(calm.address)
    await wire.send("40/chat,", '42/chat,1["a"]')
    await until(lambda: calm.stage.waiting)
    calm.stage.admission.set()
    assert (await wire.receive()).startswith("40/chat,")
    assert await wire.receive() == '42/chat,["hello",{}]'
    assert await wire.receive() == "43/chat,1[[]]"


async def test_events_sent_during_the_admission_come_after_the_greeting(calm: Theatre):
    wire = await calm.wire()
    connection = Connection(
        connection_id="x", namespace="/chat", link=calm.sockets.eio.sockets[wire.handshake["sid"]], answer=None, spawn=None
    )
    connection.send(encode_event("/chat", "early", b"{}"))
    connection.open(encode_event("/chat", "greeting", b"{}"))
    assert await wire.receive() == '42/chat,["greeting",{}]'
    assert await wire.receive() == '42/chat,["early",{}]'


async def leave_by_abort(theatre: Theatre) -> None:
    wire = await Wire.open(theatre.address)
    await wire.send("40/chat,")
    await until(lambda: theatre.stage.waiting)
    wire.socket.transport.abort()


async def leave_by_post(theatre: Theatre) -> None:
    link_id = await theatre.open()
    await theatre.post(link_id, "40/chat,")
    await until(lambda: theatre.stage.waiting)
    await theatre.post(link_id, "1")
    assert (await theatre.poll(link_id)).text == "6"


@pytest.mark.parametrize("leave", [leave_by_abort, leave_by_post])
async def test_client_that_leaves_in_mid_connect_leaves_nothing_behind(calm: Theatre, leave: Any):
    calm.stage.admission.clear()
    await leave(calm)
    calm.stage.admission.set()
    await until(lambda: not calm.remains())
    assert [connection for connection, _ in calm.stage.goodbyes] == calm.stage.connections


# --- bounds


async def test_actions_received_are_run_though_the_client_has_gone(calm: Theatre):
    calm.stage.work.clear()
    wire = await calm.wire()
    count = 300
    await wire.send(*(f'42/chat,{number}["a{number}"]' for number in range(count)))
    (connection,) = calm.stage.connections
    await until(lambda: len(connection._actions or ()) == count - 1)
    wire.socket.transport.abort()
    await until(lambda: calm.stage.goodbyes)
    calm.stage.work.set()
    await until(lambda: not calm.remains())
    assert calm.stage.actions == [f"a{number}" for number in range(count)]
    assert len(calm.stage.goodbyes) == 1


async def test_client_with_many_actions_waits_and_gets_every_ack(calm: Theatre):
    calm.stage.work.clear()
    wire = await calm.wire()
    count = connections.ACTIONS_PENDING_MAX - 1

    async def send_all() -> None:
        for number in range(count):
            await wire.send(f'42/chat,{number}["a",{{"pad":"{"x" * 400}"}}]')

    sending = asyncio.create_task(send_all())
    link = calm.sockets.eio.sockets[wire.handshake["sid"]]
    await until(lambda: link._pauses)
    assert calm.stage.connections[0]._actions_bytes > connections.ACTIONS_PENDING_BYTES_MAX
    calm.stage.work.set()
    for number in range(count):
        await wire.receive_until(f"43/chat,{number}[")
    await sending


async def test_client_that_reads_nothing_is_cut(calm: Theatre, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(websockets, "UNSENT_BYTES_MAX", 256 * 1024)
    wire = await calm.wire()
    wire.socket.transport.pause_reading()
    (connection,) = calm.stage.connections
    packet = encode_event("/chat", "noise", b'"' + b"x" * 60_000 + b'"')
    sent = 0
    while not calm.stage.goodbyes:
        connection.send(packet)
        sent += 1
        await asyncio.sleep(0)
        assert sent < 1000
    assert calm.stage.goodbyes[0][1] == "slow consumer"
    await until(lambda: not calm.remains())


async def test_polling_client_that_fetches_nothing_is_cut(calm: Theatre, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(links, "UNSENT_BYTES_MAX", 256 * 1024)
    monkeypatch.setattr(links, "LINGER_S", 0.01)
    await calm.enter()
    packet = encode_event("/chat", "noise", b'"' + b"x" * 60_000 + b'"')
    for _ in range(6):
        calm.stage.connections[0].send(packet)
    await until(lambda: not calm.remains())
    assert calm.stage.goodbyes[0][1] == "slow consumer"


async def test_client_that_asks_for_more_than_it_reads_waits(calm: Theatre):
    link_id = await calm.enter()
    pad = "x" * 40_000
    await calm.post(link_id, *(f'42/chat,{number}["a","{pad}"]' for number in range(10)))
    await until(lambda: calm.sockets.eio.sockets[link_id]._is_congested)
    assert len(calm.stage.actions) < 4
    acks: list[str] = []
    while len(acks) < 10:
        acks += (await calm.poll(link_id)).text.split("\x1e")
    assert [ack.partition("[")[0] for ack in acks] == [f"43/chat,{number}" for number in range(10)]


async def test_client_that_never_answers_the_closing_is_cut(calm: Theatre, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(websockets, "_CLOSING_S", 0.05)
    monkeypatch.setattr(websockets, "_FLUSHING_S", 0.05)
    wire = await calm.wire()
    wire.socket.transport.pause_reading()
    (socket,) = [link._socket for link in calm.sockets.eio.sockets.values()]
    calm.stage.connections[0].close()
    await until(lambda: socket._is_lost)


# --- the end


async def test_flood_of_actions_is_cut(calm: Theatre):
    calm.stage.work.clear()
    wire = await calm.wire()
    await wire.send(*("42/chat," + '["a"]' for _ in range(connections.ACTIONS_PENDING_MAX + 2)))
    await wire.closed()
    assert calm.stage.goodbyes[0][1] == "flood"


async def test_drain_says_goodbye_answers_what_came_and_closes(calm: Theatre):
    calm.stage.work.clear()
    wire = await calm.wire()
    await wire.send('42/chat,1["a"]', '42/chat,2["a"]')
    await until(lambda: calm.stage.connections[0]._is_working)
    polling = await calm.enter()
    draining = asyncio.create_task(calm.sockets.drain())
    assert await wire.receive() == '42/chat,["draining",{}]'
    calm.stage.work.set()
    assert await wire.receive() == "43/chat,1[[]]"
    assert await wire.receive() == "43/chat,2[[]]"
    assert await wire.closed() == []
    await draining
    assert (await calm.poll(polling)).text == '42/chat,["draining",{}]\x1e1'
    assert {reason for _, reason in calm.stage.goodbyes} == {"draining"}
    assert (await calm.poll()).status_code == 503
    assert not calm.remains()


async def test_drain_does_not_wait_without_end(calm: Theatre, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(servers, "SETTLE_TIMEOUT_S", 0.05)
    calm.stage.work.clear()
    wire = await calm.wire()
    await wire.send('42/chat,1["a"]')
    await until(lambda: calm.stage.connections[0]._is_working)
    await calm.sockets.drain()
    await wire.closed()
    calm.stage.work.set()


async def test_public_emit_of_python_socketio_reaches_its_client(calm: Theatre):
    wire = await calm.wire()
    (connection,) = calm.stage.connections
    await calm.sockets.emit("news", {"x": 1}, namespace="/chat", to=connection.connection_id)
    assert await wire.receive() == '42/chat,["news",{"x":1}]'
