"""``message:search``: finding messages by their words."""

from typing import Final

from core.errors import NotFound
from core.log_stages import said_if_long
from db import chats, search
from db.messages import MessageRow
from db.pool import Tx
from realtime.messages.payloads import SEARCH_CURSOR, MessageSearch, SearchPage
from realtime.messages.search_queue import SearchQueue
from realtime.messages.search_walk import Found, Place, Wanted, find_page
from realtime.messages.search_words import Query, candidates, distinct_words, text_of
from realtime.model.objects import MessageView
from realtime.model.people import find_people
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action

_HIGHLIGHT_WORDS_MAX: Final = 2000
"""Different words of one page that may be a match and are compared; each costs PostgreSQL about 10 µs."""
_LONG_SEARCH_S: Final = 1.0
"""A search that takes longer has a line of its own, before it ends."""
_LOWEST_ID: Final = "00000000-0000-0000-0000-000000000000"

_queue = SearchQueue()


@action("message:search", role=Role.USER, rate=Rate.LOOK_UP, finds=True)
async def search_messages(context: Context, payload: MessageSearch) -> SearchPage:
    """Search messages by words. The newest messages come first.

    Russian and English words are found in all their forms. The last word may be incomplete if it has two letters or more.
    Emoji count as words. Marks on letters make no difference: `zurich` finds `Zürich`. The search covers only messages that
    the caller may see. A page may be short or empty: continue until `next_cursor` is null.
    """
    query = Query.of(payload.query)
    with said_if_long("search goes on", after_s=_LONG_SEARCH_S, query_chars=len(payload.query)):
        return await _search(context, payload, query)


async def _search(context: Context, payload: MessageSearch, query: Query) -> SearchPage:
    async with _queue.turn(context.user_id), context.services.database.transaction() as tx:
        if payload.chat_id is not None and (await chats.find_membership(tx, payload.chat_id, context.user_id) is None):
            raise NotFound("chat_id")
        if query.is_empty:
            return _NOTHING
        terms = await search.find_terms(tx, query.words, query.last, query.beginning, query.emoji)
        if terms.every is None or terms.any is None:
            return _NOTHING
        found = await find_page(tx, _wanted(context.user_id, payload, terms.every))
        return await _page(tx, context.user_id, found, query, terms.any)


_NOTHING: Final = SearchPage(messages=[], users={}, highlights=[], next_cursor=None)


def _wanted(user_id: str, payload: MessageSearch, every: str) -> Wanted:
    starts: list[Place] = []
    if payload.cursor is not None:
        created_at, chat_id, seq = SEARCH_CURSOR.read(payload.cursor)
        starts.append((created_at, chat_id, seq))
    if payload.before is not None:
        starts.append((payload.before, _LOWEST_ID, 0))
    return Wanted(
        user_id=user_id,
        chat_id=payload.chat_id,
        every=every,
        sender_id=payload.sender_id,
        types=list(payload.types) if payload.types is not None else None,
        since=payload.after,
        start=min(starts, default=None),
        limit=payload.limit,
    )


async def _page(tx: Tx, user_id: str, found: Found, query: Query, terms: str) -> SearchPage:
    rows = await search.list_found(
        tx, user_id, [chat_id for _, chat_id, _ in found.places], [seq for _, _, seq in found.places]
    )
    page = [MessageView.model_validate(row) for row in rows]
    return SearchPage(
        messages=page,
        users=await find_people(tx, user_id, messages=page),
        highlights=await _highlights(tx, rows, query, terms),
        next_cursor=SEARCH_CURSOR.write(*found.next_start) if found.next_start else None,
    )


async def _highlights(tx: Tx, rows: list[MessageRow], query: Query, terms: str) -> list[list[tuple[int, int]]]:
    """For each message where its text has what was looked for. PostgreSQL decides, as it did in the search."""
    parts = [list(candidates(text_of(row.content), query)) for row in rows]
    words = distinct_words(parts, _HIGHLIGHT_WORDS_MAX)
    matching = {*await search.list_matching_words(tx, words, terms), *query.emoji}
    return [[(part.offset, part.length) for part in each if part.word in matching] for each in parts]
