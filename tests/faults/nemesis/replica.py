"""The primary is lost and its synchronous replica takes over."""

import asyncio
import signal
import subprocess
from typing import Final

from db.embedded_programs import Programs, account_for
from tests.faults.nemesis.fault import fault
from tests.faults.staging.postgres import READY_S, Postgres
from tests.faults.staging.stage import Stage, free_port

_POLL_S: Final = 0.05
_HERE: Final = "/proc/self/cwd"
"""Whoever PostgreSQL runs as need not pass through the folders above."""


@fault()
async def promote_replica(stage: Stage) -> None:
    """The primary is killed and its synchronous replica is promoted; clients of the database are sent there."""
    replica = await Replica(stage).start()
    stage.cleanups.append(replica.stop)
    await stage.lasts(1.0)
    stage.postgres.signal_all(signal.SIGKILL)
    stage.database_network.is_refusing = True
    stage.database_network.reset()
    await stage.lasts(stage.rng.uniform(0.2, 1.0))
    await replica.promote()
    stage.database_network.target = ("127.0.0.1", replica.port)
    stage.database_network.mend()


class Replica:
    """A streaming standby of the stage's PostgreSQL."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._home = stage.work / "replica"
        self._programs = Programs.prepare(account_for(stage.postgres.home / "postgres"))
        self.port = free_port()

    async def start(self) -> "Replica":
        """Copy the primary, follow it, and make commits wait for it."""
        self._home.mkdir(mode=0o700)
        self._programs.give(self._home)
        await asyncio.to_thread(self._copy)
        options = [f"-cport={self.port}", "-cunix_socket_directories=", "-clisten_addresses=127.0.0.1"]
        log = (self._stage.work / "replica.log").open("ab")
        with log:
            self._process = subprocess.Popen(  # noqa: ASYNC220  (it must live as long as this thread: see the launcher)
                self._programs.command(["postgres", "-D", _HERE, *options]),
                cwd=self._home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        admin = await self._stage.postgres.admin()
        await admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await admin.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(READY_S):
            synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            while not await admin.fetchval(synchronous):  # noqa: ASYNC110  (PostgreSQL's state)
                await asyncio.sleep(_POLL_S)
        await admin.close()
        return self

    def _copy(self) -> None:
        url = self._stage.postgres.url("postgres")
        words = ["pg_basebackup", "-D", ".", "-R", "-X", "stream", "-c", "fast", "-d", url]
        self._programs.run(words, cwd=self._home, inherit=())

    async def promote(self) -> None:
        """Take writes from now on, alone."""
        self._stage.postgres = Postgres(self._stage.postgres.home, data=self._home)
        admin = await self._stage.postgres.admin()
        await admin.fetchval("SELECT pg_promote(true, 30)")
        await admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()

    async def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGQUIT)
        await asyncio.to_thread(self._process.wait)
