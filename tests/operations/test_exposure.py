"""What a server in production shows to strangers, and what it says of doubtful settings."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

import server
from core.errors import StartupError
from core.settings import Settings, load_settings
from tests.support.running import run_server

PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "jwt_secret": "s" * 32,
    "code_sender": "webhook",
    "code_webhook_url": "https://codes.example.org/",
    "code_webhook_secret": "w" * 32,
    "cors_origins": "https://chat.example.org",
}


def production(settings: Settings, **more: Any) -> Settings:
    return Settings(database_url=settings.database_url, data_dir=settings.data_dir, port=0, **PRODUCTION, **more)


async def status_of(http: httpx.AsyncClient, path: str, **headers: str) -> int:
    return (await http.get(path, headers=headers)).status_code


@pytest.fixture
async def metered(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A server in production whose metrics want a token."""
    with_token = production(settings, metrics_token="m" * 16)
    async with run_server(with_token) as running, httpx.AsyncClient(base_url=running.address) as http:
        yield http


async def test_metrics_in_production_want_their_token(metered: httpx.AsyncClient) -> None:
    assert await status_of(metered, "/metrics") == 403
    assert await status_of(metered, "/metrics", Authorization="Bearer wrong") == 403
    assert await status_of(metered, "/metrics", Authorization=f"Bearer {'m' * 16}") == 200
    assert await status_of(metered, "/health/live") == 200
    assert await status_of(metered, "/health/ready") == 200


async def test_production_has_no_documents_unless_asked(metered: httpx.AsyncClient, settings: Settings) -> None:
    for path in ("/docs/", "/docs/events", "/openapi.json", "/asyncapi.json"):
        assert await status_of(metered, path) == 404
    async with run_server(production(settings, docs="on")) as running, httpx.AsyncClient(base_url=running.address) as http:
        assert await status_of(http, "/openapi.json") == 200


async def test_metrics_without_a_token_are_for_this_machine(settings: Settings) -> None:
    behind_proxy = production(settings, trusted_proxies=1)
    async with run_server(behind_proxy) as running, httpx.AsyncClient(base_url=running.address) as http:
        assert (await http.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})).status_code == 403
        assert await status_of(http, "/metrics") == 200


async def test_metrics_have_a_port_of_their_own(settings: Settings) -> None:
    apart = production(settings, metrics_port=0, docs="on")
    listener = server.bind(apart, port=0)
    async with (
        run_server(apart) as running,
        httpx.AsyncClient(base_url=running.address) as http,
        server._serving_operations(running.molva, listener),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as operations,
    ):
        assert "/metrics" not in (await http.get("/openapi.json")).json()["paths"]
        assert await status_of(http, "/health/live") == 200
        for path in ("/metrics", "/health/live", "/health/ready"):
            assert await status_of(operations, path) == 200


def test_codes_are_not_posted_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (PRODUCTION | {"code_webhook_url": "http://codes.example.org/"}).items():
        monkeypatch.setenv(f"MOLVA_{name.upper()}", value)
    with pytest.raises(StartupError, match="https://"):
        load_settings()


def test_doubtful_settings_are_said() -> None:
    assert Settings().doubts() == []
    assert "MOLVA_HOST=0.0.0.0" in Settings(host="0.0.0.0").doubts()[0]
    assert "MOLVA_PHONE_COUNTRIES" in Settings(**PRODUCTION).doubts()[0]
    assert Settings(**PRODUCTION, phone_countries="RU", host="0.0.0.0").doubts() == []
