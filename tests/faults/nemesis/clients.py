"""Clients that behave badly, or are too many. Nobody else may suffer."""

import asyncio
import contextlib
import json
import sys
from random import Random
from typing import Final

import aiohttp
import httpx

from tests.faults.nemesis.fault import fault
from tests.faults.people.account import Account
from tests.faults.people.connection import Connection, ConnectRefused, Refused, Unanswered
from tests.faults.people.device import Device
from tests.faults.staging.network import Network
from tests.faults.staging.server import ROOT
from tests.faults.staging.stage import Stage

_CONNECTS: Final = 10_000
_CONNECTS_AT_ONCE: Final = 200
_BURST: Final = 400
_LONG_TEXT: Final = "x" * 3_000
_READER_BYTES_PER_S: Final = 20_000
_PATIENCE_S: Final = 10.0
_DEPTH: Final = 150
"""As deep as python-socketio's own client lets us nest."""


@fault()
async def slow_reader(stage: Stage) -> None:
    """One client reads 20 kB a second of a burst of more than a megabyte."""
    async with _reader(stage) as network:
        network.bytes_per_s = _READER_BYTES_PER_S
        await _burst(stage)
        await stage.lasts()


@fault()
async def frozen_reader(stage: Stage) -> None:
    """One client stays connected and reads nothing of a burst of more than a megabyte."""
    async with _reader(stage) as network:
        network.stall()
        await _burst(stage)
        await stage.lasts()


@contextlib.asynccontextmanager
async def _reader(stage: Stage):  # type: ignore[no-untyped-def]  # of a context manager
    """A further device of the first person, behind a network of its own; mended at the end, when it is one of all."""
    first = stage.chat_users.devices[0]
    account = Account(stage.http, first.account.phone)
    await account.sign_in()
    network = await Network(("127.0.0.1", stage.server.port)).open()
    device = Device(
        "slow", account, f"http://127.0.0.1:{network.port}", stage.history, rng=Random(1), patience_s=25, asks=True
    )
    device.start()
    await device.online()
    await device.open(next(iter(stage.chat_users.chats)))
    stage.chat_users.devices.append(device)
    yield network
    network.mend()


async def _burst(stage: Stage) -> None:
    chat_id = next(iter(stage.chat_users.chats))
    writers = stage.chat_users.devices[1:5]
    for number in range(_BURST):
        writers[number % len(writers)].write(chat_id, _LONG_TEXT)
        await asyncio.sleep(0.001)  # the pace of the burst


@fault()
async def connects_10000(stage: Stage) -> None:
    """10,000 connects, 200 at a time; each says the handshake with a token that is none, and leaves."""
    words = ["-m", "tests.faults.nemesis.crowd", *map(str, (stage.server.port, _CONNECTS, _CONNECTS_AT_ONCE))]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    refused = int(out)
    if refused < _CONNECTS:
        stage.history.broken.append(f"{_CONNECTS - refused} of {_CONNECTS} connects were not answered")


@fault()
async def giant_inputs(stage: Stage) -> None:
    """A client sends what is too long, too deep, too many and too big, over the socket and over HTTP."""
    account = Account(stage.http, stage.chat_users.devices[0].account.phone)
    await account.sign_in()
    deep = "x"
    for _ in range(_DEPTH):
        deep = [deep]  # type: ignore[assignment]  # on purpose
    chat_id = next(iter(stage.chat_users.chats))
    send = {"chat_id": chat_id, "client_id": "00000000-0000-4000-8000-000000000000", "type": "text"}
    payloads = [
        {**send, "content": {"text": "x" * 5_000}},
        {**send, "content": {"text": "x" * 70_000}},
        {**send, "content": {"text": "x" * 200_000}},
        {**send, "content": {"text": "x" * 3_000_000}},
        {**send, "content": {"text": deep}},
        {**send, "content": {"text": "x"}, "mentions": [chat_id] * 1_500},
        {**send, "content": {f"key{number}": number for number in range(3_000)}},
        {**send, "content": {"text": "x"}, "reply_to": 10**30},
    ]
    for _ in range(max(1, int(stage.seconds))):
        for payload in payloads:
            await _push(stage, account, payload)
            with contextlib.suppress(httpx.HTTPError):
                body = json.dumps(payload)
                answer = await stage.http.post("/v1/actions/message:send", content=body, headers=account.headers)
                if answer.status_code < 400 or answer.status_code == 500:
                    stage.history.broken.append(f"a body of {len(body)} bytes is answered {answer.status_code}")


async def _push(stage: Stage, account: Account, payload: dict[str, object]) -> None:
    """It is answered or the connection closes; ``Connection`` records if it is neither."""
    connection = Connection(stage.history, "vandal", account.user_id, patience_s=_PATIENCE_S)
    try:
        await connection.open(stage.address, account.tokens["access_token"])
        await connection.call("message:send", payload)
    except Refused as refusal:
        if refusal.code == "internal":
            stage.history.broken.append("a giant input is answered internal")
    except (Unanswered, ConnectRefused, aiohttp.ClientError):
        pass
    else:
        stage.history.broken.append("a giant input was taken")
    finally:
        await connection.close()
