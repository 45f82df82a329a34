"""The ``molva`` command as an operator meets it: what it prints, and its exit status."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from commands.check import _check_clock
from core.errors import StartupError
from core.settings import load_settings
from db.embedded import EmbeddedPostgres
from tests.support.waiting import DEADLINE_S, until

pytestmark = pytest.mark.slow

_UNREACHABLE = "postgresql://molva:hidden@127.0.0.1:1/molva"
_PRODUCTION = {
    "MOLVA_ENVIRONMENT": "production",
    "MOLVA_JWT_SECRET": "s" * 32,
    "MOLVA_CORS_ORIGINS": "https://chat.example",
    "MOLVA_CODE_SENDER": "webhook",
    "MOLVA_CODE_WEBHOOK_URL": "https://sms.example/send",
    "MOLVA_CODE_WEBHOOK_SECRET": "w" * 32,
}


@dataclass
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str


async def start(*words: str, **variables: str) -> asyncio.subprocess.Process:
    """``molva`` with these words, and with these settings alone."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MOLVA_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *words,
        env={**inherited, **variables}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ended(process: asyncio.subprocess.Process) -> Ended:
    async with asyncio.timeout(DEADLINE_S):
        out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())


async def run(*words: str, **variables: str) -> Ended:
    return await ended(await start(*words, **variables))


