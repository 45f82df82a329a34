"""Forwarding: the content again in another chat, with its file, once, by who may see it."""

from typing import Any

from maintenance.unused_files import remove_unused_files
from tests.http.test_files import expire, get, send, upload_well
from tests.support.clients import ChatUsers, Client, new_client_id
from tests.support.pictures import encoded, scene
from tests.support.running import RunningServer


async def forward(client: Client, chat_id: str, seq: int, to_chat_id: str, client_id: str = "") -> dict[str, Any]:
    return await client.send(
        "message:forward", chat_id=chat_id, seq=seq, to_chat_id=to_chat_id, client_id=client_id or new_client_id()
    )


async def group_of(client: Client, *others: Client) -> str:
    ids = [other.ready["user"]["id"] for other in others]
    chat_id: str = (await client.send("chat:create_group", title="Group", member_ids=ids))["chat"]["id"]
    return chat_id


async def test_forwarded_message_names_its_first_sender(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    first = await anna.send(
        "message:send",
        chat_id=chat_id,
        client_id=new_client_id(),
        type="text",
        content={"text": "news"},
        mentions=[boris.ready["user"]["id"]],
        metadata={"order": 7},
    )
    group_id = await group_of(boris)
    await boris.send("chat:activate", chat_id=group_id)
    sent = await forward(boris, chat_id, first["message"]["seq"], group_id)
    message, origin = sent["message"], {
        "sender_id": anna.ready["user"]["id"],
        "created_at": first["message"]["created_at"],
    }  # fmt: skip
    assert (sent["duplicate"], message["content"], message["forwarded_from"]) == (False, {"text": "news"}, origin)
    assert (message["sender_id"], message["mentions"], message["metadata"]) == (boris.ready["user"]["id"], [], None)
    assert first["message"]["forwarded_from"] is None
    told = (await boris.expect_event("message:created")).payload["message"]
    assert told["forwarded_from"] == origin
    again = (await forward(boris, group_id, message["seq"], group_id))["message"]
    assert again["forwarded_from"] == origin, "the first sender stays, however often it is forwarded"
    listed = (await boris.send("message:list", chat_id=group_id))["messages"]
    assert [one["forwarded_from"] for one in listed][-2:] == [origin, origin]


async def test_words_of_somebody_else_cannot_be_edited_by_who_forwards_them(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "news"))["seq"]
    theirs = (await forward(boris, chat_id, seq, chat_id))["message"]
    changed = {"chat_id": chat_id, "content": {"text": "never said"}}
    await boris.expect_refusal("message:edit", "forbidden", seq=theirs["seq"], **changed)
    shown = (await anna.send("message:list", chat_id=chat_id))["messages"][-1]
    assert (shown["content"], shown["edited_at"]) == ({"text": "news"}, None)
    own = (await forward(anna, chat_id, seq, chat_id))["message"]
    assert (await anna.send("message:edit", seq=own["seq"], **changed))["message"]["edited_at"]
    await boris.send("message:delete", chat_id=chat_id, seq=theirs["seq"])


async def test_repeated_forward_stores_once_even_if_the_message_has_gone(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "news"))["seq"]
    other = (await anna.say(chat_id, "other"))["seq"]
    group_id, client_id = await group_of(boris), new_client_id()
    first = await forward(boris, chat_id, seq, group_id, client_id)
    await anna.send("message:delete", chat_id=chat_id, seq=seq)
    again = await forward(boris, chat_id, seq, group_id, client_id)
    assert again == {"message": first["message"], "duplicate": True}
    asked = {"chat_id": chat_id, "to_chat_id": group_id}
    await boris.expect_refusal("message:forward", "conflict", "client_id_reused", **asked, seq=other, client_id=client_id)
    await boris.expect_refusal(
        "message:forward", "conflict", "message_deleted", **asked, seq=seq, client_id=new_client_id()
    )


async def test_only_what_one_may_see_is_forwarded_and_only_to_where_one_may_write(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "news"))["seq"]
    group_id = await group_of(anna)
    system = (await anna.send("message:list", chat_id=group_id))["messages"][0]["seq"]
    for asked, field in (
        ({"chat_id": group_id, "seq": system, "to_chat_id": chat_id}, "chat_id"),
        ({"chat_id": chat_id, "seq": 99, "to_chat_id": chat_id}, "seq"),
        ({"chat_id": chat_id, "seq": seq, "to_chat_id": group_id}, "to_chat_id"),
        ({"chat_id": chat_id, "seq": seq, "to_chat_id": new_client_id()}, "to_chat_id"),
    ):
        error = await boris.expect_refusal("message:forward", "not_found", **asked, client_id=new_client_id())
        assert error["details"] == {"field": field}
    await anna.expect_refusal(
        "message:forward", "forbidden", chat_id=group_id, seq=system, to_chat_id=chat_id, client_id=new_client_id()
    )


async def test_members_of_the_target_get_the_file_as_long_as_a_message_holds_it(
    chat_users: ChatUsers, running: RunningServer
) -> None:
    anna, boris, chat_id = await chat_users.pair()
    clara = await (await chat_users.register()).connect()
    group_id = await group_of(boris, clara)
    file = await upload_well(chat_users.people[0], encoded(scene(40, 40)), "a.png")
    message = await send(anna, chat_id, "image", file)
    assert (await get(chat_users.people[2], file["url"])).status_code == 404
    forwarded = (await forward(boris, chat_id, message["seq"], group_id))["message"]
    assert forwarded["content"] == message["content"]
    await anna.send("message:delete", chat_id=chat_id, seq=message["seq"])
    await expire(running, file["id"])
    await remove_unused_files(running.molva.database, running.molva.objects)
    assert (await get(chat_users.people[2], file["url"])).content == encoded(scene(40, 40))
    shown = (await clara.send("message:list", chat_id=group_id))["messages"][-1]["content"]
    assert (await chat_users.http.get(shown["url"])).content == encoded(scene(40, 40))
    await boris.send("message:delete", chat_id=group_id, seq=forwarded["seq"])
    assert (await get(chat_users.people[2], file["url"])).status_code == 404
