"""Messages that are too old are deleted, by the rule of their chat or that of all; others stay."""

import pytest

from core.ids import new_id
from maintenance.old_messages import delete_old_messages
from tests.admin.operator import OperatorClient
from tests.support.api_client import run_sql
from tests.support.clients import ChatUsers, Client, new_client_id
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow

LOCATION = {"type": "location", "content": {"latitude": 55.75, "longitude": 37.61}}


async def age(running: RunningServer, chat_id: str, days: dict[int, int]) -> None:
    """Make messages older: ``seq`` → days."""
    for seq, count in days.items():
        await run_sql(
            running.molva.database,
            "UPDATE messages SET created_at = wire_now() - make_interval(days => $3) WHERE chat_id = $1 AND seq = $2",
            chat_id, seq, count,
        )  # fmt: skip


async def kept(client: Client, chat_id: str) -> list[int]:
    messages = (await client.send("message:list", chat_id=chat_id))["messages"]
    return sorted(one["seq"] for one in messages if one["deleted_at"] is None)


async def test_rule_of_a_chat_deletes_what_is_older(
    chat_users: ChatUsers, running: RunningServer, operator: OperatorClient
):
    anna, boris, chat_id = await chat_users.pair()
    other = (await anna.send("chat:create_group", title="G", member_ids=[boris.ready["user"]["id"]]))["chat"]["id"]
    for number in range(4):
        await anna.say(chat_id, str(number))
    await anna.say(other, "old, too")
    await age(running, chat_id, {1: 40, 2: 31, 3: 29})
    await age(running, other, {1: 400, 2: 400})
    await operator.call("PUT", "/retention", json={"chat_id": chat_id, "message_days": 30})
    await boris.send("chat:activate", chat_id=chat_id)
    assert await delete_old_messages(running.molva.services) == {"messages": 2}
    assert await kept(anna, chat_id) == [3, 4]
    for seq in (1, 2):
        await boris.expect_event("message:updated", lambda told, seq=seq: told["message"]["seq"] == seq)
    assert await kept(anna, other) == [1, 2]
    assert await delete_old_messages(running.molva.services) == {"messages": 0}
    await operator.call("PUT", "/retention", json={"chat_id": chat_id})
    assert chat_id not in {one["chat_id"] for one in (await operator.call("GET", "/retention"))["rules"]}


async def test_media_may_be_kept_shorter(chat_users: ChatUsers, running: RunningServer, operator: OperatorClient):
    anna, _, chat_id = await chat_users.pair()
    await anna.say(chat_id, "words")
    await anna.send("message:send", chat_id=chat_id, client_id=new_client_id(), **LOCATION)
    await anna.say(chat_id, "a picture")
    await run_sql(running.molva.database, "UPDATE messages SET type = 'image' WHERE chat_id = $1 AND seq = 3", chat_id)
    await age(running, chat_id, {1: 20, 2: 20, 3: 20})
    rule = {"chat_id": chat_id, "message_days": None, "media_days": 10}
    assert await operator.call("PUT", "/retention", json=rule) == rule
    assert await delete_old_messages(running.molva.services) == {"messages": 1}
    (row,) = await run_sql(
        running.molva.database, "SELECT array_agg(seq ORDER BY seq) AS kept FROM messages WHERE chat_id = $1"
        " AND deleted_at IS NULL", chat_id,
    )  # fmt: skip
    assert row["kept"] == [1, 2]
    await operator.call("PUT", "/retention", json={"chat_id": chat_id})


async def test_more_than_a_batch_is_deleted_in_one_pass(
    chat_users: ChatUsers, running: RunningServer, operator: OperatorClient, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("maintenance.old_messages._BATCH", 3)
    monkeypatch.setattr("maintenance.old_messages._CHATS", 2)
    anna, _, chat_id = await chat_users.pair()
    for number in range(8):
        await anna.say(chat_id, str(number))
    await age(running, chat_id, dict.fromkeys(range(1, 8), 2))
    await operator.call("PUT", "/retention", json={"chat_id": chat_id, "message_days": 1})
    assert await delete_old_messages(running.molva.services) == {"messages": 7}
    assert await kept(anna, chat_id) == [8]
    await operator.call("PUT", "/retention", json={"chat_id": chat_id})


@pytest.mark.parametrize("rule", [{"message_days": 0}, {"message_days": "30"}, {"media_days": 36_501}, {"days": 1}])
async def test_bad_rule_is_refused(operator: OperatorClient, rule: dict):
    assert (await operator.refused("PUT", "/retention", json=rule))["code"] == "validation_failed"


async def test_rule_of_a_chat_that_is_not_there_is_refused(operator: OperatorClient):
    problem = await operator.refused("PUT", "/retention", json={"chat_id": new_id(), "message_days": 1})
    assert problem["details"] == {"field": "chat_id"}
