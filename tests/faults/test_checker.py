"""The checker finds each broken promise in a history that is right but for it, and nothing in one that is right."""

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.faults.checking.checker import check
from tests.faults.checking.readback import ReadBack, SeenBy
from tests.faults.checking.violation import Kind
from tests.faults.history import Attempt, Heard, History

CHAT, ANNA, BORIS = "chat", "anna", "boris"


def message(seq: int, sender_id: str = ANNA, **more: Any) -> dict[str, Any]:
    """A text, or a system message where ``event`` is given."""
    event = more.pop("event", None)
    content = {"event": event, "user_id": BORIS} if event else {"text": f"text {seq}"}
    return {
        "chat_id": CHAT, "seq": seq, "sender_id": sender_id, "type": "system" if event else "text", "content": content,
        "client_id": None if event else f"client {seq}", "reply_to": None, "edited_at": None, "deleted_at": None,
        "like_count": 0, "liked_by_me": False, "version": seq, **more,
    }  # fmt: skip


@dataclass
class Run:
    """Anna wrote 1 and 2 and edited 1; Boris was put out with 3, and let in with 5; Anna wrote 4 and 6. All is right."""

    history: History = field(default_factory=History)
    read_back: ReadBack = field(default_factory=ReadBack)

    def __post_init__(self) -> None:
        first = message(1, content={"text": "edited"}, edited_at="later", version=7)
        stored = [
            first,
            message(2),
            message(3, event="member_removed"),
            message(4),
            message(5, event="member_added"),
            message(6),
        ]
        for user_id in (ANNA, BORIS):
            chat = {
                "id": CHAT, "version": 7, "message_count": 6, "member_count": 2, "last_message": copy.deepcopy(stored[-1]),
                "me": {"first_seq": 1, "read_seq": 6, "unread_count": 0},
            }  # fmt: skip
            messages = {one["seq"]: copy.deepcopy(one) for one in stored}
            later = {seq: copy.deepcopy(one) for seq, one in messages.items() if one["version"] > 4}
            self.read_back.people[user_id] = SeenBy(
                {CHAT: chat},
                {CHAT: copy.deepcopy(chat)},
                {CHAT: messages},
                {CHAT: copy.deepcopy(messages)},
                {CHAT: (4, later)},
            )
        self.read_back.members[CHAT] = {ANNA, BORIS}
        self.read_back.likers[CHAT, 2] = set()
        for seq in (1, 2, 4, 6):
            self.sent(seq)
        edit = {"chat_id": CHAT, "seq": 1, "content": {"text": "edited"}}
        self.answered("message:edit", edit, {"message": copy.deepcopy(first)})
        for seq in (1, 2):
            self.hears(BORIS, "message:created", {"message": message(seq), "message_count": seq})
        self.hears(BORIS, "chat:removed", {"chat_id": CHAT, "reason": "removed"})
        let_in = {"id": CHAT, "version": 5, "message_count": 5, "last_message": stored[4], "me": {}}
        self.hears(BORIS, "chat:updated", {"chat": let_in, "reason": "member_added"})
        self.hears(BORIS, "message:created", {"message": message(6), "message_count": 6})
        self.hears(BORIS, "message:updated", {"message": copy.deepcopy(first)})

    def sent(self, seq: int, *, client_id: str | None = None, connection: int = 1) -> None:
        """An acked send of Anna's."""
        client_id = client_id or f"client {seq}"
        payload = {"chat_id": CHAT, "client_id": client_id, "type": "text", "content": {"text": f"text {seq}"}}
        data = {"message": message(seq, client_id=client_id), "duplicate": False}
        self.answered("message:send", payload, data, connection=connection)

    def answered(self, action: str, payload: dict[str, Any], data: dict[str, Any], *, connection: int = 1) -> None:
        """An acked action of Anna's."""
        self.history.attempts.append(Attempt("a1", ANNA, connection, action, payload, 0.0, 0.1, data))

    def hears(self, user_id: str, event: str, payload: dict[str, Any], *, connection: int = 2) -> None:
        """An event."""
        self.history.heard.append(Heard("b1", user_id, connection, 0.0, event, payload))

    def everywhere(self, seq: int, **changed: Any) -> None:
        """Change what is stored, whoever reads it in whatever way."""
        for seen in self.read_back.people.values():
            for messages in (seen.messages[CHAT], seen.changes[CHAT], seen.later[CHAT][1]):
                if seq in messages:
                    messages[seq] |= changed

    def kinds(self) -> set[Kind]:
        """What the checker says."""
        return {violation.kind for violation in check(self.history, self.read_back)}


@pytest.fixture
def run() -> Run:
    return Run()


def test_finds_nothing_in_a_history_that_is_right(run: Run):
    assert check(run.history, run.read_back) == []


def test_finds_acked_message_that_is_gone(run: Run):
    run.sent(7)
    assert run.kinds() == {Kind.LOST}


def test_finds_acked_message_whose_place_another_has(run: Run):
    run.everywhere(6, client_id="another")
    assert Kind.LOST in run.kinds()


def test_finds_acked_edit_that_is_gone(run: Run):
    run.everywhere(1, content={"text": "text 1"})
    assert Kind.LOST in run.kinds()


def test_takes_later_edit_that_nobody_acked(run: Run):
    payload = {"chat_id": CHAT, "seq": 1, "content": {"text": "edited again"}}
    run.history.attempts.append(Attempt("a1", ANNA, 1, "message:edit", payload, 0.0, lost="closed"))
    run.everywhere(1, content={"text": "edited again"}, version=8)
    for seen in run.read_back.people.values():
        seen.chats[CHAT]["version"] = seen.synced[CHAT]["version"] = 8
    assert run.kinds() == set()


