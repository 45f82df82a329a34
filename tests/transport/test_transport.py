"""The transport alone: messages, connecting to the namespace, the bounds of a client, the end."""

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from realtime.transport.engineio import poll_outbox
from realtime.transport.engineio import session as engine_sessions
from realtime.transport.engineio.session import EngineSession
from realtime.transport.socketio import connection as connections
from realtime.transport.socketio import server as servers
from realtime.transport.socketio.client import SocketClient
from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.packets import encode_event
from realtime.transport.websocket import connection as websockets
from realtime.transport.websocket.connection import WebSocket
from realtime.transport.websocket.protocol import CLOSED
from tests.support.raw_client import RawClient
from tests.support.transport_server import PACKET_MAX, POST_BYTES_MAX, TransportServer, query_of
from tests.support.waiting import until

# --- messages


async def test_packets_of_one_post_are_taken_in_order(transport_server: TransportServer):
    sid = await transport_server.enter()
    count = 200
    answer = await transport_server.post(sid, *(f'42/chat,{number}["a{number}"]' for number in range(count)))
    assert answer.text == "ok"
    acks: list[str] = []
    while len(acks) < count:
        acks += (await transport_server.poll(sid)).text.split("\x1e")
    assert acks == [f"43/chat,{number}[[]]" for number in range(count)]
    assert transport_server.namespace.actions == [f"a{number}" for number in range(count)]


@pytest.mark.parametrize("body", [b"abc", b"", b"\xff", b"4", b"4abc", b"b!", b"42/chat,{}", b"bAQID"])
async def test_post_that_is_no_packet_is_refused_and_closes(transport_server: TransportServer, body: bytes):
    sid = await transport_server.enter()
    assert (await transport_server.post(sid, content=body)).status_code == 400
    await until(lambda: transport_server.namespace.disconnects)
    assert transport_server.namespace.disconnects[0][1] == "bad packet"


