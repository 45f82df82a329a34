"""What is wrong with a payload is said in words that follow the name of the field, and never repeats the value."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import realtime.actions  # noqa: F401  (declares every action)
from core.errors import ValidationFailed
from core.faults import problems_of
from realtime.messages.contents import read_content
from realtime.wire.dispatch import read_payload
from realtime.wire.fields import VisibleText
from realtime.wire.registry import ACTIONS

KINDS = "text, image, video, audio, file, location or contact"
ID = "0192f0c1-7a3b-7c4d-8e5f-60718293a4b5"
SECRET = "the-value-that-was-sent"


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Inner(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    name: str = ""


class Sample(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    text: Annotated[str, Field(min_length=2, max_length=4)] = "abc"
    title: Annotated[VisibleText, Field(max_length=4)] = "abc"
    word: Annotated[str, Field(pattern="^[a-z]+$")] = "abc"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    part: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.5
    flag: bool = True
    items: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    kind: Literal["private", "group", "channel"] = "group"
    colour: Annotated[Colour, Field(strict=False)] = Colour.RED
    inner: Inner = Inner()
    table: dict[str, int] = {}


@pytest.mark.parametrize(
    ("payload", "path", "message"),
    [
        ({"text": 5}, "text", "must be a string"),
        ({"text": "x"}, "text", "must be at least 2 characters"),
        ({"text": "x" * 5}, "text", "must be at most 4 characters"),
        ({"title": ""}, "title", "must not be empty"),
        ({"title": "x" * 5}, "title", "must be at most 4 characters"),
        ({"title": "  "}, "title", "must not be blank"),
        ({"word": SECRET.upper()}, "word", "must match the pattern ^[a-z]+$"),
        ({"count": "5"}, "count", "must be an integer"),
        ({"count": 1.5}, "count", "must be an integer"),
        ({"count": 0}, "count", "must be at least 1"),
        ({"count": 10}, "count", "must be at most 9"),
        ({"part": "x"}, "part", "must be a number"),
        ({"part": 0.0}, "part", "must be greater than 0.0"),
        ({"part": 1.0}, "part", "must be less than 1.0"),
        ({"part": float("nan")}, "part", "must be a finite number"),
        ({"flag": 1}, "flag", "must be true or false"),
        ({"items": "x"}, "items", "must be an array"),
        ({"items": []}, "items", "must not be empty"),
        ({"items": [1, 2, 3]}, "items", "must have at most 2 items"),
        ({"items": ["x"]}, "items.0", "must be an integer"),
        ({"kind": SECRET}, "kind", "must be private, group or channel"),
        ({"colour": SECRET}, "colour", "must be red or green"),
        ({"inner": SECRET}, "inner", "must be a JSON object"),
        ({"inner": {"other": 1}}, "inner.other", "is not a known field"),
        ({"table": []}, "table", "must be a JSON object"),
    ],
)
def test_fault_is_told_in_plain_words(payload: dict[str, Any], path: str, message: str):
    with pytest.raises(ValidationError) as failed:
        Sample.model_validate(payload)
    assert problems_of(failed.value.errors()) == [{"path": path, "message": message}]


def faults(name: str, payload: object) -> list[tuple[str, str]]:
    """What is wrong with the payload of an action."""
    with pytest.raises(ValidationFailed) as refused:
        read_payload(ACTIONS[name], [payload])
    return [(fault["path"], fault["message"]) for fault in refused.value.details]  # type: ignore[attr-defined]


def test_missing_type_names_the_choices():
    assert faults("message:send", {"client_id": ID, "content": {"text": "x"}}) == [("type", f"is required: {KINDS}")]


@pytest.mark.parametrize("wrong", [SECRET, 5, None, [SECRET]])
def test_unknown_type_names_the_choices_and_not_what_was_sent(wrong: object):
    assert faults("message:send", {"client_id": ID, "type": wrong, "content": {}}) == [("type", f"must be {KINDS}")]


@pytest.mark.parametrize(
    ("content", "path", "message"),
    [
        ({}, "content.text", "is required"),
        ({"text": 5}, "content.text", "must be a string"),
        ({"text": "x" * 4097}, "content.text", "must be at most 4096 characters"),
        ({"text": "x", "more": SECRET}, "content.more", "is not a known field"),
        (SECRET, "content", "must be a JSON object"),
    ],
)
def test_fault_in_a_content_has_its_path(content: Any, path: str, message: str):
    assert faults("message:send", {"client_id": ID, "type": "text", "content": content}) == [(path, message)]
    if isinstance(content, dict):
        with pytest.raises(ValidationFailed) as refused:
            read_content("text", content)
        assert refused.value.details == [{"path": path, "message": message}]


@pytest.mark.parametrize(
    ("name", "payload", "message"),
    [
        ("user:find", {}, "exactly one of phones and username is required"),
        ("user:find", {"phones": ["+79161234567"], "username": "anna"}, "exactly one of phones and username is required"),
        ("chat:create_private", {}, "exactly one of user_id and phone is required"),
        ("message:list", {"before": 1, "after": 1}, "only one of before, after and around is allowed"),
        ("chat:get", [], "must be a JSON object"),
    ],
)
def test_rule_between_fields_names_them(name: str, payload: object, message: str):
    assert faults(name, payload) == [("", message)]


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_no_action_speaks_as_the_validator_does(name: str):
    names = {*ACTIONS[name].payload.model_json_schema().get("properties", ()), "type", "content", "chat_id", "unknown"}
    junk: tuple[object, ...] = (None, SECRET, -1, 2**60, 1.5, True, [], {}, [SECRET], [SECRET] * 300, {"x": SECRET}, " ")
    for wrong in junk:
        for path, message in faults(name, dict.fromkeys(names, wrong)):
            assert message[0].islower(), (path, message)
            assert "Input" not in message
            assert SECRET not in message
