"""``molva seed``: what it makes is consistent, as if everything had been sent."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import phonenumbers
import pytest

from commands import seed as seeding
from commands.seeding import loading
from commands.seeding.plan import Plan
from core.errors import StartupError
from core.settings import Settings
from core.tokens import AccessTokens
from realtime import actions  # noqa: F401  (declares every action)
from realtime.documents.examples import build_examples
from realtime.wire.fields import PHONE
from realtime.wire.registry import ACTIONS
from tests.support.clients import ChatUsers, Client, new_client_id
from tests.support.running import run_server

pytestmark = pytest.mark.slow


async def rows(settings: Settings, sql: str) -> list[tuple]:
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def seed(settings: Settings, plan: Plan, folder: Path) -> list[dict]:
    """Seed, and read what was written about the people."""
    tokens = folder / "tokens.jsonl"
    await asyncio.to_thread(seeding.seed, settings, plan, tokens)
    return [json.loads(line) for line in tokens.read_text().splitlines()]


_WRONG = {
    "seq has no gaps and message_count is the newest": """
        SELECT c.id FROM chats c LEFT JOIN messages m ON m.chat_id = c.id GROUP BY c.id
        HAVING count(m.seq) <> c.message_count OR coalesce(max(m.seq), 0) <> c.message_count OR min(m.seq) > 1""",
    "a private chat has version 1 before its first message, a group with it": """
        SELECT id FROM chats WHERE version <> message_count + CASE type WHEN 'private' THEN 1 ELSE 0 END""",
    "the chat's version is that of its newest message": """
        SELECT c.id FROM chats c JOIN messages m ON m.chat_id = c.id GROUP BY c.id HAVING max(m.version) <> c.version""",
    "versions rise by one and times rise with seq": """
        SELECT chat_id FROM (SELECT chat_id, version - lag(version) OVER w AS step,
                                    created_at - lag(created_at) OVER w AS wait
                               FROM messages WINDOW w AS (PARTITION BY chat_id ORDER BY seq)) steps
         WHERE step <> 1 OR wait <= interval '0'""",
    "member_count is right": """
        SELECT c.id FROM chats c LEFT JOIN members m ON m.chat_id = c.id
         GROUP BY c.id HAVING count(m.user_id) <> c.member_count""",
    "everybody sees everything and has read no more than there is": """
        SELECT m.chat_id FROM members m JOIN chats c ON c.id = m.chat_id
         WHERE m.first_seq <> 1 OR m.read_seq NOT BETWEEN 0 AND c.message_count OR m.left_at IS NOT NULL""",
    "everybody has read what they said themselves": """
        SELECT m.chat_id FROM members m JOIN messages s ON s.chat_id = m.chat_id AND s.sender_id = m.user_id
         WHERE m.read_seq < s.seq""",
    "senders and creators are members": """
        SELECT chat_id
          FROM (SELECT chat_id, sender_id FROM messages UNION SELECT id, creator_id FROM chats) p (chat_id, user_id)
          LEFT JOIN members m USING (chat_id, user_id) WHERE m.user_id IS NULL""",
    "a private chat has its ordered pair": """
        SELECT c.id FROM chats c JOIN members m ON m.chat_id = c.id GROUP BY c.id
        HAVING c.direct_key IS DISTINCT FROM
               CASE c.type WHEN 'private' THEN string_agg(m.user_id::text, ':' ORDER BY m.user_id::text) END""",
    "a group begins with its creation, and nothing else is from the server": """
        SELECT c.id FROM chats c JOIN messages m ON m.chat_id = c.id
         WHERE (m.type = 'system') <> (c.type = 'group' AND m.seq = 1)
            OR m.type = 'system' AND (m.sender_id <> c.creator_id OR m.client_id IS NOT NULL OR m.content <>
               jsonb_build_object('event', 'group_created', 'title', c.title, 'user_id', c.creator_id))""",
    "updated_at is that of the newest message, or of the opening": """
        SELECT c.id FROM chats c LEFT JOIN messages m ON m.chat_id = c.id
         GROUP BY c.id HAVING coalesce(max(m.created_at), c.created_at) <> c.updated_at""",
    "nothing happened before it could, or in the future": """
        SELECT c.id FROM chats c JOIN members m ON m.chat_id = c.id JOIN users u ON u.id = m.user_id
          LEFT JOIN messages s ON s.chat_id = c.id
         WHERE c.created_at < u.created_at OR m.joined_at < c.created_at OR s.created_at < c.created_at
            OR c.updated_at > now()""",
    "no two chats ended at once": "SELECT updated_at FROM chats GROUP BY updated_at HAVING count(*) > 1",
    "texts are sentences": """
        SELECT content FROM messages WHERE type = 'text' AND length(content ->> 'text') NOT BETWEEN 20 AND 200""",
}


@pytest.mark.parametrize("batch_rows", [20_000, 7], ids=["one batch", "chats longer than a batch"])
@pytest.mark.parametrize("members", [2, 5])
async def test_seeded_chats_are_consistent(settings, members, batch_rows, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "_BATCH_ROWS", batch_rows)
    people = await seed(settings, Plan(users=12, chats=20, members=members, messages=310), tmp_path)
    for rule, sql in _WRONG.items():
        assert await rows(settings, sql) == [], rule
    assert await rows(settings, "SELECT count(*), min(message_count), max(message_count) FROM chats") == [(20, 15, 16)]
    assert await rows(settings, "SELECT count(*) FROM messages") == [(310,)]
    members_of = await rows(settings, "SELECT user_id::text, chat_id::text FROM members")
    assert sorted(members_of) == sorted((person["user_id"], chat) for person in people for chat in person["chat_ids"])


@pytest.mark.parametrize("members", [2, 3])
async def test_chats_without_messages_are_consistent(settings, members, tmp_path):
    await seed(settings, Plan(users=4, chats=3, members=members, messages=0), tmp_path)
    for rule, sql in _WRONG.items():
        assert await rows(settings, sql) == [], rule


async def test_seeded_people_can_use_the_product(settings, tmp_path):
    people = await seed(settings, Plan(users=2, chats=1, members=2, messages=40), tmp_path)
    person = people[0]
    (chat_id,) = person["chat_ids"]
    claims = AccessTokens(settings.signing_secret()).verify(person["access_token"])
    assert claims.user_id == person["user_id"]
    async with run_server(settings) as server:
        client = await Client(server.address, person["access_token"]).connect()
        (chat,) = (await client.send("chat:list"))["chats"]
        assert (chat["id"], chat["message_count"], chat["peer"]["id"]) == (chat_id, 40, people[1]["user_id"])
        word = chat["last_message"]["content"]["text"].split()[-1].strip(".!?")
        found = (await client.send("message:search", query=word))["messages"]
        assert chat["last_message"]["seq"] in [message["seq"] for message in found]
        assert (await client.say(chat_id, "The next one"))["seq"] == 41
        await client.close()


IRREVOCABLE = {"chat:delete", "chat:leave", "chat:transfer", "member:remove", "message:delete", "user:block"}
NEEDS_MORE = {
    "session:refresh",
    "file:url",
    "message:send image",
    "message:send video",
    "message:send audio",
    "message:send file",
}
"""A token of today, a file of one's own: no document can know them."""