async def test_post_beyond_the_bound_is_refused(transport_server: TransportServer):
    sid = await transport_server.enter()
    assert (await transport_server.post(sid, content=b"4" * (POST_BYTES_MAX + 1))).status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"4" * (POST_BYTES_MAX // 16)

    sid = await transport_server.enter()
    answer = await transport_server.http.post("/socket.io/", params=query_of(sid), content=chunks())
    assert answer.status_code == 413


@pytest.mark.parametrize("packet", ["abc", "", "0{}", "4", "47", '42["a"]', "42/chat,[1]", "46/chat,1[]", b"\x01", b""])
async def test_websocket_message_that_is_no_packet_closes(transport_server: TransportServer, packet: str | bytes):
    raw = await transport_server.connect()
    await raw.send(packet)
    await raw.closed()
    await until(lambda: not transport_server.remains())
    assert [reason for _, reason in transport_server.namespace.disconnects] == ["bad packet"]


async def test_websocket_message_beyond_the_bound_closes(transport_server: TransportServer):
    raw = await transport_server.connect()
    await raw.send("4" * (POST_BYTES_MAX + 1))
    await raw.closed()
    await until(lambda: not transport_server.remains())


async def test_text_in_fragments_is_one_message(transport_server: TransportServer):
    raw = await transport_server.connect()
    await raw.socket.send(iter(["42/chat", ",1[", '"a"]']))
    assert await raw.receive() == "43/chat,1[[]]"


async def test_unusable_events_are_acked_and_the_connection_lives(transport_server: TransportServer):
    raw = await transport_server.connect()
    await raw.send('42/chat,1["a",NaN]')
    assert await raw.receive() == '43/chat,1["not_json"]'
    await raw.send('42/chat,2["a","' + "x" * PACKET_MAX + '"]')
    assert await raw.receive() == '43/chat,2["too_large"]'
    await raw.send('452-/chat,3["a",{"_placeholder":true,"num":0}]', b"one", b"two")
    assert await raw.receive() == '43/chat,3["binary"]'
    await raw.send('42/chat,4["a"]')
    assert await raw.receive() == "43/chat,4[[]]"


async def test_text_in_place_of_an_attachment_closes(transport_server: TransportServer):
    raw = await transport_server.connect()
    await raw.send('451-/chat,["a"]', '42/chat,1["a"]')
    await raw.closed()


# --- connecting


def set_connect_timeout(server: TransportServer, monkeypatch: pytest.MonkeyPatch, timeout_s: float) -> None:
    monkeypatch.setattr(server.sockets, "_options", replace(server.sockets._options, connect_timeout_s=timeout_s))


async def test_client_that_enters_no_namespace_is_closed(
    transport_server: TransportServer, monkeypatch: pytest.MonkeyPatch
):
    set_connect_timeout(transport_server, monkeypatch, 0.05)
    raw = await RawClient.open(transport_server.address)
    await raw.closed()
    await until(lambda: not transport_server.remains())


async def test_client_that_left_the_namespace_is_closed_after_a_while(
    transport_server: TransportServer, monkeypatch: pytest.MonkeyPatch
):
    raw = await transport_server.connect()
    set_connect_timeout(transport_server, monkeypatch, 0.05)
    await raw.send("41/chat,")
    await raw.closed()
    await until(lambda: not transport_server.remains())


async def test_slow_admission_is_waited_for(transport_server: TransportServer):
    transport_server.namespace.admission.clear()
    raw = await RawClient.open(transport_server.address)
    await raw.send("40/chat,")
    await until(lambda: transport_server.namespace.waiting)
    session = transport_server.sockets.eio.sockets[raw.handshake["sid"]]
    transport_server.sockets._check_connect(session, session.data)  # as when the time-out is over
    transport_server.namespace.admission.set()
    await raw.receive_until("42/chat,")


async def test_unknown_namespaces_refuse(transport_server: TransportServer):
    raw = await RawClient.open(transport_server.address)
    for namespace in ("/", "/admin", "/chat/x", "/Chat"):
        assert (await raw.refused_with(None, namespace))["data"] == {"code": "not_found"}
    await raw.send("40/chat,")
    await raw.receive_until("42/chat,")


async def test_refused_client_may_try_again(transport_server: TransportServer):
    raw = await RawClient.open(transport_server.address)
    assert await raw.refused_with({"token": "no"}) == {"message": "No.", "data": {"code": "unauthorized"}}
    await raw.send("40/chat,")
    await raw.receive_until("42/chat,")


async def test_second_connect_closes_and_disconnects_once(transport_server: TransportServer):
    raw = await transport_server.connect()
    await raw.send("40/chat,")
    await raw.closed()
    await until(lambda: not transport_server.remains())
    assert len(transport_server.namespace.disconnects) == 1


async def test_second_connect_during_the_first_closes_and_disconnects_once(transport_server: TransportServer):
    transport_server.namespace.admission.clear()
    raw = await RawClient.open(transport_server.address)
    await raw.send("40/chat,", "40/chat,")
    await until(lambda: transport_server.namespace.waiting)
    transport_server.namespace.admission.set()
    await raw.closed()
    await until(lambda: not transport_server.remains())
    assert [
        connection for connection, _ in transport_server.namespace.disconnects
    ] == transport_server.namespace.connections


async def test_event_before_the_connect_closes(transport_server: TransportServer):
    raw = await RawClient.open(transport_server.address)
    await raw.send('42/chat,1["a"]')
    await raw.closed()


async def test_events_sent_at_once_with_the_connect_run_after_it(transport_server: TransportServer):
    transport_server.namespace.admission.clear()
    raw = await RawClient.open(transport_server.address)
    await raw.send("40/chat,", '42/chat,1["a"]')
    await until(lambda: transport_server.namespace.waiting)
    transport_server.namespace.admission.set()
    assert (await raw.receive()).startswith("40/chat,")
    assert await raw.receive() == '42/chat,["hello",{}]'
    assert await raw.receive() == "43/chat,1[[]]"


async def test_events_sent_during_the_admission_come_after_the_greeting(transport_server: TransportServer):
    raw = await transport_server.connect()
    connection = Connection(
        connection_id="x",
        namespace="/chat",
        engine_session=transport_server.sockets.eio.sockets[raw.handshake["sid"]],
        handle_event=None,
        spawn=None,
    )
    connection.send(encode_event("/chat", "early", b"{}"))
    connection.open(encode_event("/chat", "greeting", b"{}"))
    assert await raw.receive() == '42/chat,["greeting",{}]'
    assert await raw.receive() == '42/chat,["early",{}]'


async def leave_by_abort(server: TransportServer) -> None:
    raw = await RawClient.open(server.address)
    await raw.send("40/chat,")
    await until(lambda: server.namespace.waiting)
    raw.socket.transport.abort()


async def leave_by_post(server: TransportServer) -> None:
    sid = await server.open()
    await server.post(sid, "40/chat,")
    await until(lambda: server.namespace.waiting)
    await server.post(sid, "1")
    assert (await server.poll(sid)).text == "6"


@pytest.mark.parametrize("leave", [leave_by_abort, leave_by_post])
async def test_client_that_leaves_in_mid_connect_leaves_nothing_behind(transport_server: TransportServer, leave: Any):
    transport_server.namespace.admission.clear()
    await leave(transport_server)
    transport_server.namespace.admission.set()
    await until(lambda: not transport_server.remains())
    assert [
        connection for connection, _ in transport_server.namespace.disconnects
    ] == transport_server.namespace.connections


CLASSES_OF_CLIENTS = (WebSocket, EngineSession, SocketClient, Connection)


def objects_of_clients() -> dict[int, type]:
    """The objects in this process that belong to a client: identity and class. Those of earlier tests may still go."""
    gc.collect()
    return {id(thing): type(thing) for thing in gc.get_objects() if type(thing) in CLASSES_OF_CLIENTS}


async def test_no_object_of_a_client_that_left_is_kept(transport_server: TransportServer):
    before = objects_of_clients()
    raw = await transport_server.connect()
    polling = await transport_server.enter()
    made = {identity: kind for identity, kind in objects_of_clients().items() if identity not in before}
    assert set(made.values()) == set(CLASSES_OF_CLIENTS)
    await raw.send('42/chat,1["a"]')
    await raw.ack(1)
    raw.socket.transport.abort()
    await transport_server.post(polling, "1")
    await transport_server.poll(polling)
    await until(lambda: not transport_server.remains())
    transport_server.namespace.reset()
    await until(lambda: not made.keys() & objects_of_clients().keys())


# --- bounds


async def test_actions_received_are_run_though_the_client_has_gone(transport_server: TransportServer):
    transport_server.namespace.work.clear()
    raw = await transport_server.connect()
    count = 300
    await raw.send(*(f'42/chat,{number}["a{number}"]' for number in range(count)))
    (connection,) = transport_server.namespace.connections
    await until(lambda: len(connection._actions or ()) == count - 1)
    raw.socket.transport.abort()
    await until(lambda: transport_server.namespace.disconnects)
    transport_server.namespace.work.set()
    await until(lambda: not transport_server.remains())
    assert transport_server.namespace.actions == [f"a{number}" for number in range(count)]
    assert len(transport_server.namespace.disconnects) == 1


async def test_client_with_many_actions_waits_and_gets_every_ack(transport_server: TransportServer):
    transport_server.namespace.work.clear()
    raw = await transport_server.connect()
    count = connections.ACTIONS_PENDING_MAX - 1

    async def send_all() -> None:
        for number in range(count):
            await raw.send(f'42/chat,{number}["a",{{"pad":"{"x" * 400}"}}]')

    sending = asyncio.create_task(send_all())
    session = transport_server.sockets.eio.sockets[raw.handshake["sid"]]
    await until(lambda: session._pauses)
    assert transport_server.namespace.connections[0]._actions_bytes > connections.ACTIONS_PENDING_BYTES_MAX
    transport_server.namespace.work.set()
    for number in range(count):
        await raw.receive_until(f"43/chat,{number}[")
    await sending


async def test_client_that_reads_nothing_is_cut(transport_server: TransportServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(websockets, "UNSENT_BYTES_MAX", 256 * 1024)
    raw = await transport_server.connect()
    raw.socket.transport.pause_reading()
    (connection,) = transport_server.namespace.connections
    packet = encode_event("/chat", "noise", b'"' + b"x" * 60_000 + b'"')
    sent = 0
    while not transport_server.namespace.disconnects:
        connection.send(packet)
        sent += 1
        await asyncio.sleep(0)  # the server's turn
        assert sent < 1000
    assert transport_server.namespace.disconnects[0][1] == "slow consumer"
    await until(lambda: not transport_server.remains())


async def test_polling_client_that_fetches_nothing_is_cut(
    transport_server: TransportServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(poll_outbox, "UNSENT_BYTES_MAX", 256 * 1024)
    monkeypatch.setattr(engine_sessions, "LINGER_S", 0.01)
    await transport_server.enter()
    packet = encode_event("/chat", "noise", b'"' + b"x" * 60_000 + b'"')
    for _ in range(6):
        transport_server.namespace.connections[0].send(packet)
    await until(lambda: not transport_server.remains())
    assert transport_server.namespace.disconnects[0][1] == "slow consumer"


async def test_client_that_asks_for_more_than_it_reads_waits(transport_server: TransportServer):
    sid = await transport_server.enter()
    pad = "x" * 40_000
    await transport_server.post(sid, *(f'42/chat,{number}["a","{pad}"]' for number in range(10)))
    await until(lambda: transport_server.sockets.eio.sockets[sid]._is_congested)
    assert len(transport_server.namespace.actions) < 4
    acks: list[str] = []
    while len(acks) < 10:
        acks += (await transport_server.poll(sid)).text.split("\x1e")
    assert [ack.partition("[")[0] for ack in acks] == [f"43/chat,{number}" for number in range(10)]


async def test_client_that_never_answers_the_closing_is_cut(
    transport_server: TransportServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(websockets, "_CLOSING_S", 0.05)
    monkeypatch.setattr(websockets, "_FLUSHING_S", 0.05)
    raw = await transport_server.connect()
    raw.socket.transport.pause_reading()
    (socket,) = [session._websocket for session in transport_server.sockets.eio.sockets.values()]
    transport_server.namespace.connections[0].close()
    await until(lambda: socket._protocol.state is CLOSED)


# --- the end


async def test_flood_of_actions_is_cut(transport_server: TransportServer):
    transport_server.namespace.work.clear()
    raw = await transport_server.connect()
    await raw.send(*("42/chat," + '["a"]' for _ in range(connections.ACTIONS_PENDING_MAX + 2)))
    await raw.closed()
    assert transport_server.namespace.disconnects[0][1] == "flood"


async def test_drain_says_goodbye_answers_what_came_and_closes(transport_server: TransportServer):
    transport_server.namespace.work.clear()
    raw = await transport_server.connect()
    await raw.send('42/chat,1["a"]', '42/chat,2["a"]')
    await until(lambda: transport_server.namespace.connections[0]._is_working)
    polling = await transport_server.enter()
    draining = asyncio.create_task(transport_server.sockets.drain())
    assert await raw.receive() == '42/chat,["draining",{}]'
    transport_server.namespace.work.set()
    assert await raw.receive() == "43/chat,1[[]]"
    assert await raw.receive() == "43/chat,2[[]]"
    assert await raw.closed() == []
    await draining
    assert (await transport_server.poll(polling)).text == '42/chat,["draining",{}]\x1e1'
    assert {reason for _, reason in transport_server.namespace.disconnects} == {"draining"}
    assert (await transport_server.poll()).status_code == 503
    assert not transport_server.remains()


async def test_drain_does_not_wait_without_end(transport_server: TransportServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(servers, "SETTLE_TIMEOUT_S", 0.05)
    transport_server.namespace.work.clear()
    raw = await transport_server.connect()
    await raw.send('42/chat,1["a"]')
    await until(lambda: transport_server.namespace.connections[0]._is_working)
    await transport_server.sockets.drain()
    await raw.closed()
    transport_server.namespace.work.set()


async def test_public_emit_of_python_socketio_reaches_its_client(transport_server: TransportServer):
    raw = await transport_server.connect()
    (connection,) = transport_server.namespace.connections
    await transport_server.sockets.emit("news", {"x": 1}, namespace="/chat", to=connection.connection_id)
    assert await raw.receive() == '42/chat,["news",{"x":1}]'
