"""Every event a client may emit, however odd: one ack, the right code, over the socket and over HTTP alike."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.ids import new_id
from core.settings import Settings
from realtime.wire.registry import ACTIONS
from tests.support.clients import ChatUsers, Client, new_client_id
from tests.support.database_proxy import DatabaseProxy, proxy_to
from tests.support.raw_client import RawClient, close_raw_clients
from tests.support.running import RunningServer, run_server
from tests.support.waiting import DEADLINE_S, until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
async def _raw_clients() -> AsyncIterator[None]:
    yield
    await close_raw_clients()


@pytest.fixture(scope="module")
async def raw(running: RunningServer) -> AsyncIterator[RawClient]:
    """Somebody's connection, by hand; every test must leave it as it was."""
    chat_users = ChatUsers(running.address)
    person = await chat_users.register()
    raw = await RawClient.open(running.address)
    RawClient.opened.remove(raw)
    await raw.enter(person.tokens["access_token"])
    yield raw
    await raw.close()
    await chat_users.close()


async def lives(raw: RawClient) -> None:
    assert "data" in await raw.call(999, "chat:list", {})


def code_of(answer: dict[str, Any]) -> str:
    """The code of an error ack in the contract's form."""
    assert set(answer) == {"error"}, answer
    error = answer["error"]
    assert {"code", "message", "request_id"} <= set(error) <= {"code", "message", "request_id", "details", "retry_after"}
    assert error["message"]
    assert error["request_id"]
    return str(error["code"])


# --- names

RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]


@pytest.mark.parametrize(
    "name", [*RESERVED, "", "chat", "chat:", "chat:list ", "Chat:list", "on_connect", "__init__", "я", "*"]
)
async def test_unknown_and_reserved_names_are_unknown_actions(raw: RawClient, name: str):
    assert code_of(await raw.call(1, name, {})) == "unknown_action"
    assert code_of(await raw.call(2, name)) == "unknown_action"
    assert code_of(await raw.call(3, name, "x", {"token": "y"}, None)) == "unknown_action"
    await raw.send(f"42/chat,{json.dumps([name, {}])}")
    await lives(raw)


async def test_action_without_an_ack_id_gets_no_ack(raw: RawClient):
    await raw.send('42/chat,["chat:list",{}]', '42/chat,["nothing"]', '42/chat,["chat:get",{}]', '42/chat,9["chat:list"]')
    assert (await raw.receive()).startswith('43/chat,9[{"data"')


async def test_ack_of_a_client_is_passed_over(raw: RawClient):
    await raw.send('43/chat,1["x"]')
    await lives(raw)


# --- payloads

MISFITS: list[tuple[str, list[Any], str]] = [
    ("no payload", ["chat:get"], "chat_id"),
    ("null", ["chat:get", None], ""),
    ("list", ["chat:get", []], ""),
    ("string", ["chat:get", "x"], ""),
    ("number", ["chat:get", 5], ""),
    ("bool", ["chat:get", True], ""),
    ("two arguments", ["chat:list", {}, {}], ""),
    ("payload and null", ["chat:list", {}, None], ""),
    ("NUL", ["message:send", {"content": {"text": "a\0b"}}], "content.text"),
    ("NUL in a key", ["chat:list", {"a\0b": 1}], "a\0b"),
    ("text for an integer", ["chat:list", {"limit": "5"}], "limit"),
    ("bool for an integer", ["chat:list", {"limit": True}], "limit"),
    ("fraction for an integer", ["chat:list", {"limit": 5.5}], "limit"),
    ("float for an integer", ["chat:list", {"limit": 5.0}], "limit"),
    ("huge integer", ["chat:list", {"limit": 10**40}], "limit"),
    ("64 bits and more", ["message:list", {"before": 2**64}], "before"),
    ("beyond JavaScript", ["message:list", {"before": 2**53}], "before"),
    ("zero", ["chat:list", {"limit": 0}], "limit"),
    ("negative", ["chat:list", {"limit": -1}], "limit"),
    ("too many", ["chat:list", {"limit": 101}], "limit"),
    ("null for an integer", ["chat:list", {"limit": None}], "limit"),
    ("object for an integer", ["chat:list", {"limit": {}}], "limit"),
    ("unknown field", ["chat:list", {"limits": 5}], "limits"),
    ("unknown field below", ["message:send", {"content": {"text": "x", "bold": True}}], "content.bold"),
    ("no id", ["chat:get", {"chat_id": "x"}], "chat_id"),
    ("id with braces", ["chat:get", {"chat_id": "{" + new_id() + "}"}], "chat_id"),
    ("id with a line end", ["chat:get", {"chat_id": new_id() + "\n"}], "chat_id"),
    ("integer for an id", ["chat:get", {"chat_id": 5}], "chat_id"),
    ("unknown type", ["message:send", {"type": "hologram"}], "type"),
    ("system from outside", ["message:send", {"type": "system"}], "type"),
]


