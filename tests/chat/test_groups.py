"""Groups: who may do what, what each sees, what becomes of a private chat to which somebody is added."""

from tests.support.clients import ChatUsers, Client, Person


async def connected(chat_users: ChatUsers, count: int) -> list[Client]:
    return [await (await chat_users.register()).connect() for _ in range(count)]


def id_of(client: Client) -> str:
    return client.ready["user"]["id"]


async def test_creator_opens_a_group_and_everybody_hears_of_it(chat_users: ChatUsers):
    anna, boris, clara = await connected(chat_users, 3)
    chat = (await anna.send("chat:create_group", title="Hike", member_ids=[id_of(boris), id_of(clara)]))["chat"]
    assert (chat["type"], chat["title"], chat["member_count"], chat["me"]["role"]) == ("group", "Hike", 3, "creator")
    assert chat["me"]["unread_count"] == 0
    for other in (boris, clara):
        told = (await other.expect_event("chat:updated")).payload
        assert told["reason"] == "created"
        assert told["chat"]["me"]["unread_count"] == 1
        assert told["chat"]["last_message"]["content"]["event"] == "group_created"
    people = (await clara.send("member:list", chat_id=chat["id"]))["members"]
    assert {person["user"]["id"]: person["role"] for person in people} == {
        id_of(anna): "creator",
        id_of(boris): "member",
        id_of(clara): "member",
    }


async def test_retry_of_create_group_finds_the_group(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    wish = {"title": "Once", "member_ids": [id_of(boris)], "client_id": "6f1c2b9e-3d84-4f7a-9b0c-1e2d3f4a5b6c"}
    first = (await anna.send("chat:create_group", **wish))["chat"]
    assert (await anna.send("chat:create_group", **wish))["chat"]["id"] == first["id"]
    await anna.expect_refusal("chat:create_group", "conflict", "client_id_reused", **{**wish, "title": "Other"})


async def test_private_chat_becomes_a_group_in_place(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    for number in range(5):
        await anna.say(chat_id, f"secret {number}")
    clara = (await connected(chat_users, 1))[0]
    await boris.send("chat:activate", chat_id=chat_id)
    await anna.expect_refusal("member:add", "forbidden", chat_id=chat_id, user_ids=[id_of(clara)], history="all")
    answer = await boris.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)])
    assert answer["added"] == [id_of(clara)]
    chat = answer["chat"]
    assert (chat["id"], chat["type"], chat["creator_id"], chat["member_count"]) == (chat_id, "group", id_of(anna), 3)
    assert chat["peer"] is None
    told = (await clara.expect_event("chat:updated")).payload["chat"]
    assert told["me"]["first_seq"] == 6
    assert [message["content"]["event"] for message in (await clara.send("message:list", chat_id=chat_id))["messages"]] == [
        "became_group",
        "member_added",
    ]
    for seq in range(1, 6):
        await clara.expect_refusal("message:like", "not_found", chat_id=chat_id, seq=seq)
        await clara.expect_refusal("message:likes", "not_found", chat_id=chat_id, seq=seq)
    assert (await clara.send("message:search", query="secret"))["messages"] == []
    assert len((await boris.send("message:search", query="secret"))["messages"]) == 5
    assert len((await clara.send("message:changes", chat_id=chat_id, version=0))["messages"]) == 2
    again = await anna.send("chat:create_private", user_id=id_of(boris))
    assert again["created"]
    assert again["chat"]["id"] != chat_id


async def test_removed_member_gets_no_later_message(chat_users: ChatUsers):
    anna, boris, clara = await connected(chat_users, 3)
    chat_id = (await anna.send("chat:create_group", title="G", member_ids=[id_of(boris), id_of(clara)]))["chat"]["id"]
    await boris.send("chat:activate", chat_id=chat_id)
    await boris.expect_refusal("member:remove", "forbidden", chat_id=chat_id, user_id=id_of(clara))
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(boris))
    assert (await boris.expect_event("chat:removed")).payload == {"chat_id": chat_id, "reason": "removed"}
    await anna.say(chat_id, "without Boris")
    await boris.expect_no_event("message:created")
    await boris.expect_no_event("chat:updated")
    await boris.expect_refusal("chat:get", "not_found", chat_id=chat_id)
    assert (await boris.send("chat:list"))["active_chat_id"] is None


