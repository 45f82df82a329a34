"""The application's role in PostgreSQL reads and writes rows, and can do nothing else."""

import asyncpg
import pytest

from core.settings import Settings
from db.migrate import migrate
from db.roles import APPLICATION, make_application_role, role_of
from tests.support.clients import ChatUsers
from tests.support.running import run_server


async def test_application_owns_nothing_and_serves(settings: Settings, database_url: str) -> None:
    """The tables are the owner's, as in a data directory of a version before the role."""
    url = await make_application_role(database_url)
    assert url == await make_application_role(database_url), "a second start changes nothing"
    assert role_of(url) == APPLICATION
    application = settings.model_copy(update={"database_url": type(settings.database_url)(url)})
    async with run_server(application) as running:
        chat_users = ChatUsers(running.address)
        anna, boris = await chat_users.register(), await chat_users.register()
        chat = await anna.http.post("/v1/actions/chat:create_private", json={"user_id": boris.id}, headers=anna.headers)
        assert chat.status_code == 200
        assert (await anna.http.delete("/v1/me", headers=anna.headers)).status_code == 204
        await chat_users.close()
    connection = await asyncpg.connect(url)
    try:
        for forbidden in (
            "DROP TABLE messages",
            "ALTER TABLE users ADD COLUMN secret text",
            "CREATE TABLE mine (a integer)",
            "DELETE FROM schema_migrations",
            "COPY users TO PROGRAM 'true'",
            "SELECT pg_read_file('postgresql.conf')",
            "CREATE ROLE other",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)
    finally:
        await connection.close()
    assert await migrate(database_url) == []
