"""Errors as the documents describe them: ``details`` by code, and the closed list of conflict reasons.

AsyncAPI, OpenAPI and TypeScript take it from here, so that the three say the same.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from core.conflicts import ConflictReason
from core.errors import ErrorCode

Ref = Callable[[str], dict[str, str]]
"""Makes the reference to a schema of the document, by its name."""

_DETAILS: Final = {
    ErrorCode.CONFLICT: "ConflictDetails",
    ErrorCode.NOT_FOUND: "NotFoundDetails",
    ErrorCode.RATE_LIMITED: "RateLimitedDetails",
    ErrorCode.VALIDATION_FAILED: "ValidationDetails",
}
"""Code → the schema of its ``details``. Other codes have none."""


def error_schemas(ref: Ref) -> dict[str, Any]:
    """The schemas of ``details``, by name."""
    return {
        "ConflictReason": {
            "title": "ConflictReason",
            "type": "string",
            "enum": [reason.value for reason in ConflictReason],
            "description": "Stable: switch on it. " + " ".join(map(explain, ConflictReason)),
        },
        "ConflictDetails": _object(
            "ConflictDetails",
            "Why the current state forbids the request.",
            {"reason": {**ref("ConflictReason"), "description": "The stable word.", "examples": ["pin_limit"]}},
        ),
        "NotFoundDetails": _object(
            "NotFoundDetails",
            "What was not found. An object that the caller may not see gets the same answer as one that does not exist.",
            {
                "field": {
                    "type": "string",
                    "description": "The field of the request (over HTTP also of the path) that names it.",
                    "examples": ["chat_id"],
                }
            },
        ),
        "RateLimitedDetails": _object(
            "RateLimitedDetails",
            "What helps instead of waiting. Only `POST /v1/auth/codes` answers it, if `MOLVA_CHALLENGE` is set.",
            {"challenge": _challenge()},
        ),
        "ValidationDetails": {
            "title": "ValidationDetails",
            "type": "array",
            "description": "Every fault of the request.",
            "items": _object(
                "Fault",
                "One fault.",
                {
                    "path": {
                        "type": "string",
                        "description": "The field, with dots between its parts; empty for the whole request.",
                        "examples": ["content.text"],
                    },
                    "message": {
                        "type": "string",
                        "description": "What is wrong with it, for a person; it may change.",
                        "examples": ["must be at most 4096 characters"],
                    },
                },
            ),
        },
    }


def _challenge() -> dict[str, Any]:
    return {
        "title": "Challenge",
        "type": "object",
        "description": "Repeat the request with its solution as `challenge`.",
        "examples": [{"type": "pow", "nonce": "ah8mQ4…", "bits": 20}],
        "required": ["type"],
        "additionalProperties": False,
        "properties": {
            "type": {
                "type": "string",
                "enum": ["pow", "hcaptcha", "turnstile"],
                "description": "A proof of work, or a service whose widget the client shows.",
                "examples": ["pow"],
            },
            "nonce": {"type": "string", "description": "Of `pow`: send it back.", "examples": ["ah8mQ4…"]},
            "bits": {
                "type": "integer",
                "description": "Of `pow`: with how many zero bits the SHA-256 of `<nonce>.<solution>` must begin.",
                "examples": [20],
            },
            "site_key": {"type": "string", "description": "Of a service: its public key.", "examples": ["10000000-ffff"]},
        },
    }


def _object(title: str, description: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "description": description,
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


def details_schema(ref: Ref) -> dict[str, Any]:
    """``details`` of an error of whatever code."""
    return {
        "description": "By code. `validation_failed`: every fault. `conflict`: the `reason`. `not_found`: the `field` "
        "whose object was not found; absent for an unknown path. `rate_limited`: the `challenge`, where solving one helps.",
        "anyOf": [ref(name) for name in _DETAILS.values()],
    }


def details_by_code(ref: Ref, *, optional: Sequence[ErrorCode] = ()) -> list[dict[str, Any]]:
    """Rules for ``allOf``: which code has which ``details``; ``optional``: codes of which some errors have none."""
    return [
        {
            "if": {"properties": {"code": {"const": code.value}}},
            "then": {
                "properties": {"details": ref(name)},
                **({"required": ["details"]} if code not in optional else {}),
            },
        }
        for code, name in _DETAILS.items()
    ]


def only_reasons(reasons: Sequence[ConflictReason]) -> dict[str, Any]:
    """A rule for ``allOf``: a ``conflict`` has one of these reasons."""
    allowed = {"reason": {"enum": [reason.value for reason in reasons]}}
    return {
        "if": {"properties": {"code": {"const": ErrorCode.CONFLICT.value}}},
        "then": {"properties": {"details": {"properties": allowed}}},
    }


def explain(reason: ConflictReason) -> str:
    """A reason in a sentence or two: what it means and what to do."""
    return f"`{reason.value}`: {reason.meaning} {reason.remedy}"
