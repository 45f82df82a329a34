"""Reports: what was reported is kept as it was; what one may not see cannot be reported."""

from typing import Any

import orjson
import pytest

from core.limits import REPORTS_PER_DAY_MAX
from db import reports
from tests.support.clients import ChatUsers, new_client_id
from tests.support.running import RunningServer


async def kept(running: RunningServer, reporter_id: str) -> list[dict[str, Any]]:
    async with running.molva.database.reading() as tx:
        rows = await tx.fetch("test", "SELECT * FROM reports WHERE reporter_id = $1 ORDER BY id", [reporter_id])
    return [dict(row) for row in rows]


async def test_reported_message_is_kept_as_it_was(chat_users: ChatUsers, running: RunningServer) -> None:
    anna, boris, chat_id = await chat_users.pair()
    message = await boris.say(chat_id, "buy now")
    asked = {"chat_id": chat_id, "seq": message["seq"], "reason": "spam", "comment": "every day"}
    assert await anna.send("report:create", **asked) == {}
    await boris.send("message:edit", chat_id=chat_id, seq=message["seq"], content={"text": "never mind"})
    await boris.send("message:delete", chat_id=chat_id, seq=message["seq"])
    (report,) = await kept(running, anna.ready["user"]["id"])
    assert (report["reason"], report["comment"], report["seq"]) == ("spam", "every day", message["seq"])
    assert str(report["user_id"]) == boris.ready["user"]["id"]
    reported = report["reported"] if isinstance(report["reported"], dict) else orjson.loads(report["reported"])
    assert reported["message"]["content"] == {"text": "buy now"}
    assert reported["sender"]["display_name"] == boris.ready["user"]["display_name"]
    assert reported["chat"]["type"] == "private"


async def test_person_and_chat_can_be_reported(chat_users: ChatUsers, running: RunningServer) -> None:
    anna, boris, chat_id = await chat_users.pair()
    boris_id = boris.ready["user"]["id"]
    await anna.send("report:create", user_id=boris_id, reason="abuse")
    await anna.send("report:create", chat_id=chat_id, reason="other")
    first, second = await kept(running, anna.ready["user"]["id"])
    assert (str(first["user_id"]), first["chat_id"]) == (boris_id, None)
    assert (second["user_id"], str(second["chat_id"])) == (None, chat_id)


async def test_what_one_may_not_see_cannot_be_reported(chat_users: ChatUsers) -> None:
    anna, _, chat_id = await chat_users.pair()
    stranger = await (await chat_users.register()).connect()
    for client, asked, field in (
        (stranger, {"chat_id": chat_id}, "chat_id"),
        (stranger, {"chat_id": chat_id, "seq": 1}, "chat_id"),
        (anna, {"chat_id": chat_id, "seq": 99}, "seq"),
        (anna, {"user_id": new_client_id()}, "user_id"),
    ):
        error = (await client.push("report:create", {**asked, "reason": "spam"}))["error"]
        assert (error["code"], error["details"]) == ("not_found", {"field": field})


@pytest.mark.parametrize(
    "asked",
    [
        {"reason": "spam"},
        {"seq": 1, "user_id": new_client_id(), "reason": "spam"},
        {"user_id": new_client_id(), "reason": "boring"},
        {"user_id": new_client_id(), "reason": "spam", "comment": " "},
        {"user_id": new_client_id()},
    ],
)
async def test_incomplete_report_is_refused(chat_users: ChatUsers, asked: dict[str, Any]) -> None:
    client = await (await chat_users.register()).connect()
    assert (await client.push("report:create", asked))["error"]["code"] == "validation_failed"


async def test_person_makes_a_bounded_number_of_reports_a_day(chat_users: ChatUsers, running: RunningServer) -> None:
    anna = await chat_users.register()
    made = []
    for _ in range(REPORTS_PER_DAY_MAX + 1):
        async with running.molva.database.transaction() as tx:
            await reports.lock_reporter(tx, anna.id)
            made.append(
                await reports.insert_report(
                    tx, new_client_id(), anna.id, "spam", None, None, None, anna.id, {}, REPORTS_PER_DAY_MAX
                )
            )
    assert [one is not None for one in made] == [True] * REPORTS_PER_DAY_MAX + [False]
