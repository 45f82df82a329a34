"""What strangers may have sent at the operator's expense, and how many numbers anybody may look up."""

import asyncio
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from accounts import code_caps, codes
from accounts.code_caps import ADDRESS_SENDS_MAX, BREAKER_CODES_MIN
from core import limits
from core.addresses import address_key, client_address, network_of
from core.errors import StartupError
from core.phones import country_of
from core.settings import Environment, Settings, load_settings
from db.pool import Database
from tests.support.api_client import Api, open_api, run_sql, wrong_code
from tests.support.clients import ChatUsers, new_phone
from tests.support.running import run_server

ANNA = "+79161234567"


def outside_of_development(**more: Any) -> Settings:
    return Settings(
        environment=Environment.TEST, jwt_secret="a secret of the tests, 32 bytes or more", trusted_proxies=1, **more
    )


@pytest.fixture
def strict(tmp_path: Any) -> Settings:
    """Settings with every cap, behind a proxy, so that tests come from where they like."""
    return outside_of_development(data_dir=tmp_path)


def numbers(count: int, start: int = 0) -> list[str]:
    """Each in a block of its own."""
    return [f"+79{place:04d}12345" for place in range(start, start + count)]


async def ask(api: Api, phone: str, address: str = "192.0.2.1") -> httpx.Response:
    return await api.post("/v1/auth/codes", {"phone": phone}, headers={"X-Forwarded-For": address})


async def let_time_pass(database: Database, seconds: int) -> None:
    await run_sql(database, "UPDATE login_codes SET created_at = created_at - make_interval(secs => $1)", float(seconds))


def assert_limited(answer: httpx.Response, within_s: int) -> None:
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 0 < answer.json()["retry_after"] <= within_s
    assert answer.headers["Retry-After"] == str(answer.json()["retry_after"])


# --- addresses and networks


