"""Who gets into ``/chat``, what a connection hears of its login session, what is left of it when it ends."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest
import socketio

from core.ids import new_id
from core.settings import Settings
from core.tokens import AccessTokens
from db.batched_lookup import BatchedLookup
from realtime.connections import EXPIRY_NOTICE_S, ChatConnection
from tests.support.clients import ChatUsers, Client, Person
from tests.support.raw_client import RawClient, close_raw_clients
from tests.support.running import RunningServer, run_server
from tests.support.waiting import DEADLINE_S, until

pytestmark = pytest.mark.slow


@pytest.fixture
async def lone(settings: Settings) -> AsyncIterator[RunningServer]:
    """A server with nobody else on it."""
    async with run_server(settings) as server:
        yield server


@pytest.fixture(autouse=True)
async def _raw_clients() -> AsyncIterator[None]:
    yield
    await close_raw_clients()


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def forge(server: RunningServer, person: Person, *, key: bytes | None = None, header: Any = None, **claims: Any) -> str:
    """A token like the person's own, signed by the server's key unless told otherwise."""
    tokens = AccessTokens(server.settings.signing_secret())
    return jwt.encode(
        claims_of(person.tokens["access_token"]) | claims,
        tokens._keys[tokens._kid] if key is None else key,
        algorithm="HS256",
        headers={"kid": tokens._kid, "typ": "at+jwt"} | (header or {}),
    )


def expiring_in(server: RunningServer, person: Person, seconds: int) -> str:
    now_s = int(time.time())
    return forge(server, person, iat=min(now_s, now_s + seconds - 100), exp=now_s + seconds)


def unsigned(person: Person) -> str:
    """The person's token with ``alg: none``."""
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    return f"{head}.{person.tokens['access_token'].split('.')[1]}."


def connection_of(server: RunningServer, session_id: str) -> ChatConnection:
    """The one connection of a login session."""
    namespace = server.molva.sockets.namespace_handlers["/chat"]
    (connection,) = namespace._by_session[session_id].values()
    return connection


def remains(server: RunningServer) -> dict[str, Any]:
    """What the server still keeps of anybody."""
    sockets = server.molva.sockets
    namespace = sockets.namespace_handlers["/chat"]
    hub = namespace._hub
    kept = {
        "sessions": sockets.eio.sockets,
        "disconnecting": sockets.eio.disconnecting,
        "environ": sockets.environ,
        "rooms": sockets.manager.rooms,
        "tasks": range(sockets.busy),
        "connections": namespace._by_session,
        "people": hub._online,
        "chats": hub._chats,
    }
    return {name: things for name, things in kept.items() if things}


# --- in


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
async def test_first_event_says_who_and_where_one_is(chat_users: ChatUsers, transports: list[str]):
    person = await chat_users.register()
    client = await person.connect(transports=transports)
    assert client.events[0].name == "session:ready"
    ready = client.ready
    assert set(ready) == {
        "user", "session_id", "active_chat_id", "epoch", "server_time", "limits", "announcements", "unread",
    }  # fmt: skip
    assert ready["user"]["id"] == person.id
    assert ready["user"]["phone"] == person.phone
    assert ready["user"] == (await person.http.get("/v1/me", headers=person.headers)).json()
    assert ready["session_id"] == claims_of(person.tokens["access_token"])["sid"]
    assert ready["active_chat_id"] is None
    assert ready["limits"]["text_chars"] == 4096
    assert ready["limits"]["packet_bytes"] == 65536
    assert {"device_name_chars", "query_chars", "mentions", "phones_per_find", "username_chars"} <= set(ready["limits"])
    assert ready["server_time"].endswith("Z")
    assert (await client.send("chat:list"))["chats"] == []


