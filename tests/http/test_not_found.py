"""What the caller may not see gets the answer of what does not exist; ``details.field`` says what it was."""

from typing import Any

import httpx
import jwt
import pytest

from core.ids import new_id
from tests.http.test_files import upload_well
from tests.support.clients import ChatUsers, Person


async def refused(person: Person, method: str, path: str) -> dict[str, Any]:
    """The problem that answered, without what is of this request alone."""
    answer: httpx.Response = await person.http.request(method, path, headers=person.headers)
    assert answer.status_code == 404, answer.text
    return {name: value for name, value in answer.json().items() if name != "request_id"}


async def test_session_of_another_person_is_like_an_invented_one(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    session_id = jwt.decode(anna.tokens["access_token"], options={"verify_signature": False})["sid"]
    hidden, invented = [await refused(boris, "DELETE", f"/v1/auth/sessions/{one}") for one in (session_id, new_id())]
    assert hidden == invented
    assert hidden["details"] == {"field": "session_id"}


@pytest.mark.parametrize("path", ["/v1/files/{}", "/v1/files/{}/thumbnail"])
async def test_file_of_another_person_is_like_an_invented_one(chat_users: ChatUsers, path: str) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    file = await upload_well(anna, b"hello")
    hidden, invented = [await refused(boris, "GET", path.format(one)) for one in (file["id"], new_id())]
    assert hidden == invented
    assert hidden["details"] == {"field": "file_id"}


async def test_deleted_user_is_like_an_invented_one(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    assert (await anna.http.delete("/v1/me", headers=anna.headers)).status_code == 204
    gone, invented = [await refused(boris, "GET", f"/v1/users/{one}") for one in (anna.id, new_id())]
    assert gone == invented
    assert gone["details"] == {"field": "user_id"}


@pytest.mark.parametrize("avatar_id", ["0" * 32, "no-id-at-all"])
async def test_avatar_that_is_not_there_is_named(chat_users: ChatUsers, avatar_id: str) -> None:
    anna = await chat_users.register()
    assert (await refused(anna, "GET", f"/v1/avatars/{avatar_id}/50"))["details"] == {"field": "avatar_id"}


async def test_unknown_path_names_no_field(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    assert "details" not in await refused(anna, "GET", "/v1/nowhere")
