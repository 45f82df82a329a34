"""``message:search``: finding messages by their words."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.errors import NotFound, Unavailable
from db import chats, messages
from realtime.messages.payloads import SEARCH_CURSOR, MessageSearch, SearchPage
from realtime.model.objects import MessageView
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action

_WORD: Final = re.compile(r"[^\W_]+")
_ONE_SPELLING: Final = str.maketrans("ёЁ", "еЕ")  # noqa: RUF001  (Cyrillic is meant)
"""The index has the same spelling: see ``words_of`` in schema.sql."""
_WORDS_MAX: Final = 16
_AT_ONCE_MAX: Final = 4
"""Searches at the same time in this process. A common word in a long chat keeps the database busy for a second."""
_WAIT_S: Final = 5.0

_searches = asyncio.Semaphore(_AT_ONCE_MAX)


@asynccontextmanager
async def _one_of_few() -> AsyncIterator[None]:
    """Wait until a search may start, so that many searches delay only each other; ``Unavailable`` after ``_WAIT_S``."""
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
            raise NotFound("chat_id")
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
