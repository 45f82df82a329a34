"""What one person may do in a day: chats, groups, strangers, files. A refusal says how long it lasts and leaves nothing."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from core.settings import Settings
from tests.support.clients import ChatUsers, Person
from tests.support.running import RunningServer, run_server

LIMITS = {
    "limits_private_chats_per_day": 4,
    "limits_groups_per_day": 4,
    "limits_strangers_added_per_day": 6,
    "limits_files_per_day": 6,
    "limits_file_bytes_per_day": 20_000,
    "limits_files_stored": 5,
    "limits_first_day_percent": 50,
}


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[RunningServer]:
    async with run_server(settings.model_copy(update=LIMITS)) as running:
        yield running


@pytest.fixture
async def small_chat_users(server: RunningServer) -> AsyncIterator[ChatUsers]:
    chat_users = ChatUsers(server.address)
    yield chat_users
    await chat_users.close()


async def run_sql(server: RunningServer, sql: str) -> Any:
    assert server.settings.database_url is not None
    connection = await asyncpg.connect(server.settings.database_url.get_secret_value())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def act(person: Person, name: str, **payload: Any) -> httpx.Response:
    return await person.http.post(f"/v1/actions/{name}", json=payload, headers=person.headers)


async def upload(person: Person, size: int) -> httpx.Response:
    return await person.http.post("/v1/files", files={"file": ("a.bin", b"x" * size)}, headers=person.headers)


def assert_limited(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited"), answer.text
    assert 1 <= answer.json()["retry_after"] <= 86_400


async def test_new_account_opens_a_share_of_private_chats(small_chat_users: ChatUsers, server: RunningServer) -> None:
    anna, *others = [await small_chat_users.register() for _ in range(6)]
    for other in others[:2]:
        assert (await act(anna, "chat:create_private", user_id=other.id)).status_code == 200
    assert_limited(await act(anna, "chat:create_private", user_id=others[2].id))
    assert (await act(anna, "chat:create_private", user_id=others[0].id)).status_code == 200, "it is there already"
    assert await run_sql(server, "SELECT count(*) FROM chats") == 2
    await run_sql(server, "UPDATE users SET created_at = created_at - interval '1 day'")
    assert (await act(anna, "chat:create_private", user_id=others[2].id)).status_code == 200
    assert (await act(anna, "chat:create_private", user_id=others[3].id)).status_code == 200
    assert_limited(await act(anna, "chat:create_private", user_id=others[4].id))
    await run_sql(server, "UPDATE daily_budgets SET day = day - 1")
    assert (await act(anna, "chat:create_private", user_id=others[4].id)).status_code == 200


async def test_groups_and_strangers_have_their_budgets(small_chat_users: ChatUsers, server: RunningServer) -> None:
    anna, *others = [await small_chat_users.register() for _ in range(6)]
    ids = [other.id for other in others]
    made = await act(anna, "chat:create_group", title="one", member_ids=ids[:2])
    assert made.status_code == 200
    assert_limited(await act(anna, "chat:create_group", title="two", member_ids=ids[2:5]))
    assert (await act(anna, "chat:create_group", title="three", member_ids=ids[:2])).status_code == 200, "no strangers"
    assert_limited(await act(anna, "chat:create_group", title="four"))
    chat_id = made.json()["chat"]["id"]
    assert_limited(await act(anna, "member:add", chat_id=chat_id, user_ids=ids[2:4]))
    assert (await act(anna, "member:add", chat_id=chat_id, user_ids=ids[2:3])).status_code == 200
    assert await run_sql(server, "SELECT count(*) FROM chats") == 2


async def test_files_are_counted_by_number_and_bytes_and_in_all(small_chat_users: ChatUsers, server: RunningServer) -> None:
    anna = await small_chat_users.register()
    assert_limited(await upload(anna, 11_000))
    assert (await upload(anna, 0)).status_code == 422, "what was reserved for it is given back"
    for _ in range(3):
        assert (await upload(anna, 1)).status_code == 201
    assert_limited(await upload(anna, 1))
    assert await run_sql(server, "SELECT used FROM daily_budgets WHERE kind = 'file_bytes'") == 3
    await run_sql(server, "UPDATE users SET created_at = created_at - interval '1 day'")
    for _ in range(2):
        assert (await upload(anna, 1)).status_code == 201
    answer = await upload(anna, 1)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
