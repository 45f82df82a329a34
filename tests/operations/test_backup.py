"""What `molva backup` writes, and what `molva restore` refuses; every refusal leaves the database as it was."""

import json
import os
import shutil
import tarfile
from pathlib import Path

import asyncpg
import pytest

from commands.backup import check
from commands.backup_file import BackupReader
from commands.restored import renew_epoch_of
from core.errors import StartupError
from core.settings import Settings
from db import dump_programs
from db.dumps import put_back
from db.migrate import FOLDER, known_names, migrate
from tests.conftest import named
from tests.operations.test_cli import run
from tests.support.clients import ChatUsers
from tests.support.running import run_server

pytestmark = pytest.mark.slow

PERSON = "INSERT INTO users (id, phone, display_name) VALUES (gen_random_uuid(), $1, 'Anna')"


async def execute(url: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def do_damage(backup: Path, damage: str) -> None:
    whole = backup.read_bytes()
    if damage == "a wrong byte":
        whole = whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:]
    elif damage == "cut off":
        whole = whole[: len(whole) // 2]
    elif damage == "another file":
        whole = b"something else" * 100
    else:
        newest = known_names()[-1].encode()
        whole = whole.replace(newest, b"9" + newest[1:])
    backup.write_bytes(whole)


async def phones(url: str) -> list[str]:
    return [row["phone"] for row in await execute(url, "SELECT phone FROM users ORDER BY phone")]


def variables_of(url: str, settings: Settings) -> dict[str, str]:
    return {"MOLVA_DATABASE_URL": url, "MOLVA_DATA_DIR": str(settings.data_dir)}


@pytest.fixture
async def variables(database_url: str, settings: Settings) -> dict[str, str]:
    """Settings for commands on a database with one person and one file."""
    await execute(database_url, PERSON, "+79161234567")
    file = settings.data_dir / "files/files/0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012/content"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"content")
    file.with_name("content#1").write_bytes(b"not yet whole")
    return variables_of(database_url, settings)


@pytest.fixture
async def backup(variables: dict[str, str], tmp_path: Path) -> Path:
    """A backup of it."""
    path = tmp_path / "one.tar"
    made = await run("backup", str(path), **variables)
    assert (made.status, made.err) == (0, "")
    return path


async def test_backup_says_what_it_is_of(backup: Path, variables: dict[str, str]) -> None:
    url = variables["MOLVA_DATABASE_URL"]
    epoch = (await execute(url, "SELECT epoch::text FROM epochs"))[0]["epoch"]
    told = (await run("restore", "--check", str(backup))).out
    for words in (f"schema {known_names()[-1]}", f"epoch {epoch}", "PostgreSQL 1", "1 files", "every checksum is right"):
        assert words in told
    again = (await run("backup", str(backup.parent), **variables)).out
    assert f"epoch {epoch}" in again
    assert "size " in again
    named = list(backup.parent.glob("molva-*.tar"))
    assert len(named) == 1
    assert f"backup    {named[0]}" in again
    assert mode_of(backup) == 0o600


async def test_backup_is_an_archive_that_other_programs_read(backup: Path) -> None:
    with tarfile.open(backup) as archive:
        names = archive.getnames()
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        assert sorted(json.load(manifest)["checksums"]) == sorted(names[:-1])
    assert names == ["database.dump", "files/files/0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012/content", "manifest.json"]


async def test_files_in_object_storage_are_told_about(variables: dict[str, str], tmp_path: Path) -> None:
    made = await run("backup", str(tmp_path / "two.tar"), **variables, MOLVA_FILES_URL="s3://molva/files")
    assert "not in the backup: they are in s3://molva/files" in made.out


async def test_backup_that_fails_leaves_no_file(variables: dict[str, str], tmp_path: Path) -> None:
    url = variables["MOLVA_DATABASE_URL"]
    await execute(url, "DROP TABLE schema_migrations")
    folder = tmp_path / "empty"
    folder.mkdir()
    failed = await run("backup", str(folder), **variables)
    assert (failed.status, failed.out) == (1, "")
    assert "nothing to back up" in failed.err
    assert list(folder.iterdir()) == []
    missing = await run("backup", str(tmp_path / "no/such/folder.tar"), **variables)
    assert "cannot be written" in missing.err


async def test_restored_database_is_that_of_the_backup_with_a_new_epoch(backup: Path, variables: dict[str, str]) -> None:
    url = variables["MOLVA_DATABASE_URL"]
    epochs = await execute(url, "SELECT epoch FROM epochs")
    await execute(url, PERSON, "+79037654321")
    await execute(url, "CREATE TABLE added_later (id int)")
    restored = await run("restore", str(backup), "--replace", **variables)
    assert (restored.status, restored.err) == (0, "")
    assert await phones(url) == ["+79161234567"]
    assert await execute(url, "SELECT FROM pg_class WHERE relname = 'added_later'") == []
    assert len(await execute(url, "SELECT epoch FROM epochs")) == len(epochs) + 1
    assert await migrate(url) == []


async def test_database_with_data_is_replaced_only_when_told_to(backup: Path, variables: dict[str, str]) -> None:
    refused = await run("restore", str(backup), **variables)
    assert (refused.status, "--replace" in refused.err) == (1, True)
    await execute(variables["MOLVA_DATABASE_URL"], "TRUNCATE users CASCADE")
    assert (await run("restore", str(backup), **variables)).status == 0
    assert await phones(variables["MOLVA_DATABASE_URL"]) == ["+79161234567"]


