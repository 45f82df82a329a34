"""The published documents as a witness: whatever the product says during a test run must be in them.

Every ack, event and HTTP answer is validated against ``/asyncapi.json`` and ``/openapi.json``. A violation fails the test
in which it happened; an action, event or error code that no test of a whole run exercised fails the run.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import jsonschema_rs
import orjson
import pytest

import realtime.actions  # noqa: F401  (declares every action)
from accounts.network_bans import NETWORK_BANNED
from core.conflicts import ConflictReason
from core.errors import ErrorCode
from core.settings import Settings
from core.tokens import AccessTokens
from http_api.app import create_app
from http_api.openapi import openapi_of
from realtime import namespace
from realtime.documents.asyncapi import describe_events_api
from realtime.wire.dispatch import Dispatcher, Reply
from realtime.wire.registry import ACTIONS, EVENTS, Action

_VIOLATIONS_SHOWN_MAX = 5
SEEN = ("actions", "events", "codes", "reasons")
"""What a whole run must have exercised."""


@dataclass
class Witness:
    """What was said, and what should not have been."""

    actions: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    validators: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.asyncapi = describe_events_api(version="0")
        secret = "x" * 32
        app = create_app(
            settings=Settings(jwt_secret=secret),
            database=None,
            tokens=AccessTokens(secret.encode()),
            dispatcher=None,
            **_absent(create_app),
        )  # type: ignore[arg-type]
        self.openapi = openapi_of(app)
        self.routes = [
            (re.compile(re.sub(r"\{\w+\}", r"[^/]+", path) + r"\Z"), path, methods)
            for path, methods in self.openapi["paths"].items()
        ]

    def saw_reply(self, name: str, reply: Reply) -> None:
        """An ack, or the answer of ``/v1/actions``."""
        if reply.error is not None:
            self._saw_error(dict(reply.error))
        if name in ACTIONS:
            if reply.error is not None:
                self._check_declared(ACTIONS[name], dict(reply.error))
            self.actions.add(name)
            key = f"{name.replace(':', '_')}_ack"
            self._check(f"ack of {name}", self._message(key), orjson.loads(reply.ack()))
        elif reply.error is None:
            self.violations.append(f"{name} was done and is not declared: declare it with @action")

    def saw_event(self, name: str, payload: bytes) -> None:
        """An event on its way to connections."""
        if name not in EVENTS:
            self.violations.append(f"the event {name} is not declared: declare it with event() in the registry")
            return
        self.events.add(name)
        self._check(f"event {name}", self._message(f"on_{name.replace(':', '_')}"), orjson.loads(payload))

    def saw_answer(self, request: httpx.Request, response: httpx.Response) -> None:
        """An HTTP answer to a test's client."""
        if response.headers.get("content-type", "").startswith("application/problem+json"):
            self._saw_error(response.json())
        path = request.url.path
        for pattern, template, methods in self.routes:
            operation = methods.get(request.method.lower())
            if operation is not None and pattern.match(path):
                self._check_answer(f"{request.method} {template}", operation, response)
                return

    def _saw_error(self, error: dict[str, Any]) -> None:
        self.codes.add(error["code"])
        if error["code"] == ErrorCode.CONFLICT:
            self.reasons.add(error["details"]["reason"])

    def _check_declared(self, action: Action, error: dict[str, Any]) -> None:
        """A refusal is one that the declaration has, and names a field that the payload has."""
        code, details = error["code"], error.get("details")
        if code not in action.all_errors:
            self.violations.append(f"{action.name} answered {code}, which @action does not declare")
        elif code == ErrorCode.CONFLICT and details["reason"] not in action.conflicts:
            self.violations.append(f"{action.name}: declare the reason {details['reason']} in @action(conflicts=…)")
        elif code == ErrorCode.NOT_FOUND and details["field"] not in _fields_of(action):
            self.violations.append(f"{action.name} answered not_found for {details['field']}, which its payload has not")

    def _check_answer(self, title: str, operation: dict[str, Any], response: httpx.Response) -> None:
        declared = operation["responses"].get(str(response.status_code))
        if declared is None:
            # Like an unknown method, a banned network is refused before any route.
            is_banned = response.status_code == 403 and response.json()["detail"] == NETWORK_BANNED
            if response.status_code != 405 and not is_banned:
                self.violations.append(f"{title} answered {response.status_code}, which is not declared for it")
            return
        kind = response.headers.get("content-type", "").partition(";")[0]
        schema = declared.get("content", {}).get(kind, {}).get("schema")
        if schema and "json" in kind:
            key = f"{title} {response.status_code}"
            validator = self.validators.get(key)
            if validator is None:
                root = {"components": self.openapi["components"], **schema}
                validator = self.validators[key] = jsonschema_rs.validator_for(root)
            self._check(key, validator, response.json())
        if response.status_code == 404 and "json" in kind and not title.startswith("POST /v1/actions/"):
            field = response.json().get("details", {}).get("field")
            if f"{{{field}}}" not in title and field not in _fields_sent(response.request):
                self.violations.append(f"{title} answered not_found for {field}, which is no parameter of the request")

    def _message(self, key: str) -> Any:
        validator = self.validators.get(key)
        if validator is None:
            components = self.asyncapi["components"]
            root = {"components": components, **components["messages"][key]["payload"]}
            validator = self.validators[key] = jsonschema_rs.validator_for(root)
        return validator

    def _check(self, title: str, validator: Any, value: Any) -> None:
        if not validator.is_valid(value):
            fault = next(iter(validator.iter_errors(value)))
            self.violations.append(f"{title} differs from the document: {fault.message[:300]} at {fault.instance_path}")

    def take_violations(self) -> str:
        """What has gone wrong since the last time, for a failure's message."""
        found, self.violations = self.violations, []
        return "\n".join(found[:_VIOLATIONS_SHOWN_MAX])

    def exercised(self) -> dict[str, list[str]]:
        """What was seen, for the process that gathers it."""
        return {part: sorted(getattr(self, part)) for part in SEEN}


