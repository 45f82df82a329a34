"""What the log says at every stage, and of whom; what sampling leaves out; what ``molva logs`` finds."""

import asyncio
import io
import json
import logging
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from commands import logs as log_answers
from commands.logs import Question, answer, in_words, moment
from commands.logs_app import find_in_log
from core import log_stages, logs
from core.errors import StartupError, Unauthorized
from core.logs import Request
from core.settings import load_settings
from core.tokens import AccessTokens, PhoneHashes
from realtime.wire.context import Caller
from realtime.wire.dispatch import Dispatcher
from tests.support.clients import ChatUsers
from tests.support.programs import ROOT, ServerProcess, serving
from tests.support.waiting import until

pytestmark = pytest.mark.slow

ID = "0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012"


def lines_of(server: ServerProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log]


async def test_chosen_people_and_chats_are_followed_at_any_level(database_url: str, tmp_path: Path):
    async with serving(database_url=database_url, data_dir=tmp_path) as server:
        chat_users = ChatUsers(server.address)
        anna, boris = [await chat_users.register() for _ in range(2)]
        chat_id = (await anna.act("chat:create_private", user_id=boris.id)).json()["chat"]["id"]
        await chat_users.close()
    assert not [line for line in lines_of(server) if line["event"] == "stage"]
    trace = f"user:{anna.id.upper()},chat:{chat_id}"
    async with serving(database_url=database_url, data_dir=tmp_path, log_trace=trace, log_level="warning") as server:
        chat_users = ChatUsers(server.address)
        for person in (anna, boris):
            person.http, person.address = chat_users.http, server.address
        annas, boriss = await anna.connect(), await boris.connect()
        await annas.send("chat:list")
        await boriss.send("chat:list")
        await boriss.say(chat_id, "hello")
        for client in (annas, boriss):
            await client.close()
        await chat_users.close()
    stages = [line for line in lines_of(server) if line["event"] == "stage"]
    of_anna = [line["stage"] for line in stages if line["user_id"] == anna.id and line.get("action") == "chat:list"]
    assert [of_anna[0], of_anna[1], of_anna[-1]] == ["received", "read", "answered"]
    assert "statement" in of_anna
    assert not [line for line in stages if line["user_id"] == boris.id and line.get("action") == "chat:list"]
    of_chat = [line for line in stages if line["user_id"] == boris.id and line.get("chat_id") == chat_id]
    delivered = [line for line in of_chat if line["stage"] == "delivered" and line["event_name"] == "chat:updated"]
    assert {one["user_id"] for line in delivered for one in line["to"]} == {anna.id, boris.id}
    assert all(one["connection_id"] for line in delivered for one in line["to"])
    assert not [line for line in lines_of(server) if line["event"] == "action"]  # the level is what it is for all others


