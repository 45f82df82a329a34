"""One-time codes: who gets one and when, what it is good for, and what nobody learns from it."""

import asyncio
import itertools
from uuid import UUID

import httpx
import pytest

from accounts.codes import wait_before_next_s
from core.settings import Environment, Settings
from db.codes import SentRow
from tests.support.api_client import Api, open_api, open_connections, run_sql, wrong_code

pytestmark = pytest.mark.slow

PHONE, OTHER_PHONE = "+79161234567", "+79161234568"


@pytest.fixture
async def api(settings, database):
    async with open_api(settings, database) as api:
        yield api


async def let_time_pass(database, seconds: int) -> None:
    """As if every code had been sent that much earlier."""
    await run_sql(
        database,
        "UPDATE login_codes SET created_at = created_at - make_interval(secs => $1),"
        " expires_at = expires_at - make_interval(secs => $1)",
        float(seconds),
    )


async def test_code_is_sent_and_answered_in_development(api: Api):
    answer = await api.post("/v1/auth/codes", {"phone": PHONE})
    assert answer.status_code == 202
    ((phone, code),) = api.sender.sent
    assert phone == PHONE
    body = answer.json()
    assert UUID(body.pop("verification_id")).version == 4, "nothing but random bits"
    assert body == {"phone": PHONE, "expires_in": 300, "retry_after": 60, "code": code}


@pytest.mark.parametrize("environment", [Environment.TEST, Environment.PRODUCTION])
async def test_code_is_in_no_answer_outside_of_development(settings: Settings, database, environment):
    settings = Settings(
        environment=environment,
        jwt_secret="a secret of the tests, 32 bytes or more",
        code_sender="webhook",
        code_webhook_url="https://sms.example/codes",
        code_webhook_secret="another secret, as long as it has to be",
        cors_origins="https://chat.example",
    )
    async with open_api(settings, database) as api:
        answer = await api.post("/v1/auth/codes", {"phone": PHONE})
        assert answer.json().keys() == {"phone", "verification_id", "expires_in", "retry_after"}
        assert api.sender.sent[0][1] not in answer.text
        assert (await api.guess(PHONE, api.sender.sent[0][1])).status_code == 200


async def test_number_is_normalised(api: Api):
    answer = await api.post("/v1/auth/codes", {"phone": "8 (916) 123-45-67"})
    assert answer.json()["phone"] == PHONE
    assert (await api.guess("+7 916 123 45 67", answer.json()["code"])).status_code == 200


async def test_answer_is_the_same_for_known_and_unknown_numbers(api: Api, database):
    await api.sign_in(PHONE)
    await let_time_pass(database, 3600)
    known, unknown = [await api.post("/v1/auth/codes", {"phone": phone}) for phone in (PHONE, OTHER_PHONE)]
    assert known.status_code == unknown.status_code
    own = {name: unknown.json()[name] for name in ("phone", "code", "verification_id")}
    assert unknown.json() == known.json() | own
    assert known.headers.keys() == unknown.headers.keys()


async def test_only_a_keyed_hash_is_stored(api: Api, database):
    code = await api.request_code(PHONE)
    ((row,),) = await run_sql(database, "SELECT c::text FROM login_codes c")
    assert code not in row
    ((hash_length,),) = await run_sql(database, "SELECT length(code_hash) FROM login_codes")
    assert hash_length == 32


async def test_same_code_is_stored_differently_each_time(api: Api, database, monkeypatch):
    monkeypatch.setattr("accounts.codes.new_code", lambda: "123456")
    for phone in (PHONE, OTHER_PHONE):
        await api.request_code(phone)
    rows = await run_sql(database, "SELECT code_hash FROM login_codes")
    assert len({row[0] for row in rows}) == 2


# --- what a code is good for


async def test_code_is_good_for_its_number_alone(api: Api):
    code = await api.request_code(PHONE)
    if await api.request_code(OTHER_PHONE) != code:  # one in a million
        assert (await api.guess(OTHER_PHONE, code)).status_code == 401
    assert (await api.guess(PHONE, code)).status_code == 200


async def test_code_is_good_until_five_minutes(api: Api, database):
    code = await api.request_code(PHONE)
    await let_time_pass(database, 280)
    assert (await api.guess(PHONE, code)).status_code == 200


async def test_new_code_makes_the_older_one_dead(api: Api, database, monkeypatch):
    codes = iter(["111111", "222222"])
    monkeypatch.setattr("accounts.codes.new_code", lambda: next(codes))
    old = await api.request_code(PHONE)
    await let_time_pass(database, 61)
    new = await api.request_code(PHONE)
    assert (await api.guess(PHONE, old)).status_code == 401
    assert (await api.guess(PHONE, new)).status_code == 200


