"""Dumps of the database: written while servers run, and put back in one transaction.

What must stay true: a dump and what is said of it (schema version, epoch) are of one moment; a dump that is put back is
there whole or not at all, also when the process is killed meanwhile; two restores, or a restore and a migration, never run
at the same time.
"""

import asyncio
import contextlib
import hashlib
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from core.errors import StartupError
from db.dump_programs import DumpPrograms, place_of, programs_for
from db.embedded_programs import last_lines
from db.migrate import LOCK_KEY, connection_to

_CHUNK_BYTES: Final = 1 << 20
_UNKNOWN_BEFORE_17: Final = b"SET transaction_timeout = 0;\n"
"""What pg_restore writes at the beginning of a script, whatever server it is for. It is the default."""
_LOCK_TIMEOUT_S: Final = 30.0
"""How long a restore waits for a statement that uses the tables, or for a migration."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a dump is of. ``migrations``: what was applied, oldest first. ``epoch``: ``None`` before there were epochs."""

    server_version: int
    pg_dump_version: int
    migrations: list[str]
    epoch: str | None
    taken_at: str


class Dump:
    """A dump that is being made."""

    def __init__(self, snapshot: Snapshot, process: Process) -> None:
        self.snapshot = snapshot
        self._process = process

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, in the custom format of ``pg_dump``. ``StartupError`` at the end when they are not whole."""
        output = _stdout(self._process)
        complaints = asyncio.create_task(_stderr(self._process).read())
        while chunk := await output.read(_CHUNK_BYTES):
            yield chunk
        await _end("pg_dump", self._process, complaints)


@asynccontextmanager
async def dumping(url: str) -> AsyncIterator[Dump]:
    """Begin a dump of what is committed now; nobody waits for it. ``StartupError`` when there is nothing to dump."""
    async with connection_to(url) as connection:
        programs = programs_for(connection.get_server_version().major)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            snapshot = await _look(connection, programs)
            snapshot_id = await connection.fetchval("SELECT pg_export_snapshot()")
            words = ["--format=custom", "--no-owner", "--no-privileges", "--no-comments", f"--snapshot={snapshot_id}"]
            process = await _start(programs, "pg_dump", url, *words)
            try:
                yield Dump(snapshot, process)
            finally:
                await _stop(process)


async def _look(connection: "asyncpg.Connection[asyncpg.Record]", programs: DumpPrograms) -> Snapshot:
    if not await connection.fetchval("SELECT to_regclass('public.schema_migrations') IS NOT NULL"):
        raise StartupError("The database has no tables of Molva. There is nothing to back up.")
    names = await connection.fetch("SELECT name FROM public.schema_migrations ORDER BY name")
    has_epochs = await connection.fetchval("SELECT to_regclass('public.epochs') IS NOT NULL")
    newest = "SELECT epoch::text FROM public.epochs ORDER BY began_at DESC, epoch LIMIT 1"
    return Snapshot(
        server_version=connection.get_server_version().major,
        pg_dump_version=programs.version,
        migrations=[row["name"] for row in names],
        epoch=await connection.fetchval(newest) if has_epochs else None,
        taken_at=await connection.fetchval('SELECT to_char(clock_timestamp(), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')'),
    )


async def refuse_unless_free(url: str, *, replaces: bool) -> None:
    """``StartupError`` if a server uses the database, if it has tables of others, or data that may not be replaced."""
    async with connection_to(url) as connection:
        if await connection.fetchval(_HAS_SERVER):
            raise StartupError("A server is running on this database. Stop every server, then restore.")
        if await connection.fetchval(_HAS_TABLES_OF_OTHERS):
            raise StartupError("The database has tables that are not Molva's. Restore into a database of its own.")
        has_people = await connection.fetchval("SELECT to_regclass('public.users') IS NOT NULL") and (
            await connection.fetchval("SELECT EXISTS (SELECT FROM public.users)")
        )
        if has_people and not replaces:
            raise StartupError("The database has data. Restore into an empty one, or replace everything with --replace.")


async def put_back(url: str, chunks: Iterable[bytes], *, checksum: str, pg_dump_version: int) -> None:
    """Replace everything in the database by a dump with the SHA-256 ``checksum``, in one transaction.

    ``StartupError`` when it fails; then the database is as it was.
    """
    async with connection_to(url) as connection:
        programs = programs_for(max(connection.get_server_version().major, pg_dump_version))
    psql = await _start(programs, "psql", url, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", stdin=PIPE)
    complaints = asyncio.create_task(_stderr(psql).read())
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # psql has ended: it says why
            await _write(psql, _BEGIN.encode())
            await _translate(programs, chunks, checksum, lambda part: _write(psql, part))
            # Written only now: what ends early is rolled back by PostgreSQL, not committed half.
            await _write(psql, b"\nCOMMIT;\nANALYZE;\n")
        _stdin(psql).close()
        await _end("psql", psql, complaints)
    finally:
        await _stop(psql)


async def _translate(
    programs: DumpPrograms, chunks: Iterable[bytes], checksum: str, write: Callable[[bytes], Awaitable[None]]
) -> None:
    """Write the dump as a script."""
    process = await asyncio.create_subprocess_exec(
        programs.path("pg_restore"), "--file=-", "--no-owner", "--no-privileges", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    complaints = asyncio.create_task(_stderr(process).read())
    feeding = asyncio.create_task(_feed(process, chunks))
    try:
        beginning = await _stdout(process).read(_CHUNK_BYTES)
        await write(beginning.replace(_UNKNOWN_BEFORE_17, b"", 1))
        while part := await _stdout(process).read(_CHUNK_BYTES):
            await write(part)
        await _end("pg_restore", process, complaints)
        if await feeding != checksum:
            raise StartupError("The backup changed while it was read. Copy it again.")
    finally:
        feeding.cancel()
        await _stop(process)


async def _feed(process: Process, chunks: Iterable[bytes]) -> str:
    """Hand ``chunks`` to a program; the SHA-256 of all of them."""
    seen = hashlib.sha256()
    for chunk in chunks:
        seen.update(chunk)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it says itself why it read no more
            await _write(process, chunk)
    _stdin(process).close()
    return seen.hexdigest()


async def _start(programs: DumpPrograms, name: str, url: str, *words: str, stdin: int = DEVNULL) -> Process:
    bare, environment = place_of(url)
    return await asyncio.create_subprocess_exec(
        programs.path(name), *words, f"--dbname={bare}",
        env=environment, stdin=stdin, stdout=DEVNULL if stdin == PIPE else PIPE, stderr=PIPE, limit=2 * _CHUNK_BYTES,
    )  # fmt: skip


async def _end(name: str, process: Process, complaints: "asyncio.Task[bytes]") -> None:
    said = await complaints
    if await process.wait() != 0:
        raise StartupError(f"{name} failed: {last_lines(said)}.")


async def _stop(process: Process) -> None:
    """Kill a program that still runs. What it has written is read, as asyncio awaits the end of its pipes too."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if process.stdout is not None:
        while await process.stdout.read(_CHUNK_BYTES):
            pass
    await process.wait()


