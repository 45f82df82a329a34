"""What the official suites ask, in our own words, and python-socketio's public API on our transport.

The suites themselves run against ``python -m tests.conformance`` (see tests/conformance/app.py).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import socketio

from realtime.transport.socketio.server import SocketServer
from tests.conformance.app import serving
from tests.support.raw_socket import BINARY, RawSocket, frame, hang_up
from tests.support.waiting import until

pytestmark = pytest.mark.slow

AUTH = '42["auth",{}]'


class Served:
    def __init__(self, port: int, sockets: SocketServer) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.sockets = sockets

    async def enter(self, namespace: str = "") -> tuple[RawSocket, str]:
        """In a namespace: the socket, and the sid."""
        raw = await RawSocket.open(self.address)
        raw.send(f"40{namespace}")
        sid = json.loads((await raw.receive()).removeprefix(f"40{namespace}"))["sid"]
        assert (await raw.receive()).endswith('["auth",{}]')
        return raw, sid


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as (port, sockets, _):
        yield Served(port, sockets)


async def test_bare_engine_echoes_text_and_binary(served: Served):
    async with httpx.AsyncClient(base_url=served.address, params={"EIO": "4", "transport": "polling"}) as http:
        hello = json.loads((await http.get("/engine.io/")).text[1:])
        assert set(hello) == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
        assert (hello["pingInterval"], hello["pingTimeout"], hello["maxPayload"]) == (25_000, 20_000, 1_000_000)
        session = {"EIO": "4", "transport": "polling", "sid": hello["sid"]}
        assert (await http.post("/engine.io/", params=session, content="4hello\x1ebAQIDBA==")).text == "ok"
        assert (await http.get("/engine.io/", params=session)).text == "4hello\x1ebAQIDBA=="
        await http.post("/engine.io/", params=session, content="1")


async def test_event_comes_back_with_its_attachments(served: Served):
    raw, _ = await served.enter()
    raw.write(frame('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'))
    raw.write(frame(b"\1\2\3", BINARY) + frame(b"\4\5\6", BINARY))
    assert await raw.receive() == '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    assert [await raw.receive_frame(), await raw.receive_frame()] == [(BINARY, b"\1\2\3"), (BINARY, b"\4\5\6")]
    await raw.close()


@pytest.mark.parametrize("place", ["1", "-1", '"0"', "0.0", "true", "null"])
async def test_attachment_needs_its_one_place(served: Served, place: str):
    raw, _ = await served.enter()
    raw.write(frame('451-["message",{"_placeholder":true,"num":' + place + "}]") + frame(b"x", BINARY))
    await raw.closed()
    await raw.close()


async def test_ack_carries_the_arguments_binary_with_them(served: Served):
    raw, _ = await served.enter()
    raw.send('42456["message-with-ack",1,"2",{"3":[false]}]')
    assert await raw.receive() == '43456[1,"2",{"3":[false]}]'
    raw.write(frame('451-789["message-with-ack",{"_placeholder":true,"num":0}]') + frame(b"\1", BINARY))
    assert await raw.receive() == '461-789[{"_placeholder":true,"num":0}]'
    assert await raw.receive_frame() == (BINARY, b"\1")
    await raw.close()


async def test_namespaces_of_one_client_are_apart(served: Served):
    raw, _ = await served.enter()
    raw.send("40/custom")
    assert (await raw.receive()).startswith("40/custom,")
    assert await raw.receive() == '42/custom,["auth",{}]'
    raw.send("41/custom", '42["message","to the main namespace"]')
    assert await raw.receive() == '42["message-back","to the main namespace"]'
    raw.send("40/random")
    assert await raw.receive() == '44/random,{"message":"Invalid namespace"}'
    await raw.close()


@pytest.mark.parametrize("packet", ["4abc", "42{}", '42abc["message",1]', '42["connect"]', '42["message",NaN]'])
async def test_packet_that_is_none_closes(served: Served, packet: str):
    raw, _ = await served.enter()
    raw.send(packet)
    await raw.closed()
    await raw.close()


async def test_client_in_no_namespace_is_closed():
    async with serving(connect_timeout_s=0.05) as (port, _, _):
        raw = await RawSocket.open(f"http://127.0.0.1:{port}")
        await raw.closed()
        await raw.close()


# --- python-socketio's public API


async def test_server_calls_a_client_and_gets_its_answer(served: Served):
    raw, sid = await served.enter()
    call = asyncio.ensure_future(served.sockets.call("question", {"a": 1}, to=sid, timeout=5))
    assert await raw.receive() == '421["question",{"a":1}]'
    raw.send('431["answer"]')
    assert await call == "answer"
    raw.send('431["again"]', '430["the counter"]', '4399["never asked"]')
    raw.send('42["message"]')
    assert await raw.receive() == '42["message-back"]'
    await raw.close()


async def test_rooms_and_broadcasts_reach_whom_they_should(served: Served):
    sockets = served.sockets
    (anna, anna_sid), (boris, boris_sid) = await served.enter(), await served.enter()
    await sockets.enter_room(anna_sid, "lounge")
    assert set(sockets.rooms(anna_sid)) == {anna_sid, "lounge"}
    await sockets.emit("to-lounge", 1, room="lounge")
    await sockets.emit("to-boris", (1, b"\1"), to=boris_sid)
    await sockets.emit("to-all-but-boris", skip_sid=boris_sid)
    await sockets.send("to all")
    assert [await anna.receive() for _ in range(3)] == [
        '42["to-lounge",1]', '42["to-all-but-boris"]', '42["message","to all"]',
    ]  # fmt: skip
    assert await boris.receive() == '451-["to-boris",1,{"_placeholder":true,"num":0}]'
    assert await boris.receive_frame() == (BINARY, b"\1")
    assert await boris.receive() == '42["message","to all"]'
    await sockets.leave_room(anna_sid, "lounge")
    assert sockets.rooms(anna_sid) == [anna_sid]
    await anna.close()
    await boris.close()


async def test_session_and_request_are_there_until_the_disconnect_handler_has_run(served: Served):
    sockets, seen = served.sockets, asyncio.get_running_loop().create_future()

    async def on_disconnect(sid: str, reason: str) -> None:
        seen.set_result((await sockets.get_session(sid), sockets.get_environ(sid)["QUERY_STRING"], reason))

    sockets.namespace_handlers["/"].on_disconnect = on_disconnect
    raw, sid = await served.enter()
    await sockets.save_session(sid, {"name": "anna"})
    async with sockets.session(sid) as session:
        assert session == {"name": "anna"}
    assert sockets.transport(sid) == "websocket"
    assert sockets.get_environ(sid)["REMOTE_ADDR"] == "127.0.0.1"
    await raw.close()
    assert await seen == ({"name": "anna"}, "EIO=4&transport=websocket", "transport close")
    await until(lambda: not sockets.manager.rooms and not sockets.eio.disconnecting)


async def test_server_takes_a_client_out_of_its_namespace(served: Served):
    raw, sid = await served.enter()
    await served.sockets.disconnect(sid)
    assert await raw.receive() == "41"
    assert not served.sockets.manager.rooms
    await raw.close()


async def test_handlers_registered_by_decorator_work(served: Served):
    @served.sockets.on("connect", namespace="/old")
    async def connect(sid: str, environ: dict[str, Any]) -> bool:
        return environ["QUERY_STRING"] != ""

    @served.sockets.event(namespace="/old")
    def add(sid: str, *numbers: int) -> tuple[int, str]:
        return numbers[0] + numbers[1], "done"

    raw = await RawSocket.open(served.address)
    raw.send("40/old,")
    await raw.receive()
    raw.send('42/old,1["add",2,3]')
    assert await raw.receive() == '43/old,1[5,"done"]'
    await raw.close()


async def test_refusal_of_a_library_handler_reaches_the_client(served: Served):
    @served.sockets.on("connect", namespace="/closed")
    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        raise socketio.exceptions.ConnectionRefusedError("not today", {"try": "tomorrow"})

    raw = await RawSocket.open(served.address)
    raw.send("40/closed,")
    assert json.loads((await raw.receive()).removeprefix("44/closed,")) == {
        "message": "not today",
        "data": {"try": "tomorrow"},
    }
    await raw.close()


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
async def test_python_client_works_over_every_transport(served: Served, transports: list[str]):
    client = socketio.AsyncClient(reconnection=False)
    back: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    async def hear(*arguments: Any) -> None:
        back.put_nowait(arguments)

    client.on("message-back", hear)
    await client.connect(served.address, transports=transports)
    assert await client.call("message-with-ack", ("a", b"\1")) == ("a", b"\1")
    await client.emit("message", ("a", b"\2"))
    assert await back.get() == ("a", b"\2")
    if len(transports) == 2:
        await until(lambda: client.transport() == "websocket")
    await client.disconnect()


async def test_polling_can_be_switched_off():
    async with serving(allows_polling=False) as (port, _, _), httpx.AsyncClient() as http:
        answer = await http.get(f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling")
        assert answer.status_code == 400
        raw = await RawSocket.open(f"http://127.0.0.1:{port}")
        await raw.close()


async def test_one_address_has_a_bounded_number_of_clients():
    async with serving(connections_per_address_max=2) as (port, sockets, _):
        address = f"http://127.0.0.1:{port}"
        first, second = await RawSocket.open(address), await RawSocket.open(address)
        _, writer, status = await RawSocket.request(address, "/socket.io/?EIO=4&transport=websocket")
        assert status == 429
        await hang_up(writer)
        await first.close()
        await until(lambda: len(sockets.eio.sockets) == 1)
        third = await RawSocket.open(address)
        await second.close()
        await third.close()
