"""Everything that belongs to a person, read page by page.

What must stay true: only one page of rows is in memory at a time, however much a person has written; no database connection
is held between two pages, because the reader may be slow; nothing that other people wrote is included.

To export something more: a query in ``db.export``, an iterator here, a file of the archive in ``http_api.routes.export``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from accounts.profile import existing
from db import blocks, export, files, sessions, users
from db.export import InviteMadeRow, LikeRow, MembershipRow, PastChatRow, ReactionRow, ReportMadeRow
from db.files import FileRow
from db.messages import MessageRow
from db.pool import Database, Tx
from db.sessions import DeviceRow
from db.users import ProfileRow, UserRow

_Row = TypeVar("_Row")

PAGE: Final = 100
"""Rows of a page of chats, files, invites or reports."""
WINDOW: Final = 1_000
"""Messages of a chat that one statement looks at, whoever sent them."""


@dataclass(frozen=True, slots=True)
class PersonRows:
    """What is small enough to be read at once."""

    profile: ProfileRow
    devices: list[DeviceRow]
    blocked: list[UserRow]


async def find_person(database: Database, user_id: str) -> PersonRows:
    """Profile, devices and blocked people; ``Unauthorized`` (``session_revoked``) if the account was deleted."""
    async with database.reading() as tx:
        profile = await users.find_profile(tx, user_id)
        devices = await sessions.list_sessions(tx, user_id)
        blocked = await blocks.list_blocked(tx, user_id)
    return PersonRows(existing(profile), devices, blocked)


async def list_chats(database: Database, user_id: str) -> AsyncIterator[list[MembershipRow]]:
    """The chats that the person is or was in."""
    async for page in _list_past_chats(database, user_id):
        yield [row.membership for row in page]


async def _list_past_chats(database: Database, user_id: str) -> AsyncIterator[list[PastChatRow]]:
    after_id = None
    while True:
        async with database.reading() as tx:
            page = await export.list_memberships(tx, user_id, after_id, PAGE)
        yield page
        if len(page) < PAGE:
            return
        after_id = page[-1].membership.chat_id


async def list_files(database: Database, user_id: str) -> AsyncIterator[list[FileRow]]:
    """The files that the person uploaded."""
    after_id = None
    while True:
        async with database.reading() as tx:
            page = await files.list_own_files(tx, user_id, after_id, PAGE)
        yield page
        if len(page) < PAGE:
            return
        after_id = page[-1].id


def list_messages(database: Database, user_id: str) -> AsyncIterator[list[MessageRow]]:
    """The messages that the person sent."""
    return _list_in_windows(database, user_id, export.list_own_messages)


def list_likes(database: Database, user_id: str) -> AsyncIterator[list[LikeRow]]:
    """The messages that the person likes."""
    return _list_in_windows(database, user_id, export.list_own_likes)


def list_reactions(database: Database, user_id: str) -> AsyncIterator[list[ReactionRow]]:
    """The reactions of the person."""
    return _list_in_windows(database, user_id, export.list_own_reactions)


async def list_invites(database: Database, user_id: str) -> AsyncIterator[list[InviteMadeRow]]:
    """The invites that the person made, without their codes."""
    async for chats in _list_past_chats(database, user_id):
        for chat in chats:
            after_code = None
            while True:
                async with database.reading() as tx:
                    page = await export.list_own_invites(tx, chat.membership.chat_id, user_id, after_code, PAGE)
                yield [row.invite for row in page]
                if len(page) < PAGE:
                    break
                after_code = page[-1].code


async def list_reports(database: Database, user_id: str) -> AsyncIterator[list[ReportMadeRow]]:
    """The reports that the person made, without what others wrote."""
    after_id = None
    while True:
        async with database.reading() as tx:
            page = await export.list_own_reports(tx, user_id, after_id, PAGE)
        yield page
        if len(page) < PAGE:
            return
        after_id = page[-1].id


async def _list_in_windows(
    database: Database, user_id: str, list_window: Callable[[Tx, str, str, int, int], Awaitable[list[_Row]]]
) -> AsyncIterator[list[_Row]]:
    """All rows of all chats. ``list_window``: of a chat and a person, the rows above one ``seq`` and up to another."""
    async for page in _list_past_chats(database, user_id):
        for row in page:
            for after_seq in range(0, row.last_seq, WINDOW):
                async with database.reading() as tx:
                    yield await list_window(tx, row.membership.chat_id, user_id, after_seq, after_seq + WINDOW)
