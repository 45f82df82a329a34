"""The declarations as TypeScript, for ``Socket<ServerToClientEvents, ClientToServerEvents>`` of the official client.

Made from the same JSON Schemas as both documents. Payloads are what a client may send (a field with a default may be left
out), answers and events what it gets (every field is there).
"""

from collections.abc import Iterable
from typing import Any, Final

import orjson
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from core.conflicts import ConflictReason
from core.errors import ErrorCode
from realtime.documents.errors import explain
from realtime.wire.registry import ACTIONS, EVENTS

_HEAD: Final = """\
// Types of Molva's Socket.IO namespace /chat, for the official client:
//
//   import { io, type Socket } from "socket.io-client";
//   import type { ClientToServerEvents, ServerToClientEvents } from "./molva.js";
//   const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io("http://…/chat", { auth: { token } });
//   const answer = await socket.emitWithAck("chat:list", { limit: 20 });
"""
_MORE: Final = {
    (ErrorCode.CONFLICT,): "details: { reason: ConflictReason }",
    (ErrorCode.NOT_FOUND,): "details: { field: string }",
    (ErrorCode.VALIDATION_FAILED,): "details: { path: string; message: string }[]",
    (ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE): "retry_after: number",
}
"""Codes → what their errors have beside what every error has."""
_WITH_MORE: Final = {code for codes in _MORE for code in codes}
_PLAIN: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def write_types() -> str:
    """The whole module."""
    models: dict[tuple[type[Any], JsonSchemaMode], None] = {}
    for action in ACTIONS.values():
        models |= {(action.payload, "validation"): None, (action.answer, "serialization"): None}
    models |= {(event.payload, "serialization"): None for event in EVENTS.values()}
    refs, document = models_json_schema(list(models), ref_template="{model}")
    parts = [
        _HEAD,
        *_errors(),
        _comment("What every action answers: exactly one of the two.")
        + "export type Ack<T> = { data: T; error?: undefined } | { data?: undefined; error: ActionError };",
    ]
    parts += [_declare(name, schema) for name, schema in sorted(document["$defs"].items())]
    parts.append(
        _interface(
            "ClientToServerEvents",
            {
                name: f"(payload: {_type(refs[action.payload, 'validation'])}, "
                f"ack: (answer: Ack<{_type(refs[action.answer, 'serialization'])}>) => void) => void"
                for name, action in ACTIONS.items()
            },
            {name: action.description for name, action in ACTIONS.items()},
        )
    )
    parts.append(
        _interface(
            "ServerToClientEvents",
            {name: f"(payload: {_type(refs[event.payload, 'serialization'])}) => void" for name, event in EVENTS.items()},
            {name: event.description for name, event in EVENTS.items()},
        )
    )
    return "\n\n".join(parts) + "\n"


def _errors() -> list[str]:
    """``ActionError``, a union by ``code``."""
    plain = [code.value for code in ErrorCode if code not in _WITH_MORE]
    variants = [f"{{ code: {_union(code.value for code in codes)}; {more} }}" for codes, more in _MORE.items()]
    members = "".join(f"\n  | (ErrorBase & {variant})" for variant in (*variants, f"{{ code: {_union(plain)} }}"))
    return [
        f"export type ErrorCode = {_union(code.value for code in ErrorCode)};",
        _comment("Why the current state forbids a request.\n\n" + "\n".join(f"- {explain(one)}" for one in ConflictReason))
        + f"export type ConflictReason = {_union(reason.value for reason in ConflictReason)};",
        _comment("What every error has. `message` is for people and may change.")
        + "export interface ErrorBase {\n  message: string;\n  request_id: string;\n"
        "  details?: unknown;\n  retry_after?: number;\n}",
        _comment("Why an action was refused. Switch on `code`: it decides what `details` is.")
        + f"export type ActionError ={members};",
    ]


def _union(words: Iterable[str]) -> str:
    return " | ".join(f'"{word}"' for word in words)


def _interface(name: str, members: dict[str, str], comments: dict[str, str]) -> str:
    lines = [f'{_comment(comments[member], indent="  ")}  "{member}": {kind};' for member, kind in members.items()]
    return f"export interface {name} {{\n" + "\n".join(lines) + "\n}"


def _declare(name: str, schema: dict[str, Any]) -> str:
    comment = _comment(schema.get("description", ""))
    if schema.get("properties"):
        return f"{comment}export interface {name} {_object(schema)}"
    return f"{comment}export type {name} = {_type(schema)};"


def _object(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    lines = []
    for name, field in schema["properties"].items():
        mark = "" if name in required else "?"
        key = name if name.isidentifier() else f'"{name}"'
        lines.append(f"{_comment(field.get('description', ''), indent='  ')}  {key}{mark}: {_type(field)};")
    return "{\n" + "\n".join(lines) + "\n}"


def _type(schema: dict[str, Any]) -> str:  # noqa: PLR0911  (one return for each kind of schema)
    if "$ref" in schema:
        return str(schema["$ref"])
    if "const" in schema:
        return orjson.dumps(schema["const"]).decode()
    if "enum" in schema:
        return " | ".join(orjson.dumps(value).decode() for value in schema["enum"])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return (" & " if key == "allOf" else " | ").join(dict.fromkeys(_type(part) for part in schema[key]))
    kind = schema.get("type")
    if kind == "array":
        item = _type(schema.get("items", {}))
        return f"({item})[]" if " " in item else f"{item}[]"
    if kind == "object":
        if schema.get("properties"):
            return _object(schema)
        values = schema.get("additionalProperties")
        if values is False or "properties" in schema:
            return "Record<string, never>"
        return f"Record<string, {_type(values) if isinstance(values, dict) and values else 'unknown'}>"
    return _PLAIN.get(kind or "", "unknown")


def _comment(text: str, indent: str = "") -> str:
    if not text:
        return ""
    lines = text.replace("*/", "* /").split("\n")
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"
