"""A body that nobody reads still gets its answer to whoever sends it (who sends for ever: test_http_strictness)."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.clients import ChatUsers
from tests.support.raw_socket import hang_up
from tests.support.waiting import DEADLINE_S

MIB = 1024 * 1024
AVATAR, FILES, ACTION = ("PUT", "/v1/me/avatar"), ("POST", "/v1/files"), ("POST", "/v1/actions/chat:list")
JSON = {"Content-Type": "application/json"}


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536):
        yield b" " * 65_536


def assert_refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def body_of(path: str, size: int, is_chunked: bool) -> tuple[bytes | AsyncIterator[bytes], dict[str, str]]:
    """So many bytes of what the path takes, as far as anybody would look, and its headers."""
    if path == FILES[1]:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        return in_form(size) if is_chunked else bytes(size), headers
    return in_chunks(size) if is_chunked else bytes(size), JSON


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "in chunks"])
@pytest.mark.parametrize(
    ("method", "path", "size"),
    [
        *((*AVATAR, size * MIB) for size in (8, 12, 30)),
        *((*FILES, size * MIB) for size in (26, 30, 60)),
        *((*ACTION, size * MIB) for size in (6, 12, 30)),
    ],
)
async def test_body_that_is_too_large_gets_its_answer(
    chat_users: ChatUsers, method: str, path: str, size: int, is_chunked: bool
):
    anna = await chat_users.register()
    content, headers = body_of(path, size, is_chunked)
    answer = await chat_users.http.request(method, path, content=content, headers=anna.headers | headers, timeout=60)
    assert_refused(answer, 413, "payload_too_large")


async def in_form(size: int) -> AsyncIterator[bytes]:
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    async for chunk in in_chunks(size):
        yield chunk
    yield b"\r\n--b--\r\n"


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "in chunks"])
@pytest.mark.parametrize(("method", "path", "size"), [(*AVATAR, 6 * MIB), (*FILES, 6 * MIB), (*FILES, 24 * MIB)])
async def test_stranger_who_sends_much_gets_an_answer(
    chat_users: ChatUsers, method: str, path: str, size: int, is_chunked: bool
):
    content, headers = body_of(path, size, is_chunked)
    answer = await chat_users.http.request(method, path, content=content, headers=headers, timeout=60)
    assert_refused(answer, 401, "unauthorized")


@pytest.mark.parametrize("closing", ["close", "keep-alive"])
async def test_small_body_that_nobody_reads_leaves_the_connection_to_the_next_request(running, closing: str):
    reader, writer = await connect(running.address)
    head = f"Host: molva\r\nContent-Type: application/json\r\nConnection: {closing}\r\nContent-Length: 60000\r\n\r\n"
    for _ in range(2 if closing == "keep-alive" else 1):
        writer.write(f"POST /v1/actions/chat:list HTTP/1.1\r\n{head}".encode() + b" " * 60_000)
        async with asyncio.timeout(DEADLINE_S):
            answer = await reader.readuntil(b"}")
        assert answer.startswith(b"HTTP/1.1 401 "), answer
        assert (b"connection: close" in answer.lower()) == (closing == "close")
    if closing == "close":
        assert await reader.read() == b""
    await hang_up(writer)


async def connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    url = urlsplit(address)
    return await asyncio.open_connection(url.hostname, url.port)


HEAD = "PUT /v1/me/avatar HTTP/1.1\r\nHost: molva\r\nContent-Type: application/json\r\n"


async def test_answer_is_whole_before_the_rest_is_sent(running):
    reader, writer = await connect(running.address)
    writer.write((HEAD + "Content-Length: 30000000\r\n\r\n").encode())
    async with asyncio.timeout(DEADLINE_S):
        answer = await reader.readuntil(b"}")
    assert answer.startswith(b"HTTP/1.1 413 ")
    await hang_up(writer)


async def test_body_of_a_wrong_type_gets_its_answer(chat_users: ChatUsers):
    anna = await chat_users.register()
    answer = await chat_users.http.put("/v1/me/avatar", content=bytes(6 * MIB), headers=anna.headers, timeout=60)
    assert_refused(answer, 422, "validation_failed")
