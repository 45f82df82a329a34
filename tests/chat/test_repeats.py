"""What was done already is answered as the first time, so that a client whose ack was lost may simply ask again."""

import asyncio

import pytest

from tests.support.clients import ChatUsers, Client, new_client_id


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def group_of(chat_users: ChatUsers, count: int) -> tuple[list[Client], str]:
    clients = [await (await chat_users.register()).connect() for _ in range(count)]
    opened = await clients[0].send("chat:create_group", title="Choir", member_ids=[id_of(client) for client in clients[1:]])
    return clients, opened["chat"]["id"]


async def test_leaving_again_is_answered_and_changes_nothing(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    assert await boris.send("chat:leave", chat_id=chat_id) == {}
    count = (await anna.send("chat:get", chat_id=chat_id))["chat"]["message_count"]
    assert await boris.send("chat:leave", chat_id=chat_id) == {}
    assert (await anna.send("chat:get", chat_id=chat_id))["chat"]["message_count"] == count


async def test_leaving_what_one_was_never_in_is_not_found(chat_users: ChatUsers):
    _clients, chat_id = await group_of(chat_users, 2)
    stranger = await (await chat_users.register()).connect()
    await stranger.expect_refusal("chat:leave", "not_found", chat_id=chat_id)


async def test_deleting_again_is_answered(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    assert await anna.send("chat:delete", chat_id=chat_id) == {}
    assert await anna.send("chat:delete", chat_id=chat_id) == {}
    await boris.expect_refusal("chat:delete", "not_found", chat_id=chat_id)


async def test_removing_again_is_answered_and_changes_nothing(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    first = await anna.send("member:remove", chat_id=chat_id, user_id=id_of(boris))
    again = await anna.send("member:remove", chat_id=chat_id, user_id=id_of(boris))
    assert again["chat"]["version"] == first["chat"]["version"]
    await clara.expect_refusal("member:remove", "forbidden", chat_id=chat_id, user_id=id_of(boris))
    stranger = await (await chat_users.register()).connect()
    await anna.expect_refusal("member:remove", "not_found", chat_id=chat_id, user_id=id_of(stranger))


async def test_handing_over_again_is_answered_and_changes_nothing(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    first = await anna.send("chat:transfer", chat_id=chat_id, user_id=id_of(boris))
    again = await anna.send("chat:transfer", chat_id=chat_id, user_id=id_of(boris))
    assert again["chat"] == first["chat"]


async def test_repeated_send_is_answered_after_its_sender_has_cleared_the_chat(chat_users: ChatUsers):
    (anna, _boris), chat_id = await group_of(chat_users, 2)
    send = {"chat_id": chat_id, "client_id": new_client_id(), "type": "text", "content": {"text": "Hello"}}
    first = await anna.send("message:send", **send)
    forward = {"chat_id": chat_id, "seq": first["message"]["seq"], "to_chat_id": chat_id, "client_id": new_client_id()}
    forwarded = await anna.send("message:forward", **forward)
    await anna.send("chat:clear", chat_id=chat_id)
    assert await anna.send("message:send", **send) == {"message": first["message"], "duplicate": True}
    assert await anna.send("message:forward", **forward) == {"message": forwarded["message"], "duplicate": True}
    await anna.expect_refusal("message:like", "not_found", chat_id=chat_id, seq=first["message"]["seq"])


# --- pins have no gaps


async def pins_of(client: Client) -> dict[str, int]:
    chats = (await client.send("chat:list"))["chats"]
    return {chat["id"]: chat["me"]["pinned"] for chat in chats if chat["me"]["pinned"] is not None}


@pytest.mark.parametrize("way", ["leave", "removed", "deleted"])
async def test_pins_close_up_when_a_pinned_chat_is_lost(chat_users: ChatUsers, way: str):
    anna, boris = [await (await chat_users.register()).connect() for _ in range(2)]
    host = boris
    chats = []
    for place in range(3):
        opened = await host.send("chat:create_group", title=f"G{place}", member_ids=[id_of(anna)])
        chats.append(opened["chat"]["id"])
        await anna.send("chat:pin", chat_id=chats[-1], position=place + 1)
    assert await pins_of(anna) == {chats[0]: 1, chats[1]: 2, chats[2]: 3}
    anna.forget_events()
    if way == "leave":
        await anna.send("chat:leave", chat_id=chats[0])
    elif way == "removed":
        await boris.send("member:remove", chat_id=chats[0], user_id=id_of(anna))
    else:
        await boris.send("chat:delete", chat_id=chats[0])
    assert await pins_of(anna) == {chats[1]: 1, chats[2]: 2}
    told = {}
    for _ in range(2):
        event = await anna.expect_event("chat:updated", lambda told: told["reason"] == "pinned")
        told[event.payload["chat"]["id"]] = event.payload["chat"]["me"]["pinned"]
    assert told == {chats[1]: 1, chats[2]: 2}
    pages = [chat["id"] for chat in (await anna.send("chat:list", limit=1))["chats"]]
    cursor = (await anna.send("chat:list", limit=1))["next_cursor"]
    pages += [chat["id"] for chat in (await anna.send("chat:list", limit=1, cursor=cursor))["chats"]]
    assert pages == [chats[1], chats[2]]


async def test_pins_of_two_devices_at_once_have_no_gap(chat_users: ChatUsers):
    anna = await (await chat_users.register()).connect()
    device = await chat_users.people[0].connect()
    chats = [(await anna.send("chat:create_group", title=f"G{place}"))["chat"]["id"] for place in range(6)]
    for chat_id in chats:
        await anna.push("chat:pin", {"chat_id": chat_id})
    await asyncio.gather(
        anna.push("chat:delete", {"chat_id": chats[1]}),
        device.push("chat:pin", {"chat_id": chats[5], "position": 1}),
        device.push("chat:delete", {"chat_id": chats[3]}),
        anna.push("chat:unpin", {"chat_id": chats[2]}),
    )
    assert sorted((await pins_of(anna)).values()) == [1, 2, 3]


# --- pages say on which side there is more


@pytest.mark.parametrize(
    ("bounds", "before", "after"),
    [
        ({}, True, False),
        ({"limit": 100}, False, False),
        ({"after": 0}, False, True),
        ({"before": 100}, True, False),
        ({"around": 1}, False, True),
        ({"around": 5}, True, True),
        ({"around": 10}, True, False),
        ({"before": 1}, False, True),
        ({"after": 10}, True, False),
    ],
)
async def test_page_says_on_which_side_there_is_more(
    chat_users: ChatUsers, bounds: dict[str, int], before: bool, after: bool
):
    anna, _boris, chat_id = await chat_users.pair()
    for number in range(10):
        await anna.say(chat_id, str(number))
    page = await anna.send("message:list", chat_id=chat_id, **({"limit": 4} | bounds))
    assert (page["has_before"], page["has_after"]) == (before, after)
