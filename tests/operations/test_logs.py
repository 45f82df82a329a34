"""The log of a real process: every step is in it under one request id, and nothing that is nobody's business."""

import io
import json
import logging
import re
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from core import logs
from core.ids import new_id
from realtime.wire.context import Caller
from realtime.wire.dispatch import Dispatcher
from tests.conftest import named
from tests.support.clients import ActionFailed, ChatUsers, Client, Person, new_client_id
from tests.support.programs import serving
from tests.support.raw_client import RawClient, close_raw_clients

SECRETS = {
    name: f"canary{name}canary"
    for name in ("text", "edited", "title", "mine", "query", "name", "misfit", "tag", "reply", "token")
} | {"contact": "+79995550123"}
ID = "x-canary.id_1"
ODD_IDS = ("", "a b", "x" * 129, '{"a":1}', "é", "a;b", "<b>")


@dataclass
class LoggedRun:
    """What happened, and the log of it."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    raw: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    people: list[Person] = field(default_factory=list)
    chat_id: str = ""
    answered_ids: dict[str, str] = field(default_factory=dict)

    def find(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        return [
            line
            for line in self.lines
            if line["event"] == event and all(line.get(name) == value for name, value in fields.items())
        ]


async def live(chat_users: ChatUsers, logged_run: LoggedRun) -> None:
    """Two people do all kinds of things, right and wrong."""
    anna, boris = logged_run.people = [await chat_users.register() for _ in range(2)]
    for person in logged_run.people:
        logged_run.secrets |= {
            f"{name} of {person.phone}": value
            for name, value in person.tokens.items()
            if name in ("access_token", "refresh_token")
        }
        logged_run.secrets |= {f"number {person.phone}": person.phone, f"national {person.phone}": person.phone[2:]}
    await chat_users.http.patch("/v1/me", json={"display_name": SECRETS["name"]}, headers=anna.headers)
    refreshed = await chat_users.http.post("/v1/auth/tokens/refresh", json={"refresh_token": anna.tokens["refresh_token"]})
    anna.tokens |= refreshed.json()
    logged_run.secrets |= {"new access": anna.tokens["access_token"], "new refresh": anna.tokens["refresh_token"]}
    annas, boriss = await anna.connect(), await boris.connect(transports=["polling"])
    logged_run.chat_id = (await annas.send("chat:create_private", phone=boris.phone))["chat"]["id"]
    await boriss.send("chat:activate", chat_id=logged_run.chat_id)
    await talk(annas, boriss, logged_run.chat_id, boris)
    await fail(chat_users, annas, logged_run.chat_id)
    for client in (annas, boriss):
        await client.close()
    raw = await RawClient.open(chat_users.address)
    stranger = await chat_users.register()
    await raw.enter(stranger.tokens["access_token"])
    await raw.send("no packet of Engine.IO")
    await raw.closed()


async def talk(anna: Client, boris: Client, chat_id: str, peer: Person) -> None:
    await anna.say(chat_id, SECRETS["text"])
    await boris.expect_event("message:created")
    await anna.send("message:edit", chat_id=chat_id, seq=1, content={"text": SECRETS["edited"]})
    await boris.say(chat_id, SECRETS["reply"], reply_to=1)
    await anna.send("message:search", query=SECRETS["query"])
    contact = {"name": SECRETS["name"], "phone": SECRETS["contact"]}
    await anna.send("message:send", chat_id=chat_id, client_id=new_client_id(), type="contact", content=contact)
    group = (await anna.send("chat:create_group", title=SECRETS["title"], member_ids=[peer.id]))["chat"]
    await anna.send("chat:rename", chat_id=group["id"], title=SECRETS["mine"])
    await anna.send("user:find", phones=[peer.phone])


async def fail(chat_users: ChatUsers, anna: Client, chat_id: str) -> None:
    send = {"chat_id": chat_id, "client_id": new_client_id(), "type": "text"}
    for payload in (
        {**send, "content": {"text": SECRETS["misfit"] + "\0"}},
        {**send, "content": {"text": [SECRETS["misfit"]]}},
        {**send, "content": SECRETS["misfit"]},
        {**send, "type": SECRETS["tag"], "content": {"text": "x"}},
        {**send, "content": {"text": SECRETS["misfit"] * 400}},
        {**send, "content": {"text": "x"}, "client_id": SECRETS["misfit"]},
        {**send, "content": {"text": SECRETS["misfit"]}, "chat_id": new_id()},
    ):
        with pytest.raises(ActionFailed):
            await anna.send("message:send", **payload)
    with pytest.raises(ActionFailed):
        await anna.send("session:refresh", token=SECRETS["token"])
    with pytest.raises(ActionFailed):
        await anna.send("no:such_action", text=SECRETS["misfit"])
    raw = await RawClient.open(chat_users.address)
    await raw.refused_with({"token": SECRETS["token"]})
    await raw.send(f'42/chat,["message:send","{SECRETS["misfit"]}')
    await raw.closed()
    await chat_users.http.post("/v1/auth/tokens", json={"phone": chat_users.people[0].phone, "code": "123456"})
    await chat_users.http.post("/v1/auth/codes", json={"phone": SECRETS["misfit"]})
    await chat_users.http.post("/v1/auth/tokens/refresh", json={"refresh_token": SECRETS["token"]})
    await chat_users.http.get(f"/v1/nothing/{SECRETS['misfit']}?q={SECRETS['query']}")
    await chat_users.http.get("/v1/me", headers={"Authorization": f"Bearer {SECRETS['token']}"})
    await chat_users.http.get("/docs/assets/swagger.css")


async def break_a_table(database_url: str, chat_users: ChatUsers, logged_run: LoggedRun) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE likes RENAME TO likes_elsewhere")
    await logged_run.people[0].act("message:likes", chat_id=logged_run.chat_id, seq=1)
    await connection.execute("ALTER TABLE likes_elsewhere RENAME TO likes")
    await connection.close()


@pytest.fixture(scope="module")
async def logged_run(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> LoggedRun:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE molva_logs TEMPLATE molva_template")
    await connection.close()
    database_url = named(postgres_url, "molva_logs")
    logged_run = LoggedRun(secrets=dict(SECRETS))
    data = tmp_path_factory.mktemp("logs")
    async with serving(database_url=database_url, data_dir=data, slow_statement_s=0.00001, rate_limits="off") as server:
        chat_users = ChatUsers(server.address)
        await live(chat_users, logged_run)
        await break_a_table(database_url, chat_users, logged_run)
        for offered in (ID, *ODD_IDS):
            authorization = logged_run.people[0].headers["Authorization"].encode()
            headers = [(b"X-Request-ID", offered.encode()), (b"Authorization", authorization)]
            answer = await chat_users.http.post("/v1/actions/chat:list", headers=headers, json={})
            logged_run.answered_ids[offered] = answer.headers["x-request-id"]
        await chat_users.close()
        await close_raw_clients()
    codes = re.findall(r"Code for \S+: (\d{6})", "\n".join(server.out))
    assert codes
    logged_run.secrets |= {f"code {number}": code for number, code in enumerate(codes)}
    logged_run.raw = "\n".join(server.log)
    logged_run.lines = [json.loads(line) for line in server.log]
    return logged_run


def test_every_line_is_one_json_object_with_the_common_fields(logged_run: LoggedRun):
    assert len(logged_run.lines) > 100
    for line in logged_run.lines:
        assert isinstance(line, dict)
        assert {"time", "level", "logger", "event"} <= set(line)


def test_no_secret_is_in_the_log(logged_run: LoggedRun):
    for name, secret in logged_run.secrets.items():
        if name.startswith("code "):
            found = re.search(rf"(?<![0-9a-f.]){secret}(?![0-9a-f])", logged_run.raw)
        else:
            found = re.search(re.escape(secret), logged_run.raw, re.IGNORECASE)
        assert found is None, (name, logged_run.raw[max(0, found.start() - 300) : found.end() + 100])


def test_http_requests_are_logged_with_their_outcome(logged_run: LoggedRun):
    (line, *_) = logged_run.find("http request", route="/v1/me", method="PATCH")
    assert {"request_id", "client", "user_id", "session_id", "method", "route", "status", "duration_ms", "sql"} <= set(line)
    assert (line["status"], line["user_id"]) == (200, logged_run.people[0].id)
    assert logged_run.find("http request", status=401, outcome="unauthorized")
    assert logged_run.find("http request", status=404, route="unmatched")
    assert logged_run.find("http request", status=200, route="/docs/assets")


def test_connects_and_disconnects_are_logged(logged_run: LoggedRun):
    for person in logged_run.people:
        (connect,) = logged_run.find("connect", user_id=person.id)
        assert {"request_id", "client", "connection_id", "session_id", "outcome", "duration_ms"} <= set(connect)
        (disconnect,) = logged_run.find("disconnect", connection_id=connect["connection_id"])
        assert {"request_id", "client", "session_id", "user_id", "reason"} <= set(disconnect)
    (refused,) = logged_run.find("connect refused")
    assert refused["outcome"] == "unauthorized"


def test_who_was_cut_for_what_is_logged(logged_run: LoggedRun):
    (disconnect,) = logged_run.find("disconnect", reason="bad packet")
    assert disconnect["problem"] == "not an Engine.IO packet that a client sends"
    assert disconnect["user_id"] not in {person.id for person in logged_run.people}
    (connect,) = logged_run.find("connect", connection_id=disconnect["connection_id"])
    assert connect["user_id"] == disconnect["user_id"]


def test_actions_are_logged_with_their_ids_and_outcome(logged_run: LoggedRun):
    (line, *_) = logged_run.find("action", action="message:send", outcome="ok", user_id=logged_run.people[0].id)
    wanted = {
        "request_id",
        "client",
        "connection_id",
        "session_id",
        "user_id",
        "action",
        "chat_id",
        "duration_ms",
        "outcome",
    }
    assert wanted <= set(line)
    assert line["chat_id"] == logged_run.chat_id
    assert isinstance(line["duration_ms"], float)
    outcomes = {line["outcome"] for line in logged_run.find("action")}
    assert {"ok", "validation_failed", "not_found", "unauthorized", "unknown_action", "internal"} <= outcomes


def test_refusal_of_a_payload_says_where_it_does_not_fit(logged_run: LoggedRun):
    paths = {
        detail["path"] for line in logged_run.find("action", outcome="validation_failed") for detail in line["details"]
    }
    assert "content.text" in paths


def test_events_are_logged_under_the_request_that_caused_them(logged_run: LoggedRun):
    (action, *_) = logged_run.find("action", action="message:send", outcome="ok")
    assert [event["event_name"] for event in action["events"]] == ["chat:updated", "message:created"]
    assert action["event_count"] == 2
    assert all(event["recipients"] >= 1 for event in action["events"])


def test_slow_statements_are_logged(logged_run: LoggedRun):
    slow = [line for line in logged_run.find("sql slow") if line.get("action") == "message:edit"]
    assert {"statement", "duration_ms", "request_id", "level"} <= set(slow[0])
    assert slow[0]["level"] == "WARNING"


def test_failed_statements_and_crashes_are_logged_whole_under_one_id(logged_run: LoggedRun):
    (failed,) = logged_run.find("sql failed")
    assert (failed["sqlstate"], failed["level"]) == ("42P01", "ERROR")
    assert failed["statement"].startswith("likes.") or failed["statement"].startswith("messages.")
    crashed = logged_run.find("action crashed", request_id=failed["request_id"])
    assert "UndefinedTableError" in crashed[0]["exc_info"]
    assert logged_run.find("action", request_id=failed["request_id"], outcome="internal")
    assert logged_run.find("http request", request_id=failed["request_id"], status=500)


def test_request_id_of_the_client_is_in_every_line_and_in_the_answer(logged_run: LoggedRun):
    assert logged_run.answered_ids[ID] == ID
    events = [line["event"] for line in logged_run.lines if line.get("request_id") == ID]
    assert {"action", "http request"} <= set(events)


@pytest.mark.parametrize("offered", ODD_IDS)
def test_odd_request_id_is_replaced(logged_run: LoggedRun, offered: str):
    answered = logged_run.answered_ids[offered]
    assert re.fullmatch(r"[0-9a-f-]{36}", answered)
    assert logged_run.find("http request", request_id=answered)


def test_every_request_id_has_one_closing_line(logged_run: LoggedRun):
    closing = ("http request", "connect", "connect refused", "disconnect", "action", "action refused")
    ids = {line["request_id"] for line in logged_run.lines if "request_id" in line}
    for request_id in ids:
        lines = [line["event"] for line in logged_run.lines if line.get("request_id") == request_id]
        assert lines[-1] in closing, lines


# --- lines that nobody can forge

FORGED = "x\n12:00:00 INFO    action  outcome=ok\r\x1b[2J\u2028\u202e\x85\ud800"


def written(formatter: logging.Formatter, **more: Any) -> str:
    record = logging.LogRecord("molva", logging.INFO, __file__, 1, "action", (), more.pop("exc_info", None))
    vars(record).update(more)
    return formatter.format(record)


def test_what_a_client_says_stays_within_its_line():
    line = written(logs._TextFormatter(), action=FORGED, asked={"title": FORGED})
    assert line.isprintable()
    assert "Привет" in written(logs._TextFormatter(), action="Привет")
    line = written(logs._JsonFormatter(), action=FORGED[:-1])
    assert len(line.split("\n")) == 1
    assert json.loads(line)["action"] == FORGED[:-1]


@pytest.mark.parametrize(
    "fields", [{"asked": {"seq": 1}, "sql": ["a 1ms"]}, {"when": {1, 2}}, {"user_id": "given", "n": None}]
)
async def test_short_way_writes_the_same_line(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]):
    stream = io.StringIO()
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(logs, "_recordless", None)
    logs.configure_logs(level="info", log_format="json")
    log = logging.getLogger("molva.test")
    is_plain = not isinstance(fields.get("when"), set)
    with logs.request_scope(logs.Request("r1", client="::1", user_id="anna", chat_id="c1")):
        made = []
        with monkeypatch.context() as patched:
            patched.setattr(log, "makeRecord", lambda *given, **_: made.append(given))
            patched.setattr(log, "handle", lambda _: None)
            logs.log_often(log, logging.INFO, "action", fields)
        assert len(made) == (0 if is_plain else 1)
        if not is_plain:
            logs.log_often(log, logging.INFO, "action", fields)
        log.info("action", extra=fields)
        logs.log_often(log, logging.DEBUG, "below the level", fields)
        logs.log_often(log, logging.ERROR, "action", fields)
    for handler in root.handlers:
        handler.flush()
    short, usual, error = (json.loads(line) for line in stream.getvalue().splitlines())
    assert abs(datetime.fromisoformat(short.pop("time")) - datetime.fromisoformat(usual.pop("time"))) < timedelta(minutes=1)
    assert list(short.items()) == list(usual.items())
    assert error["level"] == "ERROR"


def test_nothing_in_a_traceback_looks_like_a_line_of_its_own():
    try:
        raise ValueError(FORGED)
    except ValueError:
        text = written(logs._TextFormatter(), exc_info=sys.exc_info())
    first, *rest = text.splitlines()
    assert first.endswith("action")
    assert rest
    assert all(line.startswith("  ") and line.isprintable() for line in rest)


@pytest.mark.parametrize(
    ("name", "logged"),
    [
        ("chat:lst", "chat:lst"),
        ("connect", "connect"),
        ("042137", "unknown"),
        ("+79161234567", "unknown"),
        ("eyJhbGciOiJIUzI1NiJ9", "unknown"),
        ("chat:list\n", "unknown"),
        ("chat:" + "x" * 200, "unknown"),
        ("\ud800", "unknown"),
    ],
)
async def test_name_of_an_unknown_action_is_logged_if_it_is_a_word(name: str, logged: str):
    request = logs.Request("1")
    await Dispatcher(None, None, timeout_s=10).dispatch(name, [], Caller("anna", "device"), request)  # type: ignore[arg-type]
    assert request.action == logged
