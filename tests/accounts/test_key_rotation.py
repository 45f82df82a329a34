"""The secret that signs tokens is replaced while people are signed in: nobody notices."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
from pydantic import SecretStr

from core.errors import Unauthorized
from core.ids import new_id
from core.settings import Settings
from core.tokens import AccessTokens
from tests.support.clients import ChatUsers, Client
from tests.support.running import run_server

OLD, NEW, OTHER = (letter * 32 for letter in (b"o", b"n", b"x"))


def issue(tokens: AccessTokens) -> str:
    return tokens.issue(user_id=new_id(), session_id=new_id()).token


def test_token_of_the_previous_key_is_still_accepted() -> None:
    token = issue(AccessTokens(OLD))
    assert AccessTokens(NEW, previous=OLD).verify(token).user_id
    with pytest.raises(Unauthorized):
        AccessTokens(NEW).verify(token)
    with pytest.raises(Unauthorized):
        AccessTokens(NEW, previous=OTHER).verify(token)


def test_new_tokens_are_signed_by_the_new_key() -> None:
    token = issue(AccessTokens(NEW, previous=OLD))
    assert AccessTokens(NEW).verify(token)
    assert jwt.get_unverified_header(token)["kid"] != jwt.get_unverified_header(issue(AccessTokens(OLD)))["kid"]


def test_nodes_that_know_the_coming_key_accept_it_before_they_sign_with_it() -> None:
    assert AccessTokens(OLD, previous=NEW).verify(issue(AccessTokens(NEW, previous=OLD)))


def test_same_secret_twice_is_one_key() -> None:
    tokens = AccessTokens(NEW, previous=NEW)
    assert tokens.verify(issue(tokens))


async def test_people_stay_signed_in_through_a_rotation(settings: Settings) -> None:
    before = settings.model_copy(update={"jwt_secret": SecretStr(OLD.decode())})
    after = settings.model_copy(
        update={"jwt_secret": SecretStr(NEW.decode()), "jwt_previous_secret": SecretStr(OLD.decode())}
    )
    async with run_server(before) as server:
        chat_users = ChatUsers(server.address)
        anna = await chat_users.register()
        await chat_users.close()
    async with run_server(after) as server:
        chat_users = ChatUsers(server.address)
        client = await Client(server.address, anna.tokens["access_token"]).connect()
        await client.close()
        answer = await chat_users.http.post("/v1/auth/tokens/refresh", json={"refresh_token": anna.tokens["refresh_token"]})
        assert answer.status_code == 200
        assert AccessTokens(NEW).verify(answer.json()["access_token"]).user_id == anna.id
        await chat_users.close()


@pytest.mark.parametrize("_attempt", range(20))
def test_servers_that_start_at_once_share_the_secret_made(tmp_path: Path, _attempt: int) -> None:
    settings = Settings(data_dir=tmp_path)
    start = threading.Barrier(8)

    def secret_of_a_server(_: int) -> bytes:
        start.wait()
        return settings.signing_secret()

    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(secret_of_a_server, range(8)))
    file = tmp_path / "development_secret"
    assert secrets == {file.read_bytes()}
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o600
