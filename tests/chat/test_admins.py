"""Admins of a group: what they may, whom they may remove, and what becomes of a creator who hands the group over."""

from typing import Any

import pytest

from tests.support.clients import ChatUsers, Client

pytestmark = pytest.mark.slow


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def group_of(chat_users: ChatUsers, count: int) -> tuple[list[Client], str]:
    """So many connected people in a group; the first is the creator, the second an admin."""
    people = [await (await chat_users.register()).connect() for _ in range(count)]
    others = [id_of(one) for one in people[1:]]
    chat_id = (await people[0].send("chat:create_group", title="Group", member_ids=others))["chat"]["id"]
    await people[0].send("member:set_role", chat_id=chat_id, user_id=others[0], role="admin")
    return people, chat_id


async def roles(client: Client, chat_id: str) -> dict[str, str]:
    listed = (await client.send("member:list", chat_id=chat_id))["members"]
    return {member["user"]["id"]: member["role"] for member in listed}


async def test_role_is_in_the_list_of_members_and_in_me(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    assert await roles(clara, chat_id) == {id_of(anna): "creator", id_of(boris): "admin", id_of(clara): "member"}
    assert (await boris.send("chat:get", chat_id=chat_id))["chat"]["me"]["role"] == "admin"
    told = await boris.expect_event("chat:updated", lambda payload: payload["reason"] == "role_changed")
    assert told.payload["chat"]["me"]["role"] == "admin"
    told = await clara.expect_event("chat:updated", lambda payload: payload["reason"] == "role_changed")
    assert "me" not in told.payload["chat"]


async def test_setting_a_role_again_changes_nothing(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    before = (await clara.send("chat:get", chat_id=chat_id))["chat"]["version"]
    await anna.send("member:set_role", chat_id=chat_id, user_id=id_of(boris), role="admin")
    await anna.send("member:set_role", chat_id=chat_id, user_id=id_of(clara), role="member")
    assert (await clara.send("chat:get", chat_id=chat_id))["chat"]["version"] == before
    await anna.expect_refusal(
        "member:set_role", "conflict", "with_yourself", chat_id=chat_id, user_id=id_of(anna), role="admin"
    )


async def test_admin_removes_members_but_no_admin_and_not_the_creator(chat_users: ChatUsers):
    (anna, boris, clara, dora), chat_id = await group_of(chat_users, 4)
    await anna.send("member:set_role", chat_id=chat_id, user_id=id_of(clara), role="admin")
    for other in (anna, boris, clara):
        await boris.expect_refusal("member:remove", "forbidden", chat_id=chat_id, user_id=id_of(other))
    await boris.send("member:remove", chat_id=chat_id, user_id=id_of(dora))
    await boris.send("member:remove", chat_id=chat_id, user_id=id_of(dora))
    assert id_of(dora) not in await roles(anna, chat_id)
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(clara))


async def test_admin_deletes_messages_of_others(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    seq = (await anna.say(chat_id, "oops"))["seq"]
    await clara.expect_refusal("message:delete", "forbidden", chat_id=chat_id, seq=seq)
    deleted: dict[str, Any] = await boris.send("message:delete", chat_id=chat_id, seq=seq)
    assert deleted["message"]["deleted_at"]


async def test_former_creator_becomes_an_admin(chat_users: ChatUsers):
    (anna, boris, clara), chat_id = await group_of(chat_users, 3)
    answer = await anna.send("chat:transfer", chat_id=chat_id, user_id=id_of(boris))
    assert answer["chat"]["me"]["role"] == "admin"
    assert await roles(clara, chat_id) == {id_of(anna): "admin", id_of(boris): "creator", id_of(clara): "member"}
    await boris.send("chat:transfer", chat_id=chat_id, user_id=id_of(clara))
    assert (await roles(anna, chat_id))[id_of(boris)] == "admin"


async def test_admin_who_comes_back_is_a_plain_member(chat_users: ChatUsers):
    (anna, boris), chat_id = await group_of(chat_users, 2)
    await boris.send("chat:leave", chat_id=chat_id)
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(boris)])
    assert (await roles(anna, chat_id))[id_of(boris)] == "member"


async def test_creator_is_told_that_system_messages_stay_as_they_are(chat_users: ChatUsers):
    anna = await (await chat_users.register()).connect()
    chat_id = (await anna.send("chat:create_group", title="Choir"))["chat"]["id"]
    refused = await anna.expect_refusal("message:delete", "forbidden", chat_id=chat_id, seq=1)
    assert refused["message"] == "A system message cannot be deleted."
    refused = await anna.expect_refusal("message:edit", "forbidden", chat_id=chat_id, seq=1, content={"text": "Hello"})
    assert refused["message"] == "A system message cannot be edited."


# --- what a group shows


async def test_new_title_is_told_by_a_system_message(chat_users: ChatUsers):
    (_, boris, clara), chat_id = await group_of(chat_users, 3)
    chat = (await boris.send("chat:update", chat_id=chat_id, title="Hikers", description="Every Sunday"))["chat"]
    assert (chat["title"], chat["description"], chat["metadata"], chat["avatar"]) == ("Hikers", "Every Sunday", {}, None)
    last = (await clara.send("chat:get", chat_id=chat_id))["chat"]["last_message"]
    assert last["content"] == {"event": "title_changed", "user_id": id_of(boris), "title": "Hikers"}
    assert last["sender_id"] == id_of(boris)


async def test_update_leaves_what_it_does_not_name(chat_users: ChatUsers):
    (anna, *_), chat_id = await group_of(chat_users, 2)
    await anna.send("chat:update", chat_id=chat_id, description="About", metadata={"a": [1, {"b": None}], "c": 1.5})
    chat = (await anna.send("chat:update", chat_id=chat_id, description=None))["chat"]
    assert (chat["title"], chat["description"], chat["metadata"]) == ("Group", None, {"a": [1, {"b": None}], "c": 1.5})
    again = (await anna.send("chat:update", chat_id=chat_id, title="Group", description=None))["chat"]
    assert again["version"] == chat["version"]
    assert (await anna.send("chat:update", chat_id=chat_id, metadata={}))["chat"]["metadata"] == {}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"title": None},
        {"title": "  "},
        {"description": ""},
        {"description": "x" * 513},
        {"metadata": None},
        {"metadata": {"text": "x" * 4096}},
        {"metadata": {"text": "a\x00b"}},
        {"metadata": {"a\x00b": 1}},
        {"metadata": [1]},
    ],
    ids=str,
)
async def test_bad_update_is_refused(chat_users: ChatUsers, change: dict[str, Any]):
    (anna, *_), chat_id = await group_of(chat_users, 2)
    await anna.expect_refusal("chat:update", "validation_failed", chat_id=chat_id, **change)


async def test_metadata_may_speak_of_nul(chat_users: ChatUsers):
    (anna, *_), chat_id = await group_of(chat_users, 2)
    metadata = {"text": "\\u0000 is written with a backslash"}
    assert (await anna.send("chat:update", chat_id=chat_id, metadata=metadata))["chat"]["metadata"] == metadata
