"""Signing in, refreshing, ending sessions: what tokens open and what closes them again."""

import asyncio
import base64

import jwt
import pytest

from accounts.tokens import NAMELESS
from core.ids import new_id
from core.tokens import RefreshClaim, RefreshTokens, read_refresh_token
from tests.support.api_client import Api, open_api, open_connections, run_sql, wrong_code
from tests.support.waiting import until

PHONE, OTHER_PHONE = "+79161234567", "+79161234568"


@pytest.fixture
async def api(settings, database):
    async with open_api(settings.model_copy(update={"rate_limits": "off"}), database) as api:
        yield api


_WAITING = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def session_of(signed_in: dict) -> str:
    return jwt.decode(signed_in["access_token"], options={"verify_signature": False})["sid"]


async def let_grace_pass(database) -> None:
    await run_sql(database, "UPDATE login_sessions SET rotated_at = rotated_at - interval '11 seconds'")


async def assert_signed_in(api: Api, tokens: dict) -> None:
    assert (await api.as_user("GET", "/v1/me", tokens)).status_code == 200


def assert_refused(answer, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, code)


# --- signing in


async def test_first_sign_in_registers(api: Api):
    first = await api.sign_in(PHONE)
    assert first["is_new_user"] is True
    assert first["user"]["display_name"] == NAMELESS
    assert first["user"]["phone"] == PHONE
    again = await api.sign_in(PHONE)
    assert again["is_new_user"] is False
    assert again["user"]["id"] == first["user"]["id"]


async def test_answer_has_the_shape_of_the_contract(api: Api):
    answer = await api.sign_in(PHONE, device_name="Anna's phone")
    assert set(answer) == {
        "access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in", "user", "is_new_user",
    }  # fmt: skip
    assert answer["token_type"] == "Bearer"
    assert answer["expires_in"] == 900
    assert answer["refresh_expires_in"] == 30 * 86_400
    assert set(answer["user"]) == {
        "id", "display_name", "username", "about", "avatar", "last_seen_at", "is_bot", "is_deleted", "phone", "created_at",
        "privacy",
    }  # fmt: skip


async def test_tokens_are_not_stored(api: Api, database):
    signed_in = await api.sign_in(PHONE)
    (row,) = await run_sql(database, "SELECT refresh_seed, refresh_hash FROM login_sessions")
    raw = base64.urlsafe_b64decode(signed_in["refresh_token"] + "==")
    assert raw[20:] not in tuple(row)
    assert len(row[1]) == 32


async def test_two_sign_ins_at_once_register_one_user(api: Api, database):
    await open_connections(database)
    phones = [f"+7916123{number:04d}" for number in range(10)]

    async def race(phone: str) -> list[int]:
        code = await api.request_code(phone)
        answers = await asyncio.gather(*(api.guess(phone, code) for _ in range(3)), api.sign_in(phone))
        return [answer.status_code for answer in answers[:3]]

    await asyncio.gather(*(race(phone) for phone in phones))
    assert await run_sql(database, "SELECT count(*) FROM users") == [(len(phones),)]


async def test_user_registered_meanwhile_is_not_registered_again(api: Api, database):
    """The row appears, uncommitted, in another transaction; the sign-in waits for it and then uses it."""
    code = await api.request_code(PHONE)
    user_id = new_id()
    async with database.transaction() as tx:
        await tx.execute("test", "INSERT INTO users (id, phone, display_name) VALUES ($1, $2, 'Anna')", (user_id, PHONE))
        sign_in = asyncio.create_task(api.guess(PHONE, code))
        await until(lambda: asyncio.create_task(run_sql(database, _WAITING)))  # on a connection of its own
    answer = (await sign_in).json()
    assert (answer["user"]["id"], answer["is_new_user"]) == (user_id, False)


@pytest.mark.parametrize("name", ["Anna's phone", "☎️ 手机", None, "x" * 128])
async def test_device_name_is_any_text_up_to_its_length(api: Api, name):
    code = await api.request_code(PHONE)
    answer = await api.post("/v1/auth/tokens", {"phone": PHONE, "code": code, "device_name": name})
    assert answer.status_code == 200


async def test_payload_that_does_not_fit_leaves_the_code(api: Api):
    code = await api.request_code(PHONE)
    await api.post("/v1/auth/tokens", {"phone": PHONE, "code": code, "device_name": ""})
    assert (await api.guess(PHONE, code)).status_code == 200


# --- access tokens at the door


