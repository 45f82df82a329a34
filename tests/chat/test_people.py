"""People with what they said: ``users`` of every page, and several profiles in one request."""

import logging
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from db import users
from db.users import UserRow
from realtime.model import sender_profiles
from realtime.model.sender_profiles import SenderProfiles
from realtime.wire.fields import USER_ID
from tests.support.clients import ChatUsers, Client, new_client_id

pytestmark = pytest.mark.slow


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def named_group(chat_users: ChatUsers) -> tuple[dict[str, Client], str]:
    """A group of Anna, Boris and Clara, in which Boris and Clara have spoken."""
    people = {}
    for name in ("Anna", "Boris", "Clara"):
        person = await chat_users.register()
        await chat_users.http.patch("/v1/me", json={"display_name": name}, headers=person.headers)
        people[name] = await person.connect()
    members = [id_of(people[name]) for name in ("Boris", "Clara")]
    chat = (await people["Anna"].send("chat:create_group", title="Hike", member_ids=members))["chat"]
    for name in ("Boris", "Clara"):
        await people[name].say(chat["id"], f"I am {name}")
    return people, chat["id"]


def names(answer: dict[str, Any]) -> set[str]:
    assert all(user_id == user["id"] for user_id, user in answer["users"].items())
    return {user["display_name"] for user in answer["users"].values()}


async def test_page_of_history_names_senders_and_actors(chat_users: ChatUsers):
    people, chat_id = await named_group(chat_users)
    assert names(await people["Boris"].send("message:list", chat_id=chat_id)) == {"Anna", "Boris", "Clara"}
    assert names(await people["Boris"].send("message:list", chat_id=chat_id, limit=1)) == {"Clara"}


async def test_page_names_whom_a_system_message_is_about(chat_users: ChatUsers):
    people, chat_id = await named_group(chat_users)
    await people["Anna"].send("member:remove", chat_id=chat_id, user_id=id_of(people["Clara"]))
    page = await people["Boris"].send("message:list", chat_id=chat_id, limit=1)
    assert page["messages"][0]["content"]["event"] == "member_removed"
    assert names(page) == {"Anna", "Clara"}


async def test_changes_name_their_people(chat_users: ChatUsers):
    people, chat_id = await named_group(chat_users)
    page = await people["Anna"].send("message:changes", chat_id=chat_id, version=0)
    assert names(page) == {"Anna", "Boris", "Clara"}


async def test_empty_page_names_nobody(chat_users: ChatUsers):
    _anna, boris, chat_id = await chat_users.pair()
    for action, more in (("message:list", {}), ("message:changes", {"version": 1})):
        assert (await boris.send(action, chat_id=chat_id, **more))["users"] == {}


@pytest.mark.parametrize("action", ["chat:list", "session:sync"])
async def test_list_of_chats_names_peers_and_last_senders(chat_users: ChatUsers, action: str):
    people, _chat_id = await named_group(chat_users)
    dora = await (await chat_users.register()).connect()
    await people["Boris"].send("chat:create_private", user_id=id_of(dora))
    answer = await people["Boris"].send(action)
    assert set(answer["users"]) == {id_of(dora), id_of(people["Clara"])}


