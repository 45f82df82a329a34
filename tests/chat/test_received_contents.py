"""What the types say that clients get (``messages.received``) is what they get: of each type, of each system event."""

from functools import reduce
from operator import or_
from typing import Any

import pytest
from pydantic import TypeAdapter

from realtime.messages.received import RECEIVED
from tests.support.clients import ChatUsers, new_client_id
from tests.support.pictures import base64_of, encoded, photo, scene

pytestmark = pytest.mark.slow


def check(message: dict[str, Any]) -> None:
    """The content has the fields that its type has, and no other."""
    kinds = RECEIVED[message["type"]]
    adapter: TypeAdapter[Any] = TypeAdapter(reduce(or_, kinds))
    adapter.validate_python(message["content"], extra="forbid")


async def test_contents_of_messages_are_as_the_types_say(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    uploads = {"image": ("lake.jpg", photo(90, 120), {}), "file": ("notes.bin", b"notes", {"duration": "2.5"})}
    contents: dict[str, dict[str, Any]] = {
        "text": {"text": "hello"},
        "location": {"latitude": 55.75, "longitude": 37.62, "title": "The old tower"},
        "contact": {"name": "Anna", "phone": "+79161234567"},
    }
    for kind, (name, content, fields) in uploads.items():
        answer = await chat_users.http.post(
            "/v1/files", files={"file": (name, content)}, data=fields, headers=chat_users.people[0].headers
        )
        contents[kind] = {"file_id": answer.raise_for_status().json()["id"], "caption": "From last summer"}
    for kind, content in contents.items():
        sent = await anna.send("message:send", chat_id=chat_id, client_id=new_client_id(), type=kind, content=content)
        check(sent["message"])


async def test_contents_of_system_messages_are_as_the_types_say(chat_users: ChatUsers):
    anna, boris, private = await chat_users.pair()
    clara, dora = [await (await chat_users.register()).connect() for _ in range(2)]
    ids = [client.ready["user"]["id"] for client in (clara, dora)]
    group = (await anna.send("chat:create_group", title="Hike", member_ids=ids))["chat"]["id"]
    await anna.say(private, "hello")
    await boris.send("member:add", chat_id=private, user_ids=ids[:1])
    await anna.send("member:remove", chat_id=group, user_id=ids[0])
    await dora.send("chat:leave", chat_id=group)
    await anna.send("chat:update", chat_id=group, title="Saturday hike")
    seq = (await anna.say(group, "look here"))["seq"]
    await anna.send("message:pin", chat_id=group, seq=seq)
    image = {"image": base64_of(encoded(scene(400, 300)))}
    answer = await chat_users.http.put(f"/v1/chats/{group}/avatar", json=image, headers=chat_users.people[0].headers)
    answer.raise_for_status()
    told = [
        message
        for chat_id in (private, group)
        for message in (await anna.send("message:list", chat_id=chat_id))["messages"]
        if message["type"] == "system"
    ]
    for message in told:
        check(message)
    known = {event for kind in RECEIVED["system"] for event in kind.model_fields["event"].annotation.__args__}
    assert {message["content"]["event"] for message in told} == known
