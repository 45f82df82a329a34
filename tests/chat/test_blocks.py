"""user:block: nothing that is said reaches who wants to hear nothing, by no detour; and the blocked cannot tell why."""

import asyncio

import pytest

import realtime.users.actions as user_actions
from tests.support.clients import ChatUsers, Client, new_client_id
from tests.support.running import RunningServer


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def blocked_pair(chat_users: ChatUsers) -> tuple[Client, Client, str]:
    """Anna, who has blocked Boris, and their private chat with a message of each."""
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "hello")
    await boris.say(chat_id, "hello yourself")
    await anna.send("chat:activate", chat_id=chat_id)
    await anna.send("user:block", user_id=id_of(boris))
    await anna.send("chat:list", limit=1)
    anna.forget_events()
    return anna, boris, chat_id


async def test_blocked_person_has_no_detour_into_the_private_chat(chat_users: ChatUsers):
    anna, boris, chat_id = await blocked_pair(chat_users)
    clara = await (await chat_users.register()).connect()
    text = {"type": "text", "content": {"text": "listen!"}, "client_id": new_client_id()}
    for action, payload in {
        "message:send": text,
        "message:edit": {"seq": 2, "content": {"text": "listen!"}},
        "message:like": {"seq": 1},
        "member:add": {"user_ids": [id_of(clara)]},
    }.items():
        await boris.expect_refusal(action, "conflict", "peer_unavailable", chat_id=chat_id, **payload)
    assert (await boris.send("chat:create_private", user_id=id_of(anna)))["created"] is False
    group = await boris.send("chat:create_group", title="Listen", member_ids=[id_of(anna), id_of(clara)])
    assert (group["not_added"], group["chat"]["member_count"]) == ([id_of(anna)], 2)
    added = await boris.send("member:add", chat_id=group["chat"]["id"], user_ids=[id_of(anna)])
    assert (added["added"], added["not_added"], added["chat"]["member_count"]) == ([], [id_of(anna)], 2)
    assert await boris.send("chat:typing", chat_id=chat_id) == {}
    await anna.send("chat:list", limit=1)
    assert not [
        event for event in anna.events[anna._read :] if event.name in ("chat:typing", "chat:updated", "message:liked")
    ]


async def test_blocked_person_may_take_back_what_they_said(chat_users: ChatUsers):
    anna, boris, chat_id = await blocked_pair(chat_users)
    assert (await boris.send("message:delete", chat_id=chat_id, seq=2))["message"]["content"] is None
    assert (await boris.send("chat:get", chat_id=chat_id))["chat"]["peer"]["id"] == id_of(anna)


async def test_unblocked_person_may_speak_again(chat_users: ChatUsers):
    anna, boris, chat_id = await blocked_pair(chat_users)
    await anna.send("user:unblock", user_id=id_of(boris))
    await boris.send("message:edit", chat_id=chat_id, seq=2, content={"text": "sorry"})
    assert (await boris.say(chat_id, "again"))["seq"] == 3


async def test_in_a_group_both_are_heard(chat_users: ChatUsers):
    anna, boris, _ = await blocked_pair(chat_users)
    clara = await (await chat_users.register()).connect()
    ids = [id_of(anna), id_of(boris)]
    chat_id = (await clara.send("chat:create_group", title="All", member_ids=ids))["chat"]["id"]
    await boris.say(chat_id, "hello all")
    await anna.expect_event("chat:updated", lambda told: told["chat"]["id"] == chat_id and told["reason"] == "message")


async def test_retry_finds_the_group_even_if_a_member_has_blocked_since(chat_users: ChatUsers):
    anna, boris, _ = await chat_users.pair()
    wish = {"title": "Once", "member_ids": [id_of(boris)], "client_id": new_client_id()}
    first = (await anna.send("chat:create_group", **wish))["chat"]
    await boris.send("user:block", user_id=id_of(anna))
    assert (await anna.send("chat:create_group", **wish))["chat"]["id"] == first["id"]


async def test_retry_names_those_who_were_not_added_then(chat_users: ChatUsers):
    anna, boris, _ = await blocked_pair(chat_users)
    wish = {"title": "Without her", "member_ids": [id_of(anna)], "client_id": new_client_id()}
    first = await boris.send("chat:create_group", **wish)
    await anna.send("user:unblock", user_id=id_of(boris))
    again = await boris.send("chat:create_group", **wish)
    assert (again["chat"]["id"], again["not_added"]) == (first["chat"]["id"], first["not_added"])


