"""The declarations as TypeScript, for ``Socket<ServerToClientEvents, ClientToServerEvents>`` of the official client.

Made from the same JSON Schemas as both documents. Payloads are what a client may send (a field with a default may be left
out), answers and events what it gets (every field is there). What JSON Schema says loosely is said exactly here: a message
is one of several by its ``type``, the chat of an event may have ``me`` and ``peer``, the limits have names.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from core.conflicts import ConflictReason
from core.errors import ErrorCode
from core.limit_settings import shown_to_clients
from realtime.documents.errors import explain
from realtime.messages.received import RECEIVED
from realtime.model.events import ChatUpdated
from realtime.model.objects import Chat, ChatView, Message, MessageView, Reaction, ReactionView
from realtime.sessions.payloads import SessionReady
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


Schemas = Mapping[str, dict[str, Any]]
_SPECIAL: Final = {(ChatUpdated.__name__, "chat"): "EventChat", (SessionReady.__name__, "limits"): "Limits"}
"""(object, field) → the type that is written instead of the schema's."""


def write_types(openapi: dict[str, Any] | None = None) -> str:
    """The whole module; with the bodies of REST if ``openapi``, their document, is given."""
    models: dict[tuple[type[Any], JsonSchemaMode], None] = {}
    for action in ACTIONS.values():
        models |= {(action.payload, "validation"): None, (action.answer, "serialization"): None}
    models |= {(event.payload, "serialization"): None for event in EVENTS.values()}
    models |= {(content, "validation"): None for contents in RECEIVED.values() for content in contents}
    refs, document = models_json_schema(list(models), ref_template="{model}")
    parts = [
        _HEAD,
        *_errors(),
        _comment("What every action answers: exactly one of the two.")
        + "export type Ack<T> = { data: T; error?: undefined } | { data?: undefined; error: ActionError };",
    ]
    schemas = dict(sorted(document["$defs"].items()))
    contents = {kind: [_type(refs[content, "validation"]) for content in received] for kind, received in RECEIVED.items()}
    parts += [*_messages(schemas, contents), _event_chat(schemas), _limits()]
    written = {Message.__name__, MessageView.__name__}
    parts += [_declare(name, schema) for name, schema in schemas.items() if name not in written]
    if openapi is not None:
        parts += _rest(openapi, written={*schemas, *written, ErrorCode.__name__, ConflictReason.__name__})
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


def _messages(schemas: Schemas, contents: Mapping[str, list[str]]) -> list[str]:
    """``Message``, a union by ``type``, and ``MessageView``, the same with what is the caller's alone.

    The reactions of a view say which are the caller's: ``R`` is what a reaction is.
    """
    message, view = schemas[Message.__name__], schemas[MessageView.__name__]
    shared = {name: field for name, field in message["properties"].items() if name not in {"type", "content"}}
    own = {name: field for name, field in view["properties"].items() if name not in message["properties"]}
    base = _object({**message, "properties": shared}).replace(f"reactions: {Reaction.__name__}[]", "reactions: R[]")
    parameter = f"<R = {Reaction.__name__}>"
    parts = [
        _comment("What every message has, whatever its type.") + f"export interface MessageBase{parameter} {base}",
        _comment("What a system message tells. Switch on `event`.")
        + f"export type SystemContent = {' | '.join(contents['system'])};",
    ]
    for kind, received in contents.items():
        content = "SystemContent" if kind == "system" else " | ".join(received)
        parts.append(
            f"export type {kind.capitalize()}Message{parameter} ="
            f' MessageBase<R> & {{ type: "{kind}"; content: {content} | null }};'
        )
    union = " | ".join(f"{kind.capitalize()}Message<R>" for kind in contents)
    parts.append(
        _comment(f"{message['description']}\n\nSwitch on `type`.") + f"export type {Message.__name__}{parameter} = {union};"
    )
    parts.append(
        _comment(view["description"])
        + f"export type {MessageView.__name__} = {Message.__name__}<{ReactionView.__name__}>"
        + f" & {_object({**view, 'properties': own})};"
    )
    return parts


def _event_chat(schemas: Schemas) -> str:
    """The chat of ``chat:updated``."""
    own = [name for name in schemas[ChatView.__name__]["properties"] if name not in schemas[Chat.__name__]["properties"]]
    return (
        _comment("The chat of an event. For whom the chat is new, and for what is theirs alone, it has all of ChatView.")
        + f"export type EventChat = {Chat.__name__} & Partial<Pick<{ChatView.__name__}, {_union(own)}>>;"
    )


def _limits() -> str:
    names = "\n".join(f"  {name}: number;" for name in shown_to_clients())
    return _comment("The documented bounds, by name.") + f"export interface Limits {{\n{names}\n}}"


def _rest(openapi: dict[str, Any], written: set[str]) -> list[str]:
    """The bodies of REST, and an interface with the body and the answer of each call."""
    schemas: Schemas = openapi["components"]["schemas"]
    calls: dict[str, str] = {}
    comments: dict[str, str] = {}
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/v1/actions/") or not path.startswith("/v1/"):
                continue
            body = _type(_json_of(operation.get("requestBody", {})))
            answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            name = f"{method.upper()} {path}"
            calls[name] = f"{{ body: {body}; answer: {_type(_json_of(answers[0])) if answers else 'unknown'} }}"
            comments[name] = operation.get("summary", "")
    parts = [_declare(_name(name), schema) for name, schema in sorted(schemas.items()) if _name(name) not in written]
    parts.append(_interface("RestCalls", calls, comments))
    return parts


def _json_of(described: dict[str, Any]) -> dict[str, Any]:
    """The schema of a JSON body or answer; that of nothing where there is none."""
    schema: dict[str, Any] = described.get("content", {}).get("application/json", {}).get("schema", {"type": "null"})
    return schema


def _name(schema: str) -> str:
    return schema.rpartition("/")[2].replace("-", "")


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
        return f"{comment}export interface {name} {_object(schema, name)}"
    return f"{comment}export type {name} = {_type(schema)};"


def _object(schema: dict[str, Any], owner: str = "") -> str:
    required = schema.get("required", ())
    lines = []
    for name, field in schema["properties"].items():
        mark = "" if name in required else "?"
        key = name if name.isidentifier() else f'"{name}"'
        kind = _SPECIAL.get((owner, name)) or _type(field)
        lines.append(f"{_comment(field.get('description', ''), indent='  ')}  {key}{mark}: {kind};")
    return "{\n" + "\n".join(lines) + "\n}"


def _type(schema: dict[str, Any]) -> str:  # noqa: PLR0911  (one return for each kind of schema)
    if "$ref" in schema:
        return _name(schema["$ref"])
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
