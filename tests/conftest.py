"""One embedded PostgreSQL for the test run, a migrated template, a fresh database for each test that asks for one."""

import asyncio
import gc
import itertools
import os
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from core.settings import Environment, Settings
from db.embedded import EmbeddedPostgres
from db.migrate import migrate
from db.pool import Database
from tests.support import contract
from tests.support.clients import ChatUsers
from tests.support.raw_client import close_raw_clients
from tests.support.running import RunningServer, run_server
from tests.support.transport_server import TransportServer, serving_transport

_numbers = itertools.count(1)
_WITNESS = pytest.StashKey[contract.Witness]()
_SEEN = pytest.StashKey[dict[str, set[str]]]()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server for this test process, with a template that has every migration."""
    home = tmp_path_factory.mktemp("molva", numbered=True)
    with EmbeddedPostgres(home, durable=False, settings={"max_connections": "200"}) as url:
        asyncio.run(_make_template(url))
        yield url


async def _make_template(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE molva_template")
    await connection.close()
    await migrate(named(url, "molva_template"))


def named(url: str, database: str) -> str:
    """The same server, another database."""
    return url.rpartition("/")[0] + "/" + database


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    """A fresh, migrated database."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE molva_template STRATEGY file_copy")
        yield named(postgres_url, name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on a fresh database."""
    pool = Database(database_url)
    await pool.connect()
    yield pool
    await pool.disconnect()


@pytest.fixture
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a development server on a fresh database, with the limits on."""
    return Settings(
        environment=Environment.DEVELOPMENT,
        database_url=database_url,
        data_dir=tmp_path_factory.mktemp("data"),
        port=0,
    )


@pytest.fixture(scope="session")
async def running(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    """A server on a real port for the whole run; people are told apart by their numbers."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE molva_running TEMPLATE molva_template")
    await connection.close()
    settings = Settings(
        database_url=named(postgres_url, "molva_running"),
        data_dir=tmp_path_factory.mktemp("data"),
        port=0,
        rate_limits="off",
    )
    async with run_server(settings) as server:
        yield server


@pytest.fixture
async def chat_users(running: RunningServer) -> AsyncIterator[ChatUsers]:
    """People on the running server."""
    chat_users = ChatUsers(running.address)
    yield chat_users
    await chat_users.close()


@pytest.fixture(scope="module")
async def fast_heartbeat_server() -> AsyncIterator[TransportServer]:
    """The transport alone, with pings that a test can wait for, and any time to answer them."""
    async with serving_transport(interval_s=0.05, timeout_s=60) as server:
        yield server


@pytest.fixture(scope="module")
async def shared_transport_server() -> AsyncIterator[TransportServer]:
    """The transport alone, with a heartbeat too slow to be noticed; shared by the tests of a module."""
    async with serving_transport(interval_s=60, timeout_s=60) as server:
        yield server


@pytest.fixture
async def transport_server(shared_transport_server: TransportServer) -> AsyncIterator[TransportServer]:
    """The shared transport, with no client on it."""
    yield shared_transport_server
    await shared_transport_server.clear()


@pytest.fixture(autouse=True)
async def _raw_clients() -> AsyncIterator[None]:
    yield
    await close_raw_clients()


@pytest.fixture(scope="module", autouse=True)
def _leave_nothing_open() -> Iterator[None]:
    """What a file's tests did not close fails there, not in whichever test runs when the garbage is collected."""
    yield
    gc.collect()


@pytest.fixture(scope="session", autouse=True)
def witness(request: pytest.FixtureRequest) -> Iterator[contract.Witness]:
    """The published documents, watching everything that the product says in this process."""
    witness = contract.Witness()
    request.config.stash[_WITNESS] = witness
    with pytest.MonkeyPatch.context() as patch:
        contract.install(witness, patch)
        yield witness


@pytest.fixture(autouse=True)
def _say_only_what_is_documented(witness: contract.Witness) -> Iterator[None]:
    yield
    violations = witness.take_violations()
    assert not violations, violations


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--shuffle SEED``: to find tests that hang on those before them."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run files and their tests in this random order")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow files first, so that no worker is left alone with one at the end; or a random order of files and their tests."""
    seed = config.option.shuffle
    if seed is None:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)
        return
    order = random.Random(seed)
    order.shuffle(items)
    files = sorted({item.path for item in items})
    order.shuffle(files)
    place = {path: number for number, path in enumerate(files)}
    items.sort(key=lambda item: place[item.path])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How to have the same order again."""
    if config.option.shuffle is not None:
        terminalreporter.write_line(f"Shuffled by --shuffle {config.option.shuffle}.")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A whole run must have exercised every action, event and error code."""
    config = session.config
    witness = config.stash.get(_WITNESS, None)
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output["exercised"] = witness.exercised() if witness else {}
        return
    if witness is not None:
        _gather(config, witness.exercised())
    option = config.option
    is_whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not option.keyword and not option.markexpr
    seen = config.stash.get(_SEEN, None)
    if is_whole and exitstatus == 0 and seen is not None:
        missing = contract.unexercised(seen)
        if missing:
            config.get_terminal_writer().line(f"\nNo test exercised: {missing}. Write one.", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_testnodedown(node: Any) -> None:
    """A worker of xdist is done: what it has seen."""
    _gather(node.config, getattr(node, "workeroutput", {}).get("exercised", {}))


def _gather(config: pytest.Config, exercised: dict[str, list[str]]) -> None:
    seen = config.stash.setdefault(_SEEN, {part: set() for part in contract.SEEN})
    for kind, names in exercised.items():
        seen[kind].update(names)