async def test_restore_is_refused_while_a_server_runs(backup: Path, variables: dict[str, str], settings: Settings) -> None:
    async with run_server(settings) as server:
        chat_users = ChatUsers(server.address)
        await chat_users.register()
        refused = await run("restore", str(backup), "--replace", **variables)
        assert (refused.status, "Stop every server" in refused.err) == (1, True)
        await chat_users.close()
    assert len(await phones(variables["MOLVA_DATABASE_URL"])) == 2


async def test_database_of_others_is_never_replaced(backup: Path, variables: dict[str, str]) -> None:
    url = variables["MOLVA_DATABASE_URL"]
    await execute(url, "DROP TABLE schema_migrations")
    refused = await run("restore", str(backup), "--replace", **variables)
    assert (refused.status, "not Molva's" in refused.err) == (1, True)
    assert await phones(url) == ["+79161234567"]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("a wrong byte", "checksum of database.dump"),
        ("cut off", "cut off"),
        ("another file", "not a backup that"),
        ("a newer version", "newer version of Molva"),
    ],
)
async def test_damaged_backup_is_refused(backup: Path, variables: dict[str, str], damage: str, said: str) -> None:
    do_damage(backup, damage)
    for command in (["restore", "--check", str(backup)], ["restore", str(backup), "--replace"]):
        refused = await run(*command, **variables)
        assert (refused.status, refused.out) == (1, "")
        assert said in refused.err
    assert await phones(variables["MOLVA_DATABASE_URL"]) == ["+79161234567"]


async def test_restore_that_fails_half_way_changes_nothing(backup: Path, variables: dict[str, str]) -> None:
    url = variables["MOLVA_DATABASE_URL"]
    await execute(url, PERSON, "+79037654321")
    with BackupReader(backup) as reader:
        dump = b"".join(reader.chunks("database.dump"))
        right = reader.manifest.checksums["database.dump"]
    with pytest.raises(StartupError, match="pg_restore failed"):
        await put_back(url, [dump[: len(dump) - 2000]], checksum=right, pg_dump_version=18)
    with pytest.raises(StartupError, match="changed while it was read"):
        await put_back(url, [dump], checksum="0" * 64, pg_dump_version=18)
    assert await phones(url) == ["+79037654321", "+79161234567"]


async def test_transactions_of_another_cluster_become_those_of_this_one(database_url: str) -> None:
    await execute(database_url, PERSON, "+79161234567")
    await execute(database_url, "UPDATE users SET changed_xid = 1000000000000000")
    await renew_epoch_of(database_url)
    settled = "SELECT changed_xid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS is_past FROM users"
    assert (await execute(database_url, settled))[0]["is_past"]


async def test_backup_of_an_earlier_version_is_migrated(settings: Settings, postgres_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in FOLDER.glob("*.sql"):
        if path.stem < known_names()[-1]:
            shutil.copy(path, folder)
    name = f"earlier_{os.getpid()}"
    await execute(postgres_url, f"CREATE DATABASE {name} STRATEGY file_copy")
    url = named(postgres_url, name)
    await migrate(url, folder=folder)
    await execute(url, PERSON, "+79161234567")
    earlier = tmp_path / "earlier.tar"
    assert f"schema {known_names()[-2]}" in (await run("backup", str(earlier), **variables_of(url, settings))).out
    restored = await run("restore", str(earlier), "--replace", **variables_of(url, settings))
    assert (restored.status, restored.err) == (0, "")
    assert await migrate(url) == []
    assert await phones(url) == ["+79161234567"]
    await execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


async def test_last_step_that_fails_is_told_with_what_is_left_to_do(backup: Path, variables: dict[str, str]) -> None:
    url = variables["MOLVA_DATABASE_URL"]
    await execute(
        url, "DELETE FROM schema_migrations WHERE name = '0017_admin'"
    )  # its tables are there: it cannot be applied
    odd = backup.with_name("odd.tar")
    assert (await run("backup", str(odd), **variables)).status == 0
    restored = await run("restore", str(odd), "--replace", **variables)
    assert restored.status == 1
    assert "The backup is back" in restored.err
    assert "The migration 0017_admin failed" in restored.err


def test_newest_of_a_directory_is_taken(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="no backup"):
        check(tmp_path)


def test_programs_of_the_servers_version_are_taken_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old, new = (dump_programs.DumpPrograms(tmp_path, version) for version in (15, 18))
    monkeypatch.setattr(dump_programs, "_on_path", lambda: old)
    monkeypatch.setattr(dump_programs, "_in_wheel", lambda: new)
    assert [dump_programs.programs_for(version) for version in (15, 16, 18)] == [old, new, new]
    with pytest.raises(StartupError, match=r"PostgreSQL 19 or newer must be on PATH\. Here is version 18"):
        dump_programs.programs_for(19)
    monkeypatch.setattr(dump_programs, "_in_wheel", lambda: None)
    monkeypatch.setattr(dump_programs, "_on_path", lambda: None)
    with pytest.raises(StartupError, match="Here are none"):
        dump_programs.programs_for(15)


def test_password_is_in_the_environment_of_a_program_alone() -> None:
    bare, environment = dump_programs.place_of("postgresql://molva:hi%2Fdden@db:5432/molva?sslmode=require")
    assert bare == "postgresql://molva@db:5432/molva?sslmode=require"
    assert environment["PGPASSWORD"] == "hi/dden"
    assert "MOLVA_JWT_SECRET" not in environment
