"""One client's slow bodies, unread answers, many connections or many requests take nothing from the others."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from core.rates import HTTP_BUDGETS, Budget
from core.settings import Settings
from http_api.concurrency import ConcurrencyLimit
from tests.support.clients import ChatUsers, Person
from tests.support.raw_socket import hang_up
from tests.support.running import RunningServer, run_server
from tests.support.waiting import DEADLINE_S, until

PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@asynccontextmanager
async def sending(address: str, *, head: str, body: bytes = b"", receive_bytes: int | None = None):
    """A connection that has sent this; with a small receive buffer if it is not to read."""
    url = urlsplit(address)
    raw = socket.socket()
    raw.setblocking(False)
    if receive_bytes is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    await asyncio.get_running_loop().sock_connect(raw, (url.hostname, url.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
    writer.write(head.encode() + b"\r\n" + body)
    await writer.drain()
    try:
        yield reader, writer
    finally:
        await hang_up(writer)


def slow_upload(address: str, person: Person):
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: molva\r\nAuthorization: {person.headers['Authorization']}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n"
    )
    return sending(address, head=head, body=PART)


async def upload(person: Person, content: bytes = b"small") -> httpx.Response:
    return await person.http.post("/v1/files", files={"file": ("a.bin", content)}, headers=person.headers)


@pytest.fixture
def limits(running: RunningServer, monkeypatch: pytest.MonkeyPatch):
    """Fewer slots on the running server."""
    backend = find_backend(running)

    def replace(**wanted: ConcurrencyLimit) -> None:
        for name, limit in wanted.items():
            before = getattr(backend, name)
            monkeypatch.setattr(before, "_total_max", limit._total_max)
            monkeypatch.setattr(before, "_per_user_max", limit._per_user_max)

    replace.backend = backend  # type: ignore[attr-defined]
    return replace


def find_backend(server: RunningServer) -> Any:
    """The services of the routes, behind what wraps the application."""
    app = server.molva.app
    while not hasattr(app, "state"):
        app = next(value for name, value in vars(app).items() if "app" in name)
    return app.state.backend


async def test_slow_uploads_of_some_do_not_stop_those_of_others(chat_users: ChatUsers, running: RunningServer, limits):
    limits(uploads=ConcurrencyLimit(per_user_max=4, total_max=3))
    people, boris = [await chat_users.register() for _ in range(3)], await chat_users.register()
    in_progress = limits.backend.bodies._in_progress
    async with AsyncExitStack() as stack:
        for person in people:
            await stack.enter_async_context(slow_upload(running.address, person))
        await until(lambda: all(in_progress[person.id] for person in people))
        answer = await upload(boris)
    assert answer.status_code == 201, answer.text


async def test_person_has_four_uploads_at_a_time(chat_users: ChatUsers, running: RunningServer, limits):
    anna = await chat_users.register()
    in_progress = limits.backend.bodies._in_progress
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(slow_upload(running.address, anna))
        await until(lambda: in_progress[anna.id] == 4)
        answer = await upload(anna)
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    await until(lambda: in_progress[anna.id] == 0)


async def drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)  # the slowness is what is tested


async def test_body_that_arrives_byte_by_byte_is_refused(chat_users: ChatUsers, running: RunningServer, monkeypatch):
    monkeypatch.setattr("http_api.http_protocol.BODY_WINDOW_S", 0.5)
    anna = await chat_users.register()
    async with slow_upload(running.address, anna) as (reader, writer):
        dripping = asyncio.ensure_future(drip(writer))
        try:
            async with asyncio.timeout(DEADLINE_S):
                assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        finally:
            dripping.cancel()


async def test_body_that_goes_on_past_its_deadline_is_refused(chat_users: ChatUsers, running: RunningServer, monkeypatch):
    monkeypatch.setattr("http_api.http_protocol.BODY_WINDOW_S", 0.2)
    monkeypatch.setattr("http_api.http_protocol.BODY_BYTES_PER_S_MIN", 1)
    monkeypatch.setattr("http_api.http_protocol.BODY_DEADLINE_S", 0.5)
    anna = await chat_users.register()
    async with slow_upload(running.address, anna) as (reader, writer):
        dripping = asyncio.ensure_future(drip(writer))
        try:
            async with asyncio.timeout(DEADLINE_S):
                assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        finally:
            dripping.cancel()


async def test_readers_that_do_not_read_do_not_stop_exports(
    chat_users: ChatUsers, running: RunningServer, limits, monkeypatch
):
    monkeypatch.setattr("http_api.http_protocol.ANSWER_WINDOW_S", 0.5)
    limits(exports=ConcurrencyLimit(per_user_max=1, total_max=1))
    anna, boris = await chat_users.register(), await chat_users.register()
    assert (await upload(anna, os.urandom(12_000_000))).status_code == 201
    head = f"GET /v1/me/export HTTP/1.1\r\nHost: molva\r\nAuthorization: {anna.headers['Authorization']}\r\n"
    async with sending(running.address, head=head, receive_bytes=4096):
        await until(lambda: limits.backend.exports._in_progress[anna.id] == 1)
        await until(lambda: limits.backend.exports._in_progress[anna.id] == 0)
        answer = await boris.http.get("/v1/me/export", headers=boris.headers)
        assert answer.status_code == 200


@pytest.fixture
async def limited(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningServer]:
    """A server with its limits, and with few connections and sign-ins for each address."""
    monkeypatch.setitem(HTTP_BUDGETS, "sign_in", Budget(per_second=1, burst=20))
    async with run_server(settings.model_copy(update={"connections_per_address": 20})) as server:
        yield server


async def test_address_has_no_more_connections_than_it_may(limited: RunningServer):
    async with AsyncExitStack() as stack:
        head = "POST /v1/auth/codes HTTP/1.1\r\nHost: molva\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n"
        slow = [await stack.enter_async_context(sending(limited.address, head=head, body=b" ")) for _ in range(25)]
        async with asyncio.timeout(DEADLINE_S):
            done = [(await reader.readline())[9:12] for reader, _ in slow[20:]]
        assert done == [b"429"] * 5
    await until(lambda: limited.molva.connection_caps._total == 0)
    assert not limited.molva.connection_caps._of_address


async def test_person_cannot_change_the_profile_without_end(limited: RunningServer, monkeypatch):
    chat_users = ChatUsers(limited.address)
    anna = await chat_users.register()
    monkeypatch.setattr(find_backend(limited).rates, "_clock", lambda: 0.0)
    answers = [await anna.http.patch("/v1/me", json={"about": str(number)}, headers=anna.headers) for number in range(60)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 60 - HTTP_BUDGETS["profile"].burst
    assert refused[-1].json()["code"] == "rate_limited"
    assert int(refused[-1].headers["Retry-After"]) >= 1
    await chat_users.close()


async def test_address_cannot_guess_tokens_without_end(limited: RunningServer, monkeypatch):
    monkeypatch.setattr(find_backend(limited).rates, "_clock", lambda: 0.0)
    async with httpx.AsyncClient(base_url=limited.address) as http:
        codes = []
        for _ in range(30):
            answer = await http.post("/v1/auth/tokens/refresh", json={"refresh_token": "x" * 40})
            codes.append(answer.json()["code"])
    assert codes == ["unauthorized"] * 20 + ["rate_limited"] * 10
