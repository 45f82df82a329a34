"""The PIN: a second factor at sign-in, and what others hear of a sign-in."""

import asyncio
from typing import Any

import httpx
import pytest

from core.settings import Settings
from db.pool import Database
from tests.support.api_client import Api, open_api, run_sql
from tests.support.clients import ChatUsers

ANNA = "+79161234567"
PIN = "4711 correct horse"


@pytest.fixture
async def api(settings: Settings, database: Database) -> Any:
    async with open_api(settings, database) as api:
        yield api


async def set_pin(api: Api, signed_in: dict[str, Any], pin: object = PIN) -> httpx.Response:
    return await api.as_user("PUT", "/v1/me/pin", signed_in, json={"pin": pin})


def assert_pin_required(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["details"] == {"reason": "pin_required"}


async def test_sign_in_needs_the_pin_beside_the_code(api: Api) -> None:
    assert (await set_pin(api, await api.sign_in(ANNA))).status_code == 204
    code = await api.request_code(ANNA)
    assert_pin_required(await api.guess(ANNA, code))
    wrong = await api.guess(ANNA, code, pin="4711 wrong horse")
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["detail"]) == (
        401,
        "unauthorized",
        "The PIN is not right.",
    )
    assert (await api.guess(ANNA, code, pin=PIN)).status_code == 200, "the code was not used up"
    assert (await api.guess(ANNA, code, pin=PIN)).status_code == 401, "now it is"


async def test_wrong_code_tells_nothing_of_a_pin(api: Api) -> None:
    await set_pin(api, await api.sign_in(ANNA))
    await api.request_code(ANNA)
    for pin in (None, PIN):
        refused = await api.guess(ANNA, "000000" if api.sender.sent[-1][1] != "000000" else "000001", pin=pin)
        assert (refused.status_code, refused.json()["detail"]) == (401, "The code is not valid.")


async def test_pin_may_be_changed_and_removed(api: Api) -> None:
    anna = await api.sign_in(ANNA)
    await set_pin(api, anna, "1111")
    await set_pin(api, anna, "2222")
    code = await api.request_code(ANNA)
    assert (await api.guess(ANNA, code, pin="1111")).status_code == 401
    assert (await api.guess(ANNA, code, pin="2222")).status_code == 200
    for _ in range(2):
        assert (await api.as_user("DELETE", "/v1/me/pin", anna)).status_code == 204
    await api.sign_in(ANNA)


@pytest.mark.parametrize("pin", ["123", "1" * 65, "", "a\0bc", None, 1234, ["1", "2", "3", "4"]])
async def test_what_can_be_no_pin_is_refused(api: Api, pin: object) -> None:
    refused = await set_pin(api, await api.sign_in(ANNA), pin)
    assert refused.status_code == 422
    assert refused.json()["details"][0]["path"] == "pin"


async def test_only_a_slow_hash_is_stored(api: Api, database: Database) -> None:
    await set_pin(api, await api.sign_in(ANNA))
    ((stored,),) = await run_sql(database, "SELECT pin_hash FROM user_pins")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "horse" not in stored


async def test_five_wrong_pins_lock_it_for_a_day(api: Api, database: Database) -> None:
    await set_pin(api, await api.sign_in(ANNA))
    code = await api.request_code(ANNA)
    assert {(await api.guess(ANNA, code, pin=f"wrong {place}")).status_code for place in range(5)} == {401}
    locked = await api.guess(ANNA, code, pin=PIN)
    assert (locked.status_code, locked.json()["code"]) == (429, "rate_limited")
    assert 86_300 < locked.json()["retry_after"] <= 86_400
    await run_sql(database, "UPDATE user_pins SET tried_at = tried_at - interval '1 day'")
    assert (await api.guess(ANNA, code, pin="wrong")).status_code == 401
    assert (await api.guess(ANNA, code, pin=PIN)).status_code == 200
    assert await run_sql(database, "SELECT tries FROM user_pins") == [(0,)]


async def test_of_forty_wrong_pins_at_once_five_are_compared(api: Api) -> None:
    await set_pin(api, await api.sign_in(ANNA))
    code = await api.request_code(ANNA)
    answers = await asyncio.gather(*(api.guess(ANNA, code, pin=f"wrong {place}") for place in range(40)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 35


async def test_forgotten_pin_lapses_after_a_week_without_a_device(api: Api, database: Database) -> None:
    anna = await api.sign_in(ANNA)
    await set_pin(api, anna)
    await run_sql(database, "UPDATE user_pins SET set_at = set_at - interval '1 year'")
    code = await api.request_code(ANNA)
    assert_pin_required(await api.guess(ANNA, code))
    assert (await api.as_user("DELETE", "/v1/auth/sessions/current", anna)).status_code == 204
    for days, is_lapsed in ((6, False), (2, True)):
        await run_sql(database, "UPDATE login_sessions SET revoked_at = revoked_at - make_interval(days => $1::int)", days)
        answer = await api.guess(ANNA, code)
        assert answer.status_code == (200 if is_lapsed else 409)
    await api.sign_in(ANNA)


async def test_pin_goes_with_the_account(api: Api, database: Database) -> None:
    anna = await api.sign_in(ANNA)
    await set_pin(api, anna)
    await api.as_user("DELETE", "/v1/me", anna)
    assert await run_sql(database, "SELECT * FROM user_pins") == []


async def test_log_has_no_pin(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await set_pin(api, await api.sign_in(ANNA))
    await api.guess(ANNA, await api.request_code(ANNA), pin=PIN)
    assert PIN not in "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("molva"))


async def test_other_devices_hear_of_a_sign_in(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    phone, stranger = await anna.connect(), await boris.connect()
    laptop = await chat_users.register(anna.phone, device_name="Anna's laptop")
    opened = (await phone.expect_event("session:opened")).payload
    listed = (await anna.http.get("/v1/auth/sessions", headers=anna.headers)).json()["sessions"]
    (session,) = [one for one in listed if one["device_name"] == "Anna's laptop"]
    assert opened == {
        "session_id": session["id"],
        "device_name": "Anna's laptop",
        "created_at": session["created_at"],
    }
    ready = (await laptop.connect()).ready
    assert ready["session_id"] == opened["session_id"]
    await stranger.send("chat:list")
    assert "session:opened" not in [event.name for event in stranger.events]