def complete(event: list[Any]) -> list[Any]:
    """A send's misfit amid fields that fit."""
    if event[0] == "message:send":
        fields = {"chat_id": new_id(), "client_id": new_client_id(), "type": "text", "content": {"text": "x"}}
        return [event[0], fields | event[1]]
    return event


@pytest.mark.parametrize(("event", "path"), [misfit[1:] for misfit in MISFITS], ids=[misfit[0] for misfit in MISFITS])
async def test_payload_that_does_not_fit_says_where(raw: RawClient, event: list[Any], path: str):
    answer = await raw.call(1, *complete(event))
    assert code_of(answer) == "validation_failed"
    details = answer["error"]["details"]
    assert [set(detail) for detail in details] == [{"path", "message"}] * len(details)
    assert path in [detail["path"] for detail in details], details
    assert all(detail["message"] for detail in details)
    await lives(raw)


@pytest.mark.parametrize(
    "arguments",
    ['{"limit":NaN}', '{"limit":Infinity}', '{"cursor":"\\ud800"}', '{"\\udfff":1}', "[" * 3000 + "]" * 3000,
     '{"a":' * 1500 + "1" + "}" * 1500],
    ids=["NaN", "Infinity", "lone surrogate", "lone surrogate in a key", "deep lists", "deep objects"],
)  # fmt: skip
async def test_json_that_nothing_can_store_does_not_fit(raw: RawClient, arguments: str):
    await raw.send(f'42/chat,1["chat:list",{arguments}]')
    answer = await raw.ack(1)
    assert code_of(answer) == "validation_failed"
    assert set(answer["error"]["details"][0]) == {"path", "message"}
    await lives(raw)


async def test_nesting_that_can_be_read_does_not_fit(raw: RawClient):
    await raw.send('42/chat,1["chat:list",{"limit":' + "[" * 500 + "]" * 500 + "}]")
    assert code_of(await raw.ack(1)) == "validation_failed"


async def test_binary_does_not_fit(raw: RawClient):
    await raw.send('451-/chat,1["message:send",{"_placeholder":true,"num":0}]', b"picture")
    answer = await raw.ack(1)
    assert code_of(answer) == "validation_failed"
    assert answer["error"]["details"][0]["path"] == ""
    await lives(raw)


async def test_python_client_that_sends_bytes_is_told(chat_users: ChatUsers):
    client = await (await chat_users.register()).connect()
    answer = await client.sio.call("message:send", {"content": b"picture"}, namespace="/chat", timeout=DEADLINE_S)
    assert code_of(answer) == "validation_failed"


async def test_packet_over_the_limit_is_too_large(raw: RawClient):
    await raw.send('42/chat,1["message:send",{"text":"' + "x" * 70_000 + '"}]')
    assert code_of(await raw.ack(1)) == "payload_too_large"
    await lives(raw)


async def test_misfit_never_repeats_what_was_sent(raw: RawClient):
    answer = await raw.call(1, "message:send", {"type": "text", "content": {"text": 12345678}, "client_id": "87654321"})
    assert "12345678" not in json.dumps(answer["error"]["details"])
    assert "87654321" not in json.dumps(answer["error"]["details"])


@pytest.mark.parametrize(
    ("action", "payload", "words"),
    [
        ("chat:create_group", {"title": "x" * 129}, "must be at most 128 characters"),
        ("user:find", {"username": ""}, "must not be empty"),
        ("user:find", {"phones": ["1"] * 101}, "must have at most 100 items"),
    ],
)
async def test_text_is_refused_by_its_characters(raw: RawClient, action: str, payload: dict[str, Any], words: str):
    details = (await raw.call(1, action, payload))["error"]["details"]
    assert [detail["message"] for detail in details] == [words]


async def test_many_faults_are_listed_up_to_a_bound(raw: RawClient):
    answer = await raw.call(1, "chat:list", {f"field_{number}": 1 for number in range(100)})
    assert 10 <= len(answer["error"]["details"]) <= 20


# --- crashes


