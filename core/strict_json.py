"""JSON of which no two readers think differently."""

import json
from typing import Any

import orjson


def parse_json(body: bytes) -> Any:
    """``body`` as JSON that means one thing only.

    ``json.JSONDecodeError`` for what is no JSON by RFC 8259 (NaN, lone surrogates, bytes that are no UTF-8), for a key that
    occurs twice in an object, and for nesting beyond what Python's stack takes.
    """
    orjson.loads(body)  # strict about everything but repeated keys
    try:
        return json.loads(body, object_pairs_hook=_unrepeated)
    except RecursionError:
        raise json.JSONDecodeError("too deeply nested", "", 0) from None


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise json.JSONDecodeError("a key occurs twice", "", 0)
    return read
