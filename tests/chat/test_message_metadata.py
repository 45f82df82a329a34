"""``metadata``: an object of the application's own that travels with a message."""

from typing import Any

import pytest

from core.limits import METADATA_BYTES_MAX
from tests.support.clients import ChatUsers, new_client_id


def text(chat_id: str, **more: Any) -> dict[str, Any]:
    return {"chat_id": chat_id, "client_id": new_client_id(), "type": "text", "content": {"text": "hello"}, **more}


async def test_metadata_comes_back_as_it_was_sent(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    await boris.send("chat:activate", chat_id=chat_id)
    metadata = {"order": {"id": 7, "paid": True, "sum": 12.5, "notes": [None, "ж", {}]}, "": []}
    asked = text(chat_id, metadata=metadata)
    sent = await anna.send("message:send", **asked)
    assert sent["message"]["metadata"] == metadata
    assert (await boris.expect_event("message:created")).payload["message"]["metadata"] == metadata
    listed = (await boris.send("message:list", chat_id=chat_id))["messages"]
    assert [one["metadata"] for one in listed] == [metadata]
    assert await anna.send("message:send", **asked) == {**sent, "duplicate": True}
    other = {**asked, "metadata": {"order": 8}}
    await anna.expect_refusal("message:send", "conflict", "client_id_reused", **other)
    deleted = (await anna.send("message:delete", chat_id=chat_id, seq=sent["message"]["seq"]))["message"]
    assert deleted["metadata"] is None


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        "text",
        {"a": "x" * METADATA_BYTES_MAX},
        {"a": "\0"},
        {"a\0": 1},
        {"a": 2**70},
    ],
    ids=["list", "text", "too long", "NUL in a value", "NUL in a key", "too large a number"],
)
async def test_metadata_that_cannot_be_kept_is_refused(chat_users: ChatUsers, metadata: Any) -> None:
    anna, _, chat_id = await chat_users.pair()
    response = await chat_users.people[0].act("message:send", **text(chat_id, metadata=metadata))
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    assert response.json()["details"][0]["path"].startswith("metadata")
    assert anna.ready


async def test_largest_metadata_is_kept(chat_users: ChatUsers) -> None:
    anna, _, chat_id = await chat_users.pair()
    metadata = {"a": "x" * (METADATA_BYTES_MAX - len('{"a":""}')), }  # fmt: skip
    assert (await anna.send("message:send", **text(chat_id, metadata=metadata)))["message"]["metadata"] == metadata