async def test_events_of_a_chat_arrive_on_every_connection_of_a_person(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    second = await chat_users.people[1].connect(transports=["polling"])
    await anna.say(chat_id, "hello")
    for client in (boris, second):
        assert (await client.expect_event("chat:updated")).payload["chat"]["message_count"] == 1


# --- refused


@pytest.mark.parametrize(
    "auth",
    [None, {}, {"token": None}, {"token": 5}, {"token": ""}, {"token": "garbage"}, {"token": "a.b.c"}, {"token": ["x"]},
     {"token": "x" * 5000}, {"Token": "x"}],
)  # fmt: skip
async def test_connect_without_a_token_is_unauthorized(running: RunningServer, auth: Any):
    raw = await RawClient.open(running.address)
    error = await raw.refused_with(auth)
    assert error["data"] == {"code": "unauthorized"}
    assert error["message"]


async def test_connect_with_a_token_that_is_not_ours_is_unauthorized(running: RunningServer, chat_users: ChatUsers):
    person, other = await chat_users.register(), await chat_users.register()
    raw = await RawClient.open(running.address)
    for token in (
        forge(running, person, key=b"k" * 32),
        forge(running, person, header={"kid": "other"}),
        forge(running, person, header={"typ": "JWT"}),
        forge(running, person, aud="elsewhere"),
        forge(running, person, iss="somebody"),
        forge(running, person, sid=new_id()),
        forge(running, person, sub=other.id),
        forge(running, person, sub=new_id()),
        unsigned(person),
        person.tokens["refresh_token"],
        person.tokens["access_token"] + "x",
        person.tokens["access_token"] + "=",
    ):
        error = await raw.refused_with({"token": token})
        assert error["data"] == {"code": "unauthorized"}, token


async def test_connect_with_an_expired_token_says_so(running: RunningServer, chat_users: ChatUsers):
    person = await chat_users.register()
    raw = await RawClient.open(running.address)
    error = await raw.refused_with({"token": expiring_in(running, person, -1)})
    assert error["data"] == {"code": "token_expired"}


async def test_connect_after_the_end_of_the_session_says_so(running: RunningServer, chat_users: ChatUsers):
    person = await chat_users.register()
    await chat_users.http.delete("/v1/auth/sessions/current", headers=person.headers)
    raw = await RawClient.open(running.address)
    error = await raw.refused_with({"token": person.tokens["access_token"]})
    assert error["data"] == {"code": "session_revoked"}


async def test_refused_client_may_enter_with_a_good_token(running: RunningServer, chat_users: ChatUsers):
    person = await chat_users.register()
    raw = await RawClient.open(running.address)
    await raw.refused_with({"token": "garbage"})
    assert (await raw.enter(person.tokens["access_token"]))["user"]["id"] == person.id


async def test_python_client_hears_why_it_is_refused(running: RunningServer):
    heard: list[Any] = []
    client = socketio.AsyncClient(reconnection=False)
    client.on("connect_error", heard.append, namespace="/chat")
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(
            running.address, namespaces=["/chat"], auth={"token": "garbage"}, transports=["websocket"], wait_timeout=5
        )
    await client.disconnect()
    assert heard[0]["data"] == {"code": "unauthorized"}
    assert heard[0]["message"]


async def test_polling_client_hears_why_it_is_refused(chat_users: ChatUsers):
    query = {"EIO": "4", "transport": "polling"}
    opened = await chat_users.http.get("/socket.io/", params=query)
    query["sid"] = json.loads(opened.text[1:])["sid"]
    await chat_users.http.post("/socket.io/", params=query, content='40/chat,{"token":"garbage"}')
    answer = await chat_users.http.get("/socket.io/", params=query)
    assert json.loads(answer.text.removeprefix("44/chat,"))["data"] == {"code": "unauthorized"}


@pytest.mark.parametrize("namespace", ["/", "/admin"])
async def test_other_namespaces_serve_nobody(running: RunningServer, chat_users: ChatUsers, namespace: str):
    person = await chat_users.register()
    raw = await RawClient.open(running.address)
    error = await raw.refused_with({"token": person.tokens["access_token"]}, namespace)
    assert set(error) == {"message", "data"}
    await raw.send(f'42{"" if namespace == "/" else namespace + ","}1["chat:list",{{}}]')
    assert await raw.closed() == []


async def test_crash_while_admitting_is_internal(lone: RunningServer, monkeypatch: pytest.MonkeyPatch):
    chat_users = ChatUsers(lone.address)
    person = await chat_users.register()

    async def crash(*_: Any) -> Any:
        raise RuntimeError("planted")

    monkeypatch.setattr(BatchedLookup, "find", crash)
    raw = await RawClient.open(lone.address)
    error = await raw.refused_with({"token": person.tokens["access_token"]})
    assert error["data"] == {"code": "internal"}
    assert "planted" not in error["message"]
    await raw.close()
    await until(lambda: not remains(lone))
    await chat_users.close()


# --- expiry


async def test_expiry_is_announced_a_minute_before(running: RunningServer, chat_users: ChatUsers):
    person = await chat_users.register()
    token = expiring_in(running, person, 62)
    client = await Client(running.address, token).connect()
    event = await client.expect_event("session:expiring")
    assert claims_of(token)["exp"] - time.time() < EXPIRY_NOTICE_S + 0.1
    assert set(event.payload) == {"expires_at"}
    assert event.payload["expires_at"].endswith(".000Z")
    assert not client.disconnected.is_set()
    await client.close()


async def test_connection_is_closed_when_its_token_expires(running: RunningServer, chat_users: ChatUsers):
    person = await chat_users.register()
    client = await Client(running.address, expiring_in(running, person, 50)).connect()
    await client.expect_event("session:expiring")
    expires_at_s = int(time.time()) + 1
    connection_of(running, client.ready["session_id"]).extend(expires_at_s)
    assert (await client.expect_event("session:revoked")).payload == {"reason": "token_expired"}
    await until(client.disconnected.is_set)
    assert time.time() - expires_at_s > -0.1


async def test_refreshed_connection_outlives_its_first_token(running: RunningServer, chat_users: ChatUsers):
    person = await chat_users.register()
    client = await Client(running.address, expiring_in(running, person, 50)).connect()
    await client.expect_event("session:expiring")
    connection = connection_of(running, client.ready["session_id"])
    expiry = connection._expiry_timer
    answer = await client.send("session:refresh", token=person.tokens["access_token"])
    assert answer["expires_at"].endswith("Z")
    assert expiry.cancelled()
    assert connection.expires_at_s == claims_of(person.tokens["access_token"])["exp"]
    await client.close()


async def test_refresh_takes_only_a_token_of_the_same_session(running: RunningServer, chat_users: ChatUsers):
    person, other = await chat_users.register(), await chat_users.register()
    again = await chat_users.register(person.phone)
    assert again.id == person.id
    client = await person.connect()
    for token, code in (
        (other.tokens["access_token"], "unauthorized"),
        (again.tokens["access_token"], "unauthorized"),
        (person.tokens["refresh_token"], "unauthorized"),
        ("garbage", "unauthorized"),
        (expiring_in(running, person, -1), "token_expired"),
    ):
        await client.expect_refusal("session:refresh", code, token=token)
    await client.send("chat:list")


async def test_action_after_the_expiry_is_refused(running: RunningServer, chat_users: ChatUsers):
    person = await chat_users.register()
    raw = await RawClient.open(running.address)
    ready = await raw.enter(person.tokens["access_token"])
    connection_of(running, ready["session_id"]).expires_at_s = int(time.time()) - 1
    answer = await raw.call(1, "chat:list", {})
    assert answer["error"]["code"] == "token_expired"
    assert answer["error"]["request_id"]


# --- ended sessions


@pytest.mark.parametrize("transports", [["websocket"], ["polling"]])
async def test_ended_session_is_told_and_closed(chat_users: ChatUsers, transports: list[str]):
    person = await chat_users.register()
    elsewhere = await chat_users.register(person.phone)
    here = [await person.connect(transports=transports) for _ in range(2)]
    there = await elsewhere.connect(transports=transports)
    answer = await chat_users.http.delete(f"/v1/auth/sessions/{here[0].ready['session_id']}", headers=elsewhere.headers)
    assert answer.status_code == 204
    for client in here:
        assert (await client.expect_event("session:revoked")).payload == {"reason": "ended_elsewhere"}
        await until(client.disconnected.is_set)
    await there.send("chat:list")


async def test_signing_out_closes_the_own_connection(chat_users: ChatUsers):
    person = await chat_users.register()
    client = await person.connect()
    await chat_users.http.delete("/v1/auth/sessions/current", headers=person.headers)
    assert (await client.expect_event("session:revoked")).payload == {"reason": "logged_out"}
    await until(client.disconnected.is_set)


async def test_ended_session_hears_no_later_message(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    person = chat_users.people[1]
    await chat_users.http.delete("/v1/auth/sessions/current", headers=person.headers)
    await anna.say(chat_id, "too late")
    await until(boris.disconnected.is_set)
    assert "too late" not in json.dumps([event.payload for event in boris.events])


async def test_session_that_ends_while_its_connection_comes_in_is_refused(
    running: RunningServer, chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch
):
    person = await chat_users.register()
    reading, go_on = asyncio.Event(), asyncio.Event()
    find = BatchedLookup.find

    async def find_slowly(*arguments: Any) -> Any:
        found = await find(*arguments)
        reading.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(BatchedLookup, "find", find_slowly)
    raw = await RawClient.open(running.address)
    refusal = asyncio.create_task(raw.refused_with({"token": person.tokens["access_token"]}))
    await reading.wait()
    await chat_users.http.delete("/v1/auth/sessions/current", headers=person.headers)
    go_on.set()
    assert (await refusal)["data"] == {"code": "session_revoked"}


# --- out


async def leave_by_abort(raw: RawClient, http: httpx.AsyncClient) -> None:
    raw.socket.transport.abort()


async def leave_by_disconnect(raw: RawClient, http: httpx.AsyncClient) -> None:
    await raw.send("41/chat,")
    await raw.close()


@pytest.mark.parametrize("leave", [leave_by_abort, leave_by_disconnect])
async def test_nothing_is_kept_of_who_left(lone: RunningServer, leave: Any):
    chat_users = ChatUsers(lone.address)
    anna, _boris, chat_id = await chat_users.pair()
    await anna.send("chat:activate", chat_id=chat_id)
    raw = await RawClient.open(lone.address)
    await raw.enter(chat_users.people[0].tokens["access_token"])
    await leave(raw, chat_users.http)
    await chat_users.close()
    await until(lambda: not remains(lone))


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_nothing_is_kept_of_who_left_in_mid_connect(
    lone: RunningServer, monkeypatch: pytest.MonkeyPatch, transport: str
):
    chat_users = ChatUsers(lone.address)
    person = await chat_users.register()
    reading, go_on = asyncio.Event(), asyncio.Event()
    find = BatchedLookup.find

    async def find_slowly(*arguments: Any) -> Any:
        found = await find(*arguments)
        reading.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(BatchedLookup, "find", find_slowly)
    connect = "40/chat," + json.dumps({"token": person.tokens["access_token"]})
    if transport == "websocket":
        raw = await RawClient.open(lone.address)
        await raw.send(connect)
        await reading.wait()
        raw.socket.transport.abort()
    else:
        query = {"EIO": "4", "transport": "polling"}
        opened = await chat_users.http.get("/socket.io/", params=query)
        query["sid"] = json.loads(opened.text[1:])["sid"]
        await chat_users.http.post("/socket.io/", params=query, content=connect)
        await reading.wait()
        await chat_users.http.post("/socket.io/", params=query, content="1")
        await chat_users.http.get("/socket.io/", params=query)
    go_on.set()
    await until(lambda: not remains(lone))
    await chat_users.close()


async def test_second_connect_to_the_namespace_closes(lone: RunningServer):
    chat_users = ChatUsers(lone.address)
    person = await chat_users.register()
    raw = await RawClient.open(lone.address)
    await raw.enter(person.tokens["access_token"])
    await raw.send("40/chat," + json.dumps({"token": person.tokens["access_token"]}))
    await raw.closed()
    await until(lambda: not remains(lone))
    await chat_users.close()


async def test_leaving_notes_when_one_was_last_seen(chat_users: ChatUsers):
    person = await chat_users.register()
    client = await person.connect()
    before = (await chat_users.http.get("/v1/auth/sessions", headers=person.headers)).json()["sessions"][0]["last_seen_at"]
    await client.close()
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = await chat_users.http.get("/v1/auth/sessions", headers=person.headers)
            if answer.json()["sessions"][0]["last_seen_at"] > before:
                break
