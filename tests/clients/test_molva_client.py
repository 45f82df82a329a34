"""molva-client, the package of ``clients/javascript``: what it promises applications, against real servers.

What needs no server is tested by its own tests (``clients/javascript/test``), which run here too.
"""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.test_guide_clients import Cut, Server, expired
from tests.clients.test_javascript_client import NODE, SCRIPTS, run_script
from tests.support.running import RunningServer
from tests.support.waiting import DEADLINE_S, until

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "clients/javascript"
GZIPPED_BYTES_MAX = 15_000
"""Minified, without the peer."""
MODULE_LINES_MAX = 400
RANDOM_RUNS = int(os.environ.get("MOLVA_RANDOM_RUNS", "0"))
"""How many seeds the random run goes through. It is made before a release, not in every run of the tests: each takes ten
seconds and more, and what it finds depends on time as well as on the seed."""
ACTIONS = 1_200
TSC = (str(SCRIPTS / "node_modules/.bin/tsc"), "--strict", "--target", "es2022", "--module", "nodenext")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.node,
    pytest.mark.skipif(
        NODE is None or not (SCRIPTS / "node_modules/typescript").exists(),
        reason="the packages of tests/js are not installed: run .ci/setup node",
    ),
]


async def run(*words: str, cwd: Path) -> str:
    """What a command prints; fails with it when the command does."""
    process = await asyncio.create_subprocess_exec(
        *words, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    assert process.returncode == 0, f"{' '.join(words)}\n{output.decode()[-6000:]}"
    return output.decode()


# --- with a server


async def test_two_people_converse(running: RunningServer):
    assert await run_script("molva/conversation.mjs", running.address) == {"ok": True}


@pytest.mark.skipif(not RANDOM_RUNS, reason="a run before a release: MOLVA_RANDOM_RUNS=20")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(1, RANDOM_RUNS + 1))
async def test_after_a_thousand_random_actions_every_client_knows_what_a_fresh_one_is_told(
    running: RunningServer, seed: int
):
    told = await run_script("molva/random.mjs", running.address, str(ACTIONS), str(seed))
    assert sum(told["counts"].values()) >= ACTIONS * 0.7, told  # some choices find nothing to do
    assert told["counts"]["cut"] > 0
    assert told["faults"] == [], told


