"""The application's role in PostgreSQL reads and writes rows, and can do nothing else."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from core.errors import StartupError
from core.settings import Settings
from db.migrate import FOLDER, migrate
from db.roles import APPLICATION, make_embedded_role, prepare_application_role, role_of
from server import migrate_as_owner
from tests.operations.test_cli import run
from tests.support.clients import ChatUsers, Client
from tests.support.programs import serving, start_server
from tests.support.running import run_server

_numbers = count(1)
PASSWORD = "it's a \\ pass:word@%"
FORBIDDEN = (
    "CREATE TABLE mine (a integer)",
    "ALTER TABLE users ADD COLUMN secret text",
    "DROP TABLE messages",
    "TRUNCATE messages",
    "CREATE INDEX mine ON messages (seq)",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql RETURN 1",
    "DELETE FROM schema_migrations",
    "DELETE FROM audit_log",
    "UPDATE audit_log SET key_name = 'somebody else'",
    "COPY users TO PROGRAM 'true'",
    "COPY users FROM '/etc/passwd'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT pg_ls_dir('.')",
    "CREATE ROLE other",
)


@dataclass(frozen=True)
class Fresh:
    """An empty database, its owner, and a role for the application that is not there yet."""

    owner_url: str
    application_url: str

    @property
    def settings(self) -> Settings:
        return Settings(database_url=self.application_url, database_owner_url=self.owner_url)


@asynccontextmanager
async def fresh_database(postgres_url: str, attributes: str) -> AsyncIterator[Fresh]:
    """A database whose owner has these attributes."""
    name = f"roles_{os.getpid()}_{next(_numbers)}"
    owner, application = f"{name}_owner", f"{name}_application"
    host, port = urlsplit(postgres_url).hostname, urlsplit(postgres_url).port
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(f"CREATE ROLE {owner} LOGIN {attributes} PASSWORD 'owner'")
        await connection.execute(f"CREATE DATABASE {name} OWNER {owner}")
        yield Fresh(
            f"postgresql://{owner}:owner@{host}:{port}/{name}",
            f"postgresql://{application}:{quote(PASSWORD, safe='')}@{host}:{port}/{name}",
        )
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.execute(f"DROP ROLE IF EXISTS {application}")
        await connection.execute(f"DROP ROLE {owner}")
        await connection.close()


async def assert_owns_nothing(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for forbidden in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)
    finally:
        await connection.close()


async def talk(address: str) -> None:
    """Two people do what reads and writes most tables."""
    chat_users = ChatUsers(address)
    try:
        anna, boris, chat_id = await chat_users.pair()
        await boris.send("chat:activate", chat_id=chat_id)
        seq = (await anna.say(chat_id, "a needle"))["seq"]
        await boris.expect_event("message:created")
        await boris.send("message:react", chat_id=chat_id, seq=seq, emoji="🎉")
        await boris.send("message:like", chat_id=chat_id, seq=seq)
        await anna.send("message:edit", chat_id=chat_id, seq=seq, content={"text": "another needle"})
        assert await texts_found(boris, "needle") == ["another needle"]
        await anna.send("chat:create_group", title="Walk", member_ids=[boris.ready["user"]["id"]])
        clara = await chat_users.register()
        upload = await clara.http.post("/v1/files", files={"file": ("a.bin", b"x")}, headers=clara.headers)
        assert upload.status_code in (200, 201), upload.text
        assert (await clara.http.delete("/v1/me", headers=clara.headers)).status_code == 204
    finally:
        await chat_users.close()


async def texts_found(client: Client, query: str) -> list[str]:
    page = await client.send("message:search", query=query)
    return [message["content"]["text"] for message in page["messages"]]


@pytest.mark.slow
@pytest.mark.parametrize("attributes", ["SUPERUSER", "CREATEROLE"], ids=["as in compose", "as little as will do"])
async def test_migration_makes_the_role_with_which_a_server_serves(
    postgres_url: str, tmp_path: Path, attributes: str
) -> None:
    async with fresh_database(postgres_url, attributes) as fresh:
        owner = {"MOLVA_DATABASE_URL": fresh.application_url, "MOLVA_DATABASE_OWNER_URL": fresh.owner_url}
        assert (await run("check", **owner)).status == 1, "there is no such role yet"
        for said in ("applied 0001_initial", "nothing to apply"):
            migration = await run("migrate", **owner)
            assert (migration.status, said in migration.out) == (0, True), migration.err
        async with serving(database_url=fresh.application_url, data_dir=tmp_path) as server:
            await talk(server.address)
        await assert_owns_nothing(fresh.application_url)


async def test_installation_of_before_goes_on_with_its_data(postgres_url: str, tmp_path: Path) -> None:
    """The server signed in as the superuser that made the tables, as docker-compose.yml had it."""
    async with fresh_database(postgres_url, "SUPERUSER") as fresh:
        await migrate(fresh.owner_url)
        before = Settings(database_url=fresh.owner_url, data_dir=tmp_path, port=0, rate_limits="off")
        async with run_server(before) as running:
            chat_users = ChatUsers(running.address)
            anna, _, chat_id = await chat_users.pair()
            await anna.say(chat_id, "kept")
            person = chat_users.people[0]
            await migrate_as_owner(fresh.settings, fresh.application_url)
            await anna.say(chat_id, "said while it was prepared")
            await chat_users.close()
        after = before.model_copy(update={"database_url": type(before.database_url)(fresh.application_url)})
        async with run_server(after) as running:
            client = await Client(running.address, person.tokens["access_token"]).connect()
            page = await client.send("message:list", chat_id=chat_id)
            assert [message["content"]["text"] for message in page["messages"]][-2:] == [
                "kept",
                "said while it was prepared",
            ]
            await client.say(chat_id, "and on")
            await client.close()
            await talk(running.address)
        await assert_owns_nothing(fresh.application_url)


async def test_embedded_role_owns_nothing_and_serves(settings: Settings, database_url: str) -> None:
    """The tables are the owner's, as in a data directory of a version before the role."""
    url = await make_embedded_role(database_url)
    assert url == await make_embedded_role(database_url), "a second start changes nothing"
    assert role_of(url) == APPLICATION
    application = settings.model_copy(update={"database_url": type(settings.database_url)(url)})
    async with run_server(application) as running:
        await talk(running.address)
    await assert_owns_nothing(url)
    assert await migrate(database_url) == []


