"""The names under which the server answers: ``ALLOWED_HOSTS``, over HTTP and for sockets."""

from collections.abc import AsyncIterator

import httpx
import pytest

from core.addresses import is_host_allowed
from core.errors import StartupError
from core.settings import Settings, load_settings
from tests.support.running import RunningServer, run_server

pytestmark = pytest.mark.slow

HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


@pytest.mark.parametrize(
    ("host", "allowed", "expected"),
    [
        ("anything", (), True),
        (None, (), True),
        ("anything", ("*",), True),
        ("chat.example", ("chat.example",), True),
        ("CHAT.example:8443", ("chat.example",), True),
        ("chat.example.", ("chat.example",), False),
        ("chat.example.evil.example", ("chat.example",), False),
        ("a.b.chat.example:80", ("*.chat.example",), True),
        ("chat.example", ("*.chat.example",), False),
        ("evilchat.example", ("*.chat.example",), False),
        ("[2001:db8::1]:8000", ("2001:db8::1",), True),
        ("192.0.2.1:8000", ("192.0.2.1",), True),
        ("192.0.2.1:8000", ("chat.example", "*.chat.example"), False),
        ("", ("chat.example",), False),
        (None, ("chat.example",), False),
        ("chat.example,evil.example", ("chat.example", "*.example"), False),
        ("evil.example@chat.example", ("chat.example",), False),
    ],
)
def test_allowed_hosts_are_names_and_their_subdomains(host, allowed, expected):
    assert is_host_allowed(host, allowed) is expected


@pytest.fixture
async def named(settings: Settings) -> AsyncIterator[RunningServer]:
    """A server that has one name."""
    async with run_server(settings.model_copy(update={"allowed_hosts": ("chat.example",)})) as server:
        yield server


async def status_for(server: RunningServer, path: str, host: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.address) as client:
        return await client.get(path, headers={"Host": host})


@pytest.mark.parametrize("path", ["/openapi.json", "/v1/users/0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012", "/docs/", "/nowhere"])
async def test_request_under_another_name_is_refused_as_a_problem(named: RunningServer, path: str):
    answer = await status_for(named, path, "evil.example")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]
    assert answer.json()["details"][0]["path"] == "Host"
    assert "evil" not in answer.text
    assert (await status_for(named, path, "chat.example")).status_code != 422


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_probes_ask_by_address(named: RunningServer, path: str):
    assert (await status_for(named, path, "10.0.0.7:8000")).status_code == 200


async def test_sockets_under_another_name_are_refused(named: RunningServer):
    assert (await status_for(named, HANDSHAKE, "chat.example")).status_code == 200
    assert (await status_for(named, HANDSHAKE, "evil.example")).status_code == 400
    async with httpx.AsyncClient(base_url=named.address) as client:
        upgrade = {
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Host": "evil.example",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }  # fmt: skip
        assert (await client.get("/socket.io/?EIO=4&transport=websocket", headers=upgrade)).status_code == 400


@pytest.mark.parametrize("value", ["https://chat.example", "chat.example:8000", "chat.*", "a b"])
def test_host_that_is_no_name_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("MOLVA_ALLOWED_HOSTS", value)
    with pytest.raises(StartupError, match="MOLVA_ALLOWED_HOSTS must be"):
        load_settings()


def test_hosts_are_read_from_a_list(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MOLVA_ALLOWED_HOSTS", " Chat.example, *.chat.example ,")
    assert load_settings().allowed_hosts == ("chat.example", "*.chat.example")
