"""The embedded PostgreSQL: one a directory, ready soon, gone with its server, back with its data."""

import asyncio
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

import db
from core.errors import StartupError
from db import embedded, embedded_locks, embedded_programs
from db.embedded import EmbeddedPostgres, running_url
from tests.support.waiting import DEADLINE_S, until

pytestmark = pytest.mark.slow

REPOSITORY = Path(db.__file__).parents[1]
SERVER = """
import sys
from pathlib import Path
from db.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1]), durable=False).start(), flush=True)
sys.stdin.read()
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR whose PostgreSQL was made and stopped; its parents are closed to other users."""
    home = tmp_path_factory.mktemp("embedded") / "var"
    with server(home):
        pass
    return home


@pytest.fixture
def own_home(home: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(home, tmp_path / "var"))


def server(home: Path, **options: object) -> EmbeddedPostgres:
    return EmbeddedPostgres(home, durable=False, **options)  # type: ignore[arg-type]


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url, timeout=DEADLINE_S)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def answers(url: str) -> bool:
    try:
        return await query(url, "SELECT 1") == 1
    except (OSError, asyncpg.PostgresError):
        return False


def eventually(condition: Callable[[], bool]) -> bool:
    """As ``until``, for tests of what starts and ends outside an event loop."""
    deadline = time.monotonic() + DEADLINE_S
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return met


def processes_of(home: Path) -> list[int]:
    """Every PostgreSQL process of ``home``: all of them stand in its data directory."""
    data = (home / "postgres").stat()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            place = (entry / "cwd").stat()
        except OSError:
            continue
        if (place.st_dev, place.st_ino) == (data.st_dev, data.st_ino):
            found.append(int(entry.name))
    return found