def _fields_sent(request: httpx.Request) -> frozenset[str]:
    """The fields of a JSON body."""
    if request.headers.get("content-type") != "application/json":
        return frozenset()
    body = orjson.loads(request.content)
    return frozenset(body) if isinstance(body, dict) else frozenset()


@cache
def _fields_of(action: Action) -> frozenset[str]:
    """Every field of the action's payload, whatever its variant, those of ``content`` included."""
    schema = action.payload.model_json_schema()
    return frozenset(name for part in (schema, *schema.get("$defs", {}).values()) for name in part.get("properties", ()))


def _absent(function: Callable[..., Any]) -> dict[str, Any]:
    """Nothing, for every further parameter that must be given."""
    given = {"settings", "database", "tokens", "dispatcher"}
    parameters = function.__kwdefaults__ or {}
    names = function.__code__.co_varnames[: function.__code__.co_kwonlyargcount]
    return {name: None for name in names if name not in given and name not in parameters}


def unexercised(seen: dict[str, set[str]]) -> str:
    """What a whole run should have seen and did not."""
    missing = [
        *(f"action {name}" for name in ACTIONS if name not in seen["actions"]),
        *(f"event {name}" for name in EVENTS if name not in seen["events"]),
        *(f"error code {code.value}" for code in ErrorCode if code.value not in seen["codes"]),
        *(f"conflict reason {reason.value}" for reason in ConflictReason if reason.value not in seen["reasons"]),
    ]
    return ", ".join(missing)


def install(witness: Witness, patch: pytest.MonkeyPatch) -> None:
    """Let the witness see everything that this process says."""
    dispatch, encode, send = Dispatcher.dispatch, namespace.encode, httpx.AsyncClient.send

    async def dispatch_seen(self: Dispatcher, name: str, *rest: Any, **named: Any) -> Reply:
        reply = await dispatch(self, name, *rest, **named)
        witness.saw_reply(name, reply)
        return reply

    def encode_seen(name: str, payload: bytes) -> Any:
        witness.saw_event(name, payload)
        return encode(name, payload)

    async def send_seen(self: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        response = await send(self, request, **options)
        if not options.get("stream"):
            witness.saw_answer(request, response)
        return response

    patch.setattr(Dispatcher, "dispatch", dispatch_seen)
    patch.setattr(namespace, "encode", encode_seen)
    patch.setattr("server.encode", encode_seen)
    patch.setattr(httpx.AsyncClient, "send", send_seen)
