"""What the lists cost: a fixed number of statements, each by an index, in a database of a size at which it matters.

The statements are the registered ones, planned as PostgreSQL plans them for given values and as it does once it has
decided on one plan for all values.
"""

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import md5
from typing import Any
from unittest.mock import AsyncMock, Mock

import asyncpg
import orjson
import pytest

import realtime.actions  # noqa: F401  (declares every statement)
from db.connection_watch import ConnectionWatch
from db.pool import Tx, _prepare_connection
from db.query import STATEMENTS
from realtime.messages.search_walk import WALKED_MAX, Place, Wanted, find_page
from tests.conftest import named
from tests.support.clients import ChatUsers, Client

pytestmark = pytest.mark.slow

MESSAGES = 1_000_000
CHATS = 60_000
MINE = 2_000
PEOPLE = 30_000

_FILL = f"""
    SET session_replication_role = replica;  -- what is generated here refers to what is there
    SET maintenance_work_mem = '256MB';
    ALTER TABLE likes DROP CONSTRAINT likes_message_fk;
    ALTER TABLE reactions DROP CONSTRAINT reactions_message_fk;
    ALTER TABLE messages SET UNLOGGED;
    DROP INDEX messages_search_idx, messages_version_idx;
    ALTER TABLE messages DROP CONSTRAINT messages_pkey, DROP CONSTRAINT messages_client_id_key;

    INSERT INTO users (id, phone, display_name)
    SELECT md5('u' || n)::uuid, '+' || n, 'Somebody' FROM generate_series(1, {PEOPLE}) n;
    INSERT INTO login_sessions (id, user_id, refresh_seed, refresh_hash, expires_at)
    SELECT md5('s' || n)::uuid, md5('u' || n)::uuid, 'seed', 'hash', now() + interval '1 day'
      FROM generate_series(1, {PEOPLE}) n;
    INSERT INTO chats (id, type, creator_id, member_count, message_count, version)
    SELECT md5('c' || n)::uuid, CASE n % 2 WHEN 0 THEN 'group' ELSE 'private' END, md5('u' || 1 + n % {PEOPLE})::uuid,
           2, 1, 2
      FROM generate_series(1, {CHATS}) n;
    INSERT INTO members (chat_id, user_id)
    SELECT md5('c' || n)::uuid,
           md5('u' || CASE WHEN k = 0 AND n <= {MINE} THEN 1 ELSE 2 + (n + k) % ({PEOPLE} - 2) END)::uuid
      FROM generate_series(1, {CHATS}) n, generate_series(0, 1) k;
    INSERT INTO messages (chat_id, seq, sender_id, type, content, version, created_at)
    SELECT md5('c' || n)::uuid, 1, md5('u1')::uuid, 'text', '{{"text": "hello there"}}', 2, now()
      FROM generate_series(2, {CHATS}) n;
    INSERT INTO messages (chat_id, seq, sender_id, type, content, version, created_at)
    SELECT md5('c1')::uuid, n, md5('u1')::uuid, 'text', jsonb_build_object('text', 'word' || n % 5000), n + 1, now()
      FROM generate_series(1, {MESSAGES}) n;
    UPDATE chats SET message_count = {MESSAGES}, version = {MESSAGES} + 1 WHERE id = md5('c1')::uuid;
    INSERT INTO likes (chat_id, seq, user_id)
    SELECT md5('c1')::uuid, n, md5('u' || k)::uuid FROM generate_series(1, 5000) n, generate_series(1, 10) k;
    INSERT INTO reactions (chat_id, seq, user_id, emoji)
    SELECT chat_id, seq, user_id, '🎉' FROM likes;
    INSERT INTO blocks (user_id, blocked_id)
    SELECT md5('u' || n)::uuid, md5('u' || n + 1)::uuid FROM generate_series(1, {PEOPLE}) n;
    UPDATE chats SET deleted_at = now() WHERE id = md5('c{CHATS}')::uuid;
"""
_BUILD = """
    ALTER TABLE messages ADD CONSTRAINT messages_pkey PRIMARY KEY (chat_id, seq);
    ALTER TABLE messages ADD CONSTRAINT messages_client_id_key UNIQUE (sender_id, client_id, chat_id);
    {indexes}
    ANALYZE;
"""


