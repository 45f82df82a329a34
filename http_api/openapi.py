"""``/openapi.json``: one document with the REST routes from FastAPI and the actions and events from the registry.

Nothing is written twice: a summary is the first sentence of the docstring, an example is built from the examples of the
fields. What must stay true: a name in ``components`` means one schema. A new tag needs an entry in :data:`TAGS`.
"""

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from core.conflicts import ConflictReason
from core.errors import AppError, Conflict, ErrorCode, NotFound, RateLimited, Unavailable, ValidationFailed
from core.faults import REQUIRED
from http_api.problems import Problem, ProblemResponse
from realtime.documents.errors import details_by_code, details_schema, error_schemas
from realtime.documents.examples import build_examples
from realtime.documents.openapi import REF_TEMPLATE, describe_registry, first_sentence, problem_responses
from realtime.wire.fields import CHAT_ID

TAGS: Final = {
    "Sign-in": "Send a code to a phone, and exchange it for a pair of tokens.",
    "Profile": "Your own profile, and those of others.",
    "Files": "Attachments: upload and download them here, send them with `message:send`.",
    "Sessions": "The devices you are signed in on.",
    "Actions: chat": "The chat list, private chats, groups, and your own settings of a chat.",
    "Actions: member": "Members of a group.",
    "Actions: invite": "Join a group by a code.",
    "Actions: message": "Send, read, edit, delete, forward, like, react to and search messages; mark them as read.",
    "Actions: file": "URLs of files that need no header.",
    "Actions: user": "Find people, and block them.",
    "Actions: report": "Tell the operator what is wrong.",
    "Actions: presence": "Who is online.",
    "Actions: session": "Extend a connection, and catch up after one was lost.",
    "Events": "Sent by the server on a connection.",
    "Admin": "What the operator does, with a key of `molva keys create --scope admin`. Each call is in the audit log.",
    "Operations": "Probes and metrics for operators.",
}
"""Tag → its description, in reading order."""

_DESCRIPTION: Final = """
A self-hosted chat backend. Clients use it over Socket.IO. On this page you can read about every REST call and every socket
action, and run them: the actions run over HTTP, through the same handlers.

1. Call `POST /v1/auth/codes` with a phone number. In development the answer contains the `code`.
2. Call `POST /v1/auth/tokens` with the number, the code and a name. This registers the person. (Outside of development,
   send the `verification_id` of step 1 too.) Now this page is signed in as that person; **Authorize** takes another token.
3. Copy the `user.id` of the answer, and repeat steps 1 and 2 with a second number: now you are somebody who can write to
   the first person.
4. Call `chat:create_private` with this `user_id`. Use the `chat.id` of the answer in `message:send` and `message:list`.
   This page replaces a `client_id` that was sent already, because the message would be a repeat.
5. In a client, connect with `io("http://…/chat", {auth: {token}})`. Names and payloads are the same, and answers come as
   acks. The server sends the events at the end of this page.

Or, in development, run `molva seed --examples` first (beside the running server: `.venv/bin/molva seed --examples`) and
sign in as `+79161234567`. Then the ids in the examples are ids of your own chats, and every example works unchanged.

Ids are UUIDs. Times are RFC 3339 in UTC. Payloads are strict: an unknown field or a wrong type is
`validation_failed`. Write an integer without a decimal point (`5`, not `5.0`).

More: [events and their payloads](/docs/events), [two people in one page](/docs/live), [the guide](/docs/guide).
"""

_WRAPPED: Final = re.compile(r"(?<!\n)\n(?!\n| *(?:[-*|] |\d+\. ))\s*")
"""A line break inside a paragraph or a list item."""


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """The whole document, built on the first call."""
    if app.openapi_schema is None:
        app.openapi_schema = _build(app)
    return app.openapi_schema


def _build(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Molva", version=version("molva"), openapi_version="3.1.0", description=_DESCRIPTION, routes=app.routes
    )
    described = describe_registry()
    _complete_rest(document["paths"])
    document["paths"] |= described.paths
    document["webhooks"] = described.webhooks
    components = document["components"]
    schemas = components["schemas"]
    for leftover in ("HTTPValidationError", "ValidationError"):
        schemas.pop(leftover, None)
    _merge(schemas, described.schemas)
    _merge(schemas, _problem_schemas())
    components["examples"] = _problem_examples()
    components["securitySchemes"]["bearer"] |= {
        "bearerFormat": "JWT",
        "description": "The `access_token` of `POST /v1/auth/tokens`. For *Admin*: a key of `molva keys create`.",
    }
    _write_markdown(document)
    for operation in _operations(document):
        _add_examples(operation, schemas)
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
    schema["properties"]["details"] = {
        "examples": schema["properties"]["details"]["examples"],
        **details_schema(_ref),
    }
    return {
        **schema.pop("$defs"),
        **error_schemas(_ref),
        "Problem": {**schema, "allOf": details_by_code(_ref, optional=(ErrorCode.NOT_FOUND, ErrorCode.RATE_LIMITED))},
    }


def _ref(model: str) -> dict[str, str]:
    return {"$ref": REF_TEMPLATE.format(model=model)}


def _problem_examples() -> dict[str, Any]:
    """One for each code, and for each reason of a conflict."""
    telling: dict[ErrorCode, AppError] = {
        ErrorCode.NOT_FOUND: NotFound("chat_id"),
        ErrorCode.RATE_LIMITED: RateLimited(42),
        ErrorCode.UNAVAILABLE: Unavailable(),
        ErrorCode.VALIDATION_FAILED: ValidationFailed.at("content.text", REQUIRED),
    }
    plain = [code for code in ErrorCode if code is not ErrorCode.CONFLICT]
    return {
        **{code.value: _problem_example(code, telling.get(code, AppError(code.meaning))) for code in plain},
        **{reason.value: _problem_example(ErrorCode.CONFLICT, Conflict(reason)) for reason in ConflictReason},
    }


def _problem_example(code: ErrorCode, refusal: AppError) -> dict[str, Any]:
    body = refusal.body(CHAT_ID)
    body["code"] = code.value
    return {"value": orjson.loads(ProblemResponse(body).body)}


def _complete_rest(paths: dict[str, Any]) -> None:
    """Replace what FastAPI guesses from names and statuses by better operation ids, summaries and descriptions."""
    for path, methods in paths.items():
        for method, operation in methods.items():
            name = operation["operationId"].removesuffix(re.sub(r"\W", "_", path) + f"_{method}")
            operation["operationId"] = f"admin_{name}" if path.startswith("/v1/admin/") else name
            operation["summary"] = first_sentence(operation["description"])
            responses = operation["responses"]
            if "HTTPValidationError" in str(responses.get("422")):
                responses |= problem_responses([ErrorCode.VALIDATION_FAILED])
            for status, response in responses.items():
                if response["description"] == "Successful Response":
                    response["description"] = "Done." if status == "204" else "The answer."
            operation["responses"] = dict(sorted(responses.items()))


def _add_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
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
    """Turn docstrings into Markdown: join the lines of a paragraph, put literals in single backticks."""
    if isinstance(part, list):
        for inner in part:
            _write_markdown(inner)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name == "description" and isinstance(value, str):
                part[name] = _WRAPPED.sub(" ", value.strip()).replace("``", "`")
            else:
                _write_markdown(value)