def examples() -> Iterator[tuple[str, str, Any]]:
    """Action, what the example is called, the example."""
    for name, declared in ACTIONS.items():
        schema = declared.payload.model_json_schema()
        for label, example in build_examples(schema, schema.get("$defs", {})).items():
            if name not in NEEDS_MORE and f"{name} {label}" not in NEEDS_MORE:
                yield name, label, example


@pytest.mark.parametrize("is_registered", [False, True], ids=["seeded first", "registered first"])
@pytest.mark.parametrize("last", [None, *sorted(IRREVOCABLE)])
async def test_examples_of_the_documents_work_as_they_stand(settings, last, is_registered, tmp_path):
    async with run_server(settings) as server:
        chat_users = ChatUsers(server.address)
        anna = await chat_users.register(PHONE) if is_registered else None
        people = await seed(settings, Plan(users=2, chats=0, members=2, messages=0, examples=True), tmp_path)
        assert len(people) == 5
        anna = anna or await chat_users.register(PHONE)
        for name, label, example in examples():
            if name == last or (last is None and name not in IRREVOCABLE):
                new = {"client_id": new_client_id()} if "client_id" in example else {}
                answer = await anna.act(name, **(example | new))
                assert answer.status_code == 200, (name, label, answer.text)
        await chat_users.close()


