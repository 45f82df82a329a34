"""Finding messages by their words: the statements of ``message:search``, each of bounded work.

Two ways lead to the same messages. The *walk* reads the person's chats from new to old and looks at the words of each
message: cheap for common words. The *index* finds all messages that have the words, and sorts them: cheap for rare words.
``realtime/messages/search_walk.py`` chooses.

What must stay true: every statement checks what the person may see (member now, ``seq >= first_seq``), because
somebody may be removed between two of them. A place is ``(created_at, chat_id, seq)``; the times of a chat rise with seq.
"""

from dataclasses import dataclass
from typing import Final

from db.messages import MessageRow, message_columns
from db.pool import Tx
from db.query import query


@dataclass(frozen=True, slots=True)
class TermsRow:
    """What to look for, as the text of two tsqueries: all of the words (null: nothing to look for), any of them."""

    every: str | None
    any: str | None


@dataclass(frozen=True, slots=True)
class HeadRow:
    """What of a chat was not looked at yet: the messages below ``seq``, none of them newer than ``created_at``."""

    created_at: str
    chat_id: str
    seq: int
    first_seq: int


@dataclass(frozen=True, slots=True)
class WalkedRow:
    """A message that was looked at."""

    created_at: str
    chat_id: str
    seq: int
    matches: bool


@dataclass(frozen=True, slots=True)
class IndexedRow:
    """A message that the index found; nulls if there is none. ``found``: how many there are for anybody."""

    found: int
    created_at: str | None
    chat_id: str | None
    seq: int | None


# Whether a message is one of those asked for. $5: the sender; $6: the types; $4: the words, which come last, because they
# cost a hundred times as much as the rest.
_MATCHES: Final = (
    "(m.deleted_at IS NULL AND m.type <> 'system' AND ($5::uuid IS NULL OR m.sender_id = $5)"
    " AND ($6::text[] IS NULL OR m.type = ANY ($6)) AND words_of(m.content) @@ $4::text::tsquery)"
)


@query("""
    -- How long each statement of this transaction may take, in milliseconds.
    SELECT set_config('statement_timeout', $1, true)
""")
async def limit_statements(tx: Tx, milliseconds: str) -> str: ...


@query("""
    -- The words $1 in any form, the word $2 (or what begins with $3, which is $2 or null) and the emoji $4, as tsqueries.
    -- A word that says nothing (и, the) is an empty tsquery, which && and || leave out.
    WITH term AS (
        SELECT to_tsquery('russian', word) AS term FROM unnest($1::text[]) word
        UNION ALL
        SELECT CASE WHEN $3::text IS NOT NULL
                    THEN to_tsquery('russian', $2) || to_tsquery('russian', $3 || ':*') || to_tsquery('simple', $3 || ':*')
                    ELSE to_tsquery('russian', $2) || to_tsquery('simple', $2) END
         WHERE $2::text IS NOT NULL
        UNION ALL
        SELECT quote_literal(emoji)::tsquery FROM unnest($4::text[]) emoji
    )
    SELECT string_agg('(' || term::text || ')', ' & ') AS every, string_agg('(' || term::text || ')', ' | ') AS any
      FROM term WHERE numnode(term) > 0
""")
async def find_terms(tx: Tx, words: list[str], last: str | None, beginning: str | None, emoji: list[str]) -> TermsRow: ...


@query("""
    -- Where to begin below the place ($3, $4, $5) in each of the person's chats, or in $2: the newest $7 that may have a
    -- message not older than $6. A chat whose id is above $4 begins before the time $3 (times have milliseconds).
    SELECT head.created_at, me.chat_id, head.seq, me.first_seq
      FROM members me
     CROSS JOIN LATERAL (  -- LIMIT: each by its key, whatever the planner thinks of reading the whole table
        SELECT chats.* FROM chats WHERE chats.id = me.chat_id AND chats.deleted_at IS NULL LIMIT 1
     ) c
     CROSS JOIN LATERAL (
        SELECT $3::timestamptz - CASE WHEN me.chat_id > $4::uuid THEN interval '1 ms' ELSE interval '0' END AS newest
     ) until
     CROSS JOIN LATERAL (
        SELECT c.updated_at AS created_at, least(c.message_count + 1, CASE WHEN c.id = $4 THEN $5::bigint END) AS seq
         WHERE until.newest IS NULL OR c.updated_at <= until.newest
        UNION ALL
        SELECT m.created_at, least(m.seq + 1, CASE WHEN c.id = $4 THEN $5 END)
          FROM messages m
         WHERE c.updated_at > until.newest AND m.chat_id = c.id
           AND m.seq = newest_seq_until(c.id, until.newest, c.message_count)
     ) head
     WHERE me.user_id = $1 AND me.left_at IS NULL AND ($2::uuid IS NULL OR me.chat_id = $2)
       AND head.seq > me.first_seq AND ($6::timestamptz IS NULL OR head.created_at >= $6)
     ORDER BY head.created_at DESC, me.chat_id DESC
     LIMIT $7
""")
async def list_heads(
    tx: Tx,
    user_id: str,
    chat_id: str | None,
    start_time: str | None,
    start_chat_id: str | None,
    start_seq: int | None,
    since: str | None,
    limit: int,
) -> list[HeadRow]: ...


