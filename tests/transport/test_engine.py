"""The transport alone: Engine.IO as its specification has it.

The cases of the specification follow its test suite: https://github.com/socketio/engine.io-protocol
"""

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from realtime.transport.engineio import probe as probes
from realtime.transport.engineio.session import Heartbeat
from realtime.transport.socketio.packets import encode_event
from tests.support.raw_client import RawClient
from tests.support.transport_server import PACKET_MAX, TransportServer, query_of
from tests.support.waiting import until

# --- handshake


async def test_polling_client_is_told_its_id_and_the_bounds(transport_server: TransportServer):
    answer = await transport_server.poll()
    assert answer.status_code == 200
    handshake = json.loads(answer.text[1:])
    assert answer.text[0] == "0"
    assert handshake.pop("sid")
    assert handshake == {"upgrades": ["websocket"], "pingInterval": 60000, "pingTimeout": 60000, "maxPayload": PACKET_MAX}
    assert answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"


async def test_websocket_client_is_told_its_id_and_the_bounds(transport_server: TransportServer):
    raw = await RawClient.open(transport_server.address)
    assert raw.handshake.pop("sid")
    assert raw.handshake == {"upgrades": [], "pingInterval": 60000, "pingTimeout": 60000, "maxPayload": PACKET_MAX}


@pytest.mark.parametrize(
    "query",
    ["", "transport=polling", "EIO=abc&transport=polling", "EIO=3&transport=polling", "EIO=4", "EIO=4&transport=abc",
     "EIO=4&transport=polling&sid=abc", "EIO=4&transport=websocket"],
)  # fmt: skip
async def test_handshake_that_the_protocol_does_not_have_is_refused(transport_server: TransportServer, query: str):
    answer = await transport_server.http.get(f"/socket.io/?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message"}


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_handshake_by_another_method_is_refused(transport_server: TransportServer, method: str):
    assert (await transport_server.http.request(method, "/socket.io/", params=query_of(None))).status_code == 400
    assert not transport_server.remains()


@pytest.mark.parametrize(
    "query", ["transport=websocket", "EIO=abc&transport=websocket", "EIO=4&transport=polling", "EIO=4"]
)
async def test_websocket_that_the_protocol_does_not_have_is_refused(transport_server: TransportServer, query: str):
    with pytest.raises(InvalidStatus) as refusal:
        await RawClient.open(transport_server.address, query)
    assert refusal.value.response.status_code == 400
    assert not transport_server.remains()


async def test_foreign_origin_is_refused_and_known_ones_are_named(transport_server: TransportServer):
    def come_from(origin: str) -> Any:
        return transport_server.http.get("/socket.io/", params=query_of(None), headers={"Origin": origin})

    assert (await come_from("https://foe.example")).status_code == 403
    assert not transport_server.remains()
    for origin in ("https://friend.example", transport_server.address):
        answer = await come_from(origin)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in answer.headers
    with pytest.raises(InvalidStatus) as refusal:
        await RawClient.open(transport_server.address, origin="https://foe.example")
    assert refusal.value.response.status_code == 403


async def test_request_id_is_given_back(transport_server: TransportServer):
    answer = await transport_server.http.get("/socket.io/", headers={"X-Request-ID": "mine"})
    assert answer.headers["x-request-id"] == "mine"


# --- heartbeat


async def test_polling_client_that_answers_stays(fast_heartbeat_server: TransportServer):
    sid = await fast_heartbeat_server.open()
    for _ in range(3):
        assert (await fast_heartbeat_server.poll(sid)).text == "2"
        assert (await fast_heartbeat_server.post(sid, "3")).text == "ok"
    assert sid in fast_heartbeat_server.sockets.eio.sockets


async def test_websocket_client_that_answers_stays(fast_heartbeat_server: TransportServer):
    raw = await RawClient.open(fast_heartbeat_server.address)
    for _ in range(3):
        assert await raw.socket.recv() == "2"
        await raw.send("3")
    assert raw.handshake["sid"] in fast_heartbeat_server.sockets.eio.sockets
    await raw.close()


def ping_now(server: TransportServer, sid: str) -> None:
    """Ping, and wait for the answer for a moment alone."""
    session = server.sockets.eio.sockets[sid]
    session._timer.cancel()
    session._heartbeat = Heartbeat(interval_s=60, timeout_s=0.05)
    session._ping()


async def test_silent_polling_client_is_forgotten(transport_server: TransportServer):
    sid = await transport_server.enter()
    ping_now(transport_server, sid)
    await until(lambda: transport_server.namespace.disconnects)
    assert transport_server.namespace.disconnects.pop()[1] == "ping timeout"
    assert (await transport_server.poll(sid)).status_code == 400


async def test_silent_websocket_client_is_closed(transport_server: TransportServer):
    raw = await transport_server.connect()
    ping_now(transport_server, raw.handshake["sid"])
    assert await raw.closed() == ["2"]
    await until(lambda: transport_server.namespace.disconnects)
    assert transport_server.namespace.disconnects.pop()[1] == "ping timeout"


# --- close