async def test_access_token_opens(api: Api):
    signed_in = await api.sign_in(PHONE)
    me = (await api.as_user("GET", "/v1/me", signed_in)).json()
    assert me == signed_in["user"]
    assert me["phone"] == PHONE
    assert me["created_at"].endswith("Z")


async def test_scheme_is_read_whatever_its_case(api: Api):
    token = (await api.sign_in(PHONE))["access_token"]
    answer = await api.client.get("/v1/me", headers={"Authorization": f"bearer {token}"})
    assert answer.status_code == 200


async def test_token_of_a_deleted_user_is_refused(api: Api, database):
    signed_in = await api.sign_in(PHONE)
    await run_sql(database, "UPDATE users SET phone = NULL, deleted_at = now()")
    assert_refused(await api.as_user("GET", "/v1/me", signed_in), "session_revoked")


# --- refreshing


async def test_refresh_replaces_both_tokens(api: Api):
    first = await api.sign_in(PHONE)
    second = (await api.refresh(first["refresh_token"])).json()
    assert set(second) == {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert session_of(second) == session_of(first)
    await assert_signed_in(api, second)


async def test_refresh_goes_on_and_on(api: Api):
    tokens = await api.sign_in(PHONE)
    seen = {tokens["refresh_token"]}
    for _ in range(5):
        tokens = (await api.refresh(tokens["refresh_token"])).json()
        seen.add(tokens["refresh_token"])
    assert len(seen) == 6


async def test_lost_answer_is_given_again_within_the_grace(api: Api):
    first = await api.sign_in(PHONE)
    lost = (await api.refresh(first["refresh_token"])).json()
    again = (await api.refresh(first["refresh_token"])).json()
    assert again["refresh_token"] == lost["refresh_token"]
    await assert_signed_in(api, again)
    assert (await api.refresh(again["refresh_token"])).status_code == 200
    assert not api.ended


async def test_refreshes_at_once_get_the_same_token(api: Api, database):
    await open_connections(database)
    first = await api.sign_in(PHONE)
    answers = await asyncio.gather(*(api.refresh(first["refresh_token"]) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert await run_sql(database, "SELECT generation FROM login_sessions") == [(2,)]


async def test_reuse_after_the_grace_ends_the_session(api: Api, database):
    first = await api.sign_in(PHONE)
    second = (await api.refresh(first["refresh_token"])).json()
    await let_grace_pass(database)
    assert_refused(await api.refresh(first["refresh_token"]), "session_revoked")
    assert api.ended == [(session_of(first), "token_reused")]
    assert await run_sql(database, "SELECT revoke_reason FROM login_sessions") == [("token_reused",)]
    assert_refused(await api.refresh(second["refresh_token"]), "session_revoked")
    assert_refused(await api.as_user("GET", "/v1/me", second), "session_revoked")


async def test_reuse_of_an_older_token_ends_the_session_without_grace(api: Api):
    first = await api.sign_in(PHONE)
    second = (await api.refresh(first["refresh_token"])).json()
    third = (await api.refresh(second["refresh_token"])).json()
    assert_refused(await api.refresh(first["refresh_token"]), "session_revoked")
    assert_refused(await api.as_user("GET", "/v1/me", third), "session_revoked")


async def test_reuse_at_once_ends_the_session_once(api: Api, database):
    await open_connections(database)
    first = await api.sign_in(PHONE)
    await api.refresh(first["refresh_token"])
    await let_grace_pass(database)
    answers = await asyncio.gather(*(api.refresh(first["refresh_token"]) for _ in range(10)))
    assert {answer.json()["code"] for answer in answers} == {"session_revoked"}
    assert len(api.ended) == 1


async def test_reuse_leaves_the_other_sessions(api: Api, database):
    phone, laptop = await api.sign_in(PHONE), await api.sign_in(PHONE)
    await api.refresh(phone["refresh_token"])
    await let_grace_pass(database)
    await api.refresh(phone["refresh_token"])
    await assert_signed_in(api, laptop)


async def test_garbage_that_names_a_session_does_it_no_harm(api: Api, settings, database):
    signed_in = await api.sign_in(PHONE)
    claim = read_refresh_token(signed_in["refresh_token"])
    stranger = RefreshTokens(b"a secret that is not the server's own")
    ours = RefreshTokens(settings.signing_secret())
    await api.refresh(signed_in["refresh_token"])
    await let_grace_pass(database)
    for generation in (0, 1, 2, 3, 2**31 - 1):
        forged = stranger.derive(RefreshClaim(claim.session_id, generation), bytes(32))
        assert_refused(await api.refresh(forged), "unauthorized")
        forged = ours.derive(RefreshClaim(claim.session_id, generation), bytes(32))
        answer = await api.refresh(forged)
        assert_refused(answer, "unauthorized")
        assert answer.json()["detail"] == "The refresh token is not valid."
    await assert_signed_in(api, signed_in)
    assert not api.ended


async def test_session_idle_for_thirty_days_is_over(api: Api, database):
    signed_in = await api.sign_in(PHONE)
    await run_sql(database, "UPDATE login_sessions SET expires_at = expires_at - interval '30 days 1 second'")
    assert_refused(await api.refresh(signed_in["refresh_token"]), "unauthorized")
    assert not api.ended


async def test_refresh_moves_the_idle_end(api: Api, database):
    signed_in = await api.sign_in(PHONE)
    await run_sql(
        database,
        "UPDATE login_sessions SET created_at = created_at - interval '20 days',"
        " expires_at = expires_at - interval '20 days'",
    )
    refreshed = (await api.refresh(signed_in["refresh_token"])).json()
    assert refreshed["refresh_expires_in"] == 30 * 86_400


async def test_no_session_outlives_ninety_days(api: Api, database):
    signed_in = await api.sign_in(PHONE)
    await run_sql(database, "UPDATE login_sessions SET created_at = created_at - interval '80 days'")
    refreshed = (await api.refresh(signed_in["refresh_token"])).json()
    assert 0 < refreshed["refresh_expires_in"] <= 10 * 86_400


async def test_access_token_opens_nothing_once_its_session_is_over(api: Api, database):
    signed_in = await api.sign_in(PHONE)
    await run_sql(database, "UPDATE login_sessions SET expires_at = now() - interval '1 second'")
    assert_refused(await api.as_user("GET", "/v1/me", signed_in), "unauthorized")


async def test_current_token_survives_a_change_of_the_secret(api: Api, settings, database):
    signed_in = await api.sign_in(PHONE)
    changed = settings.model_copy(update={"jwt_secret": None, "data_dir": settings.data_dir / "elsewhere"})
    async with open_api(changed, database) as restarted:
        assert_refused(await restarted.as_user("GET", "/v1/me", signed_in), "unauthorized")
        refreshed = await restarted.refresh(signed_in["refresh_token"])
        assert refreshed.status_code == 200
        await assert_signed_in(restarted, refreshed.json())


# --- sessions


async def devices_of(api: Api, tokens: dict) -> list[dict]:
    answer = await api.as_user("GET", "/v1/auth/sessions", tokens)
    assert answer.status_code == 200
    return answer.json()["sessions"]


async def test_sessions_are_listed_with_the_current_one_marked(api: Api):
    phone, laptop = await api.sign_in(PHONE, device_name="phone"), await api.sign_in(PHONE, device_name="laptop")
    await api.sign_in(OTHER_PHONE, device_name="stranger's")
    devices = await devices_of(api, phone)
    assert {(device["device_name"], device["id"], device["current"]) for device in devices} == {
        ("phone", session_of(phone), True),
        ("laptop", session_of(laptop), False),
    }
    assert set(devices[0]) == {"id", "device_name", "created_at", "last_seen_at", "current"}


async def test_ended_and_expired_sessions_are_not_listed(api: Api, database):
    phone, laptop, tablet = [await api.sign_in(PHONE) for _ in range(3)]
    await api.as_user("DELETE", "/v1/auth/sessions/current", laptop)
    await run_sql(database, "UPDATE login_sessions SET expires_at = now() WHERE id = $1", session_of(tablet))
    assert [device["id"] for device in await devices_of(api, phone)] == [session_of(phone)]


async def test_ending_the_current_session_ends_its_tokens(api: Api):
    signed_in = await api.sign_in(PHONE)
    answer = await api.as_user("DELETE", "/v1/auth/sessions/current", signed_in)
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.ended == [(session_of(signed_in), "logged_out")]
    assert_refused(await api.as_user("GET", "/v1/me", signed_in), "session_revoked")
    assert_refused(await api.refresh(signed_in["refresh_token"]), "session_revoked")


async def test_ending_another_device(api: Api):
    phone, laptop = await api.sign_in(PHONE), await api.sign_in(PHONE)
    answer = await api.as_user("DELETE", f"/v1/auth/sessions/{session_of(laptop)}", phone)
    assert answer.status_code == 204
    assert api.ended == [(session_of(laptop), "ended_elsewhere")]
    assert_refused(await api.as_user("GET", "/v1/me", laptop), "session_revoked")
    await assert_signed_in(api, phone)
    again = await api.as_user("DELETE", f"/v1/auth/sessions/{session_of(laptop)}", phone)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


async def test_ending_all_others(api: Api):
    phone, laptop, tablet = [await api.sign_in(PHONE) for _ in range(3)]
    stranger = await api.sign_in(OTHER_PHONE)
    assert (await api.as_user("DELETE", "/v1/auth/sessions/others", phone)).status_code == 204
    assert sorted(api.ended) == sorted((session_of(other), "ended_elsewhere") for other in (laptop, tablet))
    await assert_signed_in(api, phone)
    await assert_signed_in(api, stranger)
    assert_refused(await api.as_user("GET", "/v1/me", tablet), "session_revoked")
    assert (await api.as_user("DELETE", "/v1/auth/sessions/others", phone)).status_code == 204


async def test_somebody_elses_session_is_like_an_invented_one(api: Api):
    anna, boris = await api.sign_in(PHONE), await api.sign_in(OTHER_PHONE)
    bodies = []
    for session_id in (session_of(boris), new_id()):
        answer = await api.as_user("DELETE", f"/v1/auth/sessions/{session_id}", anna)
        assert answer.status_code == 404
        bodies.append(answer.json() | {"request_id": ""})
    assert bodies[0] == bodies[1]
    await assert_signed_in(api, boris)


# --- profiles


async def test_others_see_no_phone(api: Api):
    anna, boris = await api.sign_in(PHONE), await api.sign_in(OTHER_PHONE)
    answer = await api.as_user("GET", f"/v1/users/{anna['user']['id']}", boris)
    assert answer.json() == {
        name: value for name, value in anna["user"].items() if name not in ("phone", "created_at", "privacy")
    }
    assert PHONE not in answer.text


async def test_own_profile_has_the_phone(api: Api):
    anna = await api.sign_in(PHONE)
    answer = await api.as_user("GET", f"/v1/users/{anna['user']['id']}", anna)
    assert answer.json()["phone"] == PHONE


async def test_deleted_and_invented_users_are_not_found(api: Api, database):
    anna, deleted = await api.sign_in(PHONE), await api.sign_in(OTHER_PHONE)
    await run_sql(database, "UPDATE users SET phone = NULL, deleted_at = now() WHERE id = $1", deleted["user"]["id"])
    bodies = []
    for user_id in (deleted["user"]["id"], new_id()):
        answer = await api.as_user("GET", f"/v1/users/{user_id}", anna)
        assert answer.status_code == 404
        bodies.append(answer.json() | {"request_id": ""})
    assert bodies[0] == bodies[1]


async def test_profile_is_there_across_a_block(api: Api, database):
    anna, boris = await api.sign_in(PHONE), await api.sign_in(OTHER_PHONE)
    block = "INSERT INTO blocks (user_id, blocked_id) VALUES ($1, $2)"
    await run_sql(database, block, anna["user"]["id"], boris["user"]["id"])
    for looking, other in ((anna, boris), (boris, anna)):
        assert (await api.as_user("GET", f"/v1/users/{other['user']['id']}", looking)).status_code == 200


async def test_number_of_a_deleted_account_registers_anew(api: Api, database):
    first = await api.sign_in(PHONE)
    await run_sql(database, "UPDATE users SET phone = NULL, deleted_at = now()")
    again = await api.sign_in(PHONE)
    assert again["is_new_user"] is True
    assert again["user"]["id"] != first["user"]["id"]


async def test_wrong_guess_between_leaves_nothing_behind(api: Api, database):
    code = await api.request_code(PHONE)
    await api.guess(PHONE, wrong_code(code))
    assert await run_sql(database, "SELECT count(*) FROM users") == [(0,)]


async def test_refresh_token_from_after_a_restored_backup_is_let_in_once(api: Api, database):
    signed_in = await api.sign_in(PHONE)
    async with database.reading() as tx:
        backup = await tx.fetch_row("backup", "SELECT generation, refresh_hash, rotated_at FROM login_sessions", [])
    assert backup is not None
    token = signed_in["refresh_token"]
    for _ in range(3):
        token = (await api.refresh(token)).json()["refresh_token"]
    async with database.reading() as tx:
        await tx.execute(
            "restore", "UPDATE login_sessions SET generation = $1, refresh_hash = $2, rotated_at = $3", list(backup)
        )
    again = (await api.refresh(token)).json()["refresh_token"]
    assert (await api.refresh(again)).status_code == 200
    async with database.reading() as tx:
        await tx.execute("grace", "UPDATE login_sessions SET rotated_at = rotated_at - interval '1 minute'", [])
    assert (await api.refresh(token)).json()["code"] == "session_revoked"