def spawn_server(home: Path) -> subprocess.Popen[str]:
    """A process that starts the server of ``home``, writes its URL and waits."""
    return subprocess.Popen(
        [sys.executable, "-c", SERVER, str(home)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture
def server_process(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with spawn_server(home) as process:
        yield process, url_of(process)
        process.kill()
    assert eventually(lambda: not processes_of(home))


async def test_data_survives_a_stop(home: Path) -> None:
    with server(home) as url:
        await query(url, "CREATE TABLE kept AS SELECT 41 + 1 AS answer")
    assert not processes_of(home)
    with server(home) as url:
        assert await query(url, "SELECT answer FROM kept") == 42
        await query(url, "DROP TABLE kept")


async def test_database_is_molva_in_utf8_with_a_locale_that_every_system_has(home: Path) -> None:
    with server(home) as url:
        row = "SELECT concat_ws(' ', datname, pg_encoding_to_char(encoding), datlocprovider, datlocale)"
        assert await query(url, f"{row} FROM pg_database WHERE datname = current_database()") == "molva UTF8 b C.UTF-8"


async def test_commits_wait_for_the_disk_unless_it_is_for_tests(own_home: Path) -> None:
    sql = "SELECT concat_ws(' ', current_setting('fsync'), current_setting('synchronous_commit'))"
    with EmbeddedPostgres(own_home) as url:
        assert await query(url, sql) == "on on"
    with server(own_home) as url:
        assert await query(url, sql) == "off on"


async def test_wrong_password_is_refused(home: Path) -> None:
    with server(home) as url:
        password = (home / "postgres.password").read_text()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await query(url.replace(password, "guess"), "SELECT 1")


def test_secrets_are_for_the_owner_alone(home: Path) -> None:
    for name in ("postgres.password", "postgres.log"):
        assert (home / name).stat().st_mode & 0o777 == 0o600
    assert (home / "postgres").stat().st_mode & 0o777 == 0o700


def test_environment_with_its_secrets_stays_hidden_from_postgres(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLVA_JWT_SECRET", "do not show")
    with server(home):
        for pid in processes_of(home):
            assert b"do not show" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_second_server_on_the_same_directory_is_refused_with_the_process_id_of_the_first(home: Path) -> None:
    with server(home), pytest.raises(StartupError, match=f"in use by the process {os.getpid()}\\."):
        server(home).start()


def test_refused_second_server_does_no_harm_to_the_first(home: Path) -> None:
    with server(home) as url:
        second = server(home)
        with pytest.raises(StartupError):
            second.start()
        second.stop()
        assert asyncio.run(query(url, "SELECT 1")) == 1
        assert running_url(home) == url


def test_url_of_a_running_server_is_found_from_another_process(
    home: Path, server_process: tuple[subprocess.Popen[str], str]
) -> None:
    assert running_url(home) == server_process[1]


def test_no_url_is_found_when_nothing_runs(home: Path, tmp_path: Path) -> None:
    assert running_url(home) is None
    assert running_url(tmp_path / "never") is None


async def test_killed_server_takes_postgres_along_and_the_next_start_has_the_data(own_home: Path) -> None:
    with spawn_server(own_home) as process:
        url = url_of(process)
        await query(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        busy = await asyncpg.connect(url)
        sleeper = asyncio.ensure_future(busy.execute("SELECT pg_sleep(600)"))
        assert len(processes_of(own_home)) > 1
        process.kill()
    assert eventually(lambda: not processes_of(own_home))
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await sleeper
    with server(own_home) as url:
        assert await query(url, "SELECT answer FROM kept") == 42


async def test_killed_server_can_be_started_at_once(own_home: Path) -> None:
    with spawn_server(own_home) as process:
        assert url_of(process)
        process.kill()
    with server(own_home) as url:
        assert await query(url, "SELECT 1") == 1


def test_start_waits_for_an_earlier_postgres_that_is_shutting_down(home: Path) -> None:
    urls: list[str] = []
    successor = server(home)
    starting = threading.Thread(target=lambda: urls.append(successor.start()))
    with (home / "postgres.lock").open() as earlier:
        fcntl.flock(earlier, fcntl.LOCK_EX)
        starting.start()
        assert eventually(lambda: embedded_locks.holder_of(home) is not None)
        assert not urls
    starting.join(DEADLINE_S)
    successor.stop()
    assert len(urls) == 1


def test_start_does_not_wait_for_ever_for_an_earlier_postgres(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_locks, "_PREDECESSOR_TIMEOUT_S", 0.05)
    with (home / "postgres.lock").open() as earlier:
        fcntl.flock(earlier, fcntl.LOCK_EX)
        with pytest.raises(StartupError, match="still shutting down"):
            server(home).start()
    assert running_url(home) is None


async def test_stale_process_id_file_that_names_a_living_process_is_ignored(own_home: Path) -> None:
    with server(own_home):
        lines = (own_home / "postgres/postmaster.pid").read_text().splitlines()
    (own_home / "postgres/postmaster.pid").write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    with server(own_home) as url:
        assert await query(url, "SELECT 1") == 1


async def test_postgres_that_cannot_be_started_is_tried_until_it_can(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(embedded, "_RESTART_PAUSE_S_MAX", 0.05)
    control, hidden = home / "postgres/global/pg_control", home / "postgres/global/hidden"
    with server(home) as url:
        tries = 0
        spawn = embedded._Postmaster._spawn

        def count(self: embedded._Postmaster) -> subprocess.Popen[bytes]:
            nonlocal tries
            tries += 1
            return spawn(self)

        monkeypatch.setattr(embedded._Postmaster, "_spawn", count)
        control.rename(hidden)
        os.kill(int((home / "postgres/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        assert await asyncio.to_thread(eventually, lambda: tries > 12)
        hidden.rename(control)
        await until(lambda: answers(url))
    told = [record for record in caplog.records if record.getMessage() == "postgres ended unasked"]
    assert len(told) == 1, "once a minute is enough"


async def test_postgres_that_ends_unasked_comes_back_on_the_same_port(home: Path) -> None:
    with server(home) as url:
        first = int((home / "postgres/postmaster.pid").read_text().split()[0])
        os.kill(first, signal.SIGKILL)
        assert eventually(lambda: embedded._ready_port(home / "postgres") is not None and first not in processes_of(home))
        await until(lambda: answers(url))


async def test_port_taken_in_the_meantime_is_replaced_by_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], embedded._free_port()])
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports))
        with server(home) as url:
            assert await query(url, "SELECT 1") == 1


def test_failed_start_says_what_postgres_said(home: Path) -> None:
    with pytest.raises(StartupError, match='invalid value for parameter "work_mem"'):
        server(home, settings={"work_mem": "much"}).start()
    with server(home):  # nothing was left behind that stands in the way
        pass


def test_data_of_another_major_version_is_refused(own_home: Path) -> None:
    (own_home / "postgres/PG_VERSION").write_text("17\n")
    with pytest.raises(StartupError, match="was created by PostgreSQL 17, but PostgreSQL 18 is installed"):
        server(own_home).start()


def test_missing_password_is_named(own_home: Path) -> None:
    (own_home / "postgres.password").unlink()
    with pytest.raises(StartupError, match=r"postgres\.password with the password of .* is missing"):
        server(own_home).start()


async def test_creation_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new/PG_VERSION").write_text("18\n")
    with server(tmp_path) as url:
        assert await query(url, "SELECT 1") == 1
    assert not (tmp_path / "postgres.new").exists()


async def test_server_killed_while_it_makes_the_data_can_be_started_again(tmp_path: Path) -> None:
    with spawn_server(tmp_path) as process:
        assert eventually((tmp_path / "postgres.new/PG_VERSION").exists)
        process.kill()
    assert not (tmp_path / "postgres").exists()
    with server(tmp_path) as url:
        assert await query(url, "SELECT 1") == 1


def test_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=f"cannot use {tmp_path / 'file'}"):
        server(tmp_path / "file").start()


def test_long_log_keeps_its_end(own_home: Path) -> None:
    log = own_home / "postgres.log"
    log.write_bytes(b"old line\n" * (embedded_programs.LOG_BYTES_MAX // 9 + 1) + b"last line\n")
    with server(own_home):
        pass
    assert embedded_programs.LOG_BYTES_KEPT / 2 < log.stat().st_size < embedded_programs.LOG_BYTES_KEPT * 2
    assert "\nlast line\n" in log.read_text()


@needs_root
def test_root_runs_it_as_nobody(home: Path) -> None:
    with server(home):
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in processes_of(home)} == {pwd.getpwnam("nobody").pw_uid}


@needs_root
def test_root_runs_it_as_the_owner_of_the_data(own_home: Path) -> None:
    owner = next(user for user in pwd.getpwall() if user.pw_uid not in (0, pwd.getpwnam("nobody").pw_uid))
    for folder, _, files in os.walk(own_home / "postgres"):
        for name in (".", *files):
            os.chown(Path(folder, name), owner.pw_uid, owner.pw_gid)
    with server(own_home):
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in processes_of(own_home)} == {owner.pw_uid}


@needs_root
def test_programs_in_a_closed_directory_are_copied_to_an_open_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        monkeypatch.setattr(embedded_programs, "_COPIES", Path(name, "copies"))
        monkeypatch.setattr(embedded_programs, "_reaches", lambda _file: False)
        for _ in range(2):  # makes the copy, then finds it
            with server(home) as url:
                asyncio.run(query(url, "CREATE EXTENSION IF NOT EXISTS btree_gin"))
                programs = {Path(f"/proc/{pid}/exe").readlink() for pid in processes_of(home)}
                assert all(program.is_relative_to(name) for program in programs)
        assert len(list(Path(name, "copies").iterdir())) == 1


@needs_root
def test_ordinary_user_runs_it_as_himself() -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    packages = Path(asyncpg.__file__).parents[1]
    nobody = pwd.getpwnam("nobody")
    as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    code = "import sys, db.embedded; assert sys.version_info >= (3, 11)"
    environment = {"PYTHONPATH": f"{REPOSITORY}:{packages}", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    if (
        python is None
        or subprocess.run(
            [python, "-c", code], cwd="/", env=environment, capture_output=True, check=False, **as_nobody
        ).returncode
    ):
        pytest.skip("an ordinary user reaches no Python 3.11 or not this repository")
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, nobody.pw_uid, -1)
        done = subprocess.run(
            [python, "-c", SERVER, name], cwd="/", env=environment, capture_output=True, text=True, check=True,
            input="", **as_nobody,
        )  # fmt: skip
        assert done.stdout.startswith("postgresql://postgres:")
        assert eventually(lambda: not processes_of(Path(name)))
