"""``/openapi.json``: a valid document of everything that can be called and heard, with examples that are true."""

import base64
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image
from pydantic import BaseModel, Field, RootModel

import realtime.actions  # noqa: F401  (declares every action)
from core.conflicts import ConflictReason
from core.errors import ErrorCode
from http_api import app as application
from http_api import openapi
from http_api.openapi import TAGS, openapi_of
from realtime.documents.examples import build_examples, example_of
from realtime.wire.fields import CHAT_ID, PHONE
from realtime.wire.registry import ACTIONS, COMMON_ERRORS, EVENTS

Operation = dict[str, Any]


def bare_app() -> FastAPI:
    """Every route, and nothing behind them."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for router in application._ROUTERS:
        app.include_router(router)
    return app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi_of(bare_app())


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    """Name → operation, of paths and webhooks."""
    for part in ("paths", "webhooks"):
        for path, methods in document[part].items():
            for method, operation in methods.items():
                yield f"{method.upper()} {path}", operation


def media_of(operation: Operation) -> Iterator[dict[str, Any]]:
    """Every body of an operation that is JSON."""
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        for name, media in body.get("content", {}).items():
            if name.endswith("json"):
                yield media


def examples_in(document: dict[str, Any], media: dict[str, Any]) -> dict[str, Any]:
    """Name → example of one body."""
    if "example" in media:
        return {"example": media["example"]}
    examples = {
        name: document["components"]["examples"][name] if "$ref" in example else example
        for name, example in media["examples"].items()
    }
    return {name: example["value"] for name, example in examples.items()}


def problems_with(document: dict[str, Any], schema: Any, value: Any) -> list[str]:
    """Why ``value`` does not fit ``schema``, whose references point into the document."""
    whole = {"components": document["components"], "allOf": [schema]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{'.'.join(map(str, fault.instance_path))}: {fault.message}" for fault in validator.iter_errors(value)]


def test_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_action_and_event_is_in_the_document(document: dict[str, Any]) -> None:
    described = {path.removeprefix("/v1/actions/") for path in document["paths"] if path.startswith("/v1/actions/")}
    assert described == set(ACTIONS)
    assert set(document["webhooks"]) == set(EVENTS)


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for name, operation in operations_of(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert "``" not in operation["description"], name
        assert not operation["summary"].endswith("."), name


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations_of(document)]
    assert sorted(set(ids)) == sorted(ids)


def test_every_property_is_described_and_has_an_example(document: dict[str, Any]) -> None:
    lacking = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, about in schema.get("properties", {}).items()
        if "description" not in about or not ("examples" in about or "$ref" in str(about))
    ]
    assert lacking == []


def test_every_json_body_has_examples_that_fit_its_schema(document: dict[str, Any]) -> None:
    for name, operation in operations_of(document):
        for media in media_of(operation):
            for label, example in examples_in(document, media).items():
                assert problems_with(document, media["schema"], example) == [], f"{name} {label}"


def test_examples_of_properties_fit_their_schemas(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, about in schema.get("properties", {}).items():
            for example in about.get("examples", ()):
                assert problems_with(document, about, example) == [], f"{name}.{field}"


def test_examples_of_actions_pass_their_own_validation(document: dict[str, Any]) -> None:
    for name, declared in ACTIONS.items():
        media = document["paths"][f"/v1/actions/{name}"]["post"]["requestBody"]["content"]["application/json"]
        for example in (*examples_in(document, media).values(), example_of(declared.payload)):
            declared.payload.model_validate(example)


def test_errors_of_every_action_are_described(document: dict[str, Any]) -> None:
    for name, declared in ACTIONS.items():
        responses = document["paths"][f"/v1/actions/{name}"]["post"]["responses"]
        for code in (*declared.errors, *COMMON_ERRORS):
            described = responses[str(code.http_status)]
            assert f"`{code.value}`" in described["description"], name
            words = declared.conflicts if code is ErrorCode.CONFLICT else (code,)
            assert {*words} <= described["content"]["application/problem+json"]["examples"].keys(), name


def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations_of(document):
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        for status, answer in refusals.items():
            if status != "default":
                assert set(answer["content"]) == {"application/problem+json"}, f"{name} {status}"
        if operation.get("security"):
            assert "401" in refusals, name
        if "requestBody" in operation and name.startswith("POST /"):
            assert "422" in refusals, name
    codes = {code.value for code in ErrorCode if code is not ErrorCode.CONFLICT}
    assert set(document["components"]["examples"]) == codes | {reason.value for reason in ConflictReason}


def test_tags_are_in_a_readers_order(document: dict[str, Any]) -> None:
    used = {tag for _, operation in operations_of(document) for tag in operation["tags"]}
    assert used <= set(TAGS), "a new tag needs its line in http_api/openapi.py"
    assert [tag["name"] for tag in document["tags"]] == [name for name in TAGS if name in used]
    assert all(tag["description"] for tag in document["tags"])


def test_variants_of_a_send_have_an_example_each(document: dict[str, Any]) -> None:
    media = document["paths"]["/v1/actions/message:send"]["post"]["requestBody"]["content"]["application/json"]
    assert {"text", "location", "contact"} <= set(media["examples"])
    for kind, example in media["examples"].items():
        assert example["value"]["type"] == kind


def test_two_schemas_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    described = openapi.describe_registry()
    described.schemas["SignIn"] = {"type": "object"}
    monkeypatch.setattr(openapi, "describe_registry", lambda: described)
    with pytest.raises(ValueError, match="SignIn"):
        openapi_of(bare_app())


def test_example_leaves_out_what_may_be_left_out() -> None:
    class Inner(BaseModel):
        number: int = Field(examples=[7])

    class Outer(BaseModel):
        inner: Inner
        inners: list[Inner]
        absent: str | None = Field(None, examples=[None])
        null: str | None = Field(examples=[None])

    class Either(RootModel[Outer | Inner]):
        pass

    outer = {"inner": {"number": 7}, "inners": [{"number": 7}], "null": None}
    assert example_of(Outer) == example_of(Either) == outer
    schema = Either.model_json_schema()
    assert build_examples(schema, schema["$defs"]) == {"Outer": outer, "Inner": {"number": 7}}


@pytest.mark.parametrize(
    ("docstring", "markdown"),
    [
        ("A sentence\nthat goes on.", "A sentence that goes on."),
        ("One.\n\nTwo ``words``.", "One.\n\nTwo `words`."),
        ("List:\n\n- one\n  more\n- two", "List:\n\n- one more\n- two"),
        ("List:\n1. one\n   more\n2. two", "List:\n1. one more\n2. two"),
    ],
)
def test_docstrings_become_markdown(docstring: str, markdown: str) -> None:
    part = {"description": docstring}
    openapi._write_markdown(part)
    assert part["description"] == markdown


@pytest.mark.parametrize(
    ("action", "payload", "fits"),
    [
        ("chat:create_private", {"user_id": CHAT_ID}, True),
        ("chat:create_private", {"user_id": None, "phone": PHONE}, True),
        ("chat:create_private", {}, False),
        ("chat:create_private", {"user_id": None}, False),
        ("chat:create_private", {"user_id": CHAT_ID, "phone": PHONE}, False),
        ("user:find", {"phones": [PHONE]}, True),
        ("user:find", {"phones": [PHONE], "username": "anna"}, False),
        ("user:find", {"phones": None, "username": None}, False),
        ("user:find", {"username": "an\na"}, True),
        ("user:find", {"username": "anna\x00"}, False),
        ("chat:rename", {"chat_id": CHAT_ID, "title": "\u00a0a\n"}, True),
        ("chat:rename", {"chat_id": CHAT_ID, "title": "\u00a0\n"}, False),
        ("chat:rename", {"chat_id": CHAT_ID, "title": "a\x00"}, False),
        ("message:list", {}, True),
        ("message:list", {"before": 2, "after": None, "around": None}, True),
        ("message:list", {"before": 2, "after": 1}, False),
        ("message:list", {"after": 2, "around": 1}, False),
        ("message:edit", {"chat_id": CHAT_ID, "seq": 1, "content": {"text": "x"}}, True),
        ("message:edit", {"chat_id": CHAT_ID, "seq": 1, "content": {}}, False),
        ("chat:list", {"cursor": f"chats.1.1767225600000.{CHAT_ID}"}, True),
        ("chat:list", {"cursor": "chats.1"}, False),
        ("session:sync", {"cursor": f"sync.1.2.3.{CHAT_ID}"}, True),
        ("session:sync", {"cursor": "synced.742"}, True),
        ("session:sync", {"cursor": "synced.742\n"}, False),
    ],
)
def test_schema_says_what_is_accepted(document: dict[str, Any], action: str, payload: Any, fits: bool) -> None:
    body = document["paths"][f"/v1/actions/{action}"]["post"]["requestBody"]["content"]["application/json"]
    assert (problems_with(document, body["schema"], payload) == []) is fits


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WebP"])
@pytest.mark.parametrize("head", ["", "data:image/png;base64,", "data:;charset=x;base64,"])
def test_schema_takes_a_picture_of_each_kind(document: dict[str, Any], kind: str, head: str) -> None:
    body = document["paths"]["/v1/me/avatar"]["put"]["requestBody"]["content"]["application/json"]
    image = BytesIO()
    Image.new("RGB", (3, 3)).save(image, kind)
    encoded = head + base64.b64encode(image.getvalue()).decode()
    assert problems_with(document, body["schema"], {"image": encoded}) == []
    assert problems_with(document, body["schema"], {"image": encoded[::-1]}) != []
