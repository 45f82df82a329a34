"""One bad client harms nobody: every hostile input has its outcome, at once, and leaves nothing behind."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx
import pytest

import server
from core.settings import Settings
from realtime.transport.engineio.session import Heartbeat
from realtime.transport.socketio.connection import Connection
from realtime.transport.socketio.server import CONNECTS_REFUSED_MAX
from realtime.transport.websocket.frame_reader import CloseCode
from tests.conftest import named
from tests.support.clients import ChatUsers, Client, Person
from tests.support.hostile_inputs import (
    ACK_ID,
    AUTHS,
    CLOSES,
    ENGINE_PACKETS,
    EVENTS,
    FRAMES,
    HANDSHAKES,
    IGNORED,
    IN_NAMESPACE,
    POSTS,
    SOCKET_PACKETS,
    STRANGERS,
    Hostile,
)
from tests.support.raw_socket import RawSocket, hang_up
from tests.support.running import RunningServer, run_server
from tests.support.waiting import DEADLINE_S, until

pytestmark = pytest.mark.slow

BUSY_S_MAX = 1.0
"""Processor time, of both ends, that one client may take before another is answered."""
INPUTS = [*FRAMES, *ENGINE_PACKETS, *SOCKET_PACKETS, *EVENTS]


class AttackedServer:
    """A running product whose comings and goings are counted, with a neighbour who wants to be served meanwhile."""

    def __init__(self, running: RunningServer, attacker: Person, neighbour: Client) -> None:
        self.address = running.address
        self.attacker = attacker
        self.token: str = attacker.tokens["access_token"]
        self.neighbour = neighbour
        self.sockets = running.molva.sockets
        self.disconnects: Counter[str] = Counter()
        namespace = self.sockets.namespace_handlers["/chat"]
        handle_disconnect = namespace.on_disconnect

        async def on_disconnect(connection: Connection, reason: str) -> None:
            self.disconnects[connection.connection_id] += 1
            await handle_disconnect(connection, reason)

        namespace.on_disconnect = on_disconnect

    async def is_as_before(self, connection_id: str | None) -> None:
        """``disconnect`` ran once, nobody is kept but the neighbour, and the neighbour is served."""
        await until(lambda: len(self.sockets.eio.sockets) == 1 and not self.sockets.busy)
        assert not self.sockets.eio.disconnecting
        assert len(self.sockets.manager.rooms["/chat"][None]) == 1
        if connection_id is not None:
            assert self.disconnects[connection_id] == 1
        assert await self.neighbour.send("chat:list", limit=1)


@pytest.fixture(scope="module")
async def attacked_server(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AttackedServer]:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE molva_strict TEMPLATE molva_template")
    await connection.close()
    settings = Settings(
        database_url=named(postgres_url, "molva_strict"),
        data_dir=tmp_path_factory.mktemp("data"),
        port=0,
        rate_limits="off",
    )
    options_of = server._transport_options
    with pytest.MonkeyPatch.context() as patch:
        # Pings that a test can wait for; and whoever is closed was closed for the input, because no time-out comes first.
        timing = {"heartbeat": Heartbeat(0.3, 10 * DEADLINE_S), "connect_timeout_s": 10 * DEADLINE_S}
        patch.setattr(server, "_transport_options", lambda one: replace(options_of(one), **timing))
        async with run_server(settings) as running:
            chat_users = ChatUsers(running.address)
            attacker, neighbour = await chat_users.register(), await chat_users.register()
            yield AttackedServer(running, attacker, await neighbour.connect())
            await chat_users.close()


def test_inputs_are_many_and_told_apart():
    assert len(INPUTS) >= 120
    for rows in IN_NAMESPACE.values():
        assert len({row.what for row in rows}) == len(rows)


@pytest.mark.parametrize("hostile", INPUTS, ids=lambda hostile: hostile.what)
async def test_hostile_input_has_its_outcome_and_leaves_nothing(attacked_server: AttackedServer, hostile: Hostile):
    raw = await RawSocket.open(attacked_server.address)
    await raw.enter(attacked_server.token)
    raw.write(hostile.bytes)
    if hostile.outcome == CLOSES:
        await raw.closed()
    elif hostile.outcome == IGNORED:
        raw.send('42/chat,99["chat:list",{}]')
        assert "data" in await raw.ack(99)
    else:
        answer = await raw.ack(ACK_ID)
        assert answer["error"]["code"] == hostile.outcome
        assert answer["error"]["request_id"]
        raw.send('42/chat,99["chat:list",{}]')
        assert "data" in await raw.ack(99)
    await raw.close()
    await attacked_server.is_as_before(raw.connection_id)


@pytest.mark.parametrize("hostile", STRANGERS, ids=lambda hostile: hostile.what)
async def test_stranger_who_is_in_no_namespace_is_closed(attacked_server: AttackedServer, hostile: Hostile):
    raw = await RawSocket.open(attacked_server.address)
    raw.write(hostile.bytes)
    await raw.closed()
    await raw.close()
    await attacked_server.is_as_before(None)


@pytest.mark.parametrize(("what", "auth"), AUTHS, ids=[what for what, _ in AUTHS])
async def test_auth_that_is_none_is_unauthorized(attacked_server: AttackedServer, what: str, auth: object):
    raw = await RawSocket.open(attacked_server.address)
    raw.send("40/chat," + ("" if auth is None else json.dumps(auth)))
    answer = await raw.receive()
    assert json.loads(answer.removeprefix("44/chat,"))["data"] == {"code": "unauthorized"}
    await raw.close()
    await attacked_server.is_as_before(None)


async def test_client_that_tries_auth_after_auth_is_cut(attacked_server: AttackedServer):
    raw = await RawSocket.open(attacked_server.address)
    for _ in range(CONNECTS_REFUSED_MAX):
        raw.send("40/chat,")
        assert (await raw.receive()).startswith("44/chat,")
    assert await raw.closed() == CloseCode.POLICY
    await raw.close()
    await attacked_server.is_as_before(None)


@pytest.mark.parametrize(("what", "target", "headers", "status"), HANDSHAKES, ids=[row[0] for row in HANDSHAKES])
async def test_handshake_that_is_none_is_refused(
    attacked_server: AttackedServer, what: str, target: str, headers: dict[str, str | None], status: int
):
    _, writer, answer = await RawSocket.request(attacked_server.address, target, **headers)
    assert answer == status
    await hang_up(writer)
    await attacked_server.is_as_before(None)


async def open_polling(http: httpx.AsyncClient) -> str:
    answer = await http.get("/socket.io/?EIO=4&transport=polling")
    return f"/socket.io/?EIO=4&transport=polling&sid={json.loads(answer.text[1:])['sid']}"


@pytest.mark.parametrize(("what", "body"), POSTS, ids=[what for what, _ in POSTS])
async def test_post_that_is_none_is_refused_and_closes(attacked_server: AttackedServer, what: str, body: bytes):
    async with httpx.AsyncClient(base_url=attacked_server.address) as http:
        url = await open_polling(http)
        assert (await http.post(url, content=body)).status_code in (400, 413)
        assert (await http.get(url)).status_code == 400
    await attacked_server.is_as_before(None)


@pytest.mark.parametrize("header", ["user-agent", "origin", "authorization"])
async def test_session_id_is_worth_nothing_to_somebody_else(attacked_server: AttackedServer, header: str):
    async with httpx.AsyncClient(base_url=attacked_server.address, headers={header: "http://one"}) as http:
        url = await open_polling(http)
        assert (await http.get(url, headers={header: "http://two"})).status_code == 400
        assert (await http.post(url, content=b"3", headers={header: "http://two"})).status_code == 400
        assert (await http.post(url, content=b"3")).status_code == 200
        await http.post(url, content=b"1")
        await http.get(url)
    await attacked_server.is_as_before(None)


async def test_pongs_are_read_and_pings_sent_while_actions_wait(
    attacked_server: AttackedServer, monkeypatch: pytest.MonkeyPatch
):
    namespace, gate = attacked_server.sockets.namespace_handlers["/chat"], asyncio.Event()
    act = namespace.on_action

    async def on_action(*arguments: object) -> bytes:
        await gate.wait()
        return await act(*arguments)

    monkeypatch.setattr(namespace, "on_action", on_action)
    raw = await RawSocket.open(attacked_server.address)
    await raw.enter(attacked_server.token)
    raw.send(*(f'42/chat,{number}["chat:list",{{}}]' for number in range(1000)))
    pings = 0
    while pings < 3:
        if (await raw.receive_frame())[1] == b"2":
            pings += 1
            raw.send("3")
    gate.set()
    for number in range(1000):
        assert "data" in await raw.ack(number)
    await raw.close()
    await attacked_server.is_as_before(raw.connection_id)


async def test_flood_does_not_delay_the_neighbour(attacked_server: AttackedServer):
    raw = await RawSocket.open(attacked_server.address)
    await raw.enter(attacked_server.token)
    raw.send(*("42/chat," + '["nonsense",{}]' for _ in range(50_000)))
    flood = asyncio.create_task(raw.closed())
    slowest_s = 0.0
    while not flood.done():
        began_s = time.process_time()
        await attacked_server.neighbour.send("chat:list", limit=1)
        slowest_s = max(slowest_s, time.process_time() - began_s)
    assert slowest_s < BUSY_S_MAX
    await raw.close()
    await attacked_server.is_as_before(raw.connection_id)


def security_tables() -> str:
    """The section of docs/security.md, as it follows from the inputs."""
    lines: list[str] = []
    for title, rows in IN_NAMESPACE.items():
        lines += [f"**{title}**", "", "| sent | outcome |", "| --- | --- |"]
        lines += [
            f"| {row.what} | {row.outcome if row.outcome in (CLOSES, IGNORED) else f'`{row.outcome}`'} |" for row in rows
        ]
        lines.append("")
    lines += ["**Before the connect**", "", "| sent | outcome |", "| --- | --- |"]
    lines += [f"| {row.what} | {row.outcome} |" for row in STRANGERS]
    lines += [f"| auth: {what} | `unauthorized` |" for what, _ in AUTHS]
    lines += ["", "**Handshakes and posts**", "", "| sent | outcome |", "| --- | --- |"]
    lines += [f"| WebSocket: {what} | {status} |" for what, _, _, status in HANDSHAKES]
    lines += [f"| post: {what} | refused and closed |" for what, _ in POSTS]
    return "\n".join(lines)


def test_document_lists_every_input():
    text = (Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8")
    assert security_tables() in text
