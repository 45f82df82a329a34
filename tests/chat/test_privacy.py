"""What people let others see and do: ``privacy`` of the profile, and refusals that do not say why."""

from typing import Any

import pytest

from core.errors import ErrorCode
from db import sessions
from tests.support.clients import ChatUsers, Client, Person, new_client_id
from tests.support.running import RunningServer


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def set_privacy(person: Person, **privacy: Any) -> dict[str, Any]:
    answer = await person.http.patch("/v1/me", headers=person.headers, json={"privacy": privacy})
    shown: dict[str, Any] = answer.raise_for_status().json()["privacy"]
    return shown


DEFAULTS = {"last_seen": "shared", "messages_from": "everyone", "found_by_phone": True}


async def test_settings_are_the_owners_to_see_and_change_one_by_one(chat_users: ChatUsers):
    anna, boris = await chat_users.register(), await chat_users.register()
    assert (await anna.http.get("/v1/me", headers=anna.headers)).json()["privacy"] == DEFAULTS
    assert await set_privacy(anna, messages_from="nobody") == {**DEFAULTS, "messages_from": "nobody"}
    changed = {**DEFAULTS, "messages_from": "nobody", "found_by_phone": False}
    assert await set_privacy(anna, found_by_phone=False) == changed
    assert await set_privacy(anna) == changed
    assert (await anna.connect()).ready["user"]["privacy"] == changed
    assert "privacy" not in (await boris.http.get(f"/v1/users/{anna.id}", headers=boris.headers)).json()


@pytest.mark.parametrize(
    "privacy",
    [None, {"last_seen": "everyone"}, {"messages_from": None}, {"found_by_phone": "yes"}, {"phone": True}],
)
async def test_unknown_settings_are_refused(chat_users: ChatUsers, privacy: Any):
    anna = await chat_users.register()
    answer = await anna.http.patch("/v1/me", headers=anna.headers, json={"privacy": privacy})
    assert (answer.status_code, answer.json()["code"]) == (422, ErrorCode.VALIDATION_FAILED)


async def refusals_of(client: Client, user_id: str) -> list[Any]:
    """What ``client`` is told when they open a chat with somebody, and add them to a group."""
    error = await client.expect_refusal("chat:create_private", "conflict", user_id=user_id)
    group = await client.send("chat:create_group", title="Group", member_ids=[user_id])
    added = await client.send("member:add", chat_id=group["chat"]["id"], user_ids=[user_id])
    not_added = [group["not_added"] == [user_id], added["not_added"] == [user_id], added["added"]]
    return [error["code"], error["message"], error["details"], not_added]


async def test_block_setting_and_deleted_account_are_refused_alike(chat_users: ChatUsers):
    boris = await (await chat_users.register()).connect()
    blocking, shy, deleted = [await chat_users.register() for _ in range(3)]
    await blocking.act("user:block", user_id=id_of(boris))
    await set_privacy(shy, messages_from="nobody")
    await deleted.http.delete("/v1/me", headers=deleted.headers)
    told = [await refusals_of(boris, person.id) for person in (blocking, shy, deleted)]
    assert told[0] == told[1] == told[2]
    assert (told[0][2]["reason"], told[0][3]) == ("peer_unavailable", [True, True, []])


