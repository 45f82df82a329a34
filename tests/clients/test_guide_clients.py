"""The reference clients of docs/guide survive what their readers will meet: a server that is killed, an access token that
expired, an ack that got lost. Nothing is lost, nothing is doubled."""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core import tokens as token_module
from core.tokens import AccessTokens
from tests.clients.test_javascript_client import NODE, SCRIPTS
from tests.support.clients import new_phone
from tests.support.waiting import DEADLINE_S, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


class Server:
    """``molva serve`` in a process of its own, which can be killed and started again on the same port and data."""

    def __init__(self, data_dir: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data_dir = data_dir
        self.address = f"http://127.0.0.1:{self.port}"
        self.http = httpx.AsyncClient(base_url=self.address, timeout=10)

    async def start(self) -> None:
        environment = {**os.environ, "MOLVA_PORT": str(self.port), "MOLVA_DATA_DIR": str(self.data_dir)}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", "serve", env=environment, cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

        async def is_ready() -> bool:
            assert self.process.returncode is None, "the server did not start"
            try:
                return (await self.http.get("/health/ready")).is_success
            except httpx.TransportError:
                return False

        await until(is_ready)

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        await self.process.wait()
        await self.http.aclose()

    async def register(self) -> dict[str, Any]:
        phone = new_phone()
        code = (await self.http.post("/v1/auth/codes", json={"phone": phone})).raise_for_status().json()["code"]
        answer = await self.http.post("/v1/auth/tokens", json={"phone": phone, "code": code})
        return answer.raise_for_status().json()

    async def act(self, tokens: dict[str, Any], action: str, **payload: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        answer = await self.http.post(f"/v1/actions/{action}", json=payload, headers=headers)
        return answer.raise_for_status().json()


class Cut:
    """A proxy between client and server that can lose what the server says and then break."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.is_deaf = False
        self.writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> "Cut":
        self.server = await asyncio.start_server(self.carry, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.break_all()
        self.server.close()

    def break_all(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.close()
            return
        self.writers |= {writer, inner_writer}
        await asyncio.gather(self.pump(reader, inner_writer), self.pump(inner_reader, writer, is_answer=True))

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not (is_answer and self.is_deaf):
                    writer.write(data)
        writer.close()


class PythonClient:
    """docs/guide/client.py, driven."""

    async def start(self, url: str, tokens: dict[str, Any]) -> None:
        spec = importlib.util.spec_from_file_location("guide_client", ROOT / "docs/guide/client.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.molva = module.Molva(url, tokens)
        self.task = asyncio.create_task(self.molva.run())

    async def open(self, chat_id: str) -> None:
        await self.molva.open(chat_id)

    async def send(self, chat_id: str, text: str) -> None:
        self.sending = asyncio.create_task(self.molva.send(chat_id, text))

    async def state(self) -> dict[str, Any]:
        texts = {
            chat_id: [message["content"]["text"] for _, message in sorted(held.items())]
            for chat_id, held in self.molva.messages.items()
        }
        return {"connected": self.molva.socket.connected, "outbox": len(self.molva.outbox), "texts": texts}

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        with contextlib.suppress(asyncio.CancelledError):  # its reading task may have gone with ours
            await self.molva.socket.disconnect()


class JavaScriptClient:
    """docs/guide/client.mjs, driven through tests/js/guide.mjs."""

    async def start(self, url: str, tokens: dict[str, Any]) -> None:
        assert NODE is not None
        # The example imports its package as any module would: from beside itself.
        self.process = await asyncio.create_subprocess_exec(
            NODE, "--import", str(SCRIPTS / "packages.mjs"), str(SCRIPTS / "guide.mjs"), url, json.dumps(tokens),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def ask(self, *command: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(DEADLINE_S):
            answer = json.loads(await self.process.stdout.readline())
        assert "fault" not in answer, answer
        return answer["value"]

    async def open(self, chat_id: str) -> None:
        await self.ask("open", chat_id)

    async def send(self, chat_id: str, text: str) -> None:
        await self.ask("send", chat_id, text)

    async def state(self) -> dict[str, Any]:
        return await self.ask("state")

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


CLIENTS = [
    pytest.param(PythonClient, id="python"),
    pytest.param(
        JavaScriptClient,
        id="javascript",
        marks=[
            pytest.mark.node,
            pytest.mark.skipif(
                NODE is None or not (SCRIPTS / "node_modules/socket.io-client").exists(),
                reason="the packages of tests/js are not installed: run .ci/setup node",
            ),
        ],
    ),
]


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    server = Server(tmp_path_factory.mktemp("guide"))
    await server.start()
    yield server
    await server.stop()


def expired(server: Server, tokens: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The same pair, its access token past its time."""
    secret = (server.data_dir / "development_secret").read_bytes().strip()
    issuer = AccessTokens(secret)
    claims = issuer.verify(tokens["access_token"])
    with monkeypatch.context() as patch:
        now_s = token_module.now_unix_s()
        patch.setattr(token_module, "now_unix_s", lambda: now_s - 3600)
        old = issuer.issue(user_id=claims.user_id, session_id=claims.session_id)
    return {**tokens, "access_token": old.token}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", CLIENTS)
async def test_guide_client_loses_and_doubles_nothing(server: Server, kind: type, monkeypatch: pytest.MonkeyPatch):
    anna, boris = await server.register(), await server.register()
    chat_id = (await server.act(anna, "chat:create_private", user_id=boris["user"]["id"]))["chat"]["id"]
    expected: list[str] = []

    async with Cut(server.port) as proxy:
        client = kind()
        await client.start(proxy.address, expired(server, anna, monkeypatch))  # 1. an expired token

        async def is_settled() -> bool:
            state = await client.state()
            return state["connected"] and not state["outbox"] and state["texts"].get(chat_id, []) == expected

        async def is_connected() -> bool:
            return bool((await client.state())["connected"])

        async def stored() -> list[str]:
            page = await server.act(boris, "message:list", chat_id=chat_id, limit=100)
            return [message["content"]["text"] for message in page["messages"]]

        try:
            await until(is_connected)
            await client.open(chat_id)
            expected.append("before")
            await client.send(chat_id, "before")
            await until(is_settled)

            proxy.is_deaf = True  # 2. the message is stored, its ack is lost
            expected.append("ack lost")
            await client.send(chat_id, "ack lost")

            async def is_stored() -> bool:
                return await stored() == expected

            await until(is_stored)
            proxy.break_all()
            proxy.is_deaf = False
            await until(is_settled)

            await server.kill()  # 3. the server is killed while messages are on their way
            expected.append("while you were away")
            await client.send(chat_id, "while you were away")
            await server.start()
            await until(is_settled)
            assert await stored() == expected
        finally:
            await client.stop()