def id_of(name: str) -> str:
    return str(uuid.UUID(md5(name.encode()).hexdigest()))


ME, CHAT = id_of("u1"), id_of("c1")
LATE = "2100-01-01T00:00:00.000Z"
WANTED: list[Any] = [None, None, "'word77':*", None, None]
IN_CHAT: list[Any] = [CHAT, None, "'word77':*", None, None]


@dataclass(frozen=True)
class Case:
    """A statement with values; the index it must use, and whether it may sort what it found."""

    statement: str
    arguments: list[Any]
    index: str
    sorts: bool = False


CASES = [
    Case("chats.list_chats", [ME, None, None, None, None, False, 51], "members_user_idx", sorts=True),
    Case("chats.list_chats", [ME, 32767, LATE, CHAT, "group", False, 51], "members_user_idx", sorts=True),
    Case("chats.find_chat", [CHAT, ME], "chats_pkey"),
    Case("chats.find_chats", [ME, [id_of(f"c{n}") for n in range(1, 101)]], "chats_pkey"),
    Case("sync.list_changed", [ME, 1, None, None, 101], "members_user_idx", sorts=True),
    Case("chats.list_memberships", [ME], "members_user_idx"),
    Case("messages.list_before", [CHAT, ME, 700_000, 51], "messages_pkey"),
    Case("messages.list_after", [CHAT, ME, 700_000, 51], "messages_pkey"),
    Case("messages.list_changes", [CHAT, ME, 700_000, 101], "messages_version_idx"),
    Case("messages.find_message", [CHAT, ME, 700_000], "messages_pkey"),
    Case("messages.find_chat_of_send", [ME, id_of("client")], "messages_client_id_key"),
    Case("search.list_heads", [ME, None, None, None, None, None, 512], "members_user_idx", sorts=True),
    Case("search.list_heads", [ME, CHAT, LATE, CHAT, 9, LATE, 512], "members_user_idx", sorts=True),
    Case("search.walk", [ME, [CHAT], [700_000], "'word'", None, None, [256]], "messages_pkey", sorts=True),
    Case("search.find_in_all", [ME, *WANTED, None, None, None, 51, 5001], "messages_search_idx", sorts=True),
    Case("search.find_in_chat", [ME, *IN_CHAT, LATE, CHAT, 9, 51, 5001], "messages_search_idx", sorts=True),
    Case("search.list_found", [ME, [CHAT], [7]], "messages_pkey", sorts=True),
    Case("messages.sweep_messages", [1000], "chats_deleted_idx"),
    Case("members.list_readers", [CHAT, ME, 7, None, None, 51], "members_present_idx"),
    Case("members.list_members", [CHAT, ME, None, None, 51], "members_present_idx"),
    Case("reactions.list_reactions", [CHAT, 7, ME, None, None, None, 51], "reactions_order_idx"),
    Case("likes.list_likers", [CHAT, 7, ME, None, None, 51], "likes_order_idx"),
    Case("unread.find_unread", [ME], "members_user_idx"),
    Case("unread.find_unread", [ME], "messages_mentions_idx"),
    Case("users.list_people", [[id_of(f"u{n}") for n in range(1, 51)], ME, [CHAT]], "users_pkey"),
    Case("sessions.list_admissions", [[id_of("s1")]], "members_user_idx"),
    Case("blocks.list_estranged", [ME, CHAT], "blocks_blocked_idx", sorts=True),
    Case("blocks.list_all_estranged", [ME], "blocks_blocked_idx", sorts=True),
    Case("blocks.find_barrier", [ME, id_of("u2")], "users_pkey"),
    Case("users.find_user_for", [id_of("u2"), ME], "members_user_idx"),
    Case("users.list_users_for", [[id_of(f"u{n}") for n in range(1, 101)], ME], "members_user_idx", sorts=True),
    Case("presence.list_watchable", [ME, [id_of(f"u{n}") for n in range(2, 101)]], "members_user_idx", sorts=True),
    Case("members.list_candidates", [[id_of(f"u{n}") for n in range(2, 101)], ME], "users_pkey", sorts=True),
    Case("members.move_read_mark", [CHAT, ME, 7], "blocks_blocked_idx", sorts=True),
]