@query(f"""
    -- Of each of the chats $2 the next messages below the seqs $3, as many as $7 says, newest first.
    SELECT m.created_at, m.chat_id, m.seq, {_MATCHES} AS matches
      FROM unnest($2::uuid[], $3::bigint[], $7::bigint[]) AS head (chat_id, seq, most)
     CROSS JOIN LATERAL (  -- LIMIT: by its key, whatever the planner thinks of reading all memberships of the person
        SELECT members.first_seq FROM members
         WHERE members.chat_id = head.chat_id AND members.user_id = $1 AND members.left_at IS NULL LIMIT 1
     ) me
     CROSS JOIN LATERAL (
        SELECT m.* FROM messages m
         WHERE m.chat_id = head.chat_id AND m.seq < head.seq AND m.seq >= me.first_seq
         ORDER BY m.seq DESC LIMIT head.most
     ) m
     ORDER BY m.chat_id, m.seq DESC
""")
async def walk(
    tx: Tx,
    user_id: str,
    chat_ids: list[str],
    below: list[int],
    every: str,
    sender_id: str | None,
    types: list[str] | None,
    most: list[int],
) -> list[WalkedRow]: ...


_FOUND: Final = f"""
    WITH found AS MATERIALIZED (
        SELECT m.chat_id, m.seq, m.created_at FROM messages m
         WHERE m.deleted_at IS NULL AND m.type <> 'system' AND words_of(m.content) @@ $4::text::tsquery AND $CHAT
         LIMIT $11
    ), page AS (
        SELECT m.created_at, m.chat_id, m.seq
          FROM found
          JOIN members me ON me.chat_id = found.chat_id AND me.user_id = $1 AND me.left_at IS NULL
          JOIN messages m ON m.chat_id = found.chat_id AND m.seq = found.seq
         WHERE m.seq >= me.first_seq AND {_MATCHES.rpartition(" AND ")[0]})
           AND ($3::timestamptz IS NULL OR m.created_at >= $3)
           AND ($7::timestamptz IS NULL OR (m.created_at, m.chat_id, m.seq) < ($7, $8::uuid, $9::bigint))
         ORDER BY m.created_at DESC, m.chat_id DESC, m.seq DESC
         LIMIT $10
    )
    SELECT counted.found, page.created_at, page.chat_id, page.seq
      FROM (SELECT count(*) AS found FROM found) counted LEFT JOIN page ON true
     ORDER BY page.created_at DESC, page.chat_id DESC, page.seq DESC
"""


@query(f"""
    -- What the index has for the words, in the person's chats, newest first. At most $11 of all are looked at.
    {_FOUND.replace("$CHAT", "$2::uuid IS NULL")}
""")
async def find_in_all(
    tx: Tx,
    user_id: str,
    chat_id: str | None,
    since: str | None,
    every: str,
    sender_id: str | None,
    types: list[str] | None,
    before_time: str | None,
    before_chat_id: str | None,
    before_seq: int | None,
    limit: int,
    found_max: int,
) -> list[IndexedRow]: ...


@query(f"""
    -- What the index has for the words in chat $2, newest first. At most $11 are looked at.
    {_FOUND.replace("$CHAT", "m.chat_id = $2::uuid")}
""")
async def find_in_chat(
    tx: Tx,
    user_id: str,
    chat_id: str | None,
    since: str | None,
    every: str,
    sender_id: str | None,
    types: list[str] | None,
    before_time: str | None,
    before_chat_id: str | None,
    before_seq: int | None,
    limit: int,
    found_max: int,
) -> list[IndexedRow]: ...


@query(f"""
    -- The messages at these places that the person may see, newest first.
    SELECT {message_columns("m", "$1")}
      FROM unnest($2::uuid[], $3::bigint[]) AS place (chat_id, seq)
      JOIN members me ON me.chat_id = place.chat_id AND me.user_id = $1 AND me.left_at IS NULL
      JOIN messages m ON m.chat_id = place.chat_id AND m.seq = place.seq AND m.seq >= me.first_seq
     WHERE m.deleted_at IS NULL
     ORDER BY m.created_at DESC, m.chat_id DESC, m.seq DESC
""")
async def list_found(tx: Tx, user_id: str, chat_ids: list[str], seqs: list[int]) -> list[MessageRow]: ...


@query("""
    -- Which of the words $1 are one of those in the tsquery $2.
    SELECT word FROM unnest($1::text[]) word
     WHERE (to_tsvector('russian', word) || to_tsvector('simple', word)) @@ $2::text::tsquery
""")
async def list_matching_words(tx: Tx, words: list[str], terms: str) -> list[str]: ...