async def test_crash_of_a_handler_is_internal_and_the_connection_lives(raw: RawClient, monkeypatch: pytest.MonkeyPatch):
    async def crash(context: Any, payload: Any) -> Any:
        raise RuntimeError("planted")

    monkeypatch.setitem(ACTIONS, "chat:get", dataclasses.replace(ACTIONS["chat:get"], handler=crash))
    answer = await raw.call(1, "chat:get", {"chat_id": new_id()})
    assert code_of(answer) == "internal"
    assert "planted" not in json.dumps(answer)
    assert set(answer["error"]) == {"code", "message", "request_id"}
    await lives(raw)


async def test_crash_over_http_is_a_problem(chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch):
    async def crash(context: Any, payload: Any) -> Any:
        raise RuntimeError("planted")

    monkeypatch.setitem(ACTIONS, "chat:get", dataclasses.replace(ACTIONS["chat:get"], handler=crash))
    answer = await (await chat_users.register()).act("chat:get", chat_id=new_id())
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "planted" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


# --- order


async def test_pipelined_sends_are_stored_and_acked_in_order(running: RunningServer, chat_users: ChatUsers):
    _anna, _boris, chat_id = await chat_users.pair()
    raw = await RawClient.open(running.address)
    await raw.enter(chat_users.people[0].tokens["access_token"])
    count = 200
    for number in range(count):
        payload = {"chat_id": chat_id, "client_id": new_client_id(), "type": "text", "content": {"text": str(number)}}
        await raw.send(f"42/chat,{number}" + json.dumps(["message:send", payload]))
    for number in range(count):
        packet = await raw.receive_until("43/chat,")
        ack_id, _, answers = packet.partition("[")
        (answer,) = json.loads("[" + answers)
        assert int(ack_id) == number
        assert answer["data"]["message"]["seq"] == number + 1
        assert answer["data"]["message"]["content"]["text"] == str(number)


async def test_pipelined_actions_over_polling_keep_their_order(chat_users: ChatUsers):
    person = await chat_users.register()
    client = await person.connect(transports=["polling"])
    other = await chat_users.register()
    chat = (await client.send("chat:create_private", user_id=other.id))["chat"]
    acks: asyncio.Queue[int] = asyncio.Queue()
    count = 100
    for number in range(count):
        payload = {"chat_id": chat["id"], "client_id": new_client_id(), "type": "text", "content": {"text": str(number)}}
        await client.sio.emit(
            "message:send",
            payload,
            namespace="/chat",
            callback=lambda answer: acks.put_nowait(answer["data"]["message"]["seq"]),
        )
    async with asyncio.timeout(DEADLINE_S):
        assert [await acks.get() for _ in range(count)] == list(range(1, count + 1))


async def test_actions_take_effect_in_the_order_in_which_they_were_sent(running: RunningServer, chat_users: ChatUsers):
    _anna, boris, first = await chat_users.pair()
    clara = await chat_users.register()
    second = (await (await chat_users.people[0].connect()).send("chat:create_private", user_id=clara.id))["chat"]["id"]
    raw = await RawClient.open(running.address)
    await raw.enter(chat_users.people[0].tokens["access_token"])

    def saying(text: str) -> list[Any]:
        return ["message:send", {"client_id": new_client_id(), "type": "text", "content": {"text": text}}]

    events = [
        ["chat:activate", {"chat_id": first}], saying("first"), ["chat:activate", {"chat_id": second}], saying("second"),
        ["chat:activate", {"chat_id": None}], saying("nowhere"),
    ]  # fmt: skip
    for ack_id, event in enumerate(events):
        await raw.send(f"42/chat,{ack_id}" + json.dumps(event))
    assert (await raw.ack(1))["data"]["message"]["chat_id"] == first
    assert (await raw.ack(3))["data"]["message"]["chat_id"] == second
    assert (await raw.ack(5))["error"]["details"] == {"reason": "no_active_chat"}
    await boris.expect_event("chat:updated", lambda told: told["chat"]["message_count"] == 1)


# --- the database goes


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[DatabaseProxy]:
    async with proxy_to(database_url) as proxy:
        yield proxy


@pytest.fixture
async def tethered(settings: Settings, proxy: DatabaseProxy) -> AsyncIterator[RunningServer]:
    """A server whose database can be taken away."""
    changes = {"database_url": proxy.url, "rate_limits": "off"}
    async with run_server(Settings(**(settings.model_dump() | changes))) as server:
        yield server
        await proxy.mend()


async def recovered(client: Client) -> None:
    async def is_served() -> bool:
        return "data" in await client.push("chat:list", {})

    await until(is_served)


