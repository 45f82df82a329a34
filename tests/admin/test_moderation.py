"""What operators delete is deleted for everybody, as if its owner had done it; reports are read and settled."""

import pytest

from core.ids import new_id
from tests.admin.operator import OperatorClient
from tests.support.clients import ChatUsers

pytestmark = pytest.mark.slow


async def test_deleted_message_is_told_like_any_other(chat_users: ChatUsers, operator: OperatorClient):
    anna, boris, chat_id = await chat_users.pair()
    await anna.send("chat:activate", chat_id=chat_id)
    seq = (await boris.say(chat_id, "buy now"))["seq"]
    await boris.send("message:pin", chat_id=chat_id, seq=seq)
    await operator.call("DELETE", f"/chats/{chat_id}/messages/{seq}")
    told = (await anna.expect_event("message:updated", lambda told: told["message"]["seq"] == seq)).payload["message"]
    assert told["content"] is None
    assert told["deleted_at"]
    chat = (await boris.send("chat:get", chat_id=chat_id))["chat"]
    assert chat["pinned_seqs"] == []
    assert chat["version"] == told["version"]
    await operator.call("DELETE", f"/chats/{chat_id}/messages/{seq}")
    assert (await boris.send("chat:get", chat_id=chat_id))["chat"]["version"] == told["version"]
    entries = await operator.log()
    assert [one["action"] for one in entries] == ["message.delete"] * 2
    assert (entries[1]["target"], entries[1]["before"]["content"]) == (f"chat {chat_id}", {"text": "buy now"})


async def test_message_is_deleted_that_the_creator_cannot_see(chat_users: ChatUsers, operator: OperatorClient):
    anna, boris, chat_id = await chat_users.pair()
    seq = (await boris.say(chat_id, "old"))["seq"]
    await anna.send("chat:clear", chat_id=chat_id)
    await operator.call("DELETE", f"/chats/{chat_id}/messages/{seq}")
    (message,) = (await boris.send("message:list", chat_id=chat_id))["messages"]
    assert message["content"] is None


async def test_what_is_not_there_cannot_be_deleted(chat_users: ChatUsers, operator: OperatorClient):
    anna, boris, _ = await chat_users.pair()
    group = (await anna.send("chat:create_group", title="G", member_ids=[boris.ready["user"]["id"]]))["chat"]["id"]
    problem = await operator.refused("DELETE", f"/chats/{group}/messages/99")
    assert problem["details"] == {"field": "seq"}
    assert (await operator.refused("DELETE", f"/chats/{group}/messages/1"))["details"] == {"field": "seq"}, (
        "a system message"
    )
    assert (await operator.refused("DELETE", f"/chats/{new_id()}/messages/1"))["details"] == {"field": "chat_id"}
    assert (await operator.refused("DELETE", f"/chats/{new_id()}"))["details"] == {"field": "chat_id"}
    assert (await operator.refused("DELETE", f"/chats/{group}/messages/0"))["code"] == "validation_failed"


async def test_deleted_chat_is_gone_for_all_and_a_pair_may_begin_anew(chat_users: ChatUsers, operator: OperatorClient):
    anna, boris, chat_id = await chat_users.pair()
    await anna.send("chat:pin", chat_id=chat_id)
    await operator.call("DELETE", f"/chats/{chat_id}")
    for client in (anna, boris):
        told = (await client.expect_event("chat:removed")).payload
        assert told == {"chat_id": chat_id, "reason": "deleted"}
        await client.expect_refusal("chat:get", "not_found", chat_id=chat_id)
    await operator.call("DELETE", f"/chats/{chat_id}")
    other = (await boris.send("chat:create_private", user_id=anna.ready["user"]["id"]))["chat"]["id"]
    assert other != chat_id
    await boris.say(other, "again")


async def test_reports_are_read_and_settled(chat_users: ChatUsers, operator: OperatorClient):
    anna, boris, chat_id = await chat_users.pair()
    seq = (await boris.say(chat_id, "buy now"))["seq"]
    await anna.send("report:create", chat_id=chat_id, seq=seq, reason="spam", comment="every day")
    await anna.send("report:create", user_id=boris.ready["user"]["id"], reason="abuse")
    mine = anna.ready["user"]["id"]

    async def listed(state: str) -> list[dict]:
        found, cursor = [], None
        while True:
            asked = {"state": state, "limit": 1} | ({"cursor": cursor} if cursor else {})
            page = await operator.call("GET", "/reports", params=asked)
            found += [one for one in page["reports"] if one["reporter_id"] == mine]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    second, first = await listed("open")
    assert (first["reason"], first["comment"], first["seq"]) == ("spam", "every day", seq)
    assert first["reported"]["message"]["content"] == {"text": "buy now"}
    settled = await operator.call("POST", f"/reports/{first['id']}/settle", json={"outcome": "acted", "note": "deleted"})
    assert (settled["outcome"], settled["note"], settled["settled_by"]) == ("acted", "deleted", operator.name)
    assert [one["id"] for one in await listed("open")] == [second["id"]]
    assert [one["id"] for one in await listed("settled")] == [first["id"]]
    assert [one["id"] for one in await listed("all")] == [second["id"], first["id"]]
    corrected = await operator.call("POST", f"/reports/{first['id']}/settle", json={"outcome": "dismissed"})
    assert (corrected["outcome"], corrected["note"]) == ("dismissed", None)
    problem = await operator.refused("POST", f"/reports/{new_id()}/settle", json={"outcome": "acted"})
    assert problem["details"] == {"field": "report_id"}
    problem = await operator.refused("POST", f"/reports/{first['id']}/settle", json={"outcome": "forgotten"})
    assert problem["code"] == "validation_failed"
