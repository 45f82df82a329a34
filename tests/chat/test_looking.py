"""What each connection looks at: its own active chat, and the chats that it watches. No tab silences another."""

from tests.support.clients import ChatUsers, Client


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def heard(client: Client) -> list[str]:
    """The texts of the messages that were shown since, with everything on its way."""
    await client.send("user:blocked")
    texts = [event.payload["message"]["content"]["text"] for event in client.events[client._read :]
             if event.name == "message:created"]  # fmt: skip
    client.forget_events()
    return texts


async def two_chats(chat_users: ChatUsers) -> tuple[Client, Client, str, str]:
    """Anna with two tabs of one session, and two chats with Boris in which he writes."""
    anna, boris, first = await chat_users.pair()
    second = (await boris.send("chat:create_group", title="Choir", member_ids=[id_of(anna)]))["chat"]["id"]
    return anna, boris, first, second


async def test_two_tabs_of_one_session_each_hear_their_own_chat(chat_users: ChatUsers):
    anna, boris, first, second = await two_chats(chat_users)
    tab = await chat_users.people[0].connect()
    await anna.send("chat:activate", chat_id=first)
    await tab.send("chat:activate", chat_id=second)
    for client in (anna, tab):
        await heard(client)
    await boris.say(first, "one")
    await boris.say(second, "two")
    assert await heard(anna) == ["one"]
    assert await heard(tab) == ["two"]
    assert (await anna.send("chat:list"))["active_chat_id"] == first
    assert (await tab.send("chat:list"))["active_chat_id"] == second
    assert (await anna.say(None, "here"))["chat_id"] == first
    assert (await tab.say(None, "there"))["chat_id"] == second


async def test_new_connection_begins_in_the_last_chat_of_its_session(chat_users: ChatUsers):
    anna, _boris, first, second = await two_chats(chat_users)
    await anna.send("chat:activate", chat_id=first)
    await anna.send("chat:activate", chat_id=second)
    tab = await chat_users.people[0].connect()
    assert tab.ready["active_chat_id"] == second
    await tab.send("chat:activate", chat_id=None)
    assert (await anna.send("chat:list"))["active_chat_id"] == second
    assert (await chat_users.people[0].connect()).ready["active_chat_id"] is None


async def test_activating_over_http_changes_no_open_connection(chat_users: ChatUsers):
    anna, boris, first, second = await two_chats(chat_users)
    await anna.send("chat:activate", chat_id=first)
    await chat_users.people[0].act("chat:activate", chat_id=second)
    await heard(anna)
    await boris.say(first, "one")
    await boris.say(second, "two")
    assert await heard(anna) == ["one"]
    answer = await chat_users.people[0].act("chat:list")
    assert answer.json()["active_chat_id"] == second
    assert (await chat_users.people[0].connect()).ready["active_chat_id"] == second


async def test_watched_chats_are_heard_beside_the_active_one(chat_users: ChatUsers):
    anna, boris, first, second = await two_chats(chat_users)
    await anna.send("chat:activate", chat_id=first)
    answer = await anna.send("chat:watch", chat_ids=[second, first])
    assert [chat["id"] for chat in answer["chats"]] == [second, first]
    await heard(anna)
    await boris.say(first, "one")
    await boris.say(second, "two")
    assert sorted(await heard(anna)) == ["one", "two"]
    await anna.send("chat:activate", chat_id=None)
    await heard(anna)
    await boris.say(first, "three")
    assert await heard(anna) == ["three"]
    assert (await anna.send("chat:watch", chat_ids=[]))["chats"] == []
    await boris.say(first, "four")
    await boris.say(second, "five")
    assert await heard(anna) == []


async def test_chat_that_is_lost_drops_out_of_what_is_watched(chat_users: ChatUsers):
    anna, boris, first, second = await two_chats(chat_users)
    await anna.send("chat:watch", chat_ids=[first, second])
    await boris.send("member:remove", chat_id=second, user_id=id_of(anna))
    await heard(anna)
    await boris.send("member:add", chat_id=second, user_ids=[id_of(anna)])
    await heard(anna)
    await boris.say(second, "back")
    await boris.say(first, "one")
    assert await heard(anna) == ["one"]


async def test_chats_that_one_is_not_in_are_not_watched(chat_users: ChatUsers):
    anna, boris, first, second = await two_chats(chat_users)
    stranger = await (await chat_users.register()).connect()
    assert (await stranger.send("chat:watch", chat_ids=[first, second]))["chats"] == []
    await boris.say(first, "secret")
    assert await heard(stranger) == []
    await anna.expect_refusal("chat:watch", "validation_failed", chat_ids=[first] * 2)
