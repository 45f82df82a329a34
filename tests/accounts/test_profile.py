"""Who one is and who others are: changing a profile, hearing of it, leaving for good."""

import asyncio
from typing import Any

import pytest

from db import account_deletion
from maintenance.deleted_accounts import leave_groups_of_deleted_accounts
from realtime.wire.context import Services
from tests.support.clients import ChatUsers, Client, Person, new_phone
from tests.support.running import RunningServer
from tests.support.waiting import until

OWN = {"phone", "created_at", "privacy"}
"""What nobody but the owner sees of a profile."""


async def patch(person: Person, **change: Any) -> Any:
    return await person.http.patch("/v1/me", json=change, headers=person.headers)


async def patch_well(person: Person, **change: Any) -> dict[str, Any]:
    answer = await patch(person, **change)
    assert answer.status_code == 200, answer.text
    profile: dict[str, Any] = answer.json()
    return profile


def new_username() -> str:
    return f"u{new_phone()[1:]}"


async def test_profile_is_changed_part_by_part(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    name = new_username()
    before = (await anna.http.get("/v1/me", headers=anna.headers)).json()
    assert await patch_well(anna, display_name="Anna") == before | {"display_name": "Anna"}
    assert (await patch_well(anna, username=name, about="Here"))["display_name"] == "Anna"
    profile = await patch_well(anna)
    assert (profile["display_name"], profile["username"], profile["about"]) == ("Anna", name, "Here")
    assert profile["phone"] == anna.phone
    profile = await patch_well(anna, username=None, about=None)
    assert (profile["display_name"], profile["username"], profile["about"]) == ("Anna", None, None)
    assert (await patch_well(anna, about=""))["about"] is None


async def test_others_see_everything_but_the_phone(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    profile = await patch_well(anna, display_name="Anna", about="Here")
    seen = (await boris.http.get(f"/v1/users/{anna.id}", headers=boris.headers)).json()
    assert seen == {name: value for name, value in profile.items() if name not in OWN}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": " \u200b\t"}, "display_name"),
        ({"display_name": None}, "display_name"),
        ({"display_name": 7}, "display_name"),
        ({"display_name": "a" * 65}, "display_name"),
        ({"display_name": "a\0b"}, "display_name"),
        ({"username": "anna"}, "username"),
        ({"username": "a" * 33}, "username"),
        ({"username": "1anna"}, "username"),
        ({"username": "_anna"}, "username"),
        ({"username": "anna-k"}, "username"),
        ({"username": "Анна_К"}, "username"),
        ({"username": "anna_k\n"}, "username"),
        ({"username": ""}, "username"),
        ({"about": "a" * 257}, "about"),
        ({"about": "\0"}, "about"),
        ({"about": ["a"]}, "about"),
        ({"phone": "+79161234567"}, "phone"),
        ({"avatar": None}, "avatar"),
    ],
)
async def test_profile_that_does_not_fit_is_refused_whole(chat_users: ChatUsers, change: dict[str, Any], path: str) -> None:
    anna = await chat_users.register()
    answer = await patch(anna, **{"about": "Here", **change})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [fault["path"] for fault in answer.json()["details"]] == [path]
    assert (await anna.http.get("/v1/me", headers=anna.headers)).json()["about"] is None