class Driven:
    """A client in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ask(self, *command: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(DEADLINE_S):
            answer = json.loads(await self.process.stdout.readline())
        assert "fault" not in answer, answer
        return answer["value"]

    async def comes_to(self, condition: Callable[[dict[str, Any]], Any]) -> None:
        """Wait until its state is so."""
        state: dict[str, Any] = {}

        async def is_met() -> bool:
            nonlocal state
            state = await self.ask("state")
            return bool(condition(state))

        try:
            await until(is_met)
        except TimeoutError:
            raise AssertionError(f"its state is {state}") from None

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


Start = Callable[[str, Path], Awaitable[Driven]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts clients, which end with the test."""
    clients: list[Driven] = []

    async def start_one(url: str, storage: Path) -> Driven:
        assert NODE is not None
        process = await asyncio.create_subprocess_exec(
            NODE, str(SCRIPTS / "molva/driven.mjs"), url, str(storage),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        clients.append(Driven(process))
        return clients[-1]

    yield start_one
    for client in clients:
        await client.kill()


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    server = Server(tmp_path_factory.mktemp("molva_client"))
    await server.start()
    yield server
    await server.stop()


Pair = tuple[dict[str, Any], dict[str, Any], str]


@pytest.fixture
async def pair(server: Server) -> Pair:
    """Anna and Boris, and their chat."""
    anna, boris = await server.register(), await server.register()
    chat_id = (await server.act(anna, "chat:create_private", user_id=boris["user"]["id"]))["chat"]["id"]
    return anna, boris, chat_id


async def stored(server: Server, reader: dict[str, Any], chat_id: str) -> list[str]:
    page = await server.act(reader, "message:list", chat_id=chat_id, limit=100)
    return [message["content"]["text"] for message in page["messages"]]


def say(server: Server, writer: dict[str, Any], chat_id: str, text: str, number: int) -> Awaitable[dict[str, Any]]:
    client_id = f"00000000-0000-4000-8000-{number:012}"
    return server.act(writer, "message:send", chat_id=chat_id, client_id=client_id, type="text", content={"text": text})


@pytest.mark.timeout(240)
async def test_nothing_is_lost_doubled_or_reordered(
    server: Server, pair: Pair, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    anna, boris, chat_id = pair
    async with Cut(server.port) as proxy:
        client = await start(proxy.address, tmp_path / "storage.json")
        old = expired(server, anna, monkeypatch)
        await client.ask("signIn", old)  # an expired token is refreshed, once, and the new pair is kept
        await client.ask("connect")
        await client.ask("open", chat_id)
        await client.comes_to(lambda state: state["status"] == "online" and state["token"] != old["access_token"])
        expected = ["before"]
        await client.ask("send", chat_id, "before")
        await client.comes_to(lambda state: state["texts"][chat_id] == expected and not state["outbox"])

        proxy.is_deaf = True  # the message is stored, its ack is lost
        expected.append("ack lost")
        await client.ask("send", chat_id, "ack lost")

        async def is_stored() -> bool:
            return await stored(server, boris, chat_id) == expected

        await until(is_stored)
        proxy.break_all()
        proxy.is_deaf = False
        await client.comes_to(lambda state: state["texts"][chat_id] == expected and not state["outbox"])

        many = [f"number {number}" for number in range(40)]  # the server is killed in the middle of sends
        expected += many
        await client.ask("send", chat_id, *many)
        await server.kill()
        await client.ask("send", chat_id, "while you were away")
        expected.append("while you were away")
        await server.start()
        await client.comes_to(lambda state: state["texts"][chat_id] == expected and not state["outbox"])
        assert await stored(server, boris, chat_id) == expected


@pytest.mark.timeout(120)
async def test_changes_made_offline_are_done_later_and_gaps_are_filled(
    server: Server, pair: Pair, start: Start, tmp_path: Path
):
    anna, boris, chat_id = pair
    await say(server, anna, chat_id, "mine", 1)
    await say(server, boris, chat_id, "yours", 2)
    async with Cut(server.port) as proxy:
        client = await start(proxy.address, tmp_path / "storage.json")
        await client.ask("signIn", anna)
        await client.ask("connect")
        await client.ask("open", chat_id)
        await client.comes_to(lambda state: state["texts"][chat_id] == ["mine", "yours"])
        proxy.is_deaf = True  # from now on it hears nothing, then nothing at all gets through
        await say(server, boris, chat_id, "missed", 3)
        await server.act(boris, "message:edit", chat_id=chat_id, seq=2, content={"text": "yours, edited"})
        proxy.break_all()
        await client.ask("edit", chat_id, 1, "mine, edited")
        await client.ask("like", chat_id, 2)
        shown = ["mine, edited", "yours"]
        assert (await client.ask("state"))["texts"][chat_id] == shown
        proxy.is_deaf = False
        expected = ["mine, edited", "yours, edited", "missed"]
        await client.comes_to(lambda state: state["texts"][chat_id] == expected and state["results"] == ["done"] * 2)
        assert await stored(server, boris, chat_id) == expected
        messages = (await server.act(boris, "message:list", chat_id=chat_id))["messages"]
        assert [message["like_count"] for message in messages] == [0, 1, 0]


@pytest.mark.timeout(120)
async def test_full_outbox_survives_a_reload(server: Server, pair: Pair, start: Start, tmp_path: Path):
    anna, boris, chat_id = pair
    storage = tmp_path / "storage.json"
    texts = [f"number {number}" for number in range(30)]
    async with Cut(server.port) as proxy:
        client = await start(proxy.address, storage)
        await client.ask("signIn", anna)
        await client.ask("connect")
        await client.ask("open", chat_id)
        await client.comes_to(lambda state: state["status"] == "online")
        proxy.is_deaf = True  # whatever is stored of these, the client does not learn of it
        await client.ask("send", chat_id, *texts)
        await client.comes_to(lambda state: state["pending"][chat_id] == len(texts))
        await until(lambda: len(json.loads(storage.read_bytes())["outbox"]) == len(texts))
        await client.kill()
        proxy.break_all()
        proxy.is_deaf = False

        again = await start(proxy.address, storage)
        assert (await again.ask("restore"))["id"] == anna["user"]["id"]
        await again.ask("open", chat_id)
        assert (await again.ask("state"))["pending"][chat_id] == len(texts)
        await again.ask("connect")
        await again.comes_to(lambda state: state["texts"][chat_id] == texts and not state["outbox"])
        assert await stored(server, boris, chat_id) == texts


# --- without


async def test_units():
    assert NODE is not None
    await run(NODE, "--import", str(SCRIPTS / "packages.mjs"), "--test", "test/", cwd=PACKAGE)


@pytest.fixture
async def installed(tmp_path: Path) -> Path:
    """A folder into which the packed package was installed, without a network."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here")
    tarball = await run(npm, "pack", "--silent", "--pack-destination", str(tmp_path), cwd=PACKAGE)
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}', encoding="utf-8")
    quiet = ("--offline", "--no-audit", "--no-fund", "--legacy-peer-deps", "--silent", "--no-package-lock")
    await run(npm, "install", *quiet, f"./{tarball.strip()}", cwd=tmp_path)
    for path in (SCRIPTS / "node_modules").iterdir():  # the peer, and the compiler
        target = tmp_path / "node_modules" / path.name
        if not target.exists() and not path.name.startswith("."):
            target.symlink_to(path)
    return tmp_path


@pytest.mark.timeout(120)
async def test_installed_package_works_and_has_strict_types(installed: Path, running: RunningServer):
    package = installed / "node_modules/molva-client"
    names = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    assert {"package.json", "README.md", "LICENSE", "src/index.js", "src/index.d.ts", "src/protocol.d.ts"} <= names
    assert not [name for name in names if not name.startswith("src/") and "/" in name]
    shutil.copy(SCRIPTS / "molva/installed.mjs", installed / "page.mjs")
    assert NODE is not None
    assert json.loads(await run(NODE, "page.mjs", running.address, cwd=installed)) == {"text": "hello"}
    shutil.copy(PACKAGE / "test/types/page.ts", installed)
    shutil.copytree(PACKAGE / "test/react", installed / "node_modules/react")
    await run(*TSC, "--noEmit", "--lib", "es2022,dom,dom.iterable", "page.ts", cwd=installed)


async def test_modules_are_strictly_typed_short_and_small(tmp_path: Path):
    shutil.copytree(PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("node_modules"))
    package = tmp_path / "package"
    (package / "node_modules").symlink_to(SCRIPTS / "node_modules")
    await run(TSC[0], "-p", ".", cwd=package)
    sources = sorted((PACKAGE / "src").glob("*.js"))
    long = [path.name for path in sources if len(path.read_text(encoding="utf-8").splitlines()) > MODULE_LINES_MAX]
    assert not long
    size = json.loads(await run(str(NODE), str(SCRIPTS / "molva/size.mjs"), str(PACKAGE / "src/index.js"), cwd=package))
    assert size["faults"] == 0, size
    assert size["gzipped"] <= GZIPPED_BYTES_MAX, size