async def test_leaving_transferring_and_deleting(chat_users: ChatUsers):
    anna, boris, clara = await connected(chat_users, 3)
    chat_id = (await anna.send("chat:create_group", title="G", member_ids=[id_of(boris), id_of(clara)]))["chat"]["id"]
    await anna.expect_refusal("chat:leave", "conflict", "creator_cannot_leave", chat_id=chat_id)
    await clara.expect_refusal("chat:delete", "forbidden", chat_id=chat_id)
    chat = (await anna.send("chat:transfer", chat_id=chat_id, user_id=id_of(boris)))["chat"]
    assert (chat["creator_id"], chat["me"]["role"]) == (id_of(boris), "admin")
    assert await anna.send("chat:leave", chat_id=chat_id) == {}
    assert (await clara.expect_event("chat:updated", lambda told: told["reason"] == "member_left")).payload["chat"][
        "member_count"
    ] == 2
    assert await boris.send("chat:delete", chat_id=chat_id) == {}
    assert (await clara.expect_event("chat:removed")).payload["reason"] == "deleted"
    await clara.expect_refusal("chat:get", "not_found", chat_id=chat_id)


async def test_name_of_ones_own_is_seen_by_nobody_else(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    chat_id = (await anna.send("chat:create_group", title="Group", member_ids=[id_of(boris)]))["chat"]["id"]
    await anna.expect_event("chat:updated")
    await boris.expect_event("chat:updated")
    assert (await anna.send("chat:rename", chat_id=chat_id, title="Mine"))["chat"]["me"]["title"] == "Mine"
    assert (await anna.expect_event("chat:updated")).payload["reason"] == "renamed"
    await boris.expect_no_event("chat:updated")
    seen = (await boris.send("chat:get", chat_id=chat_id))["chat"]
    assert (seen["title"], seen["me"]["title"]) == ("Group", None)


async def test_pins_keep_their_order(chat_users: ChatUsers):
    anna = (await connected(chat_users, 1))[0]
    ids = [(await anna.send("chat:create_group", title=f"G{n}"))["chat"]["id"] for n in range(11)]
    for chat_id in ids[:10]:
        await anna.send("chat:pin", chat_id=chat_id)
    await anna.expect_refusal("chat:pin", "conflict", "pin_limit", chat_id=ids[10])
    await anna.send("chat:pin", chat_id=ids[0], position=2)
    await anna.send("chat:unpin", chat_id=ids[9])
    listed = (await anna.send("chat:list"))["chats"]
    assert [chat["id"] for chat in listed] == [ids[0], *ids[8:0:-1], ids[10], ids[9]]
    assert [chat["me"]["pinned"] for chat in listed] == [1, 2, 3, 4, 5, 6, 7, 8, 9, None, None]


async def test_edit_delete_and_likes_reach_who_looks(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await boris.send("chat:activate", chat_id=chat_id)
    sent = await anna.say(chat_id, "first")
    await boris.expect_event("message:created")
    edited = (await anna.send("message:edit", chat_id=chat_id, seq=1, content={"text": "better"}))["message"]
    assert edited["version"] == sent["version"] + 1
    assert (await boris.expect_event("message:updated")).payload["message"]["content"] == {"text": "better"}
    await boris.expect_refusal("message:edit", "forbidden", chat_id=chat_id, seq=1, content={"text": "x"})
    assert await boris.send("message:like", chat_id=chat_id, seq=1) == {"like_count": 1}
    assert await boris.send("message:like", chat_id=chat_id, seq=1) == {"like_count": 1}
    liked = (await anna.expect_event("message:liked")).payload
    assert (liked["liked"], liked["like_count"], liked["version"]) == (True, 1, edited["version"] + 1)
    gone = (await anna.send("message:delete", chat_id=chat_id, seq=1))["message"]
    assert (gone["content"], gone["like_count"]) == (None, 0)
    assert gone["deleted_at"]
    await boris.expect_refusal("message:like", "conflict", "message_deleted", chat_id=chat_id, seq=1)
    changes = await boris.send("message:changes", chat_id=chat_id, version=sent["version"])
    assert [message["seq"] for message in changes["messages"]] == [1]
    assert changes["version"] == gone["version"]


async def test_blocked_person_gets_what_a_stranger_gets_but_cannot_write(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    person: Person = chat_users.people[0]
    assert await anna.send("user:block", user_id=id_of(boris)) == {}
    await boris.expect_refusal("message:send", "conflict", "peer_unavailable", chat_id=chat_id, type="text",
                               content={"text": "hi"}, client_id="6f1c2b9e-3d84-4f7a-9b0c-1e2d3f4a5b6c")  # fmt: skip
    assert (await boris.send("chat:create_private", user_id=id_of(anna)))["created"] is False
    assert [user["id"] for user in (await boris.send("user:find", phones=[person.phone]))["users"]] == [id_of(anna)]
    assert (await boris.send("chat:create_group", title="G", member_ids=[id_of(anna)]))["not_added"] == [id_of(anna)]
    assert [user["id"] for user in (await anna.send("user:blocked"))["users"]] == [id_of(boris)]
    await anna.expect_refusal("message:send", "conflict", "you_blocked_user", chat_id=chat_id, type="text",
                              content={"text": "hi"}, client_id="6f1c2b9e-3d84-4f7a-9b0c-1e2d3f4a5b6c")  # fmt: skip
    await anna.send("user:unblock", user_id=id_of(boris))
    assert (await boris.say(chat_id, "again"))["seq"] == 1


async def test_sync_tells_what_changed_and_what_was_lost(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    group = (await boris.send("chat:create_group", title="G", member_ids=[id_of(anna)]))["chat"]["id"]
    everything = await anna.send("session:sync")
    assert {chat["id"] for chat in everything["chats"]} == {chat_id, group}
    assert not everything["has_more"]
    nothing = await anna.send("session:sync", cursor=everything["cursor"])
    assert (nothing["chats"], nothing["removed_chat_ids"]) == ([], [])
    await boris.say(chat_id, "while you were away")
    await boris.send("member:remove", chat_id=group, user_id=id_of(anna))
    changed = await anna.send("session:sync", cursor=nothing["cursor"])
    assert [chat["id"] for chat in changed["chats"]] == [chat_id]
    assert changed["chats"][0]["me"]["unread_count"] == 1
    assert changed["removed_chat_ids"] == [group]


async def test_who_opens_the_chat_while_somebody_types_hears_of_it(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await anna.send("chat:typing", chat_id=chat_id)
    await boris.expect_no_event("chat:typing")
    await boris.send("chat:activate", chat_id=chat_id)
    for _ in range(2):
        await anna.send("chat:typing", chat_id=chat_id)
        assert (await boris.expect_event("chat:typing")).payload == {"chat_id": chat_id, "user_id": id_of(anna)}


async def test_typing_and_other_types(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await boris.send("chat:activate", chat_id=chat_id)
    assert await anna.send("chat:typing", chat_id=chat_id) == {}
    assert (await boris.expect_event("chat:typing")).payload == {"chat_id": chat_id, "user_id": id_of(anna)}
    here = {"latitude": 55.75, "longitude": 37.62}
    place = await anna.send("message:send", chat_id=chat_id, type="location", content=here,
                            client_id="6f1c2b9e-3d84-4f7a-9b0c-1e2d3f4a5b6c")  # fmt: skip
    assert place["message"]["content"] == here
    error = await anna.expect_refusal("message:send", "validation_failed", chat_id=chat_id, type="location",
                                      content={"latitude": 91, "longitude": 0},
                                      client_id="6f1c2b9e-3d84-4f7a-9b0c-1e2d3f4a5b6d")  # fmt: skip
    assert error["details"][0]["path"] == "content.latitude"
