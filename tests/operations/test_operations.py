"""The questions that docs/operations.md answers from the log: each line of jq, run on the log of a real server."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from asyncio import create_subprocess_exec, timeout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jq
import pytest

from tests.support.clients import ActionFailed, ChatUsers, new_client_id

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/operations.md"
DEADLINE_S = 60


def lines_of_questions() -> list[str]:
    """The shell line under each question."""
    chapter = DOCUMENT.read_text(encoding="utf-8").split("## Ten questions to the log", 1)[1].split("\n## ", 1)[0]
    return [line.strip() for line in re.findall(r"```sh\n(.+?)\n", chapter)]


@dataclass
class LoggedRun:
    """What happened on the server, and the log of it."""

    log: Path
    anna: dict[str, Any]
    boris: dict[str, Any]
    chat_id: str
    lines: list[dict[str, Any]]

    def request_id_of(self, action: str, outcome: str = "ok") -> str:
        return next(x["request_id"] for x in self.lines if x.get("action") == action and x.get("outcome") == outcome)

    def ask(self, number: int, **variables: str) -> list[Any]:
        """The answer to question ``number`` (from 1): parsed JSON lines, or fields of tab-separated ones."""
        words = shlex.split(lines_of_questions()[number - 1])
        flags, program, file = words[1], words[-2], words[-1]
        assert file == "LOG"
        values = dict(variables)
        arguments = {
            words[place + 1]: values[words[place + 2].removeprefix("$")]
            for place, word in enumerate(words)
            if word == "--arg"
        }
        text = self.log.read_text(encoding="utf-8")
        inputs = [text] if "s" in flags else text.splitlines()
        found = list(jq.compile(program, args=arguments).input_values(inputs))
        if shutil.which("jq"):
            assert self._shell(number, variables) == [x if "r" in flags else json.dumps(x) for x in found] or not found
        return [x.split("\t") for x in found] if "r" in flags else found

    def _shell(self, number: int, variables: dict[str, str]) -> list[str]:
        command = lines_of_questions()[number - 1].replace(" LOG", f" {shlex.quote(str(self.log))}")
        environment = {**os.environ, **variables}
        done = subprocess.run(
            ["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=30, check=True
        )
        lines = done.stdout.splitlines()
        return lines if "r" in shlex.split(command)[1] else [json.dumps(json.loads(line)) for line in lines]


async def listening(process: Any) -> str:
    """The address that a server prints when it is ready."""
    async with timeout(DEADLINE_S):
        while line := (await process.stdout.readline()).decode():
            if found := re.search(r"http://\S+:\d+", line):
                return found[0]
    raise AssertionError("the server ended before it was ready")


@pytest.fixture(scope="module")
async def logged_run(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> LoggedRun:
    """A server in a process of its own, two people on it, a few refusals; it has been stopped."""
    folder = tmp_path_factory.mktemp("operations")
    log = folder / "log"
    environment = {
        **os.environ,
        "MOLVA_DATABASE_URL": postgres_url,
        "MOLVA_DATA_DIR": str(folder / "data"),
        "MOLVA_PORT": "0",
        "MOLVA_LOG_FORMAT": "json",
    }
    with log.open("wb") as errors:
        process = await create_subprocess_exec(
            sys.executable, "-m", "cli", "serve", cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors
        )
        try:
            chat_users = ChatUsers(await listening(process))
            people = await _live(chat_users)
            await chat_users.close()
        finally:
            process.terminate()
            async with timeout(DEADLINE_S):
                await process.communicate()
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return LoggedRun(log, *people, lines)


async def _live(chat_users: ChatUsers) -> tuple[dict[str, Any], dict[str, Any], str]:
    anna = await chat_users.register(device_name="Anna's phone")
    boris = await chat_users.register()
    annas, boriss = await anna.connect(), await boris.connect()
    chat_id = (await annas.send("chat:create_private", user_id=boris.id))["chat"]["id"]
    await boriss.send("chat:activate", chat_id=chat_id)
    await annas.say(chat_id, "a secret of ours")
    await boriss.expect_event("message:created")
    for _ in range(3):
        with pytest.raises(ActionFailed):
            await boriss.send("chat:get", chat_id=new_client_id())
    await annas.expect_refusal("chat:leave", "conflict", chat_id=chat_id)
    return {**anna.user, **anna.tokens, "phone": anna.phone}, boris.user, chat_id


def test_there_are_ten_questions() -> None:
    assert len(lines_of_questions()) == 10


def test_a_request_is_found_whole_and_in_order(logged_run: LoggedRun) -> None:
    lines = logged_run.ask(1, REQUEST_ID=logged_run.request_id_of("message:send"))
    assert [line["event"] for line in lines] == ["action"]
    assert {"asked", "outcome", "duration_ms", "sql", "events"} <= lines[0].keys()


def test_who_asked_and_from_where_is_told(logged_run: LoggedRun) -> None:
    (who,) = logged_run.ask(2, REQUEST_ID=logged_run.request_id_of("message:send"))
    assert who["user_id"] == logged_run.anna["id"]
    assert who["client"] == "127.0.0.1"
    assert who["session_id"]
    assert who["connection_id"]


def test_what_was_asked_and_why_it_was_refused_is_told(logged_run: LoggedRun) -> None:
    (refused,) = logged_run.ask(3, REQUEST_ID=logged_run.request_id_of("chat:leave", "conflict"))
    assert refused["asked"] == {"chat_id": logged_run.chat_id}
    assert refused["outcome"] == "conflict"
    assert refused["details"]["reason"]


def test_statements_and_their_times_are_told(logged_run: LoggedRun) -> None:
    (sql,) = logged_run.ask(4, REQUEST_ID=logged_run.request_id_of("message:send"))
    assert sql["sql_count"] >= 1
    assert all(re.fullmatch(r"[\w. ]+ [\d.]+ms", statement) for statement in sql["sql"])
    assert sql["duration_ms"] > 0


def test_who_was_told_is_told(logged_run: LoggedRun) -> None:
    told = logged_run.ask(5, REQUEST_ID=logged_run.request_id_of("message:send"))
    assert {"event_name": "message:created", "to": "Viewers", "recipients": 1} in told
    assert {"event_name": "chat:updated", "to": "Members", "recipients": 2} in told


def test_the_device_of_a_session_is_told(logged_run: LoggedRun) -> None:
    session_id = next(x["session_id"] for x in logged_run.lines if x.get("user_id") == logged_run.anna["id"])
    (device,) = logged_run.ask(6, SESSION_ID=session_id)
    assert (device["device"], device["user_id"]) == ("Anna's phone", logged_run.anna["id"])


def test_the_steps_of_a_person_are_told(logged_run: LoggedRun) -> None:
    steps = [(step, outcome) for _, step, outcome in logged_run.ask(7, USER_ID=logged_run.boris["id"])]
    assert steps == [("connect", "ok"), ("chat:activate", "ok"), *[("chat:get", "not_found")] * 3]


def test_coming_and_going_are_told_with_the_reason(logged_run: LoggedRun) -> None:
    came, went = logged_run.ask(8, USER_ID=logged_run.boris["id"])
    assert (came["event"], went["event"]) == ("connect", "disconnect")
    assert came["connection_id"] == went["connection_id"]
    assert went["reason"]


def test_the_most_frequent_refusals_are_told(logged_run: LoggedRun) -> None:
    assert logged_run.ask(9) == [["3", "chat:get not_found"], ["1", "chat:leave conflict"]]


def test_the_slowest_requests_are_told(logged_run: LoggedRun) -> None:
    slowest = logged_run.ask(10)
    times = [request["duration_ms"] for request in slowest]
    assert times == sorted(times, reverse=True)
    assert all(request["action"] and request["request_id"] for request in slowest)


def test_nothing_secret_is_in_the_log(logged_run: LoggedRun) -> None:
    text = logged_run.log.read_text(encoding="utf-8")
    for secret in (
        "a secret of ours",
        logged_run.anna["access_token"],
        logged_run.anna["refresh_token"],
        logged_run.anna["phone"],
    ):
        assert secret not in text
    codes = [line for line in text.splitlines() if line.startswith("{") and re.search(r'"code":\s*"\d{6}"', line)]
    assert not codes


async def test_check_before_a_deploy_names_a_storage_that_is_away(database_url: str, tmp_path: Path) -> None:
    away = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "here"}
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    settings = {"MOLVA_FILES_URL": "s3://b", "MOLVA_DATABASE_URL": database_url, "MOLVA_DATA_DIR": str(tmp_path)}
    process = await create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        "check",
        cwd=ROOT,
        env={**os.environ, **away, **keys, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with timeout(DEADLINE_S):
        told, errors = (text.decode() for text in await process.communicate())
    assert process.returncode == 1
    assert "failed  storage: s3://b" in told
    assert "ok      database" in told
    assert "object storage unavailable" in errors


async def test_every_metric_of_the_document_exists(chat_users: ChatUsers) -> None:
    async with httpx.AsyncClient(base_url=chat_users.address) as http:
        shown = (await http.get("/metrics")).text
    chapter = DOCUMENT.read_text(encoding="utf-8").split("| metric | meaning |", 1)[1].split("\n\n", 1)[0]
    for name in re.findall(r"`(molva_[a-z_]+)", chapter):
        assert f"# TYPE {name.removesuffix('_total')} " in shown or f"# TYPE {name} " in shown, name
