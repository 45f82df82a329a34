"""Presence: who watches whom, what they hear, and who must not."""

import pytest

from core.limits import WATCH_LIST_MAX
from tests.support.clients import ChatUsers, Client

pytestmark = pytest.mark.slow


def id_of(client: Client) -> str:
    return client.ready["user"]["id"]


def about(client: Client):
    return lambda told: told["user_id"] == id_of(client)


async def presence_of(watcher: Client, *watched: Client) -> list[tuple[str, bool]]:
    answer = await watcher.send("presence:watch", user_ids=[id_of(client) for client in watched])
    return [(one["user_id"], one["online"]) for one in answer["presence"]]


async def test_watcher_hears_of_going_and_coming(chat_users: ChatUsers):
    anna, boris, _ = await chat_users.pair()
    assert await presence_of(anna, boris) == [(id_of(boris), True)]
    await boris.close()
    gone = (await anna.expect_event("presence:updated", about(boris))).payload
    assert gone["online"] is False
    assert gone["last_seen_at"]
    await chat_users.people[1].connect()
    assert (await anna.expect_event("presence:updated", about(boris))).payload["online"] is True


async def test_quick_reconnect_does_not_blink(chat_users: ChatUsers):
    anna, boris, _ = await chat_users.pair()
    await presence_of(anna, boris)
    await boris.close()
    again = await chat_users.people[1].connect()
    await again.send("chat:list")
    await anna.expect_no_event("presence:updated")
    assert await presence_of(anna, boris) == [(id_of(boris), True)]


async def test_person_with_two_devices_goes_with_the_last(chat_users: ChatUsers):
    anna, boris, _ = await chat_users.pair()
    second = await chat_users.people[1].connect()
    await presence_of(anna, boris)
    await boris.close()
    await anna.expect_no_event("presence:updated")
    await second.close()
    assert (await anna.expect_event("presence:updated", about(boris))).payload["online"] is False


async def test_strangers_and_invented_people_are_left_out(chat_users: ChatUsers):
    anna, boris, _ = await chat_users.pair()
    stranger = await (await chat_users.register()).connect()
    assert await presence_of(stranger, anna, boris) == []
    assert await presence_of(anna, stranger, anna, boris) == [(id_of(boris), True)]
    answer = await anna.send("presence:watch", user_ids=["0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012"])
    assert answer == {"presence": []}


@pytest.mark.parametrize("blocker", [0, 1])
async def test_block_hides_presence_both_ways(chat_users: ChatUsers, blocker: int):
    anna, boris, _ = await chat_users.pair()
    await presence_of(anna, boris)
    pair = (anna, boris)
    await pair[blocker].send("user:block", user_id=id_of(pair[1 - blocker]))
    await boris.close()
    assert await presence_of(anna, boris) == []
    await chat_users.people[1].connect()
    await anna.expect_no_event("presence:updated")


async def test_who_shares_no_chat_any_more_hears_nothing(chat_users: ChatUsers):
    anna, boris, clara = [await (await chat_users.register()).connect() for _ in range(3)]
    members = [id_of(boris), id_of(clara)]
    chat_id = (await anna.send("chat:create_group", title="G", member_ids=members))["chat"]["id"]
    await presence_of(boris, clara)
    await presence_of(anna, clara)
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(boris))
    await clara.close()
    await anna.expect_event("presence:updated", about(clara))
    await boris.expect_no_event("presence:updated")


async def test_new_list_replaces_the_old_one(chat_users: ChatUsers):
    anna, boris, _ = await chat_users.pair()
    await presence_of(anna, boris)
    assert await presence_of(anna) == []
    await boris.close()
    clara, dima, _ = await chat_users.pair()
    await presence_of(clara, dima)
    await dima.close()
    await clara.expect_event("presence:updated", about(dima))
    await anna.expect_no_event("presence:updated")


async def test_list_is_bounded(chat_users: ChatUsers):
    anna = await (await chat_users.register()).connect()
    too_many = [f"0192f0c0-1d2e-7f30-9a4b-{number:012d}" for number in range(WATCH_LIST_MAX + 1)]
    await anna.expect_refusal("presence:watch", "validation_failed", user_ids=too_many)


async def test_http_answers_and_watches_nothing(chat_users: ChatUsers):
    _, boris, _ = await chat_users.pair()
    answer = await chat_users.people[0].act("presence:watch", user_ids=[id_of(boris)])
    assert answer.json()["presence"][0]["online"] is True