@pytest.mark.parametrize("end", ["used", "guessed out"])
async def test_end_of_the_new_code_does_not_revive_the_older_one(api: Api, database, monkeypatch, end):
    codes = iter(["111111", "222222"])
    monkeypatch.setattr("accounts.codes.new_code", lambda: next(codes))
    old = await api.request_code(PHONE)
    await let_time_pass(database, 61)
    new = await api.request_code(PHONE)
    for guess in [new] if end == "used" else ["333333"] * 5:
        await api.guess(PHONE, guess)
    assert (await api.guess(PHONE, old)).status_code == 401


async def test_four_wrong_guesses_leave_the_fifth(api: Api):
    code = await api.request_code(PHONE)
    for _ in range(4):
        assert (await api.guess(PHONE, wrong_code(code))).status_code == 401
    assert (await api.guess(PHONE, code)).status_code == 200


async def test_what_cannot_be_a_code_is_not_counted(api: Api, database):
    await api.request_code(PHONE)
    assert (await api.guess(PHONE, "12345")).status_code == 422
    assert await run_sql(database, "SELECT guesses FROM login_codes") == [(0,)]


async def test_every_refused_guess_looks_the_same(api: Api, database):
    phones = (f"+791612300{number:02d}" for number in itertools.count())
    answers = []

    async def guess(phone: str, code: str) -> None:
        answers.append(await api.guess(phone, code))

    never_asked = next(phones)
    await guess(never_asked, "123456")
    wrong = next(phones)
    await guess(wrong, wrong_code(await api.request_code(wrong)))
    used = next(phones)
    code = await api.request_code(used)
    assert (await api.guess(used, code)).status_code == 200
    await guess(used, code)
    dead = next(phones)
    code = await api.request_code(dead)
    for _ in range(6):
        await guess(dead, wrong_code(code))
    await guess(dead, code)
    expired = next(phones)
    code = await api.request_code(expired)
    await let_time_pass(database, 301)
    await guess(expired, code)

    bodies = {tuple(sorted((answer.json() | {"request_id": ""}).items())) for answer in answers}
    assert len(bodies) == 1
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].json()["code"] == "unauthorized"
    assert answers[0].json()["detail"] == "The code is not valid."
    assert "access token" not in answers[0].text
    assert len({tuple(answer.headers.keys()) for answer in answers}) == 1


