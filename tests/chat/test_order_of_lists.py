"""Lists that go by time keep the order in which things happened, even when several happen in one millisecond.

In these tests the database's clock stands still, so everything happens in one millisecond.
"""

from collections.abc import AsyncIterator

import pytest

from core.settings import Settings
from tests.support.clients import ChatUsers, Client
from tests.support.running import run_server

pytestmark = pytest.mark.slow

STOP_THE_CLOCK = """
    CREATE OR REPLACE FUNCTION wire_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
        SELECT date_trunc('day', clock_timestamp()) + interval '1 day'
    $$
"""


@pytest.fixture
async def people(settings: Settings) -> AsyncIterator[list[Client]]:
    """Five connected people whose ids rise, on a server whose database's clock stands still."""
    unlimited = settings.model_copy(update={"rate_limits": "off"})
    async with run_server(unlimited) as server:
        chat_users = ChatUsers(server.address)
        clients = [await (await chat_users.register()).connect() for _ in range(5)]
        async with server.molva.database.reading() as tx:
            await tx.execute("test", STOP_THE_CLOCK, [])
        yield sorted(clients, key=id_of)
        await chat_users.close()


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def test_blocked_people_are_listed_latest_first(people: list[Client]):
    anna, *others = people
    for other in others:
        await anna.send("user:block", user_id=id_of(other))
    blocked = (await anna.send("user:blocked"))["users"]
    assert [user["id"] for user in blocked] == [id_of(other) for other in reversed(others)]


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_members_are_listed_in_the_order_in_which_they_came(people: list[Client], limit: int):
    dora, clara, boris, anna, eve = people
    chat_id = (await anna.send("chat:create_group", title="Group"))["chat"]["id"]
    expected = [anna, eve, boris, clara, dora]
    for other in expected[1:]:
        await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(other)])
    assert await every_id(anna, "member:list", chat_id=chat_id, limit=limit) == [id_of(client) for client in expected]


async def test_member_who_comes_back_is_the_last(people: list[Client]):
    anna, boris, clara, *_ = people
    ids = [id_of(client) for client in (boris, clara)]
    chat_id = (await anna.send("chat:create_group", title="Group", member_ids=ids))["chat"]["id"]
    await boris.send("chat:leave", chat_id=chat_id)
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(boris)])
    expected = [id_of(client) for client in (anna, clara, boris)]
    assert await every_id(anna, "member:list", chat_id=chat_id) == expected


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_likes_are_listed_in_the_order_in_which_they_were_given(people: list[Client], limit: int):
    anna, *others = people
    ids = [id_of(other) for other in others]
    chat_id = (await anna.send("chat:create_group", title="Group", member_ids=ids))["chat"]["id"]
    seq = (await anna.say(chat_id, "Who likes this?"))["seq"]
    others.reverse()
    for other in others:
        await other.send("message:like", chat_id=chat_id, seq=seq)
    likers = await every_id(anna, "message:likes", chat_id=chat_id, seq=seq, limit=limit)
    assert likers == [id_of(other) for other in others]


async def test_messages_are_found_newest_first(people: list[Client]):
    anna, boris, *_ = people
    chat_id = (await anna.send("chat:create_private", user_id=id_of(boris)))["chat"]["id"]
    for number in range(5):
        await (anna, boris)[number % 2].say(chat_id, f"needle {number}")
    found: list[int] = []
    cursor = None
    while True:
        page = await anna.send("message:search", query="needle", limit=2, **({"cursor": cursor} if cursor else {}))
        found += [message["seq"] for message in page["messages"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == [5, 4, 3, 2, 1]


async def every_id(client: Client, action: str, **payload: object) -> list[str]:
    """The ids of the people on all pages of a list."""
    found: list[str] = []
    cursor = None
    while True:
        page = await client.send(action, **payload, **({"cursor": cursor} if cursor else {}))
        users = page["users"] if "users" in page else [member["user"] for member in page["members"]]
        found += [user["id"] for user in users]
        if (cursor := page["next_cursor"]) is None:
            return found
