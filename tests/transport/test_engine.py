"""The transport alone: Engine.IO as its specification has it.

The cases of the specification follow its test suite: https://github.com/socketio/engine.io-protocol
"""

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from realtime.transport.engineio import session as links
from realtime.transport.socketio.packets import encode_event
from tests.support.raw_client import Wire, until
from tests.support.transport_server import PACKET_MAX, Theatre, query_of

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
    assert (await calm.http.request(method, "/socket.io/", params=query_of(None))).status_code == 400
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
        return calm.http.get("/socket.io/", params=query_of(None), headers={"Origin": origin})

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
