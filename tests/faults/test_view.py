"""The client model does what the contract tells clients to do, and no more: so it stays behind where it is not told."""

from typing import Any

import pytest

from tests.faults.people.view import View
from tests.faults.test_checker import CHAT, message


def chat(version: int, message_count: int) -> dict[str, Any]:
    return {
        "id": CHAT, "version": version, "message_count": message_count, "member_count": 2, "type": "group", "title": "Chat",
        "creator_id": "anna", "last_message": message(message_count),
    }  # fmt: skip


def viewer(*, asks: bool) -> View:
    """Somebody who looks at a chat of two messages, at version 2."""
    view = View("boris", asks=asks)
    view.take_chat(chat(2, 2) | {"me": {"first_seq": 1, "read_seq": 2, "unread_count": 0}})
    view.active_chat_id = CHAT
    view.messages[CHAT] = {}
    view.take_messages(CHAT, [message(1), message(2)])
    view.raise_version(CHAT, 2)
    return view


def differences(view: View, version: int, messages: list[dict[str, Any]]) -> list[str]:
    fresh = chat(version, len(messages)) | {"last_message": messages[-1]}
    fresh["me"] = {"first_seq": 1, "read_seq": 2, "unread_count": len(messages) - 2}
    return view.differences({CHAT: fresh}, {CHAT: {one["seq"]: one for one in messages}})


def test_viewer_who_is_told_everything_needs_to_ask_nothing():
    view = viewer(asks=True)
    assert view.hear("chat:updated", {"chat": chat(3, 3), "reason": "message"}) is None
    assert view.hear("message:created", {"message": message(3), "message_count": 3}) is None
    assert differences(view, 3, [message(1), message(2), message(3)]) == []


def test_viewer_asks_behind_a_gap():
    view = viewer(asks=True)
    assert view.hear("message:created", {"message": message(4), "message_count": 4}) == CHAT


@pytest.mark.parametrize("asks", [True, False])
def test_reconciled_edit_is_fetched_by_who_asks_and_stays_unseen_by_who_is_not_told(asks: bool):
    view = viewer(asks=asks)
    edited = message(1, content={"text": "edited"}, edited_at="later", version=3)
    asked = view.hear("chat:updated", {"chat": chat(3, 2), "reason": "reconciled"})
    assert asked == (CHAT if asks else None)
    if asks:
        view.take_messages(CHAT, [edited])
        view.raise_version(CHAT, 3)
    assert bool(differences(view, 3, [edited, message(2)])) is not asks
    view.hear("message:updated", {"message": edited})
    assert differences(view, 3, [edited, message(2)]) == []


def test_like_raises_the_version_of_the_chat():
    view = viewer(asks=True)
    view.hear("message:liked", {"chat_id": CHAT, "seq": 2, "like_count": 1, "version": 3})
    assert differences(view, 3, [message(1), message(2, like_count=1, version=3)]) == []


def test_message_that_was_lost_with_the_connection_is_asked_for():
    """``chat:updated`` came, and the message behind it did not."""
    view = viewer(asks=True)
    view.hear("chat:updated", {"chat": chat(3, 3), "reason": "message"})
    assert view.versions[CHAT] == 2
    view.lose_connection()
    assert view.versions[CHAT] == 2, "message:changes is asked with it"


def test_reconciled_messages_that_were_lost_with_the_connection_are_asked_for():
    view = viewer(asks=False)
    view.hear("chat:updated", {"chat": chat(4, 3), "reason": "reconciled"})
    view.hear("message:created", {"message": message(3, version=4), "message_count": 3})
    view.lose_connection()  # and message:updated of version 3 with it
    assert view.versions[CHAT] == 2


def test_change_behind_reconciled_says_that_all_came():
    view = viewer(asks=False)
    view.hear("chat:updated", {"chat": chat(3, 3), "reason": "reconciled"})
    view.hear("message:created", {"message": message(3), "message_count": 3})
    view.hear("message:created", {"message": message(4), "message_count": 4})
    assert view.versions[CHAT] == 4


def test_older_state_replaces_nothing():
    view = viewer(asks=True)
    edited = message(1, content={"text": "edited"}, edited_at="later", version=3)
    view.hear("message:updated", {"message": edited})
    view.take_messages(CHAT, [message(1)])
    assert view.messages[CHAT][1] == edited


def test_lost_chat_is_forgotten():
    view = viewer(asks=True)
    view.hear("chat:removed", {"chat_id": CHAT, "reason": "removed"})
    assert not view.chats
    assert not view.messages
    assert view.active_chat_id is None
