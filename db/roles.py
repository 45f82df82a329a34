"""The application's role in PostgreSQL: it reads and writes rows, and owns nothing.

The owner of the tables migrates, makes the role where there is none, and grants it what it needs. So a statement that
somebody smuggled in could not change the schema, read files of the server or run programs there.
"""

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg

from core.errors import StartupError

log = logging.getLogger("molva.db")

APPLICATION: Final = "molva_application"
"""The name of the role in the embedded PostgreSQL, in docker-compose.yml and in the manifests."""
_ROLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,62}")
_TIMEOUT_S: Final = 10.0
_LOCK_KEY: Final = 0x726F6C6573  # "roles"; PostgreSQL refuses two grants on one table at the same time


def role_of(url: str) -> str:
    """The user that a database URL names; ``StartupError`` if it names none."""
    name = unquote(urlsplit(url).username or "")
    if not _ROLE.fullmatch(name):
        raise StartupError("MOLVA_DATABASE_URL must name its user when MOLVA_DATABASE_OWNER_URL is set.")
    return name


async def prepare_application_role(owner_url: str, application_url: str) -> None:
    """Let the user of ``application_url`` read and write the rows of every table.

    A missing role is made, with the password of ``application_url``. A role that is there keeps its password and
    attributes. ``StartupError`` if it is the owner itself, or if the owner may not make or grant.
    """
    role = role_of(application_url)
    async with _connection(owner_url) as connection:
        owner = await connection.fetchval("SELECT current_user")
        if role == owner:
            raise StartupError(f"MOLVA_DATABASE_URL must not name {owner}, the user of MOLVA_DATABASE_OWNER_URL.")
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK_KEY)
                await _make(connection, role, unquote(urlsplit(application_url).password or ""))
                await _grant(connection, role)
        except asyncpg.InsufficientPrivilegeError as error:
            raise StartupError(
                f"{owner} may not make the database role {role} or give it its rights ({error}). Make the role as an "
                "administrator, and let MOLVA_DATABASE_OWNER_URL name the owner of the tables."
            ) from None
        except asyncpg.PostgresError as error:
            raise StartupError(f"The database role {role} cannot be given its rights: {error}.") from None
        if await connection.fetchval(_HAS_TOO_MANY_RIGHTS, role):
            log.warning("the role of MOLVA_DATABASE_URL is a superuser or owns tables", extra={"role": role})


async def make_embedded_role(owner_url: str) -> str:
    """Make the role of the application in the embedded PostgreSQL, with the owner's password; the URL to use it."""
    parts = urlsplit(owner_url)
    password = unquote(parts.password or "")
    async with _connection(owner_url) as connection, connection.transaction():
        await _make(connection, APPLICATION, password)
        await connection.execute(
            f'ALTER ROLE "{APPLICATION}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION'
            f" PASSWORD {await _literal(connection, password)}"
        )
        await _grant(connection, APPLICATION)
    place = f"{parts.hostname}:{parts.port}"
    return urlunsplit(parts._replace(netloc=f"{APPLICATION}:{quote(password, safe='')}@{place}"))


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S)
    try:
        yield connection
    finally:
        await connection.close()


async def _make(connection: "asyncpg.Connection[asyncpg.Record]", role: str, password: str) -> None:
    if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
        return
    secret = f" PASSWORD {await _literal(connection, password)}" if password else ""
    await connection.execute(f'CREATE ROLE "{role}" LOGIN{secret}')


async def _literal(connection: "asyncpg.Connection[asyncpg.Record]", text: str) -> str:
    """``text`` as a literal of SQL, for statements that take no parameters."""
    return str(await connection.fetchval("SELECT quote_literal($1::text)", text))


async def _grant(connection: "asyncpg.Connection[asyncpg.Record]", role: str) -> None:
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await connection.execute(f'GRANT USAGE ON SCHEMA public TO "{role}"')
    await connection.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{role}"')
    await connection.execute(f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{role}"')
    await connection.execute(f'REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM "{role}"')
    if await connection.fetchval("SELECT to_regclass('audit_log') IS NOT NULL"):  # not there before its migration
        await connection.execute(f'REVOKE UPDATE, DELETE ON audit_log FROM "{role}"')


_HAS_TOO_MANY_RIGHTS: Final = """
    -- Whether the limits on the role $1 do not hold.
    SELECT rolsuper OR EXISTS (
           SELECT FROM pg_tables WHERE schemaname = 'public' AND tableowner = $1)
      FROM pg_roles WHERE rolname = $1
"""