async def test_fifty_right_guesses_at_once_sign_in_once(api: Api, database):
    await open_connections(database)
    code = await api.request_code(PHONE)
    answers = await asyncio.gather(*(api.guess(PHONE, code) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 49
    assert await run_sql(database, "SELECT count(*) FROM users") == [(1,)]
    assert await run_sql(database, "SELECT count(*) FROM login_sessions") == [(1,)]


async def test_thousand_wrong_guesses_at_once_compare_five(api: Api, database):
    await open_connections(database)
    code = await api.request_code(PHONE)
    wrong = [f"{(int(code) + step) % 1_000_000:06d}" for step in range(1, 1001)]
    many = asyncio.Semaphore(100)  # more than there are connections; all at once would wait longer than the pool lets them

    async def guess_among_many(guess: str) -> httpx.Response:
        async with many:
            return await api.guess(PHONE, guess)

    answers = await asyncio.gather(*map(guess_among_many, wrong))
    assert {answer.status_code for answer in answers} == {401, 429}
    assert await run_sql(database, "SELECT guesses FROM login_codes") == [(5,)]
    assert (await api.guess(PHONE, code)).status_code == 429


async def test_right_guesses_at_once_do_not_revive_a_dead_code(api: Api, database):
    await open_connections(database)
    code = await api.request_code(PHONE)
    for _ in range(5):
        await api.guess(PHONE, wrong_code(code))
    answers = await asyncio.gather(*(api.guess(PHONE, code) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {401}
    assert await run_sql(database, "SELECT count(*) FROM login_sessions") == [(0,)]


# --- how many are sent


def assert_limited(answer, *, at_least: int, at_most: int) -> None:
    assert answer.status_code == 429
    assert answer.json()["code"] == "rate_limited"
    assert at_least <= answer.json()["retry_after"] <= at_most
    assert answer.headers["Retry-After"] == str(answer.json()["retry_after"])


async def test_second_code_within_a_minute_is_refused(api: Api):
    await api.request_code(PHONE)
    assert_limited(await api.post("/v1/auth/codes", {"phone": PHONE}), at_least=55, at_most=60)
    assert len(api.sender.sent) == 1


async def test_refused_request_leaves_the_code_that_was_sent(api: Api):
    code = await api.request_code(PHONE)
    await api.post("/v1/auth/codes", {"phone": PHONE})
    assert (await api.guess(PHONE, code)).status_code == 200


async def test_code_may_be_asked_for_again_after_a_minute(api: Api, database):
    await api.request_code(PHONE)
    await let_time_pass(database, 60)
    await api.request_code(PHONE)


async def test_fourth_code_within_ten_minutes_is_refused(api: Api, database):
    for _ in range(3):
        await api.request_code(PHONE)
        await let_time_pass(database, 100)
    assert_limited(await api.post("/v1/auth/codes", {"phone": PHONE}), at_least=295, at_most=300)


async def test_sixth_code_within_an_hour_is_refused(api: Api, database):
    for _ in range(5):
        await api.request_code(PHONE)
        await let_time_pass(database, 600)
    assert_limited(await api.post("/v1/auth/codes", {"phone": PHONE}), at_least=595, at_most=600)


async def test_no_number_waits_longer_than_an_hour(api: Api, database):
    for _ in range(20):
        await api.request_code(PHONE)
        await let_time_pass(database, 1200)


async def test_answer_tells_truly_when_the_next_code_may_be_asked_for(api: Api, database):
    for retry_after in (60, 60, 400):
        answer = await api.post("/v1/auth/codes", {"phone": PHONE})
        assert answer.json()["retry_after"] == pytest.approx(retry_after, abs=1)
        await let_time_pass(database, 100)
    await let_time_pass(database, 300)
    await api.request_code(PHONE)


async def test_limit_counts_every_spelling(api: Api):
    await api.request_code(PHONE)
    assert_limited(await api.post("/v1/auth/codes", {"phone": "8 916 123 45 67"}), at_least=50, at_most=60)


async def test_in_development_one_signs_in_with_a_number_as_often_as_one_likes(api: Api):
    assert len({(await api.sign_in(PHONE))["user"]["id"] for _ in range(8)}) == 1


async def test_code_that_was_guessed_out_keeps_the_next_one_waiting(api: Api):
    code = await api.request_code(PHONE)
    for _ in range(5):
        await api.guess(PHONE, wrong_code(code))
    assert_limited(await api.post("/v1/auth/codes", {"phone": PHONE}), at_least=50, at_most=60)


async def test_limits_of_one_number_are_not_those_of_another(api: Api):
    await api.request_code(PHONE)
    await api.request_code(OTHER_PHONE)


async def test_of_twenty_requests_at_once_one_sends(api: Api, database):
    await open_connections(database)
    answers = await asyncio.gather(*(api.post("/v1/auth/codes", {"phone": PHONE}) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [429] * 19
    assert len(api.sender.sent) == 1


async def test_without_limits_every_request_sends(settings: Settings, database):
    async with open_api(settings.model_copy(update={"rate_limits": "off"}), database) as api:
        codes = [await api.request_code(PHONE) for _ in range(7)]
        assert (await api.guess(PHONE, codes[-1])).status_code == 200


@pytest.mark.parametrize(
    ("ages_s", "used", "wait_s"),
    [
        ([], 0, 0),
        ([0], 0, 60),
        ([59.5], 0, 0.5),
        ([60], 0, 0),
        ([100, 200], 0, 0),
        ([100, 200, 300], 0, 300),
        ([10, 200, 300], 0, 300),
        ([5, 599, 599.5], 0, 55),
        ([700, 800, 900, 1000, 1100], 0, 3_600 - 1100),
        ([0], 1, 0),
        ([0, 200], 1, 0),
        ([0, 10], 1, 50),
        ([0, 10, 300], 3, 300),
        ([700, 800, 900, 1000, 1100], 5, 3_600 - 1100),
    ],
)
def test_wait_is_the_longest_that_any_limit_asks_for(ages_s, used, wait_s):
    """``used``: so many of the newest were used."""
    sent = [SentRow(age_s, place < used) for place, age_s in enumerate(ages_s)]
    assert max(0, wait_before_next_s(sent)) == wait_s


# --- what happens around them


async def test_failed_send_may_be_repeated_at_once(api: Api):
    api.sender.is_broken = True
    answer = await api.post("/v1/auth/codes", {"phone": PHONE})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    api.sender.is_broken = False
    code = await api.request_code(PHONE)
    assert (await api.guess(PHONE, code)).status_code == 200


async def test_code_that_never_left_is_worthless(api: Api, monkeypatch):
    monkeypatch.setattr("accounts.codes.new_code", lambda: "123456")
    api.sender.is_broken = True
    await api.post("/v1/auth/codes", {"phone": PHONE})
    assert (await api.guess(PHONE, "123456")).status_code == 401


async def test_rows_older_than_a_day_are_swept(api: Api, database):
    await api.request_code(PHONE)
    await let_time_pass(database, 86_401)
    await api.request_code(OTHER_PHONE)
    assert await run_sql(database, "SELECT phone FROM login_codes") == [(OTHER_PHONE,)]


async def test_log_has_neither_code_nor_number(api: Api, database, caplog):
    caplog.set_level("DEBUG")
    code = await api.request_code(PHONE)
    await api.guess(PHONE, wrong_code(code))
    signed_in = (await api.guess(PHONE, code)).json()
    await api.refresh(signed_in["refresh_token"])
    lines = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("molva"))
    assert "signed in" in lines
    for secret in (PHONE, PHONE[1:], f"'{code}'", signed_in["access_token"], signed_in["refresh_token"]):
        assert secret not in lines
