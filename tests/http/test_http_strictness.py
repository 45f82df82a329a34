"""One bad request harms nobody: every hostile input of HTTP has its outcome and leaves no trace of a fault."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from core.settings import Settings
from tests.conftest import named
from tests.support.bad_inputs import Bad, assert_outcome, name_of, nothing_breaks
from tests.support.clients import ChatUsers, Person
from tests.support.hostile_http import ANSWERED, GONE, JSON, OUR_ORIGIN, PHONE, SLOW, TABLES, request
from tests.support.raw_socket import hang_up
from tests.support.running import run_server
from tests.support.waiting import DEADLINE_S, until

ROWS = [row for rows in ANSWERED.values() for row in rows]


class AttackedServer:
    """A running product, somebody whose token is used, and a neighbour who wants to be served meanwhile."""

    def __init__(self, address: str, attacker: Person, neighbour: Person, file_id: str) -> None:
        self.url = urlsplit(address)
        self.neighbour = neighbour
        self._token: str = attacker.tokens["access_token"]
        self._file_id = file_id

    @asynccontextmanager
    async def send(self, content: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection over which ``content`` was sent, as far as anybody listened."""
        reader, writer = await asyncio.open_connection(self.url.hostname, self.url.port)
        writer.write(content.replace(b"<token>", self._token.encode()).replace(b"<file>", self._file_id.encode()))
        with suppress(ConnectionError):
            await writer.drain()
        try:
            yield reader, writer
        finally:
            await hang_up(writer)


async def read_answer(reader: asyncio.StreamReader) -> tuple[httpx.Response, bytes]:
    """The next answer, read and as it came."""
    async with asyncio.timeout(DEADLINE_S):
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        headers = httpx.Headers([tuple(line.split(": ", 1)) for line in lines])
        body = await reader.readexactly(int(headers.get("Content-Length", "0")))
    return httpx.Response(int(first.split(" ")[1]), headers=headers, content=body), head + body


@pytest.fixture(scope="module")
async def attacked_server(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AttackedServer]:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE molva_http TEMPLATE molva_template")
    await connection.close()
    settings = Settings(
        database_url=named(postgres_url, "molva_http"),
        data_dir=tmp_path_factory.mktemp("data"),
        port=0,
        rate_limits="off",
        cors_origins=OUR_ORIGIN,
    )
    async with run_server(settings) as running:
        chat_users = ChatUsers(running.address)
        attacker, neighbour = await chat_users.register(), await chat_users.register()
        file = await attacker.http.post("/v1/files", files={"file": ("ten.txt", b"0123456789")}, headers=attacker.headers)
        yield AttackedServer(running.address, attacker, neighbour, file.json()["id"])
        await chat_users.close()


def test_inputs_are_many_and_told_apart():
    assert sum(map(len, TABLES.values())) >= 200
    for rows in TABLES.values():
        assert len({row.what for row in rows}) == len(rows)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
async def test_bad_request_has_its_outcome_and_leaves_nothing(
    attacked_server: AttackedServer, row: Bad[bytes], caplog: pytest.LogCaptureFixture
):
    async with nothing_breaks(attacked_server.neighbour, caplog), attacked_server.send(row.sent) as (reader, _):
        answer, raw = await read_answer(reader)
        assert_outcome(row, answer)
        assert not row.absent or row.absent not in raw


