"""The main job: two people register by phone and talk."""

from tests.support.clients import ChatUsers, new_client_id


async def test_two_people_register_and_talk(chat_users: ChatUsers):
    anna, boris = await (await chat_users.register()).connect(), await (await chat_users.register()).connect()
    opened = await anna.send("chat:create_private", user_id=boris.ready["user"]["id"])
    chat_id = opened["chat"]["id"]
    assert opened["created"]
    assert opened["chat"]["peer"]["id"] == boris.ready["user"]["id"]
    announced = (await boris.expect_event("chat:updated")).payload
    assert announced["reason"] == "created"
    assert announced["chat"]["peer"]["id"] == anna.ready["user"]["id"]
    await boris.send("chat:activate", chat_id=chat_id)

    sent = await anna.say(chat_id, "Hello, Boris")

    created = (await boris.expect_event("message:created")).payload
    assert created["message"] == {key: value for key, value in sent.items() if key != "liked_by_me"}
    assert created["message_count"] == sent["seq"] == 1
    page = await boris.send("message:list")
    assert [message["content"]["text"] for message in page["messages"]] == ["Hello, Boris"]
    assert (await boris.send("message:read", chat_id=chat_id, seq=1)) == {"read_seq": 1, "unread_count": 0}


async def test_repeated_send_is_stored_once(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    once = {"chat_id": chat_id, "client_id": new_client_id(), "type": "text", "content": {"text": "once"}}
    first = await anna.send("message:send", **once)
    again = await anna.send("message:send", **once)
    assert again == {"message": first["message"], "duplicate": True}
    await anna.expect_refusal("message:send", "conflict", "client_id_reused", **{**once, "content": {"text": "other"}})
    assert (await boris.send("chat:get", chat_id=chat_id))["chat"]["message_count"] == 1