@pytest.fixture
async def empty_url(database_url: str) -> str:
    """A database without a schema."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return database_url


def is_a_sentence(text: str) -> bool:
    return text.startswith("molva: ") and text.count("\n") == 1 and text.endswith(".\n")


async def test_help_names_every_command_and_the_settings_that_matter():
    help_text = (await run("--help")).out
    for word in ("serve", "migrate", "check", "seed", "MOLVA_DATABASE_URL", "MOLVA_DATA_DIR", "README.md", "/docs/"):
        assert word in help_text


@pytest.mark.parametrize("command", ["serve", "migrate", "seed"])
async def test_help_of_a_command_has_an_example(command):
    assert f"molva {command}" in (await run(command, "--help")).out.partition("Example")[2]


async def test_migrate_says_what_it_applied(empty_url, tmp_path):
    variables = {"MOLVA_DATABASE_URL": empty_url, "MOLVA_DATA_DIR": str(tmp_path)}
    first, second = await run("migrate", **variables), await run("migrate", **variables)
    assert (first.status, first.out.splitlines()[0]) == (0, "applied 0001_initial")
    told = [json.loads(line) for line in first.err.splitlines()]
    assert [(line["event"], line["migration"]) for line in told[:2]] == [
        ("migration begins", "0001_initial"),
        ("migration applied", "0001_initial"),
    ]
    assert second == Ended(0, "nothing to apply\n", "")


async def test_migrate_uses_the_embedded_database_of_a_running_server(tmp_path):
    with EmbeddedPostgres(tmp_path, durable=False) as url:
        assert (await run("migrate", MOLVA_DATA_DIR=str(tmp_path))).status == 0
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT count(*) FROM users") == 0
        await connection.close()


async def test_migrate_starts_the_embedded_database_where_no_server_runs(tmp_path):
    assert "applied 0001_initial" in (await run("migrate", MOLVA_DATA_DIR=str(tmp_path))).out
    assert (await run("migrate", MOLVA_DATA_DIR=str(tmp_path))).out == "nothing to apply\n"


async def test_check_prints_a_line_per_check(database_url, tmp_path):
    checked = await run("check", MOLVA_DATABASE_URL=database_url, MOLVA_DATA_DIR=str(tmp_path))
    lines = checked.out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"ok      {name}" for name in ("settings", "data directory", "database", "migrations", "clock", "storage")
    ]
    assert "PostgreSQL 1" in lines[2]
    assert lines[3].endswith("up to date")
    assert (checked.status, checked.err) == (0, "")


async def test_check_names_pending_migrations_and_applies_none(empty_url, tmp_path):
    variables = {"MOLVA_DATABASE_URL": empty_url, "MOLVA_DATA_DIR": str(tmp_path)}
    for _ in range(2):
        assert "migrations: pending: 0001_initial" in (await run("check", **variables)).out


async def test_check_says_whom_a_pending_migration_keeps_waiting(database_url, tmp_path):
    connection = await asyncpg.connect(database_url)
    await connection.execute("DELETE FROM schema_migrations WHERE name IN ('0013_search', '0018_storage')")
    await connection.close()
    said = (await run("check", MOLVA_DATABASE_URL=database_url, MOLVA_DATA_DIR=str(tmp_path))).out
    lines = [line.strip() for line in said.splitlines()]
    assert "0018_storage: the version before works with it" in lines
    assert "0013_search: the version before does not work with it" in lines
    before, after = said.split("0018_storage:")
    assert re.search(r"messages \([\d.]+ kB\): reads and writes wait, as long as", before)
    assert re.search(r"messages \([\d.]+ kB\): nobody waits", after)


async def test_check_fails_once_for_an_unreachable_database(tmp_path):
    checked = await run("check", MOLVA_DATABASE_URL=_UNREACHABLE, MOLVA_DATA_DIR=str(tmp_path))
    failed = [line for line in checked.out.splitlines() if line.startswith("failed")]
    assert len(failed) == 1
    assert failed[0].startswith("failed  database: ")
    assert "hidden" not in checked.out + checked.err
    assert checked.status == 1


async def test_check_fails_for_a_data_directory_that_cannot_be_written(database_url, tmp_path):
    (tmp_path / "file").touch()
    checked = await run("check", MOLVA_DATABASE_URL=database_url, MOLVA_DATA_DIR=str(tmp_path / "file"))
    assert [line.split(":")[0] for line in checked.out.splitlines() if line.startswith("failed")] == [
        "failed  data directory"
    ]
    assert checked.status == 1


async def test_check_fails_for_settings_that_do_not_fit():
    checked = await run("check", MOLVA_PORT="no number")
    assert checked.out.startswith("failed  settings: ")
    assert checked.status == 1


def test_clock_that_differs_is_a_failure():
    assert "+0.100 s" in _check_clock(0.1)
    with pytest.raises(StartupError, match=r"-7\.0 s"):
        _check_clock(-7.0)


@pytest.mark.parametrize("command", ["serve", "migrate", "seed"])
@pytest.mark.parametrize(
    "variables",
    [{"MOLVA_DATABASE_URL": _UNREACHABLE}, {"MOLVA_PORT": "no number"}, {"MOLVA_BUS_URL": "nats://hidden@bus"}],
    ids=["unreachable database", "wrong setting", "bus of several nodes"],
)
async def test_what_the_operator_can_mend_is_one_sentence(command, variables, tmp_path):
    refused = await run(command, **{"MOLVA_PORT": "0", **variables, "MOLVA_DATA_DIR": str(tmp_path)})
    assert refused.status == 1
    assert is_a_sentence(refused.err), refused.err
    assert refused.out == ""
    assert "hidden" not in refused.err


def test_bus_is_refused_rather_than_ignored(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MOLVA_BUS_URL", "nats://127.0.0.1:4222")
    with pytest.raises(StartupError, match=r"^MOLVA_BUS_URL must be empty: this version runs as a single node\.$"):
        load_settings()
    monkeypatch.setenv("MOLVA_BUS_URL", "")
    assert load_settings().bus_url is None


def test_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "application").mkdir()
    (tmp_path / "application" / "MOLVA_DATABASE_URL").write_text("postgresql://from-a-file/molva\n")
    (tmp_path / "MOLVA_JWT_SECRET").write_text("file" * 8)
    (tmp_path / "MOLVA_CORS_ORIGINS").write_text("https://from-a-file.example")
    (tmp_path / "..data").mkdir()
    for variable in ("MOLVA_DATABASE_URL", "MOLVA_JWT_SECRET"):
        monkeypatch.setenv(variable, "")  # so that what is read does not outlive the test
    monkeypatch.setenv("MOLVA_CORS_ORIGINS", "https://given.example")
    monkeypatch.setenv("MOLVA_SECRETS_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://from-a-file/molva"
    assert settings.signing_secret() == ("file" * 8).encode()
    assert settings.cors_origins == ("https://given.example",)


@pytest.mark.parametrize("kind", ["nothing", "file", "not text"])
def test_secrets_that_cannot_be_read_are_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str):
    folder = tmp_path / "secrets"
    if kind == "file":
        folder.write_text("")
    if kind == "not text":
        folder.mkdir()
        (folder / "MOLVA_JWT_SECRET").write_bytes(b"\xff")
    monkeypatch.setenv("MOLVA_SECRETS_DIR", str(folder))
    monkeypatch.setenv("MOLVA_JWT_SECRET", "")
    with pytest.raises(StartupError, match=r"^MOLVA_SECRETS_DIR .*\.$"):
        load_settings()


async def test_seed_is_refused_in_production(database_url, tmp_path):
    refused = await run("seed", **_PRODUCTION, MOLVA_DATABASE_URL=database_url, MOLVA_DATA_DIR=str(tmp_path))
    assert (refused.status, is_a_sentence(refused.err)) == (1, True)
    assert "production" in refused.err
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT count(*) FROM users") == 0
    await connection.close()


@pytest.mark.parametrize("tokens", [[], ["--tokens", "-"]], ids=["no file", "dash"])
async def test_seed_prints_people_to_standard_output_and_progress_elsewhere(tokens, database_url, tmp_path):
    counts = ["--users", "3", "--chats", "2", "--members", "3", "--messages", "8"]
    seeded = await run("seed", *counts, *tokens, MOLVA_DATABASE_URL=database_url, MOLVA_DATA_DIR=str(tmp_path))
    assert seeded.status == 0, seeded.err
    assert len([json.loads(line) for line in seeded.out.splitlines()]) == 3
    assert seeded.err.startswith("seed: 2 chats, 8 messages after ")


@pytest.fixture
async def seeding_underway(database_url, tmp_path) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncpg.Connection]]:
    """A large seeding that has loaded its first chats, and a connection to look at them."""
    counts = ["--users", "100", "--chats", "2000", "--members", "2", "--messages", "1000000"]
    process = await start("seed", *counts, MOLVA_DATABASE_URL=database_url, MOLVA_DATA_DIR=str(tmp_path))
    connection = await asyncpg.connect(database_url)
    await until(lambda: connection.fetchval("SELECT EXISTS (SELECT FROM chats)"))
    assert process.returncode is None
    yield process, connection
    assert await connection.fetchval("SELECT (SELECT sum(message_count) FROM chats) = (SELECT count(*) FROM messages)"), (
        "chats are there whole or not at all"
    )
    await connection.close()


async def test_seed_ends_quietly_on_ctrl_c(seeding_underway):
    process, _ = seeding_underway
    process.send_signal(signal.SIGINT)
    stopped = await ended(process)
    assert (stopped.status, stopped.out) == (130, "")
    assert all(line.startswith("seed: ") for line in stopped.err.splitlines()), stopped.err


async def test_seed_that_loses_the_database_says_so_in_a_sentence(seeding_underway):
    process, connection = seeding_underway
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'molva'"
    )
    stopped = await ended(process)
    assert (stopped.status, stopped.out) == (1, "")
    assert stopped.err.splitlines()[-1].startswith("molva: ")
    assert "Traceback" not in stopped.err