@pytest.mark.parametrize("wrong", ["anna", "user:anna", f"person:{ID}", f"user:{ID};"])
async def test_what_cannot_be_followed_is_refused_at_the_start(wrong: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MOLVA_LOG_TRACE", wrong)
    with pytest.raises(StartupError, match=r"^MOLVA_LOG_TRACE must be people and chats like user:<id>,chat:<id>\.$"):
        load_settings()


async def test_sampling_leaves_out_successful_sends_alone(database_url: str, tmp_path: Path):
    settings = {"database_url": database_url, "data_dir": tmp_path, "rate_limits": "off"}
    async with serving(**settings, log_sample=0) as server:
        chat_users = ChatUsers(server.address)
        anna, _, chat_id = await chat_users.pair()
        await anna.say(chat_id, "hello")
        await anna.expect_refusal("message:send", "validation_failed", chat_id=chat_id)
        await anna.send("chat:list")
        await chat_users.close()
    answered = [(line["action"], line["outcome"]) for line in lines_of(server) if line["event"] == "action"]
    assert ("message:send", "validation_failed") in answered
    assert ("chat:list", "ok") in answered
    assert ("message:send", "ok") not in answered


def test_work_for_many_requests_names_the_first_of_them():
    logs.share([Request(f"r{number}") for number in range(25)])
    try:
        fields = logs.sharing_fields()
    finally:
        logs.share(())
    assert fields == {"request_ids": [f"r{number}" for number in range(20)], "request_count": 25}
    assert logs.sharing_fields() == {}


async def test_send_has_the_seq_of_its_message(chat_users: ChatUsers, caplog: pytest.LogCaptureFixture):
    anna, _, chat_id = await chat_users.pair()
    await anna.say(chat_id, "one")
    with caplog.at_level(logging.INFO, "molva.action"):
        await asyncio.gather(*(anna.say(chat_id, f"{number}") for number in range(5)))
    sends = [record for record in caplog.records if record.getMessage() == "action"]
    assert sorted(vars(record)["seq"] for record in sends) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "no token"),
        ("a.b", "no token"),
        ("a.b.c", "malformed"),
        ("e30.e30.e30", "another algorithm"),
        ("x" * 5000, "no token"),
    ],
)
def test_refused_token_says_why_in_the_log_alone(token: str, why: str):
    with pytest.raises(Unauthorized) as refused:
        AccessTokens(b"s" * 32).verify(token)
    assert refused.value.why == why
    assert why not in json.dumps(refused.value.body("r1"))


def test_refused_token_of_ours_says_why(monkeypatch: pytest.MonkeyPatch):
    tokens = AccessTokens(b"s" * 32)
    issued = tokens.issue(user_id=ID, session_id=ID).token
    with pytest.raises(Unauthorized) as refused:
        AccessTokens(b"t" * 32).verify(issued)
    assert refused.value.why == "signed by another key"
    monkeypatch.setattr("core.tokens.now_unix_s", lambda: 4_000_000_000)
    with pytest.raises(Unauthorized) as refused:
        tokens.verify(issued)
    assert str(refused.value.why).startswith("expired ")
    monkeypatch.setattr("core.tokens.now_unix_s", lambda: 0)
    with pytest.raises(Unauthorized) as refused:
        tokens.verify(issued)
    assert refused.value.why == "times"


def test_hash_of_a_number_is_keyed_and_does_not_have_the_number():
    one, other = PhoneHashes(b"s" * 32), PhoneHashes(b"t" * 32)
    assert one.of("+79161234567") == one.of("+79161234567")
    assert len({one.of("+79161234567"), one.of("+79161234568"), other.of("+79161234567")}) == 3
    assert "1234567" not in one.of("+79161234567")


