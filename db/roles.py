"""The application's role in PostgreSQL: it reads and writes rows, and owns nothing.

The owner of the tables migrates, then grants the application what it needs. So a statement that somebody smuggled in could
not change the schema, read files of the server or run programs there.
"""

import re
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from core.errors import StartupError

APPLICATION: Final = "molva_application"
"""The name of the role in the embedded PostgreSQL."""
_ROLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,62}")
_TIMEOUT_S: Final = 10.0


def role_of(url: str) -> str:
    """The user that a database URL names; ``StartupError`` if it names none."""
    name = urlsplit(url).username or ""
    if not _ROLE.fullmatch(name):
        raise StartupError("MOLVA_DATABASE_URL must name its user when MOLVA_DATABASE_OWNER_URL is set.")
    return name


async def grant_rows(owner_url: str, role: str) -> None:
    """Let ``role`` read and write the rows of every table, and read which migrations there are."""
    connection = await _connect(owner_url)
    try:
        async with connection.transaction():
            await _grant(connection, role)
    except asyncpg.PostgresError as error:
        raise StartupError(f"The database role {role} cannot be given its rights: {error}.") from None
    finally:
        await connection.close()


async def make_application_role(owner_url: str) -> str:
    """Make the role of the application in the embedded PostgreSQL, with the owner's password; the URL to use it."""
    parts = urlsplit(owner_url)
    connection = await _connect(owner_url)
    try:
        async with connection.transaction():
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", APPLICATION):
                await connection.execute(f'CREATE ROLE "{APPLICATION}"')
            literal = await connection.fetchval("SELECT quote_literal($1::text)", parts.password or "")
            await connection.execute(
                f'ALTER ROLE "{APPLICATION}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {literal}'
            )
            await _grant(connection, APPLICATION)
    finally:
        await connection.close()
    place = f"{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=f"{APPLICATION}:{quote(parts.password or '', safe='')}@{place}"))


async def _connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    return await asyncpg.connect(url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S)


async def _grant(connection: "asyncpg.Connection[asyncpg.Record]", role: str) -> None:
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await connection.execute(f'GRANT USAGE ON SCHEMA public TO "{role}"')
    await connection.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{role}"')
    await connection.execute(f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    await connection.execute(f'REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM "{role}"')