async def test_page_names_people_who_deleted_their_accounts(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    boris = chat_users.people[1]
    await boris.act("message:send", chat_id=chat_id, client_id=new_client_id(), type="text", content={"text": "bye"})
    await chat_users.http.delete("/v1/me", headers=boris.headers)
    assert set((await anna.send("message:list", chat_id=chat_id))["users"]) == {boris.id}


# --- the sender of an event


async def test_new_message_comes_with_its_sender(chat_users: ChatUsers):
    people, chat_id = await named_group(chat_users)
    await people["Boris"].send("chat:activate", chat_id=chat_id)
    await people["Clara"].say(chat_id, "hello")
    over_socket = (await people["Boris"].expect_event("message:created")).payload["sender"]
    clara = chat_users.people[2]
    await clara.act("message:send", chat_id=chat_id, client_id=new_client_id(), type="text", content={"text": "again"})
    over_http = (await people["Boris"].expect_event("message:created")).payload["sender"]
    assert over_socket == over_http
    profile = (await people["Boris"].send("message:list", chat_id=chat_id, limit=1))["users"][clara.id]
    assert over_http == {**profile, "last_seen_at": None}


async def test_system_message_comes_with_its_actor(chat_users: ChatUsers):
    people, chat_id = await named_group(chat_users)
    await people["Boris"].send("chat:activate", chat_id=chat_id)
    await people["Anna"].send("member:remove", chat_id=chat_id, user_id=id_of(people["Clara"]))
    created = (await people["Boris"].expect_event("message:created")).payload
    assert created["message"]["type"] == "system"
    assert created["sender"]["display_name"] == "Anna"


async def test_message_after_a_change_of_the_profile_has_the_new_one(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await boris.send("chat:activate", chat_id=chat_id)
    for name in ("Anna", "Anna the Second", "Anna the Third"):
        await chat_users.http.patch("/v1/me", json={"display_name": name}, headers=chat_users.people[0].headers)
        await anna.say(chat_id, "hello")
        assert (await boris.expect_event("message:created")).payload["sender"]["display_name"] == name


async def test_sender_is_read_once_and_not_with_every_message(chat_users: ChatUsers, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger="molva.action")
    anna, _boris, chat_id = await chat_users.pair()
    for _ in range(3):
        await anna.say(chat_id, "hello")
    counts = [record.sql_count for record in caplog.records if record.message == "action"]  # type: ignore[attr-defined]
    assert counts[-3:] == [2, 1, 1]


def profile_of(user_id: str, name: str) -> UserRow:
    return UserRow(user_id, name, None, None, None, None, is_bot=False, is_deleted=False)


async def test_profile_that_changes_while_it_is_read_is_the_new_one(monkeypatch: pytest.MonkeyPatch):
    profiles, user_id = SenderProfiles(), new_client_id()

    async def read_before_the_change(_tx: object, user_ids: list[str]) -> list[UserRow]:
        profiles.replace(user_id, b"new")
        return [profile_of(one, "old") for one in user_ids]

    monkeypatch.setattr(users, "list_public_profiles", read_before_the_change)
    for _ in range(2):
        loaded, _read = await profiles.load(None, [user_id])  # type: ignore[arg-type]
        assert profiles.latest(user_id, loaded) == b"new"


async def test_profile_is_read_again_after_a_while(monkeypatch: pytest.MonkeyPatch):
    profiles, user_id, now = SenderProfiles(), new_client_id(), 1000.0
    monkeypatch.setattr(sender_profiles, "time", SimpleNamespace(monotonic=lambda: now))
    names = iter(("first", "second"))

    async def read(_tx: object, user_ids: list[str]) -> list[UserRow]:
        name = next(names)
        return [profile_of(one, name) for one in user_ids]

    monkeypatch.setattr(users, "list_public_profiles", read)

    async def name() -> str:
        loaded, _read = await profiles.load(None, [user_id])  # type: ignore[arg-type]
        shown: str = orjson.loads(profiles.latest(user_id, loaded))["display_name"]
        return shown

    assert [await name(), await name()] == ["first", "first"]
    now += sender_profiles.FRESH_S + 1
    assert await name() == "second"


async def test_profiles_in_memory_are_bounded():
    profiles = SenderProfiles()
    for number in range(sender_profiles.KEPT_MAX + 5):
        profiles.replace(str(number), b"{}")
    assert len(profiles._kept) == sender_profiles.KEPT_MAX
    assert "0" not in profiles._kept


# --- several profiles in one request


async def profiles(chat_users: ChatUsers, ids: str) -> Any:
    return await chat_users.http.get("/v1/users", params={"ids": ids}, headers=chat_users.people[0].headers)


async def test_profiles_come_in_the_order_asked_for(chat_users: ChatUsers):
    people = [await chat_users.register() for _ in range(3)]
    ids = [person.id for person in reversed(people)]
    answer = await profiles(chat_users, ",".join(ids))
    assert answer.status_code == 200
    assert [user["id"] for user in answer.json()["users"]] == ids
    assert all("phone" not in user for user in answer.json()["users"])


async def test_ids_that_nobody_has_are_left_out(chat_users: ChatUsers):
    me, gone = await chat_users.register(), await chat_users.register()
    await chat_users.http.delete("/v1/me", headers=gone.headers)
    answer = await profiles(chat_users, f"{gone.id},{new_client_id()},{me.id.upper()},{me.id}")
    assert [user["id"] for user in answer.json()["users"]] == [me.id]


@pytest.mark.parametrize(
    "ids",
    ["", "x", f"{USER_ID},", ",".join(f"{USER_ID[:-3]}{place:03}" for place in range(101))],
    ids=["none", "no id", "comma", "too many"],
)
async def test_ids_that_do_not_fit_are_refused(chat_users: ChatUsers, ids: str):
    await chat_users.register()
    answer = await profiles(chat_users, ids)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