async def test_refusal_says_why_in_its_closing_line(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    dispatcher = Dispatcher(None, None, timeout_s=10)  # type: ignore[arg-type]  # the action needs no services
    monkeypatch.setattr("realtime.wire.dispatch.read_payload", lambda *_: _raise(Unauthorized(why="a test")))
    with caplog.at_level(logging.INFO, "molva.action"):
        await dispatcher.dispatch("chat:list", [], Caller(ID, ID), Request("r1"))
    (line,) = [vars(record) for record in caplog.records if record.getMessage() == "action"]
    assert (line["outcome"], line["why"]) == ("unauthorized", "a test")


def _raise(error: Exception) -> Any:
    raise error


async def test_long_work_has_a_line_before_it_ends(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "molva.long"):
        with log_stages.said_if_long("search goes on", after_s=0.001, query_chars=3):
            await until(lambda: caplog.records)
        with log_stages.said_if_long("nothing", after_s=60):
            pass
    assert [record.getMessage() for record in caplog.records] == ["search goes on"]


# --- molva logs

LINES = [
    {"time": "2026-11-25T14:00:00+00:00", "level": "INFO", "event": "action", "action": "message:send", "outcome": "ok",
     "request_id": "r1", "user_id": "u1", "chat_id": "c1", "seq": 7, "asked": {"text": 3}},
    {"time": "2026-11-25T14:01:00+00:00", "level": "DEBUG", "event": "stage", "stage": "delivered", "request_id": "r1",
     "user_id": "u1", "to": [{"user_id": "u2", "connection_id": "k2"}]},
    {"time": "2026-11-25T14:02:00+00:00", "level": "ERROR", "event": "sql failed", "request_ids": ["r1", "r3"]},
    {"time": "2026-11-25T14:03:00+00:00", "level": "INFO", "event": "action", "action": "message:like",
     "outcome": "conflict",
     "request_id": "r2", "user_id": "u2", "asked": {"chat_id": "c1", "seq": 7}, "why": "\x1b[2J\u202e"},
]  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "log"
    text = "\n".join(["not JSON", "molva-1  | " + json.dumps(LINES[0]), *map(json.dumps, LINES[1:]), '{"event": 1', "[]"])
    file.write_text(text + "\n")
    return file


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (Question(), 4),
        (Question(request_id="r1"), 3),
        (Question(user_id="u2"), 3),  # what they did, and the request that told them something
        (Question(chat_id="c1", seq=7), 3),
        (Question(chat_id="c2"), 0),
        (Question(connection_id="k2"), 2),
        (Question(problems=True), 2),
        (Question(event="message:like"), 1),
        (Question(user_id="u1", since=moment("2026-11-25T14:00:30")), 1),
        (Question(until=moment("2026-11-25T17:00:00+03:00")), 1),
    ],
)
def test_lines_are_found_with_their_requests(log: Path, capsys: pytest.CaptureFixture[str], question: Question, found: int):
    assert answer(log, question, as_json=False) == found
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) == found
    answer(log, question, as_json=True)
    assert all(json.loads(line) in LINES for line in capsys.readouterr().out.splitlines())


def test_what_is_shown_stays_in_its_line():
    text = in_words(LINES[3])
    assert text.isprintable()
    assert text.startswith("2026-11-25 14:03:00")
    assert "message:like → conflict" in text


@pytest.mark.parametrize(
    "odd",
    [
        {"to": ["a"], "events": ["b"]},
        {"asked": "text", "status": "500", "request_ids": 7},
        {"time": 5},
        {"time": "2026-11-25T14:00:00"},
        {"request_id": ["r1"], "event": ["x"]},
    ],
)
def test_lines_of_other_programs_are_no_trouble(tmp_path: Path, capsys: pytest.CaptureFixture[str], odd: dict[str, Any]):
    file = tmp_path / "log"
    file.write_text(json.dumps({"event": "odd"} | odd) + "\n" + json.dumps(LINES[0]) + "\n")
    for question in (Question(), Question(user_id="u1", since=moment("2026-11-25T13:00")), Question(problems=True)):
        answer(file, question, as_json=False)
    assert "message:send → ok" in capsys.readouterr().out


def test_number_is_not_hashed_with_a_secret_made_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MOLVA_DATA_DIR", str(tmp_path / "empty"))
    monkeypatch.delenv("MOLVA_JWT_SECRET", raising=False)
    with pytest.raises(StartupError, match="needs the server's MOLVA_JWT_SECRET"):
        find_in_log(tmp_path / "log", phone="+79161234567")
    assert not (tmp_path / "empty").exists()


def test_standard_input_is_read_twice_too(log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log.read_bytes())))
    assert answer(Path("-"), Question(request_id="r2"), as_json=False) == 1
    assert "message:like" in capsys.readouterr().out


def test_question_that_finds_too_much_is_refused(log: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(log_answers, "REQUESTS_MAX", 1)
    with pytest.raises(StartupError, match="Too many requests"):
        answer(log, Question(), as_json=False)
    with pytest.raises(StartupError, match="cannot be read"):
        answer(tmp_path / "absent", Question(), as_json=False)


def test_reader_that_has_enough_is_no_error(tmp_path: Path):
    file = tmp_path / "log"
    file.write_text((json.dumps(LINES[0]) + "\n") * 20_000)
    command = f"{shlex.quote(sys.executable)} -m cli logs {shlex.quote(str(file))} --chat c1 | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")