def test_finds_acked_deletion_that_is_gone(run: Run):
    deleted = message(2, content=None, deleted_at="later", version=8)
    run.answered("message:delete", {"chat_id": CHAT, "seq": 2}, {"message": deleted})
    assert run.kinds() == {Kind.LOST}


def test_finds_acked_like_that_is_gone(run: Run):
    run.answered("message:like", {"chat_id": CHAT, "seq": 2}, {"like_count": 1})
    assert run.kinds() == {Kind.LOST}


def test_finds_message_that_is_stored_twice(run: Run):
    run.everywhere(6, client_id="client 4", content={"text": "text 4"})
    assert Kind.DOUBLED in run.kinds()


def test_finds_text_that_is_stored_twice_under_two_client_ids(run: Run):
    run.everywhere(6, content={"text": "text 4"})
    assert Kind.DOUBLED in run.kinds()


def test_finds_client_id_that_was_acked_twice_with_different_seqs(run: Run):
    run.sent(6, client_id="client 4")
    assert Kind.DOUBLED in run.kinds()


def test_finds_event_that_came_twice(run: Run):
    run.hears(BORIS, "message:created", {"message": message(6), "message_count": 6})
    assert run.kinds() == {Kind.DOUBLED}


def test_takes_the_same_event_on_another_connection(run: Run):
    run.hears(BORIS, "message:created", {"message": message(6), "message_count": 6}, connection=3)
    assert run.kinds() == set()


def test_finds_hole(run: Run):
    for seen in run.read_back.people.values():
        for messages in (seen.messages[CHAT], seen.changes[CHAT]):
            del messages[3]
    assert run.kinds() == {Kind.REORDERED}


def test_finds_two_messages_with_one_seq(run: Run):
    run.read_back.people[BORIS].messages[CHAT][2]["client_id"] = "another"
    assert Kind.REORDERED in run.kinds()


def test_finds_sends_of_one_connection_that_changed_places(run: Run):
    run.history.attempts[0], run.history.attempts[1] = run.history.attempts[1], run.history.attempts[0]
    assert run.kinds() == {Kind.REORDERED}


def test_finds_events_that_changed_places(run: Run):
    heard = run.history.heard
    heard[0], heard[1] = heard[1], heard[0]
    assert run.kinds() == {Kind.REORDERED}


def test_finds_event_behind_chat_removed(run: Run):
    told = {"chat_id": CHAT, "seq": 1, "user_id": ANNA, "liked": True, "like_count": 1}
    place = [one.event for one in run.history.heard].index("chat:removed") + 1
    run.history.heard.insert(place, Heard("b1", BORIS, 2, 0.0, "message:liked", told))
    assert run.kinds() == {Kind.LEAKED}


def test_finds_what_was_committed_after_removal_even_before_chat_removed(run: Run):
    place = [one.event for one in run.history.heard].index("chat:removed")
    payload = {"message": message(4), "message_count": 4}
    run.history.heard.insert(place, Heard("b1", BORIS, 2, 0.0, "message:created", payload))
    assert run.kinds() == {Kind.LEAKED}


def test_finds_message_that_was_told_and_never_committed(run: Run):
    run.hears(BORIS, "message:created", {"message": message(7), "message_count": 7})
    assert run.kinds() == {Kind.ROLLED_BACK}


def test_finds_version_that_was_told_and_never_committed(run: Run):
    chat = {"id": CHAT, "version": 9, "message_count": 6, "last_message": message(6)}
    run.hears(BORIS, "chat:updated", {"chat": chat, "reason": "liked"})
    assert run.kinds() == {Kind.ROLLED_BACK}


@pytest.mark.parametrize("count", ["message_count", "member_count"])
def test_finds_wrong_count_of_a_chat(run: Run, count: str):
    for chats in (run.read_back.people[ANNA].chats, run.read_back.people[ANNA].synced):
        chats[CHAT][count] += 1
    assert Kind.MISCOUNTED in run.kinds()


def test_finds_wrong_unread_count(run: Run):
    for chats in (run.read_back.people[ANNA].chats, run.read_back.people[ANNA].synced):
        chats[CHAT]["me"] = {"first_seq": 1, "read_seq": 6, "unread_count": 1}
    assert run.kinds() == {Kind.MISCOUNTED}


def test_finds_wrong_like_count(run: Run):
    run.everywhere(2, like_count=1)
    assert Kind.MISCOUNTED in run.kinds()


def test_finds_wrong_count_in_an_event(run: Run):
    run.hears(ANNA, "message:created", {"message": message(6), "message_count": 5}, connection=1)
    assert run.kinds() == {Kind.MISCOUNTED}


def test_finds_change_that_message_changes_leaves_out(run: Run):
    del run.read_back.people[ANNA].later[CHAT][1][5]
    assert run.kinds() == {Kind.MISSED}


def test_finds_chat_that_session_sync_tells_otherwise(run: Run):
    run.read_back.people[ANNA].synced[CHAT]["version"] = 6
    assert run.kinds() == {Kind.MISSED}


def test_finds_two_states_of_one_version(run: Run):
    run.hears(BORIS, "message:updated", {"message": message(1, content={"text": "other"}, edited_at="later", version=7)})
    assert Kind.MISSED in run.kinds()