async def test_blocker_is_told_of_their_own_block_and_the_chat_stays_private(chat_users: ChatUsers):
    anna, boris, chat_id = await blocked_pair(chat_users)
    clara = await (await chat_users.register()).connect()
    for action, payload in {
        "message:edit": {"seq": 1, "content": {"text": "and another thing"}},
        "message:like": {"seq": 2},
        "member:add": {"user_ids": [id_of(clara)]},
    }.items():
        await anna.expect_refusal(action, "conflict", "you_blocked_user", chat_id=chat_id, **payload)
    for client in (anna, boris):
        assert (await client.send("chat:get", chat_id=chat_id))["chat"]["type"] == "private"


async def test_blocked_person_finds_the_profile_as_anybody(chat_users: ChatUsers):
    anna, boris, _ = await blocked_pair(chat_users)
    asked, asker = chat_users.people[0], chat_users.people[1]
    renamed = await asked.http.patch("/v1/me", headers=asked.headers, json={"username": f"anna_{new_client_id()[:8]}"})
    found = (await boris.send("user:find", username=renamed.json()["username"]))["users"]
    assert [user["id"] for user in found] == [id_of(anna)]
    shown = await asker.http.get(f"/v1/users/{id_of(anna)}", headers=asker.headers)
    assert (shown.status_code, shown.json()["id"]) == (200, id_of(anna))


async def test_blocks_are_bounded_and_blocking_again_changes_nothing(
    chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(user_actions, "_BLOCKED_MAX", 2)
    anna, *others = [await (await chat_users.register()).connect() for _ in range(4)]
    for other in others[:2]:
        await anna.send("user:block", user_id=id_of(other))
    await anna.expect_refusal("user:block", "conflict", "block_limit", user_id=id_of(others[2]))
    await anna.send("user:block", user_id=id_of(others[0]))
    assert [user["id"] for user in (await anna.send("user:blocked"))["users"]] == [id_of(others[1]), id_of(others[0])]


async def test_blocked_person_may_block_back(chat_users: ChatUsers):
    anna, boris, _ = await blocked_pair(chat_users)
    await boris.expect_refusal("user:block", "not_found", user_id=new_client_id())
    assert await boris.send("user:block", user_id=id_of(anna)) == {}
    assert [user["id"] for user in (await boris.send("user:blocked"))["users"]] == [id_of(anna)]
    assert await boris.send("user:unblock", user_id=id_of(anna)) == {}
    assert (await boris.send("user:blocked"))["users"] == []


async def test_whoever_blocked_first_sees_no_difference_when_blocked_too(chat_users: ChatUsers, running: RunningServer):
    anna, boris, _ = await chat_users.pair()
    async with running.molva.database.reading() as tx:
        await tx.execute("test", "UPDATE users SET last_seen_at = wire_now() WHERE id = $1", [id_of(anna)])
    await boris.send("user:block", user_id=id_of(anna))
    before = await boris.send("user:blocked")
    assert [(user["id"], user["last_seen_at"]) for user in before["users"]] == [(id_of(anna), None)]
    async with running.molva.database.reading() as tx:  # as when both do at once: later she would not find him
        await tx.execute("test", "INSERT INTO blocks VALUES ($1, $2)", [id_of(anna), id_of(boris)])
    assert await boris.send("user:blocked") == before
    assert await boris.send("user:block", user_id=id_of(anna)) == {}
    await boris.send("user:unblock", user_id=id_of(anna))
    assert (await boris.send("user:blocked"))["users"] == []


async def test_sender_who_blocked_first_hears_of_their_own_block_whatever_the_other_does(
    chat_users: ChatUsers, running: RunningServer
):
    anna, boris, chat_id = await blocked_pair(chat_users)
    text = {"type": "text", "content": {"text": "hello?"}}
    await anna.expect_refusal("message:send", "conflict", chat_id=chat_id, client_id=new_client_id(), **text)
    async with running.molva.database.reading() as tx:  # as when both do at once
        await tx.execute("test", "INSERT INTO blocks VALUES ($1, $2)", [id_of(boris), id_of(anna)])
    sends = [{"chat_id": chat_id, "client_id": new_client_id(), **text} for _ in range(9)]  # alone, and together
    await anna.expect_refusal("message:send", "conflict", "you_blocked_user", **sends[0])
    for error in await asyncio.gather(*(anna.expect_refusal("message:send", "conflict", **send) for send in sends)):
        assert error["details"]["reason"] == "you_blocked_user"