async def test_server_that_may_not_migrate_says_what_to_run(postgres_url: str, tmp_path: Path) -> None:
    """As after an upgrade whose migration has not run."""
    for path in sorted(FOLDER.glob("*.sql"))[:-1]:
        (tmp_path / path.name).write_text(path.read_text())
    async with fresh_database(postgres_url, "CREATEROLE") as fresh:
        await migrate(fresh.owner_url, folder=tmp_path)
        await prepare_application_role(fresh.owner_url, fresh.application_url)
        server = await start_server(database_url=fresh.application_url, data_dir=tmp_path / "data")
        assert await server.ended() == 1
        assert "Run `molva migrate` with MOLVA_DATABASE_OWNER_URL before the server." in server.log[-1]


async def test_owner_that_may_not_make_roles_is_told_so(postgres_url: str) -> None:
    async with fresh_database(postgres_url, "NOCREATEROLE") as fresh:
        await migrate(fresh.owner_url)
        with pytest.raises(StartupError, match="Make the role as an administrator"):
            await prepare_application_role(fresh.owner_url, fresh.application_url)
        connection = await asyncpg.connect(postgres_url)
        await connection.execute(f"CREATE ROLE {role_of(fresh.application_url)} LOGIN PASSWORD 'its own'")
        await connection.close()
        await prepare_application_role(fresh.owner_url, fresh.application_url)
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(fresh.application_url)
        await assert_owns_nothing(fresh.application_url.replace(quote(PASSWORD, safe=""), quote("its own")))


async def test_owner_is_not_the_application(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with fresh_database(postgres_url, "SUPERUSER") as fresh:
        await migrate(fresh.owner_url)
        with pytest.raises(StartupError, match="must not name"):
            await prepare_application_role(fresh.owner_url, fresh.owner_url)
        await prepare_application_role(fresh.owner_url, postgres_url.rpartition("/")[0] + "/x")
        assert [record.getMessage() for record in caplog.records if record.name == "molva.db"] == [
            "the role of MOLVA_DATABASE_URL is a superuser or owns tables"
        ]
