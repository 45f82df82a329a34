"""The declarations as AsyncAPI 3.1: the namespace, how one connects, every action with its ack, every event.

Seen from the server: an action is received and replied to by its ack, an event is sent. Everything comes from the registry
and the payload classes, so the document cannot differ from what validates.
"""

from typing import Any, Final

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from core.errors import AppError, ErrorCode, ValidationFailed
from realtime.documents.errors import details_by_code, details_schema, error_schemas, only_reasons
from realtime.documents.examples import build_examples
from realtime.documents.openapi import first_sentence
from realtime.wire.fields import CHAT_ID
from realtime.wire.registry import ACTIONS, EVENTS, Action, Event

_REF: Final = "#/components/schemas/{model}"
_NAMESPACE: Final = "/chat"
_CONNECTING: Final = """\
Connect with any Socket.IO client of protocol revision 5 to the namespace `/chat`:

```js
const socket = io("/chat", { auth: { token: accessToken } });
```

If the server refuses the connection, the client gets `connect_error` with `{message, data: {code}}`. The first event of a
connection is `session:ready`. Each action takes one JSON object. Its ack has exactly one of `{data}` and `{error}`. The
server carries out the actions of one connection in the order in which they were sent. A client may send the next action
before the ack of the last one. An ack with `{data}` means that the change is committed.
"""


def describe_events_api(*, version: str) -> dict[str, Any]:
    """The whole document."""
    refs, schemas = _schemas()
    messages: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for action in ACTIONS.values():
        key = action.name.replace(":", "_")
        messages[key] = _action_message(action, refs[action.payload, "validation"], schemas)
        messages[f"{key}_ack"] = _ack_message(action, refs[action.answer, "serialization"], schemas)
        operations[key] = _receive(action, key)
    for event in EVENTS.values():
        key = f"on_{event.name.replace(':', '_')}"
        messages[key] = _event_message(event, refs[event.payload, "serialization"], schemas)
        operations[key] = _send(event, key)
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Molva events",
            "version": version,
            "description": _CONNECTING,
            "license": {"name": "MIT", "url": "https://opensource.org/license/mit"},
            "tags": [{"name": name} for name in dict.fromkeys(name.partition(":")[0] for name in (*ACTIONS, *EVENTS))],
        },
        "defaultContentType": "application/json",
        "servers": {
            "here": {
                "host": "{host}",
                "protocol": "ws",
                "pathname": "/socket.io/",
                "title": "Socket.IO",
                "description": "Socket.IO over WebSocket or long-polling, on the port that serves this document.",
                "variables": {"host": {"default": "127.0.0.1:8000", "description": "Host and port."}},
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {
            "chat": {
                "address": _NAMESPACE,
                "title": "The namespace /chat",
                "description": "All actions that a client may send, and all events that the server sends.",
                "servers": [{"$ref": "#/servers/here"}],
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": _plain(schemas),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token, as `auth: {token}` of the Socket.IO connect.",
                }
            },
        },
    }


def _ref(model: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=model)}


def _schemas() -> tuple[dict[tuple[type[Any], JsonSchemaMode], Any], dict[str, Any]]:
    models: dict[tuple[type[Any], JsonSchemaMode], None] = {}
    for action in ACTIONS.values():
        models |= {(action.payload, "validation"): None, (action.answer, "serialization"): None}
    models |= {(event.payload, "serialization"): None for event in EVENTS.values()}
    refs, document = models_json_schema(list(models), ref_template=_REF)
    schemas: dict[str, Any] = document["$defs"]
    schemas["ActionError"] = {
        "type": "object",
        "title": "ActionError",
        "description": "Why an action was refused.",
        "required": ["code", "message", "request_id"],
        "properties": {
            "code": {
                "type": "string",
                "enum": [code.value for code in ErrorCode],
                "description": "Stable error code for programs. "
                + " ".join(f"`{code.value}`: {code.meaning}" for code in ErrorCode),
            },
            "message": {"type": "string", "description": "What went wrong, in words for a person. The words may change."},
            "request_id": {"type": "string", "description": "ID of the request. The server's log lines have it too."},
            "details": details_schema(_ref),
            "retry_after": {"type": "integer", "minimum": 1, "description": "Seconds to wait before the next try."},
        },
        "allOf": details_by_code(_ref, optional=(ErrorCode.RATE_LIMITED,)),
    }
    schemas |= error_schemas(_ref)
    return refs, schemas


def _plain(schema: Any) -> Any:
    """OpenAPI's discriminator is an object, AsyncAPI's the name of the property."""
    if isinstance(schema, dict):
        return {
            key: value["propertyName"] if key == "discriminator" and isinstance(value, dict) else _plain(value)
            for key, value in schema.items()
        }
    return [_plain(item) for item in schema] if isinstance(schema, list) else schema


def _action_message(action: Action, ref: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": action.name,
        "title": action.name,
        "summary": first_sentence(action.description),
        "contentType": "application/json",
        "payload": ref,
        "examples": [
            {"name": name, "summary": f"{action.name}: {name}", "payload": example}
            for name, example in build_examples(ref, schemas).items()
        ],
    }


def _ack_message(action: Action, ref: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    data = {"type": "object", "required": ["data"], "properties": {"data": ref}, "additionalProperties": False}
    rules = [_ref("ActionError"), {"properties": {"code": {"enum": [code.value for code in action.all_errors]}}}]
    if action.conflicts:
        rules.append(only_reasons(action.conflicts))
    error = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"allOf": rules}},
        "additionalProperties": False,
    }
    return {
        "name": f"{action.name} ack",
        "title": f"{action.name} ack",
        "summary": f"The ack of {action.name}.",
        "contentType": "application/json",
        "payload": {"oneOf": [data, error]},
        "examples": [
            {"name": "data", "summary": "The action succeeded.", "payload": {"data": _example(ref, schemas)}},
            {
                "name": "error",
                "summary": "The action was refused.",
                "payload": {"error": _refusal(ValidationFailed.at("chat_id", "must be a UUID"))},
            },
        ],
    }


def _event_message(event: Event, ref: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": event.name,
        "title": event.name,
        "summary": first_sentence(event.description),
        "contentType": "application/json",
        "payload": ref,
        "examples": [{"name": "example", "summary": event.name, "payload": _example(ref, schemas)}],
    }


def _example(ref: Any, schemas: dict[str, Any]) -> Any:
    return next(iter(build_examples(ref, schemas).values()))


def _refusal(error: AppError) -> dict[str, Any]:
    return {**error.body(CHAT_ID), "code": error.code.value}


def _receive(action: Action, key: str) -> dict[str, Any]:
    return {
        "action": "receive",
        "title": action.name,
        "summary": first_sentence(action.description),
        "description": action.description,
        "channel": {"$ref": "#/channels/chat"},
        "messages": [{"$ref": f"#/channels/chat/messages/{key}"}],
        "reply": {
            "channel": {"$ref": "#/channels/chat"},
            "messages": [{"$ref": f"#/channels/chat/messages/{key}_ack"}],
        },
        "tags": [{"name": action.name.partition(":")[0]}],
    }


def _send(event: Event, key: str) -> dict[str, Any]:
    return {
        "action": "send",
        "title": event.name,
        "summary": first_sentence(event.description),
        "description": f"{event.description}\n\nSent to {event.to}.",
        "channel": {"$ref": "#/channels/chat"},
        "messages": [{"$ref": f"#/channels/chat/messages/{key}"}],
        "tags": [{"name": event.name.partition(":")[0]}],
    }
