"""What clients rely on does not change by accident: every action, event and field, against the snapshot beside this test.

A change that is meant is written down with ``python -m tests.documents.test_wire_snapshot``, and shows in the diff.
"""

from pathlib import Path
from typing import Any

import orjson

import server  # noqa: F401  (declares every action and event)
from realtime.documents.asyncapi import describe_events_api

SNAPSHOT = Path(__file__).with_name("wire_snapshot.json")
_WHAT_TO_DO = (
    "If clients are meant to see this, run `python -m tests.documents.test_wire_snapshot` and commit the snapshot."
)


def wire() -> dict[str, Any]:
    """Names of actions and events, and the fields of every payload with whether they must be there."""
    document = describe_events_api(version="0")
    fields = {
        name: {field: field in schema.get("required", ()) for field in sorted(schema["properties"])}
        for name, schema in sorted(document["components"]["schemas"].items())
        if "properties" in schema
    }
    operations = {one["title"]: one["action"] for one in document["operations"].values()}
    return {"operations": dict(sorted(operations.items())), "fields": fields}


def test_wire_is_what_the_snapshot_says():
    kept, now = orjson.loads(SNAPSHOT.read_bytes()), wire()
    for part in ("operations", "fields"):
        gone = sorted(set(kept[part]) - set(now[part]))
        new = sorted(set(now[part]) - set(kept[part]))
        assert not gone, f"gone: {', '.join(gone)}. {_WHAT_TO_DO}"
        assert not new, f"new: {', '.join(new)}. {_WHAT_TO_DO}"
    changed = [name for name in now["fields"] if now["fields"][name] != kept["fields"][name]]
    for name in changed:
        before, after = kept["fields"][name], now["fields"][name]
        differing = sorted(field for field in {**before, **after} if before.get(field) != after.get(field))
        raise AssertionError(f"{name} has other fields: {', '.join(differing)}. {_WHAT_TO_DO}")
    assert now["operations"] == kept["operations"], _WHAT_TO_DO


if __name__ == "__main__":
    SNAPSHOT.write_bytes(orjson.dumps(wire(), option=orjson.OPT_INDENT_2) + b"\n")
