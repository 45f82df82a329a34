"""Where names are given: what hides something in one is refused, with the place where it stands."""

from typing import Any

import pytest

from tests.support.clients import ChatUsers, new_client_id

HIDDEN = ["\u3164", "An\u202ena", "\u2800", "Anna\u200b"]


@pytest.mark.parametrize("name", HIDDEN)
async def test_name_that_hides_something_is_refused_wherever_it_is_given(chat_users: ChatUsers, name: str):
    anna, _, chat_id = await chat_users.pair()
    person = chat_users.people[0]
    answer = await person.http.patch("/v1/me", headers=person.headers, json={"display_name": name})
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (422, "display_name")
    send = {"chat_id": chat_id, "client_id": new_client_id()}
    card = {"name": name, "phone": "+79161234567"}
    asked: list[tuple[str, dict[str, Any], str]] = [
        ("chat:create_group", {"title": name}, "title"),
        ("chat:rename", {"chat_id": chat_id, "title": name}, "title"),
        ("message:send", {**send, "type": "contact", "content": card}, "content.name"),
        ("message:send", {**send, "type": "file", "content": {"file_id": new_client_id(), "name": name}}, "content.name"),
    ]
    for action, payload, path in asked:
        error = await anna.expect_refusal(action, "validation_failed", **payload)
        assert error["details"][0]["path"].endswith(path), (action, error)


async def test_emoji_of_several_characters_is_a_name(chat_users: ChatUsers):
    anna = await chat_users.register()
    answer = await anna.http.patch("/v1/me", headers=anna.headers, json={"display_name": "👩‍❤️‍👨"})
    assert answer.json()["display_name"] == "👩‍❤️‍👨"


@pytest.mark.parametrize("username", ["admin", "Molva_Support", "anna_к"])
async def test_reserved_username_and_one_of_two_scripts_are_refused(chat_users: ChatUsers, username: str):
    anna = await chat_users.register()
    answer = await anna.http.patch("/v1/me", headers=anna.headers, json={"username": username})
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (422, "username")
