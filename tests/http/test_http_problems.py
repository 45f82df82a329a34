"""What every HTTP answer carries, and how the API says no."""

import asyncio
import json
import logging

import httpx
import pytest
from fastapi import APIRouter

from core.errors import UNAVAILABLE_FOR_S, Unavailable
from core.ids import canonical_id
from core.settings import Settings
from core.strict_json import parse_json
from db.pool import Database
from http_api.middleware.bodies import JSON_BYTES_MAX
from tests.support.api_client import Api, RecordingSender, open_api
from tests.support.clients import ChatUsers

CODES = "/v1/auth/codes"


@pytest.fixture
async def api(settings, database):
    async with open_api(settings, database) as api:
        yield api


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict:
    """The answer is a whole problem; returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) - {"details", "retry_after"} == {"type", "title", "status", "detail", "code", "request_id"}
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:molva:error:{code}"
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    return problem


# --- problems


async def test_wrong_method_tells_the_right_one(api: Api):
    answer = await api.client.get(CODES)
    assert_problem(answer, 405, "not_found")
    assert answer.headers["Allow"] == "POST"


async def test_wrong_method_tells_all_that_the_path_takes(api: Api):
    assert (await api.post("/v1/me/avatar")).headers["Allow"] == "DELETE, PUT"
    assert (await api.post("/v1/me")).headers["Allow"] == "DELETE, GET, PATCH"


async def test_faults_are_listed_by_path(api: Api):
    answer = await api.post("/v1/auth/tokens", {"phone": 7, "extra": 1})
    problem = assert_problem(answer, 422, "validation_failed")
    assert {fault["path"] for fault in problem["details"]} == {"phone", "code", "extra"}
    assert all(fault["message"] for fault in problem["details"])


async def test_text_is_refused_by_its_characters(api: Api):
    problem = assert_problem(await api.post(CODES, {"phone": "7" * 41}), 422, "validation_failed")
    assert problem["details"] == [{"path": "phone", "message": "must be at most 40 characters"}]


async def test_problem_never_repeats_what_was_sent(api: Api):
    answer = await api.post("/v1/auth/tokens", {"phone": ["a secret"], "code": "a secret", "device_name": {"a secret": 1}})
    assert_problem(answer, 422, "validation_failed")
    assert "a secret" not in answer.text


async def test_path_parameter_has_its_name_as_path(api: Api):
    signed_in = await api.sign_in("+79161234567")
    answer = await api.as_user("GET", "/v1/users/me", signed_in)
    problem = assert_problem(answer, 422, "validation_failed")
    assert problem["details"] == [{"path": "user_id", "message": "must be a UUID"}]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/vnd.molva+json", "APPLICATION/JSON"]
)
async def test_json_goes_by_several_types(api: Api, content_type):
    answer = await api.client.post(CODES, content=b'{"phone": "+79161234567"}', headers={"Content-Type": content_type})
    assert answer.status_code == 202


async def test_json_by_another_type_says_what_is_missing(api: Api):
    answer = await api.client.post(CODES, content=b'{"phone": "+79161234567"}', headers={"Content-Type": "text/plain"})
    problem = assert_problem(answer, 422, "validation_failed")
    assert "application/json" in problem["details"][0]["message"]


async def test_faults_are_listed_up_to_a_bound(api: Api):
    problem = assert_problem(await api.post(CODES, {f"k{n}": 1 for n in range(1000)}), 422, "validation_failed")
    assert 1 < len(problem["details"]) <= 20


async def test_body_at_the_limit_is_read(api: Api):
    body = b'{"phone": "+79161234567"}'.ljust(JSON_BYTES_MAX)
    answer = await api.client.post(CODES, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202


async def test_crash_is_internal_and_logged_whole(settings, database, caplog):
    async with open_api(settings, database) as api:
        router = APIRouter()

        @router.get("/crash")
        async def crash() -> None:
            raise RuntimeError("what went wrong inside")

        api.client._transport.app.include_router(router)
        answer = await api.client.get("/crash", headers={"Origin": "https://chat.example"})
    problem = assert_problem(answer, 500, "internal")
    assert "what went wrong inside" not in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    crashed = next(record for record in caplog.records if record.message == "request crashed")
    assert crashed.exc_info is not None
    assert problem["request_id"]


async def test_refusal_has_the_words_of_its_error(api: Api, monkeypatch):
    async def fail(*_arguments: object) -> None:
        raise Unavailable("Come back later.")

    monkeypatch.setattr(RecordingSender, "send", fail)
    answer = await api.post(CODES, {"phone": "+79161234567"})
    problem = assert_problem(answer, 503, "unavailable")
    assert problem["detail"] == "Come back later."
    assert answer.headers["Retry-After"] == str(problem["retry_after"]) == str(UNAVAILABLE_FOR_S)


async def test_database_that_does_not_answer_is_unavailable(settings, database, database_url, monkeypatch):
    impatient = Database(database_url)
    await impatient.connect()
    async with open_api(settings, impatient) as api, database.transaction() as tx:
        await tx.execute("test", "LOCK TABLE login_codes", ())
        monkeypatch.setattr(impatient, "_timeout_s", 0.3)
        assert_problem(await api.post(CODES, {"phone": "+79161234567"}), 503, "unavailable")
        assert (await api.client.get("/health/live")).status_code == 200
    await impatient.disconnect()


# --- request ids and logs


async def test_every_answer_has_a_request_id(api: Api):
    answers = [
        await api.client.get("/health/live"),
        await api.client.get("/nothing"),
        await api.client.put("/v1/me"),
        await api.client.get("/v1/me"),
        await api.post(CODES, {"phone": "+79161234567"}),
        await api.client.options(CODES, headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}),
    ]
    ids = {canonical_id(answer.headers["X-Request-ID"]) for answer in answers}
    assert len(ids) == len(answers)


@pytest.mark.parametrize("offered", ["trace-1", "a" * 128, "A.b_c:d-0"])
async def test_offered_request_id_is_kept(api: Api, offered):
    answer = await api.client.get("/v1/me", headers={"X-Request-ID": offered})
    assert answer.headers["X-Request-ID"] == offered
    assert answer.json()["request_id"] == offered


async def test_one_line_closes_each_request(api: Api, caplog):
    caplog.set_level(logging.INFO)
    signed_in = await api.sign_in("+79161234567")
    caplog.clear()
    await api.as_user("GET", f"/v1/users/{signed_in['user']['id']}", signed_in)
    await api.client.get("/v1/me")
    await api.client.get("/health/live")
    lines = [record for record in caplog.records if record.message == "http request"]
    assert [(line.method, line.route, line.status) for line in lines] == [
        ("GET", "/v1/users/{user_id}", 200),
        ("GET", "/v1/me", 401),
    ]
    assert lines[0].sql_count == 2
    assert lines[0].duration_ms > 0
    assert lines[1].outcome == "unauthorized"


async def test_requests_at_once_keep_their_ids(api: Api):
    offered = [f"request-{number}" for number in range(50)]
    answers = await asyncio.gather(
        *(api.post(CODES, {"phone": "12"}, headers={"X-Request-ID": request_id}) for request_id in offered)
    )
    assert [answer.json()["request_id"] for answer in answers] == offered


# --- headers


async def test_every_answer_tells_browsers_to_be_careful(api: Api):
    for path in ("/health/live", "/v1/me", "/nothing"):
        headers = (await api.client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_pages_may_load_what_they_are_made_of(api: Api):
    page = await api.client.get("/docs/")
    policy = page.headers["Content-Security-Policy"]
    assert page.status_code == 200
    assert "default-src 'self'" in policy
    assert "unsafe-eval" not in policy


async def test_tokens_are_cached_nowhere(api: Api):
    code = await api.request_code("+79161234567")
    for answer in (await api.guess("+79161234567", code), await api.guess("+79161234567", code), await api.refresh("x")):
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "https://anything.example", "*"),
        (("https://chat.example", "http://localhost:3000"), "https://chat.example", "https://chat.example"),
        (("https://chat.example", "http://localhost:3000"), "http://localhost:3000", "http://localhost:3000"),
    ],
)
async def test_browsers_of_listed_origins_may_call(settings: Settings, database, origins, origin, allowed):
    async with open_api(settings.model_copy(update={"cors_origins": origins}), database) as api:
        preflight = await api.client.options(
            CODES,
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, content-type, x-request-id",
            },
        )
        answer = await api.post(CODES, {"phone": "12"}, headers={"Origin": origin})
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == answer.headers["Access-Control-Allow-Origin"] == allowed
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    assert answer.headers["Access-Control-Expose-Headers"].startswith("X-Request-ID, Retry-After")


# --- probes


async def test_probes_answer(api: Api):
    assert (await api.client.get("/health/live")).json() == {"status": "ok"}
    assert (await api.client.get("/health/ready")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "path",
    ["/health/live", "/health/ready", "/docs", "/docs/", "/docs/events", "/docs/live", "/docs/types.ts", "/openapi.json",
     "/asyncapi.json", "/docs/assets/swagger/swagger-ui.css"],
)  # fmt: skip
async def test_what_is_asked_for_by_head_alone_has_the_headers_of_get(chat_users: ChatUsers, path: str):
    got, asked = await chat_users.http.get(path), await chat_users.http.head(path)
    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Content-Security-Policy"):
        assert asked.headers.get(name) == got.headers.get(name)


async def test_metrics_count_requests_by_route(api: Api):
    signed_in = await api.sign_in("+79161234567")
    await api.as_user("GET", f"/v1/users/{signed_in['user']['id']}", signed_in)
    await api.client.request("BREW", "/v1/me")
    answer = await api.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'molva_http_requests_total{method="GET",route="/v1/users/{user_id}",status="200"}' in answer.text
    assert 'molva_sign_ins_total{outcome="registered",step="token"}' in answer.text
    assert "BREW" not in answer.text
    assert signed_in["user"]["id"] not in answer.text


# --- JSON


@pytest.mark.parametrize("value", [{}, [], None, "\U0001f600", {"a": {"a": [1, 2.5, True]}, "b": "é"}])
def test_json_is_read_as_it_was_written(value):
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a": 1, "a": 1}', b"NaN", b'"\\ud800"', b"\xff", b"[" * 1000 + b"]" * 1000, b"[" * 60_000],
    ids=lambda body: repr(body[:20]),
)
def test_json_of_two_meanings_or_none_is_no_json(body):
    with pytest.raises(json.JSONDecodeError):
        parse_json(body)
