"""Guessing at codes: what a guesser gets, and that it costs nobody else anything."""

from typing import Any

import httpx
import pytest

from accounts.guesses import ADDRESS_FAILURES_MAX, DEVELOPMENT_FACTOR, NETWORK_FAILURES_MAX, NUMBER_FAILURES_MAX
from core.ids import new_id
from core.settings import Environment, Settings
from db.pool import Database
from tests.support.api_client import Api, open_api, run_sql, wrong_code

ANNA, BORIS = "+79161234567", "+79161234568"
AT_HOME, STRANGER = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "198.51.100.1"}


@pytest.fixture
def strict(tmp_path: Any) -> Settings:
    """Settings outside of development, behind a proxy, so that tests come from where they like."""
    return Settings(
        environment=Environment.TEST,
        jwt_secret="a secret of the tests, 32 bytes or more",
        trusted_proxies=1,
        data_dir=tmp_path,
    )


async def ask(api: Api, phone: str, headers: dict[str, str] = AT_HOME) -> tuple[str, str]:
    """A code that was asked for, and its verification_id."""
    answer = await api.post("/v1/auth/codes", {"phone": phone}, headers=headers)
    assert answer.status_code == 202, answer.text
    return api.sender.sent[-1][1], answer.json()["verification_id"]


def assert_refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.json()["detail"] == "The code is not valid."


async def test_code_works_with_its_verification_id_alone(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        code, verification_id = await ask(api, ANNA)
        _, others_id = await ask(api, BORIS)
        for other in (others_id, new_id(), "nonsense", verification_id[:-1]):
            assert_refused(await api.guess(ANNA, code, verification_id=other))
        assert_refused(await api.guess(BORIS, code, verification_id=verification_id))
        assert (await api.guess(ANNA, code, verification_id=verification_id)).status_code == 200


async def test_verification_id_is_required_outside_of_development(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        code, _ = await ask(api, ANNA)
        answer = await api.guess(ANNA, code, verification_id=None)
        assert answer.status_code == 422
        assert answer.json()["details"] == [{"path": "verification_id", "message": "is required"}]


@pytest.mark.parametrize("stranger_knows", ["nothing", "an invented one", "one of their own"])
async def test_twenty_wrong_guesses_of_a_stranger_leave_the_code_to_who_asked(
    settings: Settings, database: Database, stranger_knows: str
) -> None:
    """In development too, where a guess without an ID is about the newest code."""
    async with open_api(settings, database) as api:
        code, verification_id = await ask(api, ANNA)
        guessed_with = None
        if stranger_knows == "an invented one":
            guessed_with = new_id()
        elif stranger_knows == "one of their own":
            await run_sql(database, "UPDATE login_codes SET created_at = created_at - interval '61 seconds'")
            _, guessed_with = await ask(api, ANNA)
        for _ in range(20):
            assert_refused(await api.guess(ANNA, wrong_code(code), verification_id=guessed_with))
        assert (await api.guess(ANNA, code, verification_id=verification_id)).status_code == 200


async def test_code_of_a_stranger_ends_no_code_of_the_person(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        code, verification_id = await ask(api, ANNA)
        await ask(api, ANNA, STRANGER)
        assert (await api.guess(ANNA, code, verification_id=verification_id)).status_code == 200


async def test_address_that_guesses_too_much_is_refused_and_nobody_else(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        code, verification_id = await ask(api, ANNA)
        for _ in range(ADDRESS_FAILURES_MAX):
            assert_refused(await api.guess(ANNA, "123456", verification_id=new_id(), headers=STRANGER))
        refused = await api.guess(ANNA, "123456", verification_id=new_id(), headers=STRANGER)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 0 < refused.json()["retry_after"] <= 600
        assert_refused(await api.guess(ANNA, wrong_code(code), verification_id=verification_id, headers=AT_HOME))
        assert (await api.guess(ANNA, code, verification_id=verification_id, headers=AT_HOME)).status_code == 200


async def test_neighbour_of_a_guesser_still_signs_in_with_a_right_code(strict: Settings, database: Database) -> None:
    """Behind one address; the second guess at a code is one too many then."""
    async with open_api(strict, database) as api:
        for _ in range(ADDRESS_FAILURES_MAX):
            await api.guess(BORIS, "123456", verification_id=new_id(), headers=AT_HOME)
        code, verification_id = await ask(api, ANNA)
        assert (await api.guess(ANNA, code, verification_id=verification_id, headers=AT_HOME)).status_code == 200
        code, verification_id = await ask(api, BORIS)
        for guess in (wrong_code(code), code):
            answer = await api.guess(BORIS, guess, verification_id=verification_id, headers=AT_HOME)
            assert answer.status_code == 429


async def test_network_that_guesses_too_much_is_refused(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        for place in range(NETWORK_FAILURES_MAX + 1):
            nearby = {"X-Forwarded-For": f"2001:db8:1:{place:x}::1"}
            answer = await api.guess(ANNA, "123456", verification_id=new_id(), headers=nearby)
        assert answer.status_code == 429


async def test_failures_are_forgotten_after_ten_minutes(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        for _ in range(ADDRESS_FAILURES_MAX + 1):
            answer = await api.guess(ANNA, "123456", verification_id=new_id())
        assert answer.status_code == 429
        await run_sql(database, "UPDATE sign_in_failures SET began_at = began_at - interval '10 minutes'")
        assert_refused(await api.guess(ANNA, "123456", verification_id=new_id()))
        await run_sql(database, "UPDATE sign_in_failures SET began_at = began_at - interval '20 minutes'")
        await api.guess(ANNA, "123456", verification_id=new_id(), headers=STRANGER)
        origins = await run_sql(database, "SELECT origin FROM sign_in_failures ORDER BY origin")
        assert [row[0] for row in origins] == ["198.51.100.0/24", "198.51.100.1"], "the old ones are swept"


async def test_number_that_is_guessed_at_for_long_has_one_guess_for_each_code(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        for place in range(NUMBER_FAILURES_MAX // 5):
            there = {"X-Forwarded-For": f"203.0.{place}.1"}
            code, verification_id = await ask(api, ANNA, there)
            for _ in range(5):
                assert_refused(await api.guess(ANNA, wrong_code(code), verification_id=verification_id, headers=there))
        code, verification_id = await ask(api, ANNA, STRANGER)
        assert_refused(await api.guess(ANNA, wrong_code(code), verification_id=verification_id, headers=STRANGER))
        assert_refused(await api.guess(ANNA, code, verification_id=verification_id, headers=STRANGER))
        code, verification_id = await ask(api, ANNA)
        assert (await api.guess(ANNA, code, verification_id=verification_id)).status_code == 200, (
            "the owner is not locked out"
        )


async def test_two_hundred_guesses_from_one_address_are_refused_in_development(
    settings: Settings, database: Database
) -> None:
    async with open_api(settings, database) as api:
        statuses = [(await api.guess(ANNA, "123456")).status_code for _ in range(200)]
        assert statuses.count(401) == ADDRESS_FAILURES_MAX * DEVELOPMENT_FACTOR
        await api.sign_in(ANNA)


async def test_name_is_given_when_the_account_is_new(settings: Settings, database: Database) -> None:
    async with open_api(settings, database) as api:
        assert (await api.sign_in(ANNA, display_name="Anna"))["user"]["display_name"] == "Anna"
        assert (await api.sign_in(ANNA, display_name="Somebody else"))["user"]["display_name"] == "Anna"
