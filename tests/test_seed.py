"""``molva seed``: what it makes is consistent, as if everything had been sent."""

import asyncio
import json

import asyncpg
import pytest

import seeding
from core.errors import StartupError
from core.settings import Settings
from core.tokens import AccessTokens
from seeding import Plan


async def rows(url: str, sql: str) -> list[tuple]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


_WRONG = {
    "message_count is the newest seq": """
        SELECT c.id FROM chats c LEFT JOIN messages m ON m.chat_id = c.id
         GROUP BY c.id HAVING count(m.seq) <> c.message_count OR coalesce(max(m.seq), 0) <> c.message_count""",
    "the chat's version is that of its newest change": """
        SELECT c.id FROM chats c JOIN messages m ON m.chat_id = c.id GROUP BY c.id HAVING max(m.version) <> c.version""",
    "versions rise with seq": """
        SELECT chat_id FROM (SELECT chat_id, version - lag(version) OVER (PARTITION BY chat_id ORDER BY seq) AS step
                               FROM messages) steps WHERE step <> 1""",
    "member_count is right": """
        SELECT c.id FROM chats c JOIN members m ON m.chat_id = c.id GROUP BY c.id HAVING count(*) <> c.member_count""",
    "nobody has read what is not there": """
        SELECT m.chat_id FROM members m JOIN chats c ON c.id = m.chat_id WHERE m.read_seq > c.message_count""",
    "senders are members": """
        SELECT s.chat_id FROM messages s LEFT JOIN members m ON m.chat_id = s.chat_id AND m.user_id = s.sender_id
         WHERE m.user_id IS NULL""",
    "a private chat has its pair": "SELECT id FROM chats WHERE (type = 'private') <> (direct_key IS NOT NULL)",
    "updated_at is that of the newest message": """
        SELECT c.id FROM chats c JOIN messages m ON m.chat_id = c.id
         GROUP BY c.id HAVING max(m.created_at) <> c.updated_at""",
}


@pytest.mark.parametrize("members", [2, 5])
async def test_seeded_chats_are_consistent(settings: Settings, members: int, tmp_path):
    tokens = tmp_path / "tokens.jsonl"
    plan = Plan(users=12, chats=20, members=members, messages=310)
    await asyncio.to_thread(seeding.seed, settings, plan, tokens)
    url = settings.database_url.get_secret_value()
    for rule, sql in _WRONG.items():
        assert await rows(url, sql) == [], rule
    assert (await rows(url, "SELECT count(*) FROM messages"))[0][0] == 310
    people = [json.loads(line) for line in tokens.read_text().splitlines()]
    assert len(people) == 12
    assert sum(len(person["chat_ids"]) for person in people) == 20 * members
    claims = AccessTokens(settings.signing_secret()).verify(people[0]["access_token"])
    assert claims.user_id == people[0]["user_id"]
    assert tokens.stat().st_mode & 0o077 == 0


async def test_seeding_adds_to_what_is_there(settings: Settings, capsys):
    for _ in range(2):
        await asyncio.to_thread(seeding.seed, settings, Plan(users=5, chats=3, members=2, messages=10), None)
    url = settings.database_url.get_secret_value()
    assert await rows(url, "SELECT count(*), count(DISTINCT phone) FROM users") == [(10, 10)]
    assert len(capsys.readouterr().out.splitlines()) == 10


@pytest.mark.parametrize(
    "plan",
    [Plan(users=2, chats=1, members=3, messages=0), Plan(users=3, chats=4, members=2, messages=0)],
    ids=["too few people", "too few pairs"],
)
def test_impossible_plan_is_refused_with_a_sentence(settings: Settings, plan: Plan):
    with pytest.raises(StartupError):
        seeding.seed(settings, plan, None)
