"""How many connections one may have, and what becomes of one that will not slow down."""

import json

import pytest

from core.settings import Environment, Settings
from tests.support.clients import ChatUsers
from tests.support.raw_socket import RawSocket
from tests.support.running import run_server

pytestmark = pytest.mark.slow


def test_connections_per_address_are_bounded_in_production_unless_set():
    production = {
        "environment": Environment.PRODUCTION,
        "jwt_secret": "s" * 32,
        "code_sender": "webhook",
        "code_webhook_url": "https://codes.example",
        "code_webhook_secret": "s" * 32,
        "cors_origins": "https://app.example",
    }
    assert Settings(**production).connections_per_address_max == 1000
    assert Settings(**production, connections_per_address=5).connections_per_address_max == 5
    assert Settings().connections_per_address_max is None


async def test_connection_too_many_takes_the_place_of_the_oldest(settings: Settings):
    async with run_server(settings.model_copy(update={"connections_per_user": 2})) as running:
        chat_users = ChatUsers(running.address)
        anna, boris = await chat_users.register(), await chat_users.register()
        first, second = await anna.connect(), await anna.connect()
        other = await boris.connect()
        third = await anna.connect()
        assert third.ready["limits"]["connections_per_user"] == 2
        gone = await first.expect_event("session:revoked")
        assert gone.payload["reason"] == "too_many_connections"
        await first.disconnected.wait()
        for client in (second, third, other):
            assert await client.send("chat:list", limit=1)
        await chat_users.close()


async def test_burst_above_the_rate_is_answered_in_order_and_a_flood_is_cut(settings: Settings):
    async with run_server(settings) as running:
        chat_users = ChatUsers(running.address)
        anna = await chat_users.register()
        raw = await RawSocket.open(running.address)
        await raw.enter(anna.tokens["access_token"])
        raw.send(*(f'42/chat,{number}["chat:list",{{"limit":1}}]' for number in range(1000)))
        answers = []
        for number in range(1000):
            packet = await raw.receive()
            assert packet.startswith(f"43/chat,{number}["), packet[:80]
            answers.append(json.loads(packet.partition("[")[2][:-1]))
        assert "data" in answers[0]
        refused = [answer["error"] for answer in answers if "error" in answer]
        assert {error["code"] for error in refused} == {"rate_limited"}
        assert refused[0]["retry_after"] > 0
        for start in range(0, 3000, 500):
            raw.send(*(f'42/chat,{start + number}["chat:list",{{"limit":1}}]' for number in range(500)))
        assert await raw.closed() == 1008
        await raw.close()
        await chat_users.close()
