"""The witness of the test run notices what it is there for."""

import orjson
import pytest

from core.conflicts import ConflictReason
from core.errors import AppError, Conflict, NotFound
from core.ids import new_id
from realtime.wire.dispatch import Reply
from realtime.wire.registry import ACTIONS, EVENTS
from tests.support import contract
from tests.support.contract import Witness

READ = {"chat_id": "0192f0c1-7a3b-7c4d-8e5f-60718293a4b5", "user_id": "0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012", "read_seq": 1}


@pytest.fixture(scope="module")
def own_witness() -> Witness:
    """One that nobody else listens to."""
    return Witness()


def complaint_about_event(witness: Witness, name: str, payload: dict) -> str:
    witness.saw_event(name, orjson.dumps(payload))
    return witness.take_violations()


def test_declared_event_is_let_pass(own_witness: Witness):
    assert complaint_about_event(own_witness, "chat:read", READ) == ""


def test_event_that_nobody_declared_is_noticed_with_what_to_do(own_witness: Witness):
    assert "declare it with event()" in complaint_about_event(own_witness, "chat:exploded", READ)


@pytest.mark.parametrize(
    "payload",
    [{**READ, "extra": 1}, {key: READ[key] for key in ("chat_id", "user_id")}, {**READ, "read_seq": "1"}],
    ids=["a field too many", "a field missing", "a wrong type"],
)
def test_event_that_differs_from_its_document_is_noticed(own_witness: Witness, payload: dict):
    assert "differs from the document" in complaint_about_event(own_witness, "chat:read", payload)


def test_ack_that_differs_from_its_document_is_noticed(own_witness: Witness):
    own_witness.saw_reply("message:read", Reply(b'{"read_seq":1,"unread_count":0}'))
    assert own_witness.take_violations() == ""
    own_witness.saw_reply("message:read", Reply(b'{"read_seq":1}'))
    assert "differs from the document" in own_witness.take_violations()


def test_every_conflict_reason_is_declared_somewhere(own_witness: Witness):
    declared = {
        reason
        for methods in own_witness.openapi["paths"].values()
        for operation in methods.values()
        for reason in reasons_of(operation["responses"].get("409"))
    }
    assert declared == {reason.value for reason in ConflictReason}


def reasons_of(response: dict | None) -> list[str]:
    """The reasons that an operation's 409 may have."""
    if response is None:
        return []
    _, rule = response["content"]["application/problem+json"]["schema"]["allOf"]
    return rule["then"]["properties"]["details"]["properties"]["reason"]["enum"]


def test_what_no_test_exercised_is_named():
    seen = {
        "actions": set(ACTIONS) - {"chat:list"},
        "events": set(EVENTS) - {"chat:read"},
        "codes": set(),
        "reasons": {"pin_limit"},
    }
    missing = contract.unexercised(seen)
    assert "action chat:list" in missing
    assert "event chat:read" in missing
    assert "error code internal" in missing
    assert "conflict reason member_limit" in missing
    assert "conflict reason pin_limit" not in missing


@pytest.mark.parametrize(
    ("name", "error", "complaint"),
    [
        ("chat:pin", Conflict(ConflictReason.NOT_A_GROUP), "chat:pin: declare the reason not_a_group"),
        ("chat:get", Conflict(ConflictReason.NOT_A_GROUP), "chat:get answered conflict, which @action does not declare"),
        ("chat:get", NotFound("user_id"), "chat:get answered not_found for user_id, which its payload has not"),
    ],
    ids=["reason", "code", "field"],
)
def test_refusal_that_nobody_declared_is_noticed(own_witness: Witness, name: str, error: AppError, complaint: str):
    own_witness.saw_reply(name, Reply(b"", error.body(new_id())))
    assert complaint in own_witness.take_violations()


@pytest.mark.parametrize(
    ("name", "error"),
    [("chat:pin", Conflict(ConflictReason.PIN_LIMIT)), ("message:send", NotFound("file_id"))],
    ids=["reason", "field of a content"],
)
def test_declared_refusal_is_let_pass(own_witness: Witness, name: str, error: AppError):
    own_witness.saw_reply(name, Reply(b"", error.body(new_id())))
    assert own_witness.take_violations() == ""