async def test_action_without_a_database_is_unavailable_and_succeeds_afterwards(
    tethered: RunningServer, proxy: DatabaseProxy
):
    chat_users = ChatUsers(tethered.address)
    anna, boris, chat_id = await chat_users.pair()
    await proxy.cut()
    send = {"chat_id": chat_id, "client_id": new_client_id(), "type": "text", "content": {"text": "patience"}}
    await anna.expect_refusal("message:send", "unavailable", **send)
    assert (await anna.expect_refusal("chat:list", "unavailable"))["retry_after"] > 0
    answer = await chat_users.people[0].act("chat:list")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    raw = await RawClient.open(tethered.address)
    error = await raw.refused_with({"token": chat_users.people[0].tokens["access_token"]})
    assert error["data"] == {"code": "unavailable"}
    await proxy.mend()
    await recovered(anna)
    assert (await anna.send("message:send", **send))["message"]["seq"] == 1
    await boris.expect_event("chat:updated", lambda told: told["chat"]["message_count"] == 1)
    await chat_users.close()


async def test_frozen_database_is_unavailable(
    tethered: RunningServer, proxy: DatabaseProxy, monkeypatch: pytest.MonkeyPatch
):
    chat_users = ChatUsers(tethered.address)
    anna, boris, chat_id = await chat_users.pair()
    proxy.freeze()
    send = {"chat_id": chat_id, "client_id": new_client_id(), "type": "text", "content": {"text": "patience"}}
    with monkeypatch.context() as patch:
        patch.setattr(tethered.molva.database, "_timeout_s", 0.5)
        await anna.expect_refusal("message:send", "unavailable", **send)
    await proxy.cut()
    await proxy.mend()
    await recovered(anna)
    message = (await anna.send("message:send", **send))["message"]
    assert message["seq"] == 1
    await boris.expect_event("chat:updated", lambda told: told["chat"]["message_count"] == 1)
    await chat_users.close()


# --- HTTP


async def test_action_over_http_answers_what_the_ack_holds(chat_users: ChatUsers):
    anna, _boris, chat_id = await chat_users.pair()
    person = chat_users.people[0]
    await anna.say(chat_id, "hello")
    for action, payload in (
        ("chat:list", {}),
        ("chat:get", {"chat_id": chat_id}),
        ("message:list", {"chat_id": chat_id, "limit": 1}),
        ("message:read", {"chat_id": chat_id, "seq": 1}),
    ):
        answer = await person.act(action, **payload)
        assert answer.status_code == 200
        assert answer.json() == await anna.send(action, **payload)
        assert answer.headers["x-request-id"]


async def test_action_over_http_without_a_body_is_one_without_a_payload(chat_users: ChatUsers):
    person = await chat_users.register()
    answer = await chat_users.http.post("/v1/actions/chat:list", headers=person.headers)
    assert answer.json()["chats"] == []


async def test_send_over_http_and_over_the_socket_are_one(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    send = {"chat_id": chat_id, "client_id": new_client_id(), "type": "text", "content": {"text": "once"}}
    first = (await chat_users.people[0].act("message:send", **send)).json()
    await boris.expect_event("chat:updated", lambda told: told["chat"]["message_count"] == 1)
    assert await anna.send("message:send", **send) == {"message": first["message"], "duplicate": True}


@pytest.mark.parametrize(
    ("action", "payload", "status", "code"),
    [
        ("nothing:here", {}, 404, "unknown_action"),
        ("connect", {}, 404, "unknown_action"),
        ("chat:get", {}, 422, "validation_failed"),
        ("chat:get", [], 422, "validation_failed"),
        ("chat:get", None, 422, "validation_failed"),
        ("chat:list", {"limit": "5"}, 422, "validation_failed"),
        ("chat:list", {"cursor": "\ud800"}, 422, "validation_failed"),
        ("message:list", {}, 409, "conflict"),
        ("chat:get", {"chat_id": new_id()}, 404, "not_found"),
    ],
)
async def test_refusal_over_http_is_the_problem_of_the_same_code(
    running: RunningServer, chat_users: ChatUsers, action: str, payload: Any, status: int, code: str
):
    person = await chat_users.register()
    answer = await chat_users.http.post(
        f"/v1/actions/{action}",
        content=json.dumps(payload),
        headers=person.headers | {"Content-Type": "application/json"},
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == problem["request_id"]
    raw = await RawClient.open(running.address)
    await raw.enter(person.tokens["access_token"])
    error = (await raw.call(1, action, payload))["error"]
    assert (error["code"], error["message"]) == (code, problem["detail"])
    if "\ud800" not in json.dumps(payload, ensure_ascii=False):  # unreadable JSON is described by who read it
        assert error.get("details") == problem.get("details")
