"""Challenges: solved in place of waiting when a cap on codes for many people is reached."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from accounts import challenges
from accounts.challenges import leading_zero_bits
from accounts.code_caps import ADDRESS_SENDS_MAX, BREAKER_CODES_MIN
from core.errors import StartupError
from core.settings import Environment, Settings, load_settings
from db.pool import Database
from tests.support.api_client import Api, open_api, run_sql

ANNA, BORIS = "+79161234567", "+79161234568"
HERE = {"X-Forwarded-For": "192.0.2.1"}


@pytest.fixture(autouse=True)
def easy_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(challenges, "POW_BITS", 8)


def settings_with(tmp_path: Any, **more: Any) -> Settings:
    return Settings(
        environment=Environment.TEST,
        jwt_secret="a secret of the tests, 32 bytes or more",
        trusted_proxies=1,
        data_dir=tmp_path,
        **more,
    )


async def ask(api: Api, phone: str, challenge: object = None, headers: dict[str, str] = HERE) -> httpx.Response:
    body = {"phone": phone} | ({"challenge": challenge} if challenge is not None else {})
    return await api.post("/v1/auth/codes", body, headers=headers)


async def use_up(api: Api) -> None:
    """So many codes that the address has to solve something for the next one."""
    for place in range(ADDRESS_SENDS_MAX[0]):
        assert (await ask(api, f"+79{place:04d}12345")).status_code == 202


async def challenge_for(api: Api, phone: str) -> dict[str, Any]:
    refused = await ask(api, phone)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.json()["retry_after"] > 0
    challenge: dict[str, Any] = refused.json()["details"]["challenge"]
    return challenge


def solve(challenge: dict[str, Any]) -> dict[str, str]:
    """As the guide says."""
    for solution in map(str, itertools.count()):
        if leading_zero_bits(sha256(f"{challenge['nonce']}.{solution}".encode()).digest()) >= challenge["bits"]:
            return {"nonce": challenge["nonce"], "solution": solution}
    raise AssertionError


@pytest.mark.parametrize(
    ("digest", "bits"), [(b"\xff", 0), (b"\x0f", 4), (b"\x00\x80", 8), (b"\x00\x01", 15), (b"\x00", 8)]
)
def test_zero_bits_are_counted_from_the_front(digest: bytes, bits: int) -> None:
    assert leading_zero_bits(digest) == bits


async def test_without_challenges_one_waits(tmp_path: Any, database: Database) -> None:
    async with open_api(settings_with(tmp_path), database) as api:
        await use_up(api)
        refused = await ask(api, ANNA)
        assert (refused.status_code, "details" in refused.json()) == (429, False)
        assert (await ask(api, ANNA, {"nonce": "x", "solution": "y"})).status_code == 429


async def test_work_is_good_for_one_code(tmp_path: Any, database: Database) -> None:
    async with open_api(settings_with(tmp_path, challenge="pow"), database) as api:
        await use_up(api)
        challenge = await challenge_for(api, ANNA)
        assert challenge.keys() == {"type", "nonce", "bits"}
        assert (await ask(api, ANNA, solve(challenge))).status_code == 202
        await run_sql(database, "UPDATE login_codes SET created_at = created_at - interval '61 seconds'")
        assert (await ask(api, ANNA, solve(challenge))).status_code == 429, "used"
        assert (await ask(api, ANNA, solve(await challenge_for(api, ANNA)))).status_code == 202


async def test_used_work_at_once_from_many_places_gets_one_code(tmp_path: Any, database: Database) -> None:
    async with open_api(settings_with(tmp_path, challenge="pow"), database) as api:
        await use_up(api)
        solution = solve(await challenge_for(api, ANNA))
        answers = await asyncio.gather(*(ask(api, ANNA, solution) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [202] + [429] * 9


@pytest.mark.parametrize("spoiled", ["solution", "number", "nonce", "padding", "age", "none", "letters"])
async def test_work_that_is_none_of_ours_helps_nobody(
    tmp_path: Any, database: Database, monkeypatch: pytest.MonkeyPatch, spoiled: str
) -> None:
    async with open_api(settings_with(tmp_path, challenge="pow"), database) as api:
        await use_up(api)
        phone, solution = ANNA, solve(await challenge_for(api, ANNA))
        match spoiled:
            case "solution":
                solution["solution"] = next(
                    text
                    for text in map(str, itertools.count())
                    if leading_zero_bits(sha256(f"{solution['nonce']}.{text}".encode()).digest()) < 8
                )
            case "number":
                phone = BORIS
            case "nonce":
                solution = solve({"nonce": "A" * 4 + solution["nonce"][4:], "bits": 8})
            case "padding":
                solution = solve({"nonce": solution["nonce"] + "AAAA", "bits": 8})
            case "age":
                later = challenges.now_unix_s() + 301
                monkeypatch.setattr(challenges, "now_unix_s", lambda: later)
            case "none":
                del solution["nonce"]
            case "letters":
                solution = solve({"nonce": "ключ", "bits": 8})
        assert (await ask(api, phone, solution)).status_code == 429


async def test_work_helps_against_a_breaker_and_not_against_the_pause_of_a_number(
    tmp_path: Any, database: Database
) -> None:
    async with open_api(settings_with(tmp_path, challenge="pow"), database) as api:
        for place in range(BREAKER_CODES_MIN):
            answer = await ask(api, f"+799912{place:05d}", headers={"X-Forwarded-For": f"192.0.{place}.1"})
            assert answer.status_code == 202
        await run_sql(database, "UPDATE login_codes SET created_at = created_at - interval '301 seconds'")
        assert (await ask(api, "+79991299999", solve(await challenge_for(api, "+79991299999")))).status_code == 202
        refused = await ask(api, "+79991299999")
        assert (refused.status_code, "details" in refused.json()) == (429, False)


async def test_document_describes_the_challenge(tmp_path: Any, database: Database) -> None:
    async with open_api(settings_with(tmp_path, challenge="pow"), database) as api:
        document = (await api.client.get("/openapi.json")).json()
        await use_up(api)
        described = document["components"]["schemas"]["RateLimitedDetails"]["properties"]["challenge"]["properties"]
        assert (await challenge_for(api, ANNA)).keys() <= described.keys()


# --- services


@asynccontextmanager
async def verifier(answer: bytes | None) -> AsyncIterator[tuple[str, list[dict[str, list[str]]]]]:
    """A service that gives ``answer`` to all, or none at all; its address, and what it was asked."""
    asked: list[dict[str, list[str]]] = []
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        asked.append(parse_qs((await reader.readexactly(length)).decode()))
        if answer is not None:
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))
            await writer.drain()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield f"http://{host}:{port}/siteverify", asked
    for writer in open_ones:
        writer.close()
    server.close()


def with_service(tmp_path: Any, url: str, kind: str = "turnstile") -> Settings:
    return settings_with(
        tmp_path, challenge=kind, challenge_site_key="a site key", challenge_secret="a secret", challenge_url=url
    )


@pytest.mark.parametrize("kind", ["hcaptcha", "turnstile"])
async def test_service_decides(tmp_path: Any, database: Database, kind: str) -> None:
    async with (
        verifier(b'{"success": true}') as (url, asked),
        open_api(with_service(tmp_path, url, kind), database) as api,
    ):
        await use_up(api)
        assert await challenge_for(api, ANNA) == {"type": kind, "site_key": "a site key"}
        assert (await ask(api, ANNA, {"solution": "a token"})).status_code == 202
    assert asked == [{"secret": ["a secret"], "response": ["a token"], "remoteip": ["192.0.2.1"]}]


@pytest.mark.parametrize("answer", [b'{"success": false}', b'{"success": "true"}', b"{}", b"[]", b"oops", None])
async def test_service_that_does_not_say_yes_keeps_an_unregistered_number_out(
    tmp_path: Any, database: Database, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    monkeypatch.setattr(challenges, "TIMEOUT_S", 0.3)
    async with verifier(answer) as (url, _), open_api(with_service(tmp_path, url), database) as api:
        await use_up(api)
        assert (await ask(api, ANNA, {"solution": "a token"})).status_code == 429


@pytest.mark.parametrize("answer", [b"oops", None])
async def test_service_that_does_not_answer_keeps_no_registered_number_out(
    tmp_path: Any, database: Database, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    monkeypatch.setattr(challenges, "TIMEOUT_S", 0.3)
    async with verifier(answer) as (url, _), open_api(with_service(tmp_path, url), database) as api:
        assert (await ask(api, ANNA, headers={"X-Forwarded-For": "203.0.113.1"})).status_code == 202
        assert (await api.guess(ANNA, api.sender.sent[-1][1])).status_code == 200
        await use_up(api)
        assert (await ask(api, ANNA, {"solution": "a token"})).status_code == 202


def test_service_needs_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLVA_CHALLENGE", "hcaptcha")
    with pytest.raises(StartupError, match="CHALLENGE_SITE_KEY"):
        load_settings()