async def test_examples_are_made_once(settings, tmp_path, capfd):
    plan = Plan(users=2, chats=1, members=2, messages=3, examples=True)
    assert len(await seed(settings, plan, tmp_path)) == 5
    assert len(await seed(settings, plan, tmp_path)) == 2
    assert "are there already" in capfd.readouterr().err
    for rule, sql in _WRONG.items():
        assert await rows(settings, sql) == [], rule


async def test_repeating_a_seeded_send_is_a_duplicate(settings, tmp_path):
    people = await seed(settings, Plan(users=2, chats=1, members=2, messages=20), tmp_path)
    token_of = {person["user_id"]: person["access_token"] for person in people}
    sql = "SELECT seq, sender_id::text, client_id::text, content ->> 'text' FROM messages WHERE seq = 7"
    ((seq, sender_id, client_id, text),) = await rows(settings, sql)
    async with run_server(settings) as server:
        client = await Client(server.address, token_of[sender_id]).connect()
        chat_id = people[0]["chat_ids"][0]
        again = {"chat_id": chat_id, "client_id": client_id, "type": "text", "content": {"text": text}}
        sent = await client.send("message:send", **again)
        assert (sent["duplicate"], sent["message"]["seq"]) == (True, seq)
        await client.close()


@pytest.mark.parametrize(
    ("users", "chats", "members"), [(10, 5, 2), (9, 36, 2), (10, 45, 2), (10, 7, 3), (11, 40, 4), (5, 9, 5)]
)
async def test_everybody_is_in_about_as_many_chats(settings, users, chats, members, tmp_path):
    people = await seed(settings, Plan(users=users, chats=chats, members=members, messages=0), tmp_path)
    counts = [len(person["chat_ids"]) for person in people]
    assert sum(counts) == chats * members
    assert max(counts) - min(counts) <= 2
    assert all(max(Counter(person["chat_ids"]).values()) == 1 for person in people if person["chat_ids"])


async def test_private_chats_pair_everybody_before_anybody_twice(settings, tmp_path):
    people = await seed(settings, Plan(users=20, chats=10, members=2, messages=0), tmp_path)
    assert [len(person["chat_ids"]) for person in people] == [1] * 20


async def test_seeding_adds_people_with_free_numbers(settings, tmp_path):
    first = await seed(settings, Plan(users=5, chats=3, members=2, messages=10), tmp_path)
    # Somebody who registered has a number in the midst of those to come.
    number = int(first[-1]["phone"]) + 2
    await rows(settings, f"INSERT INTO users (id, phone, display_name) VALUES (gen_random_uuid(), '+{number}', 'Anna')")
    second = await seed(settings, Plan(users=5, chats=3, members=2, messages=10), tmp_path)
    phones = [person["phone"] for person in first + second]
    assert len({*phones, f"+{number}"}) == 11
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones)
    assert await rows(settings, "SELECT count(*) FROM chats") == [(6,)]


async def test_tokens_are_for_their_owner_alone(settings, tmp_path):
    await seed(settings, Plan(users=1, chats=0, members=2, messages=0), tmp_path)
    assert (tmp_path / "tokens.jsonl").stat().st_mode & 0o077 == 0


async def test_without_a_file_the_people_go_to_standard_output(settings, capsys):
    await asyncio.to_thread(seeding.seed, settings, Plan(users=3, chats=2, members=2, messages=4))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(line) for line in lines] == [{"user_id", "phone", "access_token", "chat_ids"}] * 3


async def test_unwritable_file_is_refused_before_anything_is_made(settings, tmp_path):
    with pytest.raises(StartupError, match="cannot be written"):
        await seed(settings, Plan(users=3, chats=0, members=2, messages=0), tmp_path / "nowhere")
    assert await rows(settings, "SELECT count(*) FROM users") == [(0,)]


@pytest.mark.parametrize(
    "plan",
    [Plan(users=2, chats=1, members=3, messages=0), Plan(users=3, chats=4, members=2, messages=0)],
    ids=["too few people", "too few pairs"],
)
def test_impossible_plan_is_refused_with_a_sentence(settings, plan):
    with pytest.raises(StartupError):
        seeding.seed(settings, plan)
