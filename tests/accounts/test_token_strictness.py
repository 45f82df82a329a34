"""Nothing but what the server issued opens anything, over HTTP or a socket, and it takes no harm from what does not."""

import json
from collections.abc import AsyncIterator

import jwt
import pytest

from core.clock import now_unix_s
from tests.support.bad_inputs import Bad, assert_outcome, name_of, nothing_breaks
from tests.support.clients import ChatUsers, Person
from tests.support.hostile_tokens import CLAIMS, FORMS, HEADERS, LABELS, TABLES, Forge, Forger
from tests.support.raw_socket import RawSocket
from tests.support.running import RunningServer


class AttackedServer:
    """Who knocks, and a neighbour who wants to be served meanwhile."""

    def __init__(self, forger: Forger, neighbour: Person) -> None:
        self.forger = forger
        self.neighbour = neighbour


def session_of(person: Person) -> str:
    session_id: str = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})["sid"]
    return session_id


@pytest.fixture(scope="module")
async def attacked_server(running: RunningServer) -> AsyncIterator[AttackedServer]:
    chat_users = ChatUsers(running.address)
    anna, boris = await chat_users.register(), await chat_users.register()
    other_device = await chat_users.register(anna.phone)
    await chat_users.http.delete("/v1/auth/sessions/current", headers=other_device.headers)
    forger = Forger(
        secret=running.settings.signing_secret(),
        now_s=now_unix_s(),
        user_id=anna.id,
        session_id=session_of(anna),
        others_session_id=session_of(boris),
        revoked_session_id=session_of(other_device),
    )
    yield AttackedServer(forger, boris)
    await chat_users.close()


async def knock(attacked_server: AttackedServer, row: Bad[Forge], authorization: str) -> None:
    """The row's outcome over HTTP."""
    headers = {"Authorization": authorization.encode()} if authorization else {}
    answer = await attacked_server.neighbour.http.get("/v1/me", headers=headers)
    assert_outcome(row, answer)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def code_of_connect(attacked_server: AttackedServer, token: str) -> str | None:
    """How a connect with this token is refused; ``None``: it is not."""
    raw = await RawSocket.open(attacked_server.neighbour.address)
    try:
        raw.send("40/chat," + json.dumps({"token": token}))
        answer = await raw.receive()
    finally:
        await raw.close()
    return json.loads(answer.removeprefix("44/chat,"))["data"]["code"] if answer.startswith("44/chat,") else None


def test_inputs_are_many_and_told_apart():
    assert sum(map(len, TABLES.values())) >= 100
    for rows in TABLES.values():
        assert len({row.what for row in rows}) == len(rows)


async def test_token_that_was_signed_again_as_it_was_opens(attacked_server: AttackedServer):
    """Otherwise the tables would show nothing."""
    for token in (attacked_server.forger.with_claims(), attacked_server.forger.with_header()):
        answer = await attacked_server.neighbour.http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        assert await code_of_connect(attacked_server, token) is None


@pytest.mark.parametrize("row", [*CLAIMS, *HEADERS, *FORMS], ids=name_of)
async def test_forged_token_opens_nothing(
    attacked_server: AttackedServer, row: Bad[Forge], caplog: pytest.LogCaptureFixture
):
    token = row.sent(attacked_server.forger)
    async with nothing_breaks(attacked_server.neighbour, caplog):
        if "\n" not in token:  # which no header can hold
            await knock(attacked_server, row, f"Bearer {token}".rstrip(" "))
        assert await code_of_connect(attacked_server, token) == row.code


@pytest.mark.parametrize("row", LABELS, ids=name_of)
async def test_good_token_in_another_form_of_the_header_opens_nothing(
    attacked_server: AttackedServer, row: Bad[Forge], caplog: pytest.LogCaptureFixture
):
    async with nothing_breaks(attacked_server.neighbour, caplog):
        await knock(attacked_server, row, row.sent(attacked_server.forger))
