"""``/openapi.json``: the REST routes as FastAPI knows them, actions and events as the registry knows them, in one document.

Nothing is written twice: a summary is the first sentence of its docstring, an example is put together from those of the
fields. What must stay true: a name in ``components`` means one schema. A new tag is added to :data:`TAGS`.
"""

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from core.errors import AppError, Conflict, ErrorCode, RateLimited, Unavailable, ValidationFailed
from http_api.problems import Problem, ProblemResponse
from realtime.documents.examples import build_examples
from realtime.documents.openapi import REF_TEMPLATE, describe_registry, first_sentence, problem_responses
from realtime.wire.fields import CHAT_ID

TAGS: Final = {
    "Sign-in": "A code comes to a phone, and becomes a pair of tokens.",
    "Profile": "Who you are, and who others are.",
    "Files": "Attachments: uploaded here, sent with `message:send`, fetched here.",
    "Sessions": "The devices you are signed in on.",
    "Actions: chat": "The list of chats, private chats and groups, and what is your own about them.",
    "Actions: member": "Who is in a group.",
    "Actions: message": "Sending, history, changes, likes, the read mark.",
    "Actions: user": "Finding people, and not hearing from them.",
    "Actions: presence": "Who is online.",
    "Actions: session": "Keeping a connection, and catching up after one was lost.",
    "Events": "What arrives by itself on a connection.",
    "Operations": "Probes and metrics for whoever runs the server.",
}
"""Tag → what stands under it, in the order of a reader."""

_DESCRIPTION: Final = """
A self-hosted chat backend. Clients use it over Socket.IO. On this page you can read about every REST call and every socket
action, and run them: the actions run over HTTP, through the same handlers.

1. Call `POST /v1/auth/codes` with your phone number. In development the answer contains the `code`.
2. Call `POST /v1/auth/tokens` with the number and the code. This registers you and returns an `access_token`.
3. Press **Authorize** and paste the token. Now you can run every operation below.
4. Repeat steps 1 and 2 for a second number, and copy the `user.id` of that person.
5. Call `chat:create_private` with this `user_id`. Use the `chat.id` of the answer in `message:send` and `message:list`.
   Give each new message a new `client_id`.
6. In a client, connect with `io("http://…/chat", {auth: {token}})`. Names and payloads are the same, and answers come as
   acks. The server sends the events at the end of this page.

Or, in development, run `molva seed --examples` first (beside the running server: `.venv/bin/molva seed --examples`) and
sign in as `+79161234567`. Then the ids in the examples are ids of your own chats, and every example works unchanged.

Ids are UUIDs. Times are RFC 3339 in UTC. Payloads are strict: an unknown field or a wrong type is
`validation_failed`. Write an integer without a decimal point (`5`, not `5.0`).

More: [the Socket.IO side](/docs/events), [a live console](/docs/live), [TypeScript types](/docs/types.ts).
"""

_WRAPPED: Final = re.compile(r"(?<!\n)\n(?!\n| *(?:[-*|] |\d+\. ))\s*")
"""The end of a line inside a paragraph or an item of a list."""


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The whole document, made on the first call."""
    if app.openapi_schema is None:
        app.openapi_schema = _build(app)
    return app.openapi_schema


def _build(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Molva", version=version("molva"), openapi_version="3.1.0", description=_DESCRIPTION, routes=app.routes
    )
    described = describe_registry()
    _polish_rest(document["paths"])
    document["paths"] |= described.paths
    document["webhooks"] = described.webhooks
    components = document["components"]
    schemas = components["schemas"]
    for leftover in ("HTTPValidationError", "ValidationError"):
        schemas.pop(leftover, None)
    _merge(schemas, described.schemas)
    _merge(schemas, _problem_schemas())
    components["examples"] = {code.value: _problem_example(code) for code in ErrorCode}
    components["securitySchemes"]["bearer"] |= {
        "bearerFormat": "JWT",
        "description": "The `access_token` of `POST /v1/auth/tokens`.",
    }
    _write_markdown(document)
    for operation in _operations(document):
        _illustrate(operation, schemas)
    used = {tag for operation in _operations(document) for tag in operation["tags"]}
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in ("paths", "webhooks"):
        for path in document[part].values():
            yield from path.values()


def _merge(schemas: dict[str, Any], more: dict[str, Any]) -> None:
    for name, schema in more.items():
        if schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two different schemas are called {name}: rename one of the models")


def _problem_schemas() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template=REF_TEMPLATE, mode="serialization")
    return {**schema.pop("$defs"), "Problem": schema}


def _problem_example(code: ErrorCode) -> dict[str, Any]:
    refusals: dict[ErrorCode, AppError] = {
        ErrorCode.CONFLICT: Conflict("client_id_reused", "This client_id was used for another message."),
        ErrorCode.RATE_LIMITED: RateLimited(42),
        ErrorCode.UNAVAILABLE: Unavailable(),
        ErrorCode.VALIDATION_FAILED: ValidationFailed.at("content.text", "Field required"),
    }
    refusal = refusals.get(code, AppError(code.meaning))
    body = refusal.body(CHAT_ID)
    body["code"] = code.value
    return {"value": orjson.loads(ProblemResponse(body).body)}


def _polish_rest(paths: dict[str, Any]) -> None:
    """What FastAPI guesses from names and statuses, as people would say it."""
    for path, methods in paths.items():
        for method, operation in methods.items():
            operation["operationId"] = operation["operationId"].removesuffix(re.sub(r"\W", "_", path) + f"_{method}")
            operation["summary"] = first_sentence(operation["description"])
            responses = operation["responses"]
            if "HTTPValidationError" in str(responses.get("422")):
                responses |= problem_responses([ErrorCode.VALIDATION_FAILED])
            for status, response in responses.items():
                if response["description"] == "Successful Response":
                    response["description"] = "Done." if status == "204" else "The answer."
            operation["responses"] = dict(sorted(responses.items()))


def _illustrate(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give every JSON body of the operation its examples."""
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        media = body.get("content", {}).get("application/json")
        if media is None:
            continue
        examples = build_examples(media["schema"], schemas)
        if len(examples) == 1:
            media["example"] = next(iter(examples.values()))
        else:
            media["examples"] = {name: {"value": value} for name, value in examples.items()}


def _write_markdown(part: Any) -> None:
    """Docstrings as Markdown: lines joined to paragraphs, literals in single backticks."""
    if isinstance(part, list):
        for inner in part:
            _write_markdown(inner)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name == "description" and isinstance(value, str):
                part[name] = _WRAPPED.sub(" ", value.strip()).replace("``", "`")
            else:
                _write_markdown(value)
