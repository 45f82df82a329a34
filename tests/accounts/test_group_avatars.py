"""The picture of a group: who may set it, who is told, and when its images go."""

import httpx
import pytest
from PIL import Image

from accounts.avatars import remove_unused_avatar
from tests.support.api_client import run_sql
from tests.support.clients import ChatUsers, Client, Person
from tests.support.pictures import SKY, base64_of, encoded
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow


def picture_of(colour: tuple[int, int, int]) -> bytes:
    return encoded(Image.new("RGB", (8, 8), colour))


async def put(person: Person, chat_id: str, picture: bytes) -> httpx.Response:
    url = f"/v1/chats/{chat_id}/avatar"
    return await person.http.put(url, json={"image": base64_of(picture)}, headers=person.headers, timeout=60)


async def remove(person: Person, chat_id: str) -> httpx.Response:
    return await person.http.delete(f"/v1/chats/{chat_id}/avatar", headers=person.headers)


async def group_of(chat_users: ChatUsers) -> tuple[Person, Person, Client, str]:
    """A group: its creator, a plain member, the member's connection, the chat."""
    anna, boris = await chat_users.register(), await chat_users.register()
    client = await boris.connect()
    answer = await anna.act("chat:create_group", title="Hikers", member_ids=[boris.id])
    return anna, boris, client, answer.json()["chat"]["id"]


async def test_members_are_told_of_a_new_picture(chat_users: ChatUsers) -> None:
    anna, boris, client, chat_id = await group_of(chat_users)
    answer = await put(anna, chat_id, picture_of(SKY))
    assert answer.status_code == 200, answer.text
    avatar = answer.json()["avatar"]
    assert set(avatar) == {"id", "50", "100", "400", "original"}
    assert (await boris.http.get(avatar["50"])).status_code == 200
    told = await client.expect_event("chat:updated", lambda payload: payload["reason"] == "updated")
    assert told.payload["chat"]["avatar"] == avatar
    assert told.payload["chat"]["last_message"]["content"] == {"event": "avatar_changed", "user_id": anna.id}
    await client.say(chat_id, "nice")
    told = await client.expect_event("chat:updated", lambda payload: payload["reason"] == "message")
    assert told.payload["chat"]["avatar"] == avatar
    version = (await put(anna, chat_id, picture_of(SKY))).json()["version"]
    assert (await client.send("chat:get", chat_id=chat_id))["chat"]["version"] == version == told.payload["chat"]["version"]


async def test_removed_picture_is_gone_unless_somebody_has_it(chat_users: ChatUsers, running: RunningServer) -> None:
    molva = running.molva
    anna, boris, client, chat_id = await group_of(chat_users)
    avatar = (await put(anna, chat_id, picture_of((1, 2, 3)))).json()["avatar"]
    await run_sql(molva.database, "UPDATE avatars SET expires_at = wire_now() WHERE id = $1", avatar["id"])
    assert not await remove_unused_avatar(molva.database, molva.objects, avatar["id"]), "the group has it"
    assert (await remove(anna, chat_id)).status_code == 204
    assert (await remove(anna, chat_id)).status_code == 204
    assert (await client.send("chat:get", chat_id=chat_id))["chat"]["avatar"] is None
    assert (await boris.http.get(avatar["50"])).status_code == 404


async def test_picture_of_a_deleted_group_goes(chat_users: ChatUsers, running: RunningServer) -> None:
    molva = running.molva
    anna, boris, _, chat_id = await group_of(chat_users)
    avatar = (await put(anna, chat_id, picture_of((4, 5, 6)))).json()["avatar"]
    await anna.act("chat:delete", chat_id=chat_id)
    assert await remove_unused_avatar(molva.database, molva.objects, avatar["id"])
    assert (await boris.http.get(avatar["50"])).status_code == 404


async def test_only_the_creator_and_admins_set_the_picture(chat_users: ChatUsers) -> None:
    anna, boris, _, chat_id = await group_of(chat_users)
    stranger = await chat_users.register()
    private = (await anna.act("chat:create_private", user_id=boris.id)).json()["chat"]["id"]
    for who, where, status in ((stranger, chat_id, 404), (boris, chat_id, 403), (anna, private, 409), (anna, "no-id", 422)):
        assert (await put(who, where, picture_of(SKY))).status_code == status
        assert (await remove(who, where)).status_code == status
    await anna.act("member:set_role", chat_id=chat_id, user_id=boris.id, role="admin")
    assert (await put(boris, chat_id, picture_of(SKY))).status_code == 200
    assert (await remove(boris, chat_id)).status_code == 204


async def test_large_picture_is_taken_as_from_a_person(chat_users: ChatUsers) -> None:
    anna, _, _, chat_id = await group_of(chat_users)
    picture = encoded(Image.effect_noise((1000, 1000), 100))
    assert 500_000 < len(picture) < 5_000_000
    assert (await put(anna, chat_id, picture)).status_code == 200
