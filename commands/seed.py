"""``molva seed``: people, chats and messages that look like real ones, consistent as if everything had been sent.

What is made up is in ``commands/seeding``: how much (``plan``), what is written (``texts``), people and chats (``chats``),
the people and chats of the documents (``examples``), and how all of it gets into the database (``loading``).
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TextIO

import orjson

from commands.seeding.chats import Person
from commands.seeding.examples import make_examples
from commands.seeding.loading import LOADERS, make_chats, make_people
from commands.seeding.plan import Calendar, Plan
from core.errors import StartupError
from core.settings import Environment, Settings
from core.tokens import AccessTokens, RefreshTokens
from db import seed as tables
from db.migrate import migrate
from db.pool import Database
from server import database_url_of

STDOUT: Final = Path("-")
_TIMEOUT_S: Final = 3600.0  # a chat is one transaction, and may be a large one


def seed(settings: Settings, plan: Plan, tokens_path: Path = STDOUT) -> None:
    """Carry out ``plan`` and write a JSON line for each person to ``tokens_path``; ``StartupError`` if it is impossible."""
    if settings.environment is Environment.PRODUCTION:
        raise StartupError("molva seed is not allowed in production: it creates users who do not exist.")
    plan.check()
    secret = settings.signing_secret()
    with _writable(tokens_path) as file:
        with database_url_of(settings, beside_server=True) as url:
            people = asyncio.run(_fill(url, plan, RefreshTokens(secret)))
        # Last, because the tokens are valid for 15 minutes from here.
        _write_people(people, AccessTokens(secret), file)


async def _fill(url: str, plan: Plan, tokens: RefreshTokens) -> list[Person]:
    await migrate(url)
    calendar = Calendar(plan)
    database = Database(url, pool_max=LOADERS, timeout_s=_TIMEOUT_S, slow_s=_TIMEOUT_S)
    await database.connect()
    try:
        people = await make_people(database, plan.users, tokens, calendar.registered_at)
        if plan.chats:
            await make_chats(database, plan, people, calendar)
        if plan.examples:
            people += await make_examples(database, tokens, calendar)
        async with database.reading() as tx:
            await tables.analyze(tx)
    finally:
        await database.disconnect()
    return people


@contextmanager
def _writable(path: Path) -> Iterator[TextIO]:
    """``path`` or standard output. Opened before the work, so that a wrong path is noticed at once.

    A new file can be read by its owner only, because it holds tokens.
    """
    if path == STDOUT:
        yield sys.stdout
        return
    try:
        file = open(path, "w", encoding="utf-8", opener=partial(os.open, mode=0o600))  # noqa: SIM115  (closed by `with`)
    except OSError as error:
        raise StartupError(f"{path} cannot be written: {error.strerror or error}.") from None
    with file:
        yield file


def _write_people(people: Sequence[Person], tokens: AccessTokens, file: TextIO) -> None:
    for person in people:
        line = {
            "user_id": person.user_id,
            "phone": person.phone,
            "access_token": tokens.issue(user_id=person.user_id, session_id=person.session_id).token,
            "chat_ids": person.chat_ids,
        }
        file.write(orjson.dumps(line).decode() + "\n")