@pytest.fixture(scope="module")
async def big(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A database with a chat of a million messages and somebody who is in two thousand chats."""
    async with closing(await asyncpg.connect(postgres_url)) as server:
        await server.execute("CREATE DATABASE big TEMPLATE molva_template")
        async with closing(await asyncpg.connect(named(postgres_url, "big"))) as connection:
            indexes = await connection.fetch(
                "SELECT indexdef FROM pg_indexes WHERE indexname IN ('messages_search_idx', 'messages_version_idx')"
            )
            await connection.execute(_FILL)
            await connection.execute(_BUILD.format(indexes=";".join(row["indexdef"] for row in indexes) + ";"))
            yield connection
        await server.execute("DROP DATABASE big")


@asynccontextmanager
async def closing(connection: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    try:
        yield connection
    finally:
        await connection.close()


async def plan_of(connection: asyncpg.Connection, case: Case, mode: str) -> list[dict[str, Any]]:
    """Every node of the plan."""
    sql = STATEMENTS[case.statement].sql
    await connection.execute(f"SET plan_cache_mode = {mode}")
    types = [parameter.name for parameter in (await connection.prepare(sql)).get_parameters()]
    values = ", ".join(_literal(value, kind) for value, kind in zip(case.arguments, types, strict=True))
    await connection.execute(f"PREPARE tried AS {sql}")
    found = orjson.loads(await connection.fetchval(f"EXPLAIN (FORMAT json) EXECUTE tried ({values})"))
    await connection.execute("DEALLOCATE tried")
    nodes, queue = [], [found[0]["Plan"]]
    while queue:
        node = queue.pop()
        nodes.append(node)
        queue += node.get("Plans", ())
    return nodes


def _literal(value: Any, kind: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        value = "{" + ",".join(map(str, value)) + "}"
    quoted = str(value).replace("'", "''")
    return f"'{quoted}'::{kind}"


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("case", CASES, ids=[case.statement for case in CASES])
async def test_statement_goes_by_an_index(big: asyncpg.Connection, case: Case, mode: str):
    nodes = await plan_of(big, case, mode)
    scanned = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
    assert not scanned, f"reads the whole of {scanned}"
    assert case.index in {node.get("Index Name") for node in nodes}
    assert case.sorts or not [node for node in nodes if "Sort" in node["Node Type"]], "sorts what it found"


async def test_batch_of_messages_reads_no_table_whole(big: asyncpg.Connection):
    await _prepare_connection(big)
    whole = "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE seq_scan > 0"
    senders = ["u1", "u2"] * 50
    batch = [
        [id_of("c1")] * len(senders),
        [id_of(sender) for sender in senders],
        [str(uuid.uuid4()) for _ in senders],
        [b"hash"] * len(senders),
        ["text"] * len(senders),
        [{"text": "hello"}] * len(senders),
        [None] * len(senders),
        ["{}"] * len(senders),
        [{"order": 7}] * len(senders),
        [None] * len(senders),
    ]
    async with big.transaction():
        outcomes = await big.fetch(STATEMENTS["messages.send_messages"].sql, *batch)
        assert {row["outcome"] for row in outcomes} == {"sent", "not_found"}
        assert await big.fetch(whole) == []


@pytest.mark.parametrize("chat_id", [None, CHAT], ids=["all chats", "one chat"])
@pytest.mark.parametrize("term", ["'word':*", "'hello'", "'word77'", "'nobody'"])
async def test_page_of_search_has_bounded_work(
    big: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, chat_id: str | None, term: str
):
    """Whether the word is in a million messages, in every chat, rare or nowhere; on the first page and on later ones."""
    walked: list[int] = []
    taken: list[str] = []
    fetch = Tx.fetch

    async def counted(tx: Tx, name: str, sql: str, arguments: Any) -> Any:
        taken.append(name)
        rows = await fetch(tx, name, sql, arguments)
        if name == "search.walk":
            walked.append(len(rows))
        return rows

    monkeypatch.setattr(Tx, "fetch", counted)
    await _prepare_connection(big)
    tx = Tx(big, 10.0, ConnectionWatch(AsyncMock(), Mock()))
    start: Place | None = None
    for _ in range(3):
        walked.clear()
        taken.clear()
        async with big.transaction():
            page = await find_page(tx, Wanted(ME, chat_id, term, None, None, None, start, 50))
        assert sum(walked) <= WALKED_MAX + 256
        assert len(taken) <= 24
        assert start is None or page.next_start is None or page.next_start < start
        start = page.next_start
        if start is None:
            break


@pytest.mark.parametrize(
    ("statement", "arguments", "buffers"),
    [
        ("search.list_heads", [ME, None, None, None, None, None, 512], 20_000),
        ("search.list_heads", [ME, CHAT, LATE, CHAT, 500_000, None, 512], 5_000),
        ("search.walk", [ME, [CHAT], [900_000], "'word'", None, None, [256]], 1_000),
    ],
)
async def test_statement_of_search_reads_few_pages(
    big: asyncpg.Connection, statement: str, arguments: list[Any], buffers: int
):
    sql = STATEMENTS[statement].sql
    types = [parameter.name for parameter in (await big.prepare(sql)).get_parameters()]
    await big.execute(f"PREPARE tried AS {sql}")
    values = ", ".join(_literal(value, kind) for value, kind in zip(arguments, types, strict=True))
    found = await big.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) EXECUTE tried ({values})")
    await big.execute("DEALLOCATE tried")
    plan = (orjson.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= buffers


# --- how many


@pytest.fixture
def statement_counts(caplog: pytest.LogCaptureFixture) -> Any:
    """How many statements each action took, in the order of the actions."""
    caplog.set_level(logging.INFO, logger="molva.action")
    return lambda: [record.sql_count for record in caplog.records if record.message == "action"]  # type: ignore[attr-defined]


async def fill(anna: Client, boris_id: str, count: int) -> str:
    """So many chats, and as many messages, likes and members in the last."""
    for number in range(count):
        chat = (await anna.send("chat:create_group", title=f"G{number}", member_ids=[boris_id]))["chat"]
        await anna.say(chat["id"], f"word {number}")
    for number in range(count):
        await anna.say(chat["id"], f"word {number}")
    chat_id: str = chat["id"]
    return chat_id


LISTS: list[tuple[str, dict[str, Any], int]] = [
    ("chat:list", {}, 3),
    ("session:sync", {}, 4),
    ("member:list", {"chat_id": "…"}, 2),
    ("message:list", {"chat_id": "…"}, 3),
    ("message:list", {"chat_id": "…", "around": 2}, 4),
    ("message:changes", {"chat_id": "…", "version": 0}, 3),
    ("message:likes", {"chat_id": "…", "seq": 1}, 2),
    ("message:readers", {"chat_id": "…", "seq": 1}, 2),
    ("message:search", {"query": "word"}, 7),
    ("message:search", {"query": "word", "chat_id": "…"}, 8),
    ("user:blocked", {}, 1),
]


@pytest.mark.parametrize("size", [1, 12])
async def test_list_takes_as_many_statements_for_many_as_for_one(chat_users: ChatUsers, statement_counts: Any, size: int):
    boris = await chat_users.register()
    anna = await (await chat_users.register()).connect()
    chat_id = await fill(anna, boris.id, size)
    for action, payload, _ in LISTS:
        await anna.send(action, **{**payload, **({"chat_id": chat_id} if "chat_id" in payload else {})})
    taken = statement_counts()[-len(LISTS) :]
    assert list(zip(LISTS, taken, strict=True)) == [((*row,), row[2]) for row in LISTS]
