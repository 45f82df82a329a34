"""The declarations as OpenAPI 3.1: every action an operation under ``/v1/actions``, every event a webhook.

Everything comes from the registry and the payload classes, so the document cannot differ from what validates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from core.conflicts import ConflictReason
from core.errors import ErrorCode
from realtime.documents.errors import explain, only_reasons
from realtime.wire.registry import ACTIONS, EVENTS, Action, Event, Role

REF_TEMPLATE: Final = "#/components/schemas/{model}"
_PROBLEM: Final = {"$ref": REF_TEMPLATE.format(model="Problem")}
_BEARER: Final[list[dict[str, list[str]]]] = [{"bearer": []}]

_WHO: Final = {
    Role.USER: "everybody who is signed in",
    Role.MEMBER: "members of the chat. For everybody else the chat does not exist",
    Role.CREATOR: "the creator of the chat",
}

Mode = tuple[type[Any], JsonSchemaMode]


@dataclass(frozen=True, slots=True)
class Described:
    """The registry's share of the document."""

    paths: dict[str, Any]
    webhooks: dict[str, Any]
    schemas: dict[str, Any]


def describe_registry() -> Described:
    """Every declared action and event, in the order of declaration, with the schemas that they refer to."""
    models: dict[Mode, None] = {}
    for action in ACTIONS.values():
        models |= {(action.payload, "validation"): None, (action.answer, "serialization"): None}
    models |= {(event.payload, "serialization"): None for event in EVENTS.values()}
    refs, document = models_json_schema(list(models), ref_template=REF_TEMPLATE)
    return Described(
        paths={f"/v1/actions/{name}": {"post": _operation(declared, refs)} for name, declared in ACTIONS.items()},
        webhooks={name: {"post": _webhook(declared, refs)} for name, declared in EVENTS.items()},
        schemas=document["$defs"],
    )


def tag_of(action: Action) -> str:
    """Under which heading an action stands."""
    return f"Actions: {action.name.partition(':')[0]}"


def _may_be_empty(payload: type[BaseModel]) -> bool:
    try:
        payload.model_validate({})
    except ValidationError:
        return False
    return True


def _operation(declared: Action, refs: Mapping[Mode, Any]) -> dict[str, Any]:
    return {
        "operationId": declared.name.replace(":", "_"),
        "tags": [tag_of(declared)],
        "summary": first_sentence(declared.description),
        "description": _prose(declared),
        "security": _BEARER,
        "requestBody": {
            "required": not _may_be_empty(declared.payload),
            "content": {"application/json": {"schema": refs[declared.payload, "validation"]}},
        },
        "responses": {
            "200": {
                "description": "The action succeeded. The body is the `data` of the ack.",
                "content": {"application/json": {"schema": refs[declared.answer, "serialization"]}},
            },
            **problem_responses((*declared.all_errors, ErrorCode.PAYLOAD_TOO_LARGE), declared.conflicts),
        },
    }


def _prose(declared: Action) -> str:
    lines = [
        declared.description,
        f"Over Socket.IO: `socket.emit('{declared.name}', payload, ack)`. The ack is `{{data}}` or `{{error}}`.",
        f"**Who may call it**: {_WHO[declared.role]}. **Rate class**: `{declared.rate.value}`.",
    ]
    if declared.conflicts:
        lines.append("**Conflicts** (`details.reason`): " + ", ".join(f"`{word}`" for word in declared.conflicts) + ".")
    if declared.emits:
        lines.append("**Events**: " + ", ".join(f"`{event.name}`" for event in declared.emits) + ".")
    return "\n\n".join(lines)


def _webhook(declared: Event, refs: Mapping[Mode, Any]) -> dict[str, Any]:
    return {
        "operationId": "on_" + declared.name.replace(":", "_"),
        "tags": ["Events"],
        "summary": first_sentence(declared.description),
        "description": f"{declared.description}\n\n**Sent to** {declared.to}.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": refs[declared.payload, "serialization"]}},
        },
        "responses": {"default": {"description": "Clients do not answer events."}},
    }


def first_sentence(text: str) -> str:
    """The first sentence of a description, as a heading: without marks of code and without the full stop."""
    line = text.partition("\n")[0].replace("`", "")
    return line.partition(". ")[0].removesuffix(".")


def problem_responses(codes: Sequence[ErrorCode], conflicts: Sequence[ConflictReason] = ()) -> dict[str, Any]:
    """``responses`` for the errors that an operation may answer with, by status; examples are in the components.

    ``conflicts``: the reasons that its ``conflict`` may have.
    """
    by_status: dict[int, list[ErrorCode]] = {}
    for code in dict.fromkeys((*codes, ErrorCode.CONFLICT) if conflicts else codes):
        by_status.setdefault(code.http_status, []).append(code)
    return {
        str(status): {
            "description": _describe(found, conflicts),
            "content": {
                "application/problem+json": {
                    "schema": {"allOf": [_PROBLEM, only_reasons(conflicts)]} if ErrorCode.CONFLICT in found else _PROBLEM,
                    "examples": {
                        word: {"$ref": f"#/components/examples/{word}"}
                        for code in found
                        for word in _examples(code, conflicts)
                    },
                }
            },
        }
        for status, found in sorted(by_status.items())
    }


def _examples(code: ErrorCode, conflicts: Sequence[ConflictReason]) -> list[str]:
    """Names of the examples of a code; a conflict has one for each reason."""
    return [reason.value for reason in conflicts] if code is ErrorCode.CONFLICT else [code.value]


def _describe(codes: Sequence[ErrorCode], conflicts: Sequence[ConflictReason]) -> str:
    words = " ".join(f"`{code.value}`: {code.meaning}" for code in codes)
    if ErrorCode.CONFLICT not in codes:
        return words
    return "\n".join((f"{words} `details.reason` is one of:", "", *(f"- {explain(reason)}" for reason in conflicts)))
