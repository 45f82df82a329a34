"""The official JavaScript client against a running server: what an application sees, and nothing but that."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from realtime.wire.registry import ACTIONS, EVENTS
from tests.support.clients import new_phone
from tests.support.running import RunningServer

SCRIPTS = Path(__file__).parents[1] / "js"
NODE = shutil.which("node")
DEADLINE_S = 60

pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(NODE is None, reason="there is no Node.js here"),
    pytest.mark.skipif(
        not (SCRIPTS / "node_modules/socket.io-client").exists(),
        reason="the packages of tests/js are not installed: run .ci/setup node",
    ),
]

TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]]


async def run_script(name: str, *arguments: str) -> dict[str, Any]:
    """What a script of tests/js prints; fails with all that it wrote when it does not end well."""
    process = await asyncio.create_subprocess_exec(
        NODE or "node",
        str(SCRIPTS / name),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), DEADLINE_S)
    except TimeoutError:
        process.kill()
        output, errors = await process.communicate()
        pytest.fail(f"{name} did not end within {DEADLINE_S} s\n{errors.decode()}{output.decode()}")
    if process.returncode != 0:
        pytest.fail(f"{name} {' '.join(arguments)} ended with {process.returncode}\n{errors.decode()}{output.decode()}")
    result: dict[str, Any] = json.loads(output)
    return result


@pytest.fixture(scope="module", params=TRANSPORTS, ids=" then ".join)
async def told(request: pytest.FixtureRequest, running: RunningServer) -> dict[str, Any]:
    """What two people who talked over these transports have to tell."""
    transports: list[str] = request.param
    told = await run_script("conversation.mjs", running.address, new_phone(), new_phone(), *transports)
    assert told["transports"] == [transports[-1]] * 2
    return told


def test_both_find_the_same_private_chat(told: dict[str, Any]) -> None:
    opened, again = told["opened"], told["again"]
    assert (opened["created"], again["created"]) == (True, False)
    assert opened["chat"]["id"] == again["chat"]["id"]
    assert opened["chat"]["peer"]["id"] == told["boris"]["user"]["id"]
    assert again["chat"]["peer"]["id"] == told["anna"]["user"]["id"]


def test_history_has_every_message_once_in_the_order_of_sending(told: dict[str, Any]) -> None:
    assert [answer["message"]["seq"] for answer in told["sent"]] == [1, 2, 3, 4, 5, 7]
    page = told["older"]["messages"] + told["history"]["messages"]
    assert [message["content"]["text"] for message in page] == ["one", "two", "three", "four", "five", "six", "seven"]
    assert (told["history"]["has_more"], told["older"]["has_more"]) == (True, False)


def test_send_repeated_after_a_lost_ack_returns_the_first_message(told: dict[str, Any]) -> None:
    assert told["repeated"]["duplicate"] is True
    assert told["repeated"]["message"]["seq"] == 6


def test_refusal_is_an_ack_that_names_every_fault(told: dict[str, Any]) -> None:
    assert set(told["refused"]) == {"error"}
    error = told["refused"]["error"]
    assert error["code"] == "validation_failed"
    assert error["message"]
    assert error["request_id"]
    assert {problem["path"] for problem in error["details"]} == {"client_id", "content.text"}


def test_events_arrive_in_order_and_once(told: dict[str, Any]) -> None:
    message = ["chat:updated message", "message:created"]
    opening = ["session:ready", "chat:updated created", "chat:updated activated"]
    assert told["boris"]["heard"] == [*opening, *message * 7, "chat:updated read", "chat:read"]
    heard = told["anna"]["heard"]
    place = heard.index("session:ready", 1)
    # Her connection broke while the sixth message was on its way to her, or before.
    assert heard[:place] == [*opening, *message * 6][:place]
    assert place >= len([*opening, *message * 5])
    assert heard[place:] == ["session:ready", *message, "chat:read"]


def test_events_carry_rising_seqs_and_versions_and_nothing_personal(told: dict[str, Any]) -> None:
    for person in (told["anna"], told["boris"]):
        payloads = [event["payload"] for event in person["events"] if event["name"] == "message:created"]
        seqs = [payload["message"]["seq"] for payload in payloads]
        assert seqs == sorted(set(seqs))
        assert [payload["message_count"] for payload in payloads] == seqs
        assert all("liked_by_me" not in payload["message"] for payload in payloads)
        updates = [event["payload"] for event in person["events"] if event["name"] == "chat:updated"]
        chats = [update["chat"] for update in updates if update["reason"] == "message"]
        versions = [chat["version"] for chat in chats]
        assert versions == sorted(set(versions))
        assert all("me" not in chat and "peer" not in chat for chat in chats)


async def test_every_action_and_event_works_from_the_official_client(running: RunningServer) -> None:
    """Every row of the contract's tables, once."""
    told = await run_script("everything.mjs", running.address, new_phone(), new_phone(), new_phone())
    assert set(told["done"]) == set(ACTIONS)
    assert set(told["heard"]) == set(EVENTS) - _NOT_CAUSED_BY_USERS
    assert (told["found"], told["tombstone"], told["listed"], told["creator"]) == (1, None, 1, True)
    assert told["synced"] == [told["pair"]]


_NOT_CAUSED_BY_USERS = {"session:expiring", "server:draining", "server:announcement"}
"""Events of time, of the end of the process and of the operator; other tests wait for those."""