async def test_longest_profile_is_kept(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    profile = await patch_well(anna, display_name="я" * 64, about="🐈" * 256, username="a" + new_username()[-31:])
    assert (len(profile["display_name"]), len(profile["about"])) == (64, 256)


# --- usernames


async def test_username_is_one_persons_whatever_its_case(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    name = new_username()
    assert (await patch_well(anna, username=name.upper()))["username"] == name.upper()
    answer = await patch(boris, username=name)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["details"] == {"reason": "username_taken"}
    assert (await patch_well(anna, username=name))["username"] == name, "one's own, in another case"
    found = (await boris.act("user:find", username=name.upper())).json()["users"]
    assert [user["id"] for user in found] == [anna.id]
    await patch_well(anna, username=None)
    assert (await patch_well(boris, username=name))["username"] == name


async def test_of_many_who_want_a_username_at_once_one_gets_it(chat_users: ChatUsers) -> None:
    people = [await chat_users.register() for _ in range(5)]
    name = new_username()
    answers = await asyncio.gather(*(patch(person, username=name) for person in people))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]


# --- hearing of it


async def test_whoever_shares_a_chat_hears_of_a_change_and_nobody_else(chat_users: ChatUsers) -> None:
    anna, boris, _ = await chat_users.pair()
    stranger = await (await chat_users.register()).connect()
    profile = await patch_well(chat_users.people[0], display_name="Anna II")
    for client in (anna, boris):
        told = (await client.expect_event("user:updated")).payload["user"]
        assert told == {name: value for name, value in profile.items() if name not in OWN}
    await stranger.expect_no_event("user:updated")


async def test_change_is_heard_while_its_person_has_no_connection(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    client = await boris.connect()
    chat = (await client.send("chat:create_private", user_id=anna.id))["chat"]
    client.forget_events()
    await patch_well(anna, display_name="Anna from afar")
    assert (await client.expect_event("user:updated")).payload["user"]["display_name"] == "Anna from afar"
    peer = (await client.send("chat:get", chat_id=chat["id"]))["chat"]["peer"]
    assert peer["display_name"] == "Anna from afar"


async def test_change_is_found_by_who_was_away(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    client = await boris.connect()
    chat = (await client.send("chat:create_private", user_id=anna.id))["chat"]
    cursor = (await client.send("session:sync"))["cursor"]
    await patch_well(anna, display_name="Anna meanwhile")
    synced = (await client.send("session:sync", cursor=cursor))["chats"]
    assert [(found["id"], found["peer"]["display_name"]) for found in synced] == [(chat["id"], "Anna meanwhile")]


async def test_who_shares_many_chats_hears_once_and_no_change_is_not_heard(chat_users: ChatUsers) -> None:
    anna, boris, _ = await chat_users.pair()
    people = [client.ready["user"]["id"] for client in (anna, boris)]
    await anna.send("chat:create_group", title="Both", member_ids=[people[1]])
    await boris.expect_event("chat:updated", lambda told: told["chat"]["type"] == "group")
    await patch_well(chat_users.people[0], about="once")
    await boris.expect_event("user:updated")
    await boris.expect_no_event("user:updated")
    await patch_well(chat_users.people[0], about="once")
    await boris.expect_no_event("user:updated")


async def test_changes_are_heard_in_their_order(chat_users: ChatUsers) -> None:
    _, boris, _ = await chat_users.pair()
    anna = chat_users.people[0]
    await asyncio.gather(*(patch_well(anna, about=f"line {number}") for number in range(10)))
    last = (await anna.http.get("/v1/me", headers=anna.headers)).json()["about"]
    heard = [(await boris.expect_event("user:updated")).payload["user"]["about"] for _ in range(10)]
    assert heard[-1] == last


# --- leaving for good


async def delete(person: Person) -> None:
    answer = await person.http.delete("/v1/me", headers=person.headers)
    assert answer.status_code == 204, answer.text


async def group_of(creator: Client, *others: Client) -> str:
    ids = [other.ready["user"]["id"] for other in others]
    chat = (await creator.send("chat:create_group", title="Together", member_ids=ids))["chat"]
    for other in others:
        await other.expect_event("chat:updated", lambda told: told["chat"]["id"] == chat["id"])
    return str(chat["id"])


async def test_deleted_account_is_signed_out_everywhere_at_once(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    phone, laptop = await anna.connect(), await anna.connect()
    await delete(anna)
    for client in (phone, laptop):
        assert (await client.expect_event("session:revoked")).payload["reason"] == "account_deleted"
        await until(client.disconnected.is_set)
    refused = await anna.http.get("/v1/me", headers=anna.headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")
    assert (await anna.act("chat:list")).json()["code"] == "session_revoked"
    refreshed = await anna.http.post("/v1/auth/tokens/refresh", json={"refresh_token": anna.tokens["refresh_token"]})
    assert (refreshed.status_code, refreshed.json()["code"]) == (401, "session_revoked")


async def test_deleted_account_is_found_no_more_and_its_number_and_name_are_free(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    name = new_username()
    await patch_well(anna, username=name)
    await delete(anna)
    assert (await boris.http.get(f"/v1/users/{anna.id}", headers=boris.headers)).status_code == 404
    assert (await boris.act("user:find", phones=[anna.phone])).json()["users"] == []
    assert (await boris.act("user:find", username=name)).json()["users"] == []
    opened = (await boris.act("chat:create_private", user_id=anna.id)).json()
    assert (opened["code"], opened["details"]["reason"]) == ("conflict", "peer_unavailable")
    again = await chat_users.register(anna.phone)
    assert again.id != anna.id
    assert again.tokens["is_new_user"]
    assert (await patch_well(again, username=name))["username"] == name


async def test_what_a_deleted_account_said_stays_without_its_name(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    person = chat_users.people[0]
    await patch_well(person, display_name="Anna", about="Here")
    said = await anna.say(chat_id, "Remember me")
    await boris.expect_event("user:updated")
    await delete(person)
    told = (await boris.expect_event("user:updated")).payload["user"]
    assert told == {
        "id": person.id,
        "display_name": account_deletion.DELETED_NAME,
        "username": None,
        "about": None,
        "avatar": None,
        "last_seen_at": None,
        "is_bot": False,
        "is_deleted": True,
    }
    chat = (await boris.send("chat:get", chat_id=chat_id))["chat"]
    assert chat["peer"]["display_name"] == account_deletion.DELETED_NAME
    (message,) = (await boris.send("message:list", chat_id=chat_id))["messages"]
    assert (message["content"], message["sender_id"]) == (said["content"], person.id)


async def test_group_of_a_deleted_account_passes_to_who_is_in_it_for_the_longest(chat_users: ChatUsers) -> None:
    anna, boris, vera = [await (await chat_users.register()).connect() for _ in range(3)]
    chat_id = await group_of(anna, boris)
    await boris.send("member:add", chat_id=chat_id, user_ids=[vera.ready["user"]["id"]])
    boris.forget_events()
    await delete(chat_users.people[0])
    told = await boris.expect_event("chat:updated", lambda told: told["reason"] == "transferred")
    assert told.payload["chat"]["creator_id"] == boris.ready["user"]["id"]
    assert told.payload["chat"]["me"]["role"] == "creator"
    left = await boris.expect_event("chat:updated", lambda told: told["reason"] == "member_left")
    assert left.payload["chat"]["member_count"] == 2
    chat = (await vera.send("chat:get", chat_id=chat_id))["chat"]
    assert chat["creator_id"] == boris.ready["user"]["id"]
    assert chat["last_message"]["content"] == {"event": "member_left", "user_id": chat_users.people[0].id}
    members = (await vera.send("member:list", chat_id=chat_id))["members"]
    assert [member["user"]["id"] for member in members] == [client.ready["user"]["id"] for client in (boris, vera)]
    await boris.send("chat:delete", chat_id=chat_id)


@pytest.mark.parametrize("opener", [0, 1], ids=["who opened it", "the other one"])
async def test_private_chat_with_a_deleted_account_becomes_a_group_of_the_living(
    chat_users: ChatUsers, opener: int
) -> None:
    pair = [await (await chat_users.register()).connect() for _ in range(2)]
    vera = await (await chat_users.register()).connect()
    ids = [client.ready["user"]["id"] for client in (*pair, vera)]
    chat_id = (await pair[opener].send("chat:create_private", user_id=ids[1 - opener]))["chat"]["id"]
    await pair[1].send("chat:activate", chat_id=chat_id)
    await delete(chat_users.people[0])
    pair[1].forget_events()
    chat = (await pair[1].send("member:add", chat_id=chat_id, user_ids=[ids[2]]))["chat"]
    assert (chat["type"], chat["creator_id"], chat["member_count"]) == ("group", ids[1], 2)
    assert chat["me"]["role"] == "creator"
    assert account_deletion.DELETED_NAME not in chat["title"]
    members = (await vera.send("member:list", chat_id=chat_id))["members"]
    assert {member["user"]["id"]: member["role"] for member in members} == {ids[1]: "creator", ids[2]: "member"}
    messages = (await vera.send("message:list", chat_id=chat_id))["messages"]
    assert [message["content"]["event"] for message in messages] == ["became_group", "member_left", "member_added"]
    told = [event.payload["chat"] for event in pair[1].events[pair[1]._read :] if event.name == "chat:updated"]
    assert [one["version"] for one in told][-1] == chat["version"]
    assert {one["version"] for one in told} == set(range(told[0]["version"], chat["version"] + 1))
    await pair[1].send("member:remove", chat_id=chat_id, user_id=ids[2])
    await pair[1].send("chat:delete", chat_id=chat_id)


async def test_member_who_deletes_the_account_leaves_the_group_as_it_is(chat_users: ChatUsers) -> None:
    anna, boris, vera = [await (await chat_users.register()).connect() for _ in range(3)]
    chat_id = await group_of(anna, boris, vera)
    await delete(chat_users.people[1])
    chat = (await vera.send("chat:get", chat_id=chat_id))["chat"]
    assert (chat["creator_id"], chat["member_count"]) == (anna.ready["user"]["id"], 2)


async def test_group_that_nobody_is_left_in_is_deleted(chat_users: ChatUsers, running: RunningServer) -> None:
    anna = await (await chat_users.register()).connect()
    chat_id = await group_of(anna)
    await delete(chat_users.people[0])
    async with running.molva.database.reading() as tx:
        rows = await tx.fetch("test", "SELECT deleted_at FROM chats WHERE id = $1", [chat_id])
    assert rows[0][0] is not None


async def test_interrupted_farewell_is_finished_by_the_sweeper(
    chat_users: ChatUsers, running: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, boris = [await (await chat_users.register()).connect() for _ in range(2)]
    chat_id = await group_of(anna, boris)

    async def crash(services: Services, user_id: str) -> None:
        """The process ended here."""

    with monkeypatch.context() as patched:
        patched.setattr("realtime.account_changes.leave_groups", crash)
        await delete(chat_users.people[0])
    assert (await boris.send("chat:get", chat_id=chat_id))["chat"]["member_count"] == 2
    await leave_groups_of_deleted_accounts(running.molva.services)
    chat = (await boris.send("chat:get", chat_id=chat_id))["chat"]
    assert (chat["creator_id"], chat["member_count"]) == (boris.ready["user"]["id"], 1)


async def test_nothing_personal_is_left_in_the_database(chat_users: ChatUsers, running: RunningServer) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    await patch_well(anna, display_name="Unforgettable", about="A secret", username=new_username())
    await anna.act("user:block", user_id=boris.id)
    await delete(anna)
    async with running.molva.database.reading() as tx:
        ((user,),) = await tx.fetch("test", "SELECT u::text FROM users u WHERE id = $1", [anna.id])
        blocks = await tx.fetch("test", "SELECT FROM blocks WHERE user_id = $1 OR blocked_id = $1", [anna.id])
    assert anna.phone not in user
    assert "Unforgettable" not in user
    assert "secret" not in user
    assert not blocks


async def test_deletion_that_is_repeated_is_answered_as_the_first_time(chat_users: ChatUsers) -> None:
    person = await chat_users.register()
    for _ in range(2):
        assert (await person.http.delete("/v1/me", headers=person.headers)).status_code == 204
    assert (await person.http.get("/v1/me", headers=person.headers)).json()["code"] == "session_revoked"


async def test_deletion_with_an_ended_session_is_refused(chat_users: ChatUsers) -> None:
    person = await chat_users.register()
    await person.http.delete("/v1/auth/sessions/current", headers=person.headers)
    assert (await person.http.delete("/v1/me", headers=person.headers)).json()["code"] == "session_revoked"