@pytest.mark.parametrize("row", SLOW, ids=name_of)
async def test_who_does_not_come_to_an_end_is_cut(
    attacked_server: AttackedServer, row: Bad[bytes], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("http_api.http_protocol.HEAD_TIMEOUT_S", 0.5)
    monkeypatch.setattr("http_api.http_protocol.BODY_WINDOW_S", 0.5)
    async with nothing_breaks(attacked_server.neighbour, caplog), attacked_server.send(row.sent) as (reader, _):
        if row.status:
            assert_outcome(row, (await read_answer(reader))[0])
        assert await reader.read() == b""


@pytest.mark.parametrize("row", GONE, ids=name_of)
async def test_who_breaks_off_is_forgotten(
    attacked_server: AttackedServer, row: Bad[bytes], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "molva.http")
    async with nothing_breaks(attacked_server.neighbour, caplog):
        async with attacked_server.send(row.sent):
            pass
        await until(lambda: any(record.getMessage() == "http request" for record in caplog.records))


# --- one connection

ME: Final = request("GET /v1/me")


async def status_of_next(reader: asyncio.StreamReader) -> int:
    return (await read_answer(reader))[0].status_code


async def test_request_before_a_bad_one_is_answered_first(attacked_server: AttackedServer):
    async with attacked_server.send(ME + b"\0garbage\r\n\r\n") as (reader, _):
        assert await status_of_next(reader) == 401
        assert await reader.read() == b""


async def test_refused_handshake_is_found_in_the_log(attacked_server: AttackedServer, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "molva.transport")
    async with attacked_server.send(request("GET /v1/me", "Connection: Upgrade", "Upgrade: websocket")) as (reader, _):
        answer, _ = await read_answer(reader)
    assert answer.status_code == 426
    assert answer.headers["X-Request-ID"] in {vars(record).get("request_id") for record in caplog.records}


async def test_second_request_that_does_not_end_is_cut(attacked_server: AttackedServer, monkeypatch: pytest.MonkeyPatch):
    async with attacked_server.send(ME) as (reader, writer):
        assert await status_of_next(reader) == 401
        monkeypatch.setattr("http_api.http_protocol.HEAD_TIMEOUT_S", 0.5)
        writer.write(ME[:20])
        assert await status_of_next(reader) == 408
        assert await reader.read() == b""


async def test_body_of_who_would_like_http_2_is_no_request_of_its_own(attacked_server: AttackedServer):
    """As some clients ask with every request; the body comes in a packet of its own, and another request behind it."""
    asked = request("POST /v1/auth/codes", JSON, "Connection: Upgrade", "Upgrade: h2c", body=PHONE)
    async with attacked_server.send(asked.removesuffix(PHONE)) as (reader, writer):
        writer.write(PHONE)
        assert await status_of_next(reader) == 202
        writer.write(ME)
        assert await status_of_next(reader) == 401


async def test_connection_goes_on_after_a_body_that_was_too_large(attacked_server: AttackedServer):
    """Whoever still sends when the answer comes would lose it with the connection."""
    large = request("POST /v1/auth/codes", JSON, body=b" " * 4_000_000)
    async with attacked_server.send(large + ME) as (reader, _):
        assert await status_of_next(reader) == 413
        assert await status_of_next(reader) == 401


async def send_on(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b" " * 10_000)
        await writer.drain()
        await asyncio.sleep(0.01)  # a client that is not in a hurry: it must be cut by the time, not by the amount


async def test_body_that_was_refused_and_does_not_end_is_cut(
    attacked_server: AttackedServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("http_api.http_protocol.UNREAD_BODY_S", 0.5)
    endless = request("POST /v1/auth/codes", JSON, framing=f"Content-Length: {1 << 40}", body=b" ")
    async with attacked_server.send(endless) as (reader, writer):
        assert await status_of_next(reader) == 413
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(send_on(writer), DEADLINE_S)


@pytest.mark.parametrize(("pieces", "status"), [(60, 401), (1000, 431)])
async def test_head_is_bounded_however_it_is_cut(attacked_server: AttackedServer, pieces: int, status: int):
    async with attacked_server.send(ME[:-2] + b"X-Long: ") as (reader, writer):
        with suppress(ConnectionError):
            for _ in range(pieces):
                writer.write(b"a" * 1000)
                await writer.drain()
                await asyncio.sleep(0)  # the server reads each piece by itself
            writer.write(b"\r\n\r\n")
        assert await status_of_next(reader) == status
