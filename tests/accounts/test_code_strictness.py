"""No number, code or refresh token that is not a good one signs anybody in, and none does harm."""

from collections.abc import AsyncIterator

import pytest

from tests.support.bad_inputs import Bad, assert_outcome, name_of, nothing_breaks
from tests.support.clients import ChatUsers, Person
from tests.support.hostile_codes import TABLES, Attempt, SignInApi
from tests.support.running import RunningServer

ROWS = [row for rows in TABLES.values() for row in rows]


@pytest.fixture(scope="module")
async def neighbour(running: RunningServer) -> AsyncIterator[Person]:
    chat_users = ChatUsers(running.address)
    yield await chat_users.register()
    await chat_users.close()


@pytest.fixture(scope="module")
def api(running: RunningServer, neighbour: Person) -> SignInApi:
    return SignInApi(neighbour.http, running.molva.database, running.settings.signing_secret())


def test_inputs_are_many_and_told_apart():
    assert len(ROWS) >= 80
    for rows in TABLES.values():
        assert len({row.what for row in rows}) == len(rows)


@pytest.mark.parametrize("row", ROWS, ids=name_of)
async def test_bad_sign_in_has_its_outcome(
    api: SignInApi, neighbour: Person, row: Bad[Attempt], caplog: pytest.LogCaptureFixture
):
    async with nothing_breaks(neighbour, caplog):
        answer = await row.sent(api)
        assert_outcome(row, answer)
        assert answer.headers["Cache-Control"] == "no-store"
