"""Who is banned is out at once and stays out: a person, a number, a range of addresses."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import socketio

from accounts.network_bans import NetworkBans, parse_network
from core.clock import wire_time
from core.settings import Settings
from db.bans import BanRow
from tests.admin.operator import OperatorClient, new_operator
from tests.support.api_client import Api, open_api, run_sql
from tests.support.clients import ChatUsers, Client, new_phone
from tests.support.running import RunningServer, run_server
from tests.support.waiting import DEADLINE_S

pytestmark = pytest.mark.slow


async def expect_banned(client: Client) -> None:
    assert (await client.expect_event("session:revoked")).payload == {"reason": "banned"}
    await client.disconnected.wait()


async def test_banned_person_is_out_everywhere_and_stays_out(chat_users: ChatUsers, operator: OperatorClient):
    anna, boris, _ = await chat_users.pair()
    person = chat_users.people[0]
    laptop = await (await chat_users.register(person.phone)).connect()
    asked = await chat_users.http.post("/v1/auth/codes", json={"phone": person.phone})
    code = asked.json()["code"]
    ban = await operator.call("POST", "/bans", json={"user_id": person.id, "reason": "spam"})
    assert (ban["phone"], ban["user_id"], ban["network"]) == (person.phone, person.id, None)
    assert (ban["reason"], ban["created_by"], ban["expires_at"], ban["lifted_at"]) == ("spam", operator.name, None, None)
    for client in (anna, laptop):
        await expect_banned(client)
    assert (await person.act("chat:list")).json()["code"] == "session_revoked"
    refresh = {"refresh_token": person.tokens["refresh_token"]}
    assert (await chat_users.http.post("/v1/auth/tokens/refresh", json=refresh)).json()["code"] == "session_revoked"
    with pytest.raises(socketio.exceptions.ConnectionError):
        await person.connect()
    refused = await chat_users.http.post("/v1/auth/tokens", json={"phone": person.phone, "code": code})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    asked = await chat_users.http.post("/v1/auth/codes", json={"phone": person.phone})
    assert asked.status_code == 429 or "code" not in asked.json()
    shown = await operator.call("GET", f"/users/{person.id}")
    assert (shown["user"]["is_banned"], [one["id"] for one in shown["bans"]]) == (True, [ban["id"]])
    await boris.send("chat:list")


async def test_lifted_ban_lets_in_again(chat_users: ChatUsers, operator: OperatorClient):
    person = await chat_users.register()
    ban = await operator.call("POST", "/bans", json={"phone": person.phone})
    assert (await person.act("chat:list")).json()["code"] == "session_revoked"
    listed = (await operator.call("GET", "/bans", params={"limit": 100}))["bans"]
    assert ban["id"] in {one["id"] for one in listed}
    lifted = await operator.call("DELETE", f"/bans/{ban['id']}")
    assert lifted["lifted_at"]
    assert await operator.call("DELETE", f"/bans/{ban['id']}") == lifted
    again = await chat_users.register(person.phone)
    assert again.id == person.id
    listed = (await operator.call("GET", "/bans", params={"limit": 100}))["bans"]
    assert ban["id"] not in {one["id"] for one in listed}
    with_past = (await operator.call("GET", "/bans", params={"limit": 100, "past": True}))["bans"]
    assert ban["id"] in {one["id"] for one in with_past}


async def test_ban_of_a_number_holds_for_whoever_registers_with_it(chat_users: ChatUsers, operator: OperatorClient):
    phone = new_phone()
    ban = await operator.call("POST", "/bans", json={"phone": f"8{phone[2:]}"})
    assert (ban["phone"], ban["user_id"]) == (phone, None)
    answer = (await chat_users.http.post("/v1/auth/codes", json={"phone": phone})).raise_for_status().json()
    assert set(answer) == {"phone", "verification_id", "expires_in", "retry_after"}, "no code was sent, so none is shown"


async def test_ban_outlives_the_account(chat_users: ChatUsers, operator: OperatorClient):
    person = await chat_users.register()
    await operator.call("POST", "/bans", json={"user_id": person.id})
    await operator.call("DELETE", f"/users/{person.id}")
    answer = await chat_users.http.post("/v1/auth/codes", json={"phone": person.phone})
    assert "code" not in answer.json()


async def test_ban_ends_by_itself(chat_users: ChatUsers, operator: OperatorClient, running: RunningServer):
    person = await chat_users.register()
    soon = wire_time(datetime.now(UTC) + timedelta(hours=1))
    ban = await operator.call("POST", "/bans", json={"phone": person.phone, "expires_at": soon})
    assert ban["expires_at"] == soon
    past = "UPDATE bans SET expires_at = wire_now() WHERE id = $1"
    await run_sql(running.molva.database, past, ban["id"])
    assert (await chat_users.register(person.phone)).id == person.id
    assert not (await operator.call("GET", f"/users/{person.id}"))["bans"]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"reason": "nobody"},
        {"phone": "+7 916", "user_id": "0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012"},
        {"phone": "no number"},
        {"network": "203.0.113.300"},
        {"network": "example.org"},
        {"user_id": "me"},
        {"phone": "+79161234567", "expires_at": "tomorrow"},
        {"phone": "+79161234567", "since": "2026-01-01T00:00:00Z"},
    ],
)
async def test_bad_ban_is_refused(operator: OperatorClient, asked: dict[str, str]):
    assert (await operator.refused("POST", "/bans", json=asked))["code"] == "validation_failed"


async def test_sign_in_and_ban_at_once_leave_no_session(settings: Settings, database):
    """Whichever is first: no session of a banned number works."""
    async with open_api(settings, database) as api:
        for _ in range(10):
            await _race(api, database)


async def _race(api: Api, database) -> None:
    phone = new_phone()
    await api.sign_in(phone)
    code = await api.request_code(phone)
    ban = (
        "WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtext('bans'), hashtext($1)))"
        " SELECT count(*) FROM locked"
    )

    async def do_ban() -> None:
        async with database.transaction() as tx:
            await tx.fetch("test", ban, [phone])
            await tx.execute(
                "test",
                "UPDATE login_sessions SET revoked_at = wire_now() WHERE user_id = (SELECT id FROM users WHERE phone = $1)",
                [phone],
            )
            await tx.execute(
                "test", "INSERT INTO bans (id, phone, created_by) VALUES (gen_random_uuid(), $1, 'test')", [phone]
            )

    await asyncio.gather(api.guess(phone, code), do_ban())
    (row,) = await run_sql(
        database,
        "SELECT count(*) AS alive FROM login_sessions s JOIN users u ON u.id = s.user_id"
        " WHERE u.phone = $1 AND s.revoked_at IS NULL",
        phone,
    )
    assert row["alive"] == 0


# --- ranges of addresses


@pytest.fixture
async def proxied(settings: Settings) -> AsyncIterator[RunningServer]:
    """A server behind a proxy, so that a client can come from any address."""
    async with run_server(settings.model_copy(update={"trusted_proxies": 1})) as running:
        yield running


async def test_banned_network_is_served_nothing(proxied: RunningServer):
    chat_users, operator = ChatUsers(proxied.address), await new_operator(proxied)
    person = await chat_users.register()
    away, near = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "198.51.100.1"}
    outside, inside = (Client(proxied.address, person.tokens["access_token"]) for _ in range(2))
    for client, headers in ((outside, away), (inside, near)):
        await client.sio.connect(proxied.address, namespaces=["/chat"], auth={"token": client.token}, headers=headers)
    ban = await operator.call("POST", "/bans", json={"network": "203.0.113.99/24"})
    assert ban["network"] == "203.0.113.0/24"
    await expect_banned(outside)
    await inside.push("chat:list")
    answer = await chat_users.http.get("/v1/me", headers=person.headers | away)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await chat_users.http.get("/v1/me", headers=person.headers | near)).status_code == 200
    assert (await chat_users.http.get("/health/live", headers=away)).status_code == 200
    refused = Client(proxied.address, person.tokens["access_token"])
    with pytest.raises(socketio.exceptions.ConnectionError):
        await refused.sio.connect(proxied.address, namespaces=["/chat"], auth={"token": refused.token}, headers=away)
    assert (await operator.http.delete(f"/bans/{ban['id']}", headers=away)).status_code == 200, "or nobody could lift it"
    assert (await chat_users.http.get("/v1/me", headers=person.headers | away)).status_code == 200
    await inside.close()
    await chat_users.close()
    await operator.http.aclose()


async def test_network_ban_is_there_after_a_restart(settings: Settings):
    settings = settings.model_copy(update={"trusted_proxies": 1})
    async with run_server(settings) as running:
        operator = await new_operator(running)
        await operator.call("POST", "/bans", json={"network": "2001:db8::/48"})
        await operator.http.aclose()
    async with run_server(settings) as running, httpx.AsyncClient(base_url=running.address, timeout=DEADLINE_S) as http:
        answer = await http.get("/v1/me", headers={"X-Forwarded-For": "2001:db8:0:ffff::1"})
        assert answer.status_code == 403


def ban_of(network: str, expires_at: str | None = None) -> BanRow:
    return BanRow("", None, None, str(parse_network(network)), None, "", "", expires_at, None)


@pytest.mark.parametrize(
    ("address", "is_banned"),
    [
        ("203.0.113.7", True),
        ("::ffff:203.0.113.7", True),
        ("203.0.114.7", False),
        ("198.51.100.5", True),
        ("198.51.100.6", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("192.0.2.1", False),
        ("no address", False),
    ],
)
def test_address_is_banned_by_its_range(address: str, is_banned: bool):
    bans = NetworkBans()
    assert not bans.is_banned(address)
    rows = [ban_of("203.0.113.0/24"), ban_of("198.51.100.5"), ban_of("2001:db8::/32")]
    bans.replace([*rows, ban_of("192.0.2.0/24", "2020-01-01T00:00:00.000Z")])
    assert bans.is_banned(address) == is_banned
