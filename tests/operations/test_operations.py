"""The questions that docs/operations.md answers from the log: each command, run on the log of a real server."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from asyncio import create_subprocess_exec, timeout
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import httpx
import jq
import pytest
import socketio

from tests.support.clients import ActionFailed, ChatUsers, Client, Person, new_client_id, new_phone

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

    def ask(self, number: int, secrets: dict[str, str] | None = None, **variables: str) -> list[str]:
        """What ``molva logs`` answers to question ``number`` (from 1), run with ``secrets`` in its environment."""
        words = shlex.split(Template(lines_of_questions()[number - 1]).substitute(variables))
        assert words[:3] == ["molva", "logs", "LOG"]
        command = [sys.executable, "-m", "cli", "logs", str(self.log), *words[3:]]
        environment = {**os.environ, "MOLVA_DATA_DIR": str(self.log.parent / "data"), **(secrets or {})}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0 if done.stdout else 1, "")
        return done.stdout.splitlines()

    def count(self, number: int) -> list[Any]:
        """What jq answers to question ``number``: parsed JSON lines, or fields of tab-separated ones."""
        words = shlex.split(lines_of_questions()[number - 1])
        flags, program, file = words[1], words[-2], words[-1]
        assert file == "LOG"
        text = self.log.read_text(encoding="utf-8")
        found = list(jq.compile(program).input_values([text] if "s" in flags else text.splitlines()))
        if shutil.which("jq"):
            assert self._shell(number, {}) == [x if "r" in flags else json.dumps(x) for x in found] or not found
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
        "MOLVA_LOG_LEVEL": "debug",
        "MOLVA_SLOW_STATEMENT_S": "0.00001",
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


async def _sign_in_at_the_second_try(chat_users: ChatUsers) -> Person:
    phone = new_phone()
    code = (await chat_users.http.post("/v1/auth/codes", json={"phone": phone})).json()
    guess = {"phone": phone, "verification_id": code["verification_id"], "device_name": "Anna's phone"}
    wrong = "000000" if code["code"] != "000000" else "000001"
    assert (await chat_users.http.post("/v1/auth/tokens", json={**guess, "code": wrong})).status_code == 401
    right = {**guess, "code": code["code"], "display_name": "Anna"}
    tokens = (await chat_users.http.post("/v1/auth/tokens", json=right)).json()
    return Person(chat_users.address, phone, tokens["user"], tokens, chat_users.http)


async def _refuse_tokens(chat_users: ChatUsers, person: Person) -> None:
    header, payload, signature = person.tokens["access_token"].split(".")
    other_key = urlsafe_b64encode(b'{"alg":"HS256","typ":"at+jwt","kid":"0123456789abcdef"}').rstrip(b"=").decode()
    swapped = signature[::-1] if signature[0] in "AEIMQUYcgkosw048" else "A" + signature[1:]
    for token in ("nothing", f"{other_key}.{payload}.{signature}", f"{header}.{payload}.{swapped}"):
        client = Client(chat_users.address, token)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect()


async def _live(chat_users: ChatUsers) -> tuple[dict[str, Any], dict[str, Any], str]:
    anna = await _sign_in_at_the_second_try(chat_users)
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
    await annas.say(chat_id, "another one")
    await annas.send("message:delete", chat_id=chat_id, seq=2)
    group = (await annas.send("chat:create_group", title="Group", member_ids=[boris.id]))["chat"]
    await annas.send("member:remove", chat_id=group["id"], user_id=boris.id)
    await _refuse_tokens(chat_users, boris)
    form = {"files": {"file": ("note.txt", b"text")}, "data": {"colour": "red"}}
    await chat_users.http.post("/v1/files", headers=anna.headers, **form)
    other = await chat_users.register(boris.phone)
    await chat_users.http.delete("/v1/auth/sessions/others", headers=other.headers)
    await boriss.expect_event("session:revoked")
    others = await other.connect()
    for client in (annas, others):
        await client.close()
    return {**anna.user, **anna.tokens, "phone": anna.phone}, boris.user, chat_id


def test_there_are_ten_questions() -> None:
    assert len(lines_of_questions()) == 12  # and two about many requests


def test_a_request_is_found_whole_and_in_order(logged_run: LoggedRun) -> None:
    lines = logged_run.ask(1, REQUEST_ID=logged_run.request_id_of("message:send"))
    stages = [line.split("  ")[1] for line in lines]
    assert stages[:2] == ["· received", "· read"]
    assert {"· statement", "· delivered"} < set(stages)
    assert stages[-2:] == ["· answered → ok", "message:send → ok"]
    assert "told=[chat:updated to Members (2), message:created to Viewers (1)]" in lines[-1]
    assert re.search(r"sql=\[.*messages\.send [\d.]+ms\]", lines[-1])
    refused = logged_run.ask(1, REQUEST_ID=logged_run.request_id_of("chat:leave", "conflict"))[-1]
    assert "chat:leave → conflict" in refused
    assert '"reason":"not_a_group"' in refused
    assert logged_run.chat_id in refused


def test_who_sent_a_message_and_who_got_it_is_told(logged_run: LoggedRun) -> None:
    lines = logged_run.ask(2, CHAT_ID=logged_run.chat_id, SEQ="1")
    (sent,) = [line for line in lines if "message:send → ok" in line]
    assert f"user_id={logged_run.anna['id']}" in sent
    assert "client=127.0.0.1" in sent
    (delivered,) = [line for line in lines if "event_name=message:created" in line]
    assert f"{logged_run.boris['id']} on " in delivered
    assert f"{logged_run.anna['id']} on " not in delivered


def test_who_deleted_a_message_is_told(logged_run: LoggedRun) -> None:
    (deleted,) = [x for x in logged_run.ask(3, CHAT_ID=logged_run.chat_id, SEQ="2") if "message:delete → ok" in x]
    assert f"user_id={logged_run.anna['id']}" in deleted


def test_who_removed_somebody_is_told(logged_run: LoggedRun) -> None:
    (removed,) = [x for x in logged_run.ask(4, USER_ID=logged_run.boris["id"]) if "member:remove → ok" in x]
    assert f" user_id={logged_run.anna['id']}" in removed


def test_why_somebody_was_disconnected_is_told(logged_run: LoggedRun) -> None:
    lines = logged_run.ask(5, USER_ID=logged_run.boris["id"])
    ended, left = [line for line in lines if "  disconnect  " in line]
    assert "cause=ended_elsewhere" in ended
    assert re.search(r"ended_by_request=\S{36} ended_by_session=\S{36}", ended)
    assert re.search(r"duration_s=\d+\.\d", ended)
    assert re.search("reason=(client disconnect|transport close|draining)", left)


def test_what_happened_to_a_sign_in_is_told(logged_run: LoggedRun) -> None:
    lines = logged_run.ask(6, PHONE=logged_run.anna["phone"])
    steps = [line.split("  ")[1] for line in lines if "·" not in line and "WARNING" not in line]
    assert steps == [
        "code sent", "POST /v1/auth/codes → 202",
        "sign-in refused → unauthorized", "POST /v1/auth/tokens → 401 unauthorized",
        "signed in", "POST /v1/auth/tokens → 200",
    ]  # fmt: skip
    assert any("why=code" in line for line in lines)
    assert logged_run.ask(6, PHONE="+79990000000") == []


def test_a_number_is_found_in_lines_from_before_the_secret_was_changed(logged_run: LoggedRun) -> None:
    before = (logged_run.log.parent / "data/development_secret").read_text(encoding="utf-8").strip()
    now = {"MOLVA_JWT_SECRET": "another secret that is long enough"}
    assert logged_run.ask(6, secrets=now, PHONE=logged_run.anna["phone"]) == []
    rotated = {**now, "MOLVA_JWT_PREVIOUS_SECRET": before}
    assert logged_run.ask(6, secrets=rotated, PHONE=logged_run.anna["phone"])


def test_why_a_token_was_refused_is_told(logged_run: LoggedRun) -> None:
    reasons = [re.search("why=(.*?) duration", line) for line in logged_run.ask(7) if "connect refused" in line]
    assert [found and found[1] for found in reasons] == ["no token", "signed by another key", "signature"]


def test_slow_statements_are_told_with_their_requests(logged_run: LoggedRun) -> None:
    lines = [line for line in logged_run.ask(8) if "WARNING sql slow" in line]
    assert lines
    assert all(re.search(r"duration_ms=[\d.]+ .*statement=\S+", line) for line in lines)
    assert any(
        re.search(r'statement=messages\.send_message request_ids=\["\S{36}"\] request_count=1', line) for line in lines
    )


def test_what_happened_to_uploads_is_told(logged_run: LoggedRun) -> None:
    lines = [
        line for line in logged_run.ask(9, USER_ID=logged_run.anna["id"]) if "·" not in line and "sql slow" not in line
    ]
    begun, refused = lines
    assert "upload begun" in begun
    assert "POST /v1/files → 422 validation_failed" in refused
    assert '"path":"colour"' in refused
    assert re.search(r"received_bytes=\d{3} sent_bytes=\d{3}", refused)


def test_the_steps_of_a_person_are_told(logged_run: LoggedRun) -> None:
    lines = logged_run.ask(10, USER_ID=logged_run.boris["id"])
    own = [line.split("  ")[1] for line in lines if f" user_id={logged_run.boris['id']}" in line]
    steps = [step for step in own if not step.startswith(("·", "WARNING"))]
    signed_in = ["signed in", "POST /v1/auth/tokens → 200"]
    assert steps[:5] == [*signed_in, "connect → ok", "chat:activate → ok", "chat:get → not_found"]


def test_the_most_frequent_refusals_are_told(logged_run: LoggedRun) -> None:
    assert logged_run.count(11) == [["3", "chat:get not_found"], ["1", "chat:leave conflict"]]


def test_the_slowest_requests_are_told(logged_run: LoggedRun) -> None:
    slowest = logged_run.count(12)
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
