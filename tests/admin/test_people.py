"""People as operators find and see them; ending sessions and connections; export and erasure."""

import io
import json
import zipfile

import pytest

from core.ids import new_id
from tests.admin.operator import OperatorClient
from tests.support.clients import ChatUsers, Client, new_client_id

pytestmark = pytest.mark.slow


async def test_person_is_found_by_what_is_theirs(chat_users: ChatUsers, operator: OperatorClient):
    person = await chat_users.register(display_name="Zoë 100%_\\")
    username = f"zoe_{new_client_id()[:8]}"
    (await person.http.patch("/v1/me", json={"username": username}, headers=person.headers)).raise_for_status()
    spelled = f"8 ({person.phone[2:5]}) {person.phone[5:]}"
    for query in (person.id, person.id.upper(), person.phone, spelled, username.upper(), f"@{username}"):
        (found,) = (await operator.call("GET", "/users", params={"query": query}))["users"]
        assert found["id"] == person.id, query
        assert (found["phone"], found["username"]) == (person.phone, username)
        assert (found["session_count"], found["chat_count"], found["is_banned"]) == (1, 0, False)
    by_name = (await operator.call("GET", "/users", params={"query": "100%_\\"}))["users"]
    assert person.id in {one["id"] for one in by_name}
    assert not (await operator.call("GET", "/users", params={"query": "100%_\\x"}))["users"]
    assert not (await operator.call("GET", "/users", params={"query": new_id()}))["users"]


async def test_operator_sees_where_somebody_is_signed_in_and_connected(chat_users: ChatUsers, operator: OperatorClient):
    anna, _, chat_id = await chat_users.pair()
    await anna.send("chat:activate", chat_id=chat_id)
    person = chat_users.people[0]
    await chat_users.register(person.phone, device_name="Laptop")
    shown = await operator.call("GET", f"/users/{person.id}")
    assert shown["user"]["id"] == person.id
    assert {one["device_name"] for one in shown["sessions"]} == {None, "Laptop"}
    (connection,) = shown["connections"]
    assert connection["session_id"] == anna.ready["session_id"]
    assert (connection["address"], connection["active_chat_id"]) == ("127.0.0.1", chat_id)
    assert shown["bans"] == []
    problem = await operator.refused("GET", f"/users/{new_id()}")
    assert (problem["code"], problem["details"]) == ("not_found", {"field": "user_id"})


async def expect_end(client: Client, reason: str) -> None:
    assert (await client.expect_event("session:revoked")).payload == {"reason": reason}
    await client.disconnected.wait()


async def test_sessions_are_ended_at_once(chat_users: ChatUsers, operator: OperatorClient):
    person = await chat_users.register()
    elsewhere = await chat_users.register(person.phone)
    here, there = await person.connect(), await elsewhere.connect()
    await operator.call("DELETE", f"/users/{person.id}/sessions/{here.ready['session_id']}")
    await expect_end(here, "ended_by_operator")
    await there.send("chat:list")
    problem = await operator.refused("DELETE", f"/users/{person.id}/sessions/{here.ready['session_id']}")
    assert problem["details"] == {"field": "session_id"}
    assert await operator.call("DELETE", f"/users/{person.id}/sessions") == {"ended": 1}
    await expect_end(there, "ended_by_operator")
    assert (await elsewhere.act("chat:list")).json()["code"] == "session_revoked"
    assert await operator.call("DELETE", f"/users/{person.id}/sessions") == {"ended": 0}
    assert (await operator.refused("DELETE", f"/users/{new_id()}/sessions"))["details"] == {"field": "user_id"}


async def test_connection_is_ended_and_the_session_goes_on(chat_users: ChatUsers, operator: OperatorClient):
    person = await chat_users.register()
    first, second = await person.connect(), await person.connect()
    shown = await operator.call("GET", f"/users/{person.id}")
    assert len(shown["connections"]) == 2
    ended = shown["connections"][0]["id"]
    await operator.call("DELETE", f"/users/{person.id}/connections/{ended}")
    await expect_end(first, "closed_by_operator")
    await second.send("chat:list")
    await (await person.connect()).send("chat:list")
    problem = await operator.refused("DELETE", f"/users/{person.id}/connections/{ended}")
    assert problem["details"] == {"field": "connection_id"}


async def test_export_for_somebody_is_what_they_get_themselves(chat_users: ChatUsers, operator: OperatorClient):
    anna, _, chat_id = await chat_users.pair()
    await anna.say(chat_id, "mine")
    person = chat_users.people[0]
    answer = await operator.http.get(f"/users/{person.id}/export")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert json.loads(archive.read("profile.json"))["phone"] == person.phone
        assert "mine" in archive.read("messages.json").decode()
    assert (await operator.refused("GET", f"/users/{new_id()}/export"))["details"] == {"field": "user_id"}


async def test_erasing_somebody_deletes_the_account(chat_users: ChatUsers, operator: OperatorClient):
    anna, boris, chat_id = await chat_users.pair()
    person = chat_users.people[0]
    await operator.call("DELETE", f"/users/{person.id}")
    await expect_end(anna, "account_deleted")
    assert (await boris.send("chat:get", chat_id=chat_id))["chat"]["peer"]["is_deleted"]
    shown = (await operator.call("GET", f"/users/{person.id}"))["user"]
    assert (shown["phone"], shown["display_name"], shown["session_count"]) == (None, "Deleted account", 0)
    assert shown["deleted_at"]
    await operator.call("DELETE", f"/users/{person.id}")
    assert (await operator.refused("GET", f"/users/{person.id}/export"))["code"] == "not_found"
    assert (await operator.refused("DELETE", f"/users/{new_id()}"))["code"] == "not_found"