async def test_polling_client_that_closes_is_gone(transport_server: TransportServer):
    sid = await transport_server.enter()
    poll = asyncio.create_task(transport_server.poll(sid))
    await until(lambda: transport_server.sockets.eio.sockets[sid].has_poll)
    await transport_server.post(sid, "1")
    assert (await poll).text == "6"
    assert (await transport_server.poll(sid)).status_code == 400
    await until(lambda: not transport_server.remains())
    assert [reason for _, reason in transport_server.namespace.disconnects] == ["client disconnect"]


async def test_websocket_client_that_closes_is_gone(transport_server: TransportServer):
    raw = await transport_server.connect()
    await raw.send("1")
    await raw.closed()
    await until(lambda: not transport_server.remains())
    assert [reason for _, reason in transport_server.namespace.disconnects] == ["client disconnect"]


async def test_client_that_leaves_the_namespace_keeps_its_session(transport_server: TransportServer):
    raw = await transport_server.connect()
    await raw.send("41/chat,")
    await until(lambda: transport_server.namespace.disconnects)
    await raw.send("40/chat,")
    await raw.receive_until("42/chat,")
    assert [reason for _, reason in transport_server.namespace.disconnects] == ["client disconnect"]


async def test_client_that_leaves_and_comes_back_at_once_is_in_again(transport_server: TransportServer):
    raw = await transport_server.connect()
    await raw.send("41/chat,", "40/chat,", '42/chat,1["a"]')
    assert (await raw.receive()).startswith('40/chat,{"sid"')
    assert await raw.receive() == '42/chat,["hello",{}]'
    assert await raw.receive() == "43/chat,1[[]]"
    assert [
        connection for connection, _ in transport_server.namespace.disconnects
    ] == transport_server.namespace.connections[:1]


async def test_closed_polling_client_can_still_fetch_its_last_words(transport_server: TransportServer):
    sid = await transport_server.enter()
    transport_server.namespace.connections[0].send(encode_event("/chat", "last", b"{}"))
    transport_server.namespace.connections[0].close()
    assert (await transport_server.poll(sid)).text == '42/chat,["last",{}]\x1e41/chat,\x1e1'
    assert (await transport_server.poll(sid)).status_code == 400


async def test_lost_poll_closes(transport_server: TransportServer):
    sid = await transport_server.enter()
    poll = asyncio.create_task(transport_server.poll(sid))
    await until(lambda: transport_server.sockets.eio.sockets[sid].has_poll)
    poll.cancel()
    await until(lambda: not transport_server.remains())
    assert [reason for _, reason in transport_server.namespace.disconnects] == ["transport close"]


async def test_overlapping_polls_close(transport_server: TransportServer):
    sid = await transport_server.open()
    first = asyncio.create_task(transport_server.poll(sid))
    await until(lambda: transport_server.sockets.eio.sockets[sid].has_poll)
    assert (await transport_server.poll(sid)).status_code == 400
    assert (await first).text == "1"
    assert (await transport_server.poll(sid)).status_code == 400


# --- upgrade


async def probe(server: TransportServer, sid: str) -> RawClient:
    return await RawClient.dial(server.address, f"EIO=4&transport=websocket&sid={sid}")


async def test_client_upgrades_and_loses_nothing(transport_server: TransportServer):
    sid = await transport_server.enter()
    poll = asyncio.create_task(transport_server.poll(sid))
    await until(lambda: transport_server.sockets.eio.sockets[sid].has_poll)
    raw = await probe(transport_server, sid)
    await raw.send("2probe")
    assert await raw.receive() == "3probe"
    assert (await poll).text == "6"
    transport_server.namespace.connections[0].send(encode_event("/chat", "between", b"{}"))
    await raw.send("5")
    assert await raw.receive() == '42/chat,["between",{}]'
    await raw.send('42/chat,1["a"]')
    assert await raw.receive() == "43/chat,1[[]]"
    assert (await transport_server.poll(sid)).status_code == 400
    assert (await transport_server.post(sid, "3")).status_code == 400
    assert await (await probe(transport_server, sid)).closed() == []
    await raw.send('42/chat,2["a"]')
    assert await raw.receive() == "43/chat,2[[]]"
    await raw.close()
    await until(lambda: not transport_server.remains())
    assert len(transport_server.namespace.disconnects) == 1


async def test_poll_that_waits_is_released_by_the_upgrade(transport_server: TransportServer):
    sid = await transport_server.enter()
    raw = await probe(transport_server, sid)
    await raw.send("2probe", "5")
    assert await raw.receive() == "3probe"
    await until(lambda: transport_server.sockets.eio.sockets[sid].upgraded)


@pytest.mark.parametrize("packets", [["2"], ["5x"], ["2probe", "4hello"], [b"2probe"]])
async def test_failed_upgrade_leaves_the_polls(transport_server: TransportServer, packets: list[str | bytes]):
    sid = await transport_server.enter()
    raw = await probe(transport_server, sid)
    await raw.send(*packets)
    await raw.closed()
    assert (await transport_server.post(sid, '42/chat,1["a"]')).text == "ok"
    assert "43/chat,1[[]]" in (await transport_server.poll(sid)).text
    second = await probe(transport_server, sid)
    await second.send("2probe")
    assert await second.receive() == "3probe"


async def test_upgrade_that_never_ends_is_given_up(transport_server: TransportServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probes, "PROBE_TIMEOUT_S", 0.05)
    sid = await transport_server.enter()
    raw = await probe(transport_server, sid)
    await raw.closed()
    assert sid in transport_server.sockets.eio.sockets