async def _write(process: Process, part: bytes) -> None:
    stream = _stdin(process)
    stream.write(part)
    await stream.drain()


def _stdin(process: Process) -> asyncio.StreamWriter:
    assert process.stdin is not None  # noqa: S101  (it was started with a pipe)
    return process.stdin


def _stdout(process: Process) -> asyncio.StreamReader:
    assert process.stdout is not None  # noqa: S101  (it was started with a pipe)
    return process.stdout


def _stderr(process: Process) -> asyncio.StreamReader:
    assert process.stderr is not None  # noqa: S101  (it was started with a pipe)
    return process.stderr


_HAS_SERVER: Final = """
    -- Whether the pool of a server is connected to this database.
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'molva')
"""

_HAS_TABLES_OF_OTHERS: Final = """
    -- Whether there are tables, and none of them says that they are ours.
    SELECT to_regclass('public.schema_migrations') IS NULL
           AND EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public')
"""

_BEGIN: Final = f"""
BEGIN;
SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_S:.0f}s';
SELECT pg_advisory_xact_lock({LOCK_KEY});
SET LOCAL client_min_messages = warning;
-- Everything that is ours goes. Extensions stay: their owner may be another.
DO $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY(
        SELECT format('DROP %s IF EXISTS %s CASCADE',
                      CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass)
          FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('e', 'a', 'i'))
    ) || ARRAY(
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
          FROM pg_proc p
         WHERE p.pronamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    ) || ARRAY(
        SELECT format('DROP TYPE IF EXISTS %s CASCADE', t.oid::regtype)
          FROM pg_type t
         WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
    ) LOOP
        EXECUTE statement;
    END LOOP;
END $$;
"""