async def test_address_gets_so_many_codes_an_hour(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        count, window_s = ADDRESS_SENDS_MAX
        answers = [await ask(api, phone) for phone in numbers(count)]
        assert {answer.status_code for answer in answers} == {202}
        assert_limited(await ask(api, *numbers(1, count)), window_s)
        assert len(api.sender.sent) == count
        assert (await ask(api, *numbers(1, count), "198.51.100.1")).status_code == 202, "another address"
        await let_time_pass(database, window_s)
        assert (await ask(api, *numbers(1, count + 1))).status_code == 202


@pytest.mark.parametrize(("inside", "outside"), [("192.0.2.{}", "192.0.3.1"), ("2001:db8:1:{}::1", "2001:db8:2::1")])
async def test_network_gets_so_many_codes_an_hour(
    strict: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, inside: str, outside: str
) -> None:
    monkeypatch.setattr(code_caps, "NETWORK_SENDS_MAX", (5, 3_600))
    async with open_api(strict, database) as api:
        for place, phone in enumerate(numbers(5)):
            assert (await ask(api, phone, inside.format(place))).status_code == 202
        assert_limited(await ask(api, *numbers(1, 5), inside.format(99)), 3_600)
        assert (await ask(api, *numbers(1, 5), outside)).status_code == 202


async def test_caps_are_those_of_production_alone(settings: Settings, database: Database) -> None:
    async with open_api(settings, database) as api:
        block = [f"+799912{place:05d}" for place in range(3 * BREAKER_CODES_MIN)]
        for phone in block:
            assert (await api.post("/v1/auth/codes", {"phone": phone})).status_code == 202
        again = await api.post("/v1/auth/codes", {"phone": phone})
        assert_limited(again, 60)


async def test_country_gets_so_many_codes_an_hour(tmp_path: Any, database: Database) -> None:
    settings = outside_of_development(data_dir=tmp_path, codes_per_country_max=3)
    async with open_api(settings, database) as api:
        for place, phone in enumerate(numbers(3)):
            assert (await ask(api, phone, f"192.0.{place}.1")).status_code == 202
        assert_limited(await ask(api, *numbers(1, 3), "192.0.9.1"), 3_600)
        assert (await ask(api, "+442071838750", "192.0.9.1")).status_code == 202


async def test_many_at_once_from_many_networks_do_not_get_a_country_past_its_cap(tmp_path: Any, database: Database) -> None:
    settings = outside_of_development(data_dir=tmp_path, codes_per_country_max=3)
    async with open_api(settings, database) as api:
        answers = await asyncio.gather(*(ask(api, phone, f"192.0.{place}.1") for place, phone in enumerate(numbers(12))))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 9


# --- blocks of numbers whose codes never come back


async def test_block_whose_codes_are_not_redeemed_gets_no_more(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        block = [f"+799912{place:05d}" for place in range(BREAKER_CODES_MIN + 1)]
        for place, phone in enumerate(block[:-1]):
            assert (await ask(api, phone, f"192.0.{place}.1")).status_code == 202
        assert (await ask(api, block[-1], "192.0.99.1")).status_code == 202, "they may still be typed in"
        await let_time_pass(database, 301)
        assert_limited(await ask(api, "+79991299999", "192.0.98.1"), 3_600)
        assert (await ask(api, "+79991300000", "192.0.98.1")).status_code == 202, "another block"
        await let_time_pass(database, 3_300)
        assert (await ask(api, "+79991299999", "192.0.98.1")).status_code == 202


async def test_block_of_which_a_fifth_signs_in_goes_on(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        for place in range(BREAKER_CODES_MIN):
            phone = f"+799912{place:05d}"
            assert (await ask(api, phone, f"192.0.{place}.1")).status_code == 202
            if place % 5 == 0:
                assert (await api.guess(phone, api.sender.sent[-1][1])).status_code == 200
        await let_time_pass(database, 301)
        assert (await ask(api, "+79991299999", "192.0.98.1")).status_code == 202


# --- countries


async def test_number_of_a_country_that_is_not_served_gets_the_same_answer_and_no_code(
    tmp_path: Any, database: Database
) -> None:
    settings = outside_of_development(data_dir=tmp_path, phone_countries="RU, kz")
    async with open_api(settings, database) as api:
        served = await ask(api, ANNA)
        unserved = await ask(api, "+442071838750")
        assert unserved.status_code == served.status_code == 202
        own = {name: unserved.json()[name] for name in ("phone", "verification_id")}
        assert unserved.json() == served.json() | own
        assert unserved.headers.keys() == served.headers.keys()
        assert (await ask(api, "+77011234567")).status_code == 202
        assert [phone for phone, _ in api.sender.sent] == [ANNA, "+77011234567"]
        assert_limited(await ask(api, "+442071838750"), 60)


async def test_number_that_is_not_served_waits_as_long_as_sending_takes(
    tmp_path: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, sending_takes_s, waits_s = 0.0, [0.5, 8.0, 1.0], []

    async def send_slowly(*_code: Any) -> None:
        nonlocal now_s
        now_s += sending_takes_s.pop()

    async def wait(seconds: float) -> None:
        waits_s.append(seconds)

    monkeypatch.setattr(codes, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(code_caps, "asyncio", SimpleNamespace(sleep=wait))
    settings = outside_of_development(data_dir=tmp_path, phone_countries="RU")
    async with open_api(settings, database) as api:
        monkeypatch.setattr(api.sender, "send", send_slowly)
        for phone in numbers(3):
            assert (await ask(api, phone)).status_code == 202
        assert not waits_s
        assert (await ask(api, "+442071838750")).status_code == 202
    assert waits_s == [1.0], "the median, which one slow answer does not change"


async def test_development_says_when_no_code_was_made_for_a_country(settings: Settings, database: Database) -> None:
    async with open_api(settings.model_copy(update={"phone_countries": ("RU",)}), database) as api:
        assert "code" in (await api.post("/v1/auth/codes", {"phone": ANNA})).json()
        assert "code" not in (await api.post("/v1/auth/codes", {"phone": "+442071838750"})).json()


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("+79161234567", "RU"),
        ("+77011234567", "KZ"),
        ("+14155550100", "US"),
        ("+12423570000", "BS"),
        ("+88213300655", None),
    ],
)
def test_country_of_a_number(phone: str, country: str | None) -> None:
    assert country_of(phone) == country


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("unknown", None),
        ("", None),
    ],
)
def test_network_of_an_address(address: str, network: str | None) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.77", "192.0.2.77"),
        ("::ffff:192.0.2.77", "192.0.2.77"),
        ("2001:db8:1:2::3", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_limits_count_an_ipv6_customer_as_one_address(address: str, key: str) -> None:
    assert address_key(address) == key


@pytest.mark.parametrize(
    ("forwarded_for", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("198.51.100.7, 192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:DB8::1]:4711", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unknown", "10.0.0.9"),
        ("_hidden", "10.0.0.9"),
        ("192.0.2.1, <script>", "10.0.0.9"),
        ("192.0.2.999", "10.0.0.9"),
        ("192.0.2.1:port", "10.0.0.9"),
        ("1" * 5000, "10.0.0.9"),
        (", ,", "10.0.0.9"),
    ],
)
def test_garbage_in_x_forwarded_for_is_no_address(forwarded_for: str, address: str) -> None:
    assert client_address("10.0.0.9", forwarded_for, trusted_proxies=1) == address


async def test_hosts_of_one_ipv6_customer_share_a_cap(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        count, window_s = ADDRESS_SENDS_MAX
        for place, phone in enumerate(numbers(count)):
            assert (await ask(api, phone, f"2001:db8:1:2::{place:x}")).status_code == 202
        assert_limited(await ask(api, *numbers(1, count), "2001:db8:1:2:ffff::1"), window_s)
        assert (await ask(api, *numbers(1, count), "2001:db8:1:3::1")).status_code == 202


# --- nobody locks registered numbers out


async def register(api: Api, phone: str) -> None:
    assert (await ask(api, phone, "203.0.113.1")).status_code == 202
    assert (await api.guess(phone, api.sender.sent[-1][1])).status_code == 200


async def test_registered_number_gets_a_code_in_a_block_and_a_country_that_strangers_have_used_up(
    tmp_path: Any, database: Database
) -> None:
    settings = outside_of_development(data_dir=tmp_path, codes_per_country_max=BREAKER_CODES_MIN)
    async with open_api(settings, database) as api:
        await register(api, "+79991299999")
        for place in range(BREAKER_CODES_MIN - 1):
            assert (await ask(api, f"+799912{place:05d}", f"192.0.{place}.1")).status_code == 202
        assert_limited(await ask(api, "+79991288888", "192.0.98.1"), 3_600)
        await let_time_pass(database, 301)
        assert (await ask(api, "+79991299999", "192.0.99.1")).status_code == 202


async def test_strangers_who_ask_for_a_number_keep_its_owner_waiting_in_no_network(
    strict: Settings, database: Database
) -> None:
    async with open_api(strict, database) as api:
        await register(api, ANNA)
        for place in range(code_caps.NUMBER_SENDS_MAX[0] + 5):
            assert (await ask(api, ANNA, f"192.0.{place}.1")).status_code == 202
        assert (await ask(api, ANNA, "198.51.100.1")).status_code == 202
        assert_limited(await ask(api, ANNA, "192.0.0.1"), 3_600)


async def test_number_that_nobody_has_gets_so_many_codes_an_hour(strict: Settings, database: Database) -> None:
    count, window_s = code_caps.NUMBER_SENDS_MAX
    async with open_api(strict, database) as api:
        for place in range(count):
            assert (await ask(api, ANNA, f"192.0.{place}.1")).status_code == 202
        assert_limited(await ask(api, ANNA, "198.51.100.1"), window_s)


async def test_retry_after_of_a_breaker_is_true(strict: Settings, database: Database) -> None:
    async with open_api(strict, database) as api:
        for place in range(BREAKER_CODES_MIN):
            assert (await ask(api, f"+799912{place:05d}", f"192.0.{place}.1")).status_code == 202
        await let_time_pass(database, 301)
        refused = await ask(api, "+79991299999", "192.0.98.1")
        assert_limited(refused, 3_600)
        await let_time_pass(database, refused.json()["retry_after"])
        assert (await ask(api, "+79991299999", "192.0.98.1")).status_code == 202


# --- the budget of the day


async def test_spent_budget_lets_registered_numbers_in_up_to_twice_its_size(
    tmp_path: Any, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    settings = outside_of_development(data_dir=tmp_path, codes_per_day_max=5)
    async with open_api(settings, database) as api:
        for place, phone in enumerate(numbers(4)):
            await ask(api, phone, f"192.0.{place}.1")
            assert (await api.guess(phone, api.sender.sent[-1][1])).status_code == 200
        assert (await ask(api, *numbers(1, 50))).status_code == 202
        assert_limited(await ask(api, *numbers(1, 51)), 86_400)
        for place in range(5):
            assert (await ask(api, numbers(4)[place % 4], f"198.51.{place}.1")).status_code == 202
        assert_limited(await ask(api, numbers(4)[0], "198.51.99.1"), 86_400)
        assert [line.used_percent for line in caplog.records if line.message == "code budget"] == [80, 100]  # type: ignore[attr-defined]
        assert "molva_code_budget_used_ratio 2.0" in (await api.client.get("/metrics")).text


async def test_development_has_no_budget(settings: Settings, database: Database) -> None:
    async with open_api(settings.model_copy(update={"codes_per_day_max": 1}), database) as api:
        for phone in numbers(3):
            await api.sign_in(phone)


# --- numbers for app-store review


async def test_test_number_has_its_code_and_nothing_is_sent(tmp_path: Any, database: Database) -> None:
    settings = outside_of_development(data_dir=tmp_path, test_numbers="+79990000001:123456")
    async with open_api(settings, database) as api:
        answer = await ask(api, "+79990000001")
        assert (answer.status_code, "code" in answer.json()) == (202, False)
        assert not api.sender.sent
        assert (await api.guess("+79990000001", "123457")).status_code == 401
        assert (await api.guess("+79990000001", "123456")).status_code == 200
        assert (await api.guess("+79990000001", "123456")).status_code == 401, "once"


async def test_test_number_is_guessed_five_times_at_most(tmp_path: Any, database: Database) -> None:
    settings = outside_of_development(data_dir=tmp_path, test_numbers="+79990000001:123456")
    async with open_api(settings, database) as api:
        await ask(api, "+79990000001")
        for _ in range(5):
            assert (await api.guess("+79990000001", wrong_code("123456"))).status_code == 401
        assert (await api.guess("+79990000001", "123456")).status_code == 401
        assert_limited(await ask(api, "+79990000001"), 60)


def test_test_numbers_are_impossible_in_production_unless_set_explicitly(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ENVIRONMENT": "production",
        "JWT_SECRET": "a secret of the tests, 32 bytes or more",
        "CODE_SENDER": "webhook",
        "CODE_WEBHOOK_URL": "https://sms.example/codes",
        "CODE_WEBHOOK_SECRET": "another secret, as long as it has to be",
        "CORS_ORIGINS": "https://chat.example",
        "TEST_NUMBERS": "+79990000001:123456",
    }.items():
        monkeypatch.setenv(f"MOLVA_{name}", value)
    with pytest.raises(StartupError, match="TEST_NUMBERS") as refused:
        load_settings()
    assert "123456" not in str(refused.value)
    monkeypatch.setenv("MOLVA_TEST_NUMBERS_IN_PRODUCTION", "true")
    settings = load_settings()
    assert settings.test_numbers == {"+79990000001": "123456"}
    assert "123456" not in repr(settings)


@pytest.mark.parametrize("value", ["79990000001:123456", "+79990000001", "+79990000001:12345", "+79990000001:abcdef"])
def test_test_numbers_that_cannot_be_read_stop_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MOLVA_TEST_NUMBERS", value)
    with pytest.raises(StartupError, match="MOLVA_TEST_NUMBERS must be"):
        load_settings()


# --- looking numbers up


@pytest.fixture
async def limited_chat_users(database_url: str, tmp_path: Any) -> Any:
    """People on a server with its limits on."""
    settings = Settings(database_url=database_url, data_dir=tmp_path, port=0)
    async with run_server(settings) as server:
        chat_users = ChatUsers(server.address)
        chat_users.database = server.molva.database  # type: ignore[attr-defined]
        yield chat_users
        await chat_users.close()


async def use_up(person: Any, count: int) -> list[int]:
    """Statuses of so many look-ups of a hundred numbers."""
    statuses = []
    for page in range(count):
        phones = [f"+7925{page:03d}{place:04d}" for place in range(100)]
        statuses.append((await person.act("user:find", phones=phones)).status_code)
    return statuses


async def test_new_account_looks_up_fewer_numbers_a_day_than_an_older_one(limited_chat_users: Any) -> None:
    person = await limited_chat_users.register()
    first_day, later = limits.NUMBERS_ON_FIRST_DAY_MAX // 100, limits.NUMBERS_PER_DAY_MAX // 100
    assert await use_up(person, first_day + 1) == [200] * first_day + [429]
    answer = await person.act("user:find", phones=[new_phone()])
    assert answer.json()["code"] == "rate_limited"
    assert 0 < answer.json()["retry_after"] <= 86_400
    assert (await person.act("chat:create_private", phone=new_phone())).status_code == 429
    assert (await person.act("user:find", username="somebody")).status_code == 200, "names are no numbers"
    await run_sql(limited_chat_users.database, "UPDATE users SET created_at = created_at - interval '1 day'")
    assert await use_up(person, later - first_day + 1) == [200] * (later - first_day) + [429]
    await run_sql(limited_chat_users.database, "UPDATE look_ups SET day = day - 1")
    assert await use_up(person, 1) == [200]


async def test_look_ups_of_one_person_cost_nobody_else(limited_chat_users: Any) -> None:
    anna, boris = await limited_chat_users.register(), await limited_chat_users.register()
    await use_up(anna, limits.NUMBERS_ON_FIRST_DAY_MAX // 100 + 1)
    assert await use_up(boris, 1) == [200]
