"""The transport alone: messages, connecting to the namespace, the bounds of a client, the end."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from realtime.transport.engineio import session as links
from realtime.transport.socketio import connection as connections
from realtime.transport.socketio import server as servers
from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.packets import encode_event
from realtime.transport.websocket import connection as websockets
from tests.support.raw_client import Wire, until
from tests.support.transport_server import PACKET_MAX, POST_BYTES_MAX, Theatre, query_of

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
    answer = await calm.http.post("/socket.io/", params=query_of(link_id), content=chunks())
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
