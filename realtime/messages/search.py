"""Finding messages: by words, and by what changed."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.errors import Conflict, NotFound, Unavailable
from db import chats, messages
from realtime.messages.payloads import SEARCH_CURSOR, ChangesPage, MessageChanges, MessageSearch, SearchPage
from realtime.model.objects import MessageView
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action

_WORD: Final = re.compile(r"[^\W_]+")
_ONE_SPELLING: Final = str.maketrans("ёЁ", "еЕ")  # noqa: RUF001  (Cyrillic is meant)
"""As ``words_of`` in schema.sql spells what is searched."""
_WORDS_MAX: Final = 16
_AT_ONCE_MAX: Final = 4
"""Searches under way in this process: for a common word in a long chat the database works for a second."""
_WAIT_S: Final = 5.0

_searches = asyncio.Semaphore(_AT_ONCE_MAX)


@asynccontextmanager
async def _one_of_few() -> AsyncIterator[None]:
    """Waits for its turn, so that searches hold up nothing but searches; ``Unavailable`` if that takes too long."""
    try:
        async with asyncio.timeout(_WAIT_S):
            await _searches.acquire()
    except TimeoutError:
        raise Unavailable from None
    try:
        yield
    finally:
        _searches.release()


@action("message:search", role=Role.USER, rate=Rate.LOOK_UP, finds=True)
async def search_messages(context: Context, payload: MessageSearch) -> SearchPage:
    """Search messages by words. The newest messages come first.

    Russian and English words are found in all their forms. The last word may be incomplete. The search covers only
    messages that the caller may see.
    """
    created_at, chat_id, seq = SEARCH_CURSOR.read(payload.cursor)
    words = _WORD.findall(payload.query.translate(_ONE_SPELLING))[:_WORDS_MAX]
    async with _one_of_few(), context.reading() as tx:
        if payload.chat_id is not None and (await chats.find_membership(tx, payload.chat_id, context.user_id) is None):
            raise NotFound
        if not words:
            return SearchPage(messages=[], next_cursor=None)
        rows = await messages.search_messages(
            tx,
            context.user_id,
            payload.chat_id,
            " & ".join(words[:-1]),
            words[-1],
            created_at,
            chat_id,
            seq,
            payload.limit + 1,
        )
    page = rows[: payload.limit]
    last = page[-1] if len(rows) > len(page) else None
    return SearchPage(
        messages=[MessageView.model_validate(row) for row in page],
        next_cursor=SEARCH_CURSOR.write(last.created_at, last.chat_id, last.seq) if last else None,
    )


@action("message:changes", role=Role.MEMBER, rate=Rate.READ, conflicts=("version_unknown",))
async def list_changes(context: Context, payload: MessageChanges) -> ChangesPage:
    """Return the messages that are new, edited, deleted or liked since the client's version of the chat.

    Each message comes once, as it is now, however often it changed. Versions do not expire. Call it again with the
    ``version`` of the answer until ``has_more`` is false. A version that the database never had is a ``conflict`` with the
    reason ``version_unknown``: a backup was restored. Then delete the local data of the chat and fetch it again.
    """
    chat_id, user_id, limit = payload.chat_id, context.user_id, payload.limit
    async with context.reading() as tx:
        # First the chat's version, then the messages: what is committed in between is in the page already.
        chat = await chats.find_chat(tx, chat_id, user_id)
        if chat is None:
            raise NotFound
        if payload.version > chat.version or payload.epoch not in {None, context.services.epoch.epoch}:
            raise Conflict("version_unknown", "The database never had this version: fetch the chat afresh.")
        rows = await messages.list_changes(tx, chat_id, user_id, payload.version, limit + 1)
    page, has_more = rows[:limit], len(rows) > limit
    version = page[-1].version if page and (has_more or page[-1].version > chat.version) else chat.version
    return ChangesPage(messages=[MessageView.model_validate(row) for row in page], version=version, has_more=has_more)
