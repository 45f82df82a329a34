"""Everybody who is online hears an announcement, and everybody who connects until it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from core.clock import now_wire, wire_time
from core.ids import new_id
from core.settings import Settings
from tests.admin.operator import OperatorClient, new_operator
from tests.support.clients import ChatUsers
from tests.support.running import run_server

pytestmark = pytest.mark.slow


async def test_announcement_reaches_everybody_until_it_ends(chat_users: ChatUsers, operator: OperatorClient):
    anna, boris, _ = await chat_users.pair()
    until = wire_time(datetime.now(UTC) + timedelta(minutes=5))
    asked = {"text": "Maintenance at two", "level": "warning", "until": until}
    made = await operator.call("POST", "/announcements", json=asked)
    assert made == asked | {"id": made["id"]}
    for client in (anna, boris):
        assert (await client.expect_event("server:announcement")).payload == asked
    late = await (await chat_users.register()).connect()
    assert asked in late.ready["announcements"]
    assert made in (await operator.call("GET", "/announcements"))["announcements"]
    await operator.call("DELETE", f"/announcements/{made['id']}")
    taken_back = (await anna.expect_event("server:announcement")).payload
    assert taken_back["text"] == "Maintenance at two"
    assert taken_back["until"] <= now_wire()
    later = await (await chat_users.register()).connect()
    assert asked["text"] not in {one["text"] for one in later.ready["announcements"]}
    problem = await operator.refused("DELETE", f"/announcements/{made['id']}")
    assert problem["details"] == {"field": "announcement_id"}
    assert (await operator.refused("DELETE", f"/announcements/{new_id()}"))["code"] == "not_found"


async def test_announcement_lasts_a_day_unless_it_says_otherwise(chat_users: ChatUsers, operator: OperatorClient):
    made = await operator.call("POST", "/announcements", json={"text": "Hello"})
    assert made["level"] == "info"
    lasts = datetime.fromisoformat(made["until"]) - datetime.now(UTC)
    assert timedelta(hours=23) < lasts <= timedelta(days=1)
    await operator.call("DELETE", f"/announcements/{made['id']}")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"text": " "},
        {"text": "x" * 1001},
        {"text": "x", "level": "loud"},
        {"text": "x", "until": "tomorrow"},
    ],
)
async def test_bad_announcement_is_refused(operator: OperatorClient, asked: dict[str, str]):
    assert (await operator.refused("POST", "/announcements", json=asked))["code"] == "validation_failed"


async def test_announcement_is_there_after_a_restart(settings: Settings):
    async with run_server(settings) as running:
        operator = await new_operator(running)
        await operator.call("POST", "/announcements", json={"text": "still true"})
        await operator.http.aclose()
    async with run_server(settings) as running:
        chat_users = ChatUsers(running.address)
        client = await (await chat_users.register()).connect()
        assert [one["text"] for one in client.ready["announcements"]] == ["still true"]
        await chat_users.close()