async def test_private_chat_with_a_deleted_account_takes_nothing_more_and_can_still_be_opened(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await boris.say(chat_id, "hello")
    await anna.say(chat_id, "hello")
    person = chat_users.people[0]
    await person.http.delete("/v1/me", headers=person.headers)
    text = {"type": "text", "content": {"text": "are you there?"}}
    for action, payload in {
        "message:send": {**text, "client_id": new_client_id()},
        "message:edit": {"seq": 1, "content": {"text": "good bye"}},
        "message:like": {"seq": 2},
    }.items():
        await boris.expect_refusal(action, "conflict", "peer_unavailable", chat_id=chat_id, **payload)
    opened = await boris.send("chat:create_private", user_id=id_of(anna))
    assert (opened["created"], opened["chat"]["id"], opened["chat"]["peer"]["is_deleted"]) == (False, chat_id, True)


async def test_messages_from_shared_lets_in_who_shares_a_group(chat_users: ChatUsers):
    anna, boris, clara = [await (await chat_users.register()).connect() for _ in range(3)]
    await set_privacy(chat_users.people[0], messages_from="shared")
    for stranger in (boris, clara):
        await stranger.expect_refusal("chat:create_private", "conflict", "peer_unavailable", user_id=id_of(anna))
    group = await anna.send("chat:create_group", title="Ours", member_ids=[id_of(boris)])
    assert (await boris.send("chat:create_private", user_id=id_of(anna)))["created"]
    await anna.send("chat:create_private", user_id=id_of(clara))  # a private chat shares no group
    assert (await clara.send("chat:create_group", title="Mine", member_ids=[id_of(anna)]))["not_added"] == [id_of(anna)]
    await boris.send("chat:leave", chat_id=group["chat"]["id"])
    added = await boris.send("chat:create_group", title="Another", member_ids=[id_of(anna)])
    assert added["not_added"] == [id_of(anna)]


async def test_who_writes_to_nobody_may_still_be_answered(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await set_privacy(chat_users.people[0], messages_from="nobody")
    assert (await boris.say(chat_id, "still here"))["seq"] == 1
    assert (await boris.send("chat:create_private", user_id=id_of(anna)))["created"] is False


async def test_private_chat_to_which_nobody_can_be_added_stays_private(chat_users: ChatUsers):
    anna, _, chat_id = await chat_users.pair()
    shy = await chat_users.register()
    await set_privacy(shy, messages_from="nobody")
    answer = await anna.send("member:add", chat_id=chat_id, user_ids=[shy.id])
    assert (answer["added"], answer["not_added"], answer["chat"]["type"]) == ([], [shy.id], "private")


async def test_number_finds_only_who_wants_to_be_found(chat_users: ChatUsers):
    anna = await chat_users.register()
    boris = await (await chat_users.register()).connect()
    await set_privacy(anna, found_by_phone=False)
    assert (await boris.send("user:find", phones=[anna.phone]))["users"] == []
    await boris.expect_refusal("chat:create_private", "not_found", phone=anna.phone)
    own = (await anna.act("user:find", phones=[anna.phone])).json()["users"]
    assert [user["id"] for user in own] == [anna.id]
    await set_privacy(anna, found_by_phone=True)
    assert (await boris.send("chat:create_private", phone=anna.phone))["created"]


async def test_others_are_told_when_somebody_hides_when_they_were_last_seen(chat_users: ChatUsers, running: RunningServer):
    anna, boris, _ = await chat_users.pair()
    async with running.molva.database.reading() as tx:
        await tx.execute("test", "UPDATE users SET last_seen_at = wire_now() WHERE id = $1", [id_of(anna)])
    await set_privacy(chat_users.people[0], last_seen="nobody")
    told = (await boris.expect_event("user:updated")).payload["user"]
    assert (told["id"], told["last_seen_at"]) == (id_of(anna), None)


async def test_profiles_come_in_the_order_asked_for_and_only_those_that_exist(chat_users: ChatUsers):
    anna, boris, gone = [await chat_users.register() for _ in range(3)]
    await gone.http.delete("/v1/me", headers=gone.headers)
    ids = [boris.id, gone.id, new_client_id(), anna.id, boris.id]
    answer = await anna.http.get("/v1/users", params={"ids": ",".join(ids)}, headers=anna.headers)
    assert [user["id"] for user in answer.json()["users"]] == [boris.id, anna.id]
    assert "phone" not in answer.json()["users"][1]


@pytest.mark.parametrize("ids", ["", ",", "nobody", ",".join([new_client_id()] * 101)])
async def test_profiles_of_what_are_no_ids_or_too_many_are_refused(chat_users: ChatUsers, ids: str):
    anna = await chat_users.register()
    answer = await anna.http.get("/v1/users", params={"ids": ids}, headers=anna.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_connection_of_a_deleted_account_leaves_no_trace_of_when_it_was_open(
    chat_users: ChatUsers, running: RunningServer
):
    anna = await chat_users.register()
    client = await anna.connect()
    session_id = client.ready["session_id"]
    await anna.http.delete("/v1/me", headers=anna.headers)
    await client.disconnected.wait()
    async with running.molva.database.reading() as tx:
        await sessions.note_last_seen(tx, session_id)  # as when the connection ends after the account
        ((seen,),) = await tx.fetch("test", "SELECT last_seen_at FROM users WHERE id = $1", [anna.id])
    assert seen is None
