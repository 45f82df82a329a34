"""The page ``/docs/events``: the events and actions of the Socket.IO side, from the AsyncAPI document.

Events come first, then actions, each grouped by what they are about. An entry is closed until somebody opens it: it says
who gets the event, what the fields are, and shows an example.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

from http_api.documentation import inline_markdown

_INDENT: Final = 2
Schema = Mapping[str, Any]


class EventsPage:
    """Makes the page out of an AsyncAPI document."""

    def __init__(self, document: Schema) -> None:
        self._document = document
        components = document["components"]
        self._messages: Schema = components["messages"]
        self._schemas: Schema = components["schemas"]

    def render(self) -> str:
        """The HTML between the header and the end of the page."""
        operations = list(self._document["operations"].values())
        events = [one for one in operations if one["action"] == "send"]
        actions = [one for one in operations if one["action"] == "receive"]
        return (
            f"<aside>{self._contents(events, actions)}</aside><main><h1>Events and actions</h1>"
            f"{_paragraphs(self._document['info']['description'])}"
            f'<h2 id="events">Events</h2><p>What the server sends. {len(events)} events.</p>{self._groups(events, "event")}'
            f'<h2 id="actions">Actions</h2><p>What a client sends. Each has an ack. {len(actions)} actions.</p>'
            f'{self._groups(actions, "action")}<h2 id="objects">Objects</h2><p>What payloads and acks consist of.</p>'
            f"{self._objects()}</main>"
        )

    def _contents(self, events: Iterable[Schema], actions: Iterable[Schema]) -> str:
        lines = []
        for title, anchor, operations in (("Events", "events", events), ("Actions", "actions", actions)):
            lines.append(f'<a href="#{anchor}">{title}</a>')
            lines += [f'<a class="part" href="#{anchor}-{tag}">{tag}</a>' for tag in _by_tag(operations)]
        lines.append('<a href="#objects">Objects</a><a href="/asyncapi.json">asyncapi.json</a>')
        return f'<nav aria-label="Contents">{"".join(lines)}</nav>'

    def _groups(self, operations: Iterable[Schema], kind: str) -> str:
        return "".join(
            f'<h3 id="{kind}s-{tag}">{tag}</h3>{"".join(self._entry(one, kind) for one in group)}'
            for tag, group in _by_tag(operations).items()
        )

    def _entry(self, operation: Schema, kind: str) -> str:
        name = operation["title"]
        message = self._messages[_last(operation["messages"][0]["$ref"])]
        about = operation["description"].removeprefix(operation["summary"]).removeprefix(".")  # it stands above already
        parts = [_paragraphs(about), "<h4>Payload</h4>", self._fields(message["payload"])]
        parts += self._examples(message)
        if "reply" in operation:
            ack = self._messages[_last(operation["reply"]["messages"][0]["$ref"])]
            parts += ["<h4>Ack</h4>", *self._ack(ack["payload"]), *self._examples(ack)]
        return _details(f"{kind}-{name}", f"<code>{name}</code> {inline_markdown(operation['summary'])}", "".join(parts))

    def _ack(self, payload: Schema) -> Iterator[str]:
        data, error = (variant["properties"] for variant in payload["oneOf"])
        yield f"<p><code>data</code>: {self._type(data['data'])}</p>"
        codes = next(part["properties"]["code"]["enum"] for part in error["error"]["allOf"] if "properties" in part)
        yield f"<p><code>error</code>, with one of the codes {_words(codes)}</p>"
        for part in error["error"]["allOf"]:
            if "then" in part:
                reasons = part["then"]["properties"]["details"]["properties"]["reason"]["enum"]
                yield f"<p>Reasons of <code>conflict</code>: {_words(reasons)}</p>"

    def _examples(self, message: Schema) -> Iterator[str]:
        for example in message.get("examples", ())[:1]:
            text = json.dumps(example["payload"], ensure_ascii=False, indent=_INDENT)
            yield f"<pre><code>{escape(text)}</code></pre>"

    def _objects(self) -> str:
        return "".join(self._object(name, schema) for name, schema in sorted(self._schemas.items()))

    def _object(self, name: str, schema: Schema) -> str:
        about = _paragraphs(schema.get("description", ""))
        return _details(f"object-{name}", f"<code>{name}</code>", about + self._fields(schema))

    def _fields(self, schema: Schema) -> str:
        """A table of the fields; of a union, a line that says which it may be."""
        if "$ref" in schema:
            schema = self._schemas[_last(schema["$ref"])]
        properties = schema.get("properties", {})
        if not properties:
            return f"<p>{self._type(schema)}</p>" if _is_choice(schema) else "<p>Nothing.</p>"
        required = schema.get("required", ())
        rows = "".join(
            f"<tr><td><code>{name}</code>{'' if name in required else ' <i>optional</i>'}</td><td>{self._type(field)}</td>"
            f"<td>{inline_markdown(field.get('description', ''))}</td></tr>"
            for name, field in properties.items()
        )
        return f'<div class="wide"><table><tr><th>field</th><th>type</th><th>meaning</th></tr>{rows}</table></div>'

    def _type(self, schema: Schema) -> str:
        """The type in a few words; ``nullable`` where null is allowed, too."""
        if "$ref" in schema:
            name = _last(schema["$ref"])
            return f'<a href="#object-{name}">{name}</a>'
        if "enum" in schema:
            return _words(schema["enum"])
        if "const" in schema:
            return _words([schema["const"]])
        variants = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if variants:
            shown = [self._type(variant) for variant in variants if variant.get("type") != "null"]
            nullable = ", nullable" if len(shown) < len(variants) else ""
            return " or ".join(dict.fromkeys(shown)) + nullable
        if schema.get("type") == "array":
            return f"list of {self._type(schema.get('items', {}))}{_bounds(schema)}"
        kind = schema.get("type", "any JSON")
        return f"{schema.get('format', kind)}{_bounds(schema)}"


def _is_choice(schema: Schema) -> bool:
    return any(key in schema for key in ("anyOf", "oneOf", "enum"))


def _bounds(schema: Schema) -> str:
    """The bounds of a number, a text or a list."""
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        if high in schema:
            return f", {schema.get(low, 0)} to {schema[high]}"
        if schema.get(low):
            return f", from {schema[low]}"
    return ""


def _by_tag(operations: Iterable[Schema]) -> dict[str, list[Schema]]:
    groups: dict[str, list[Schema]] = {}
    for operation in operations:
        groups.setdefault(operation["tags"][0]["name"], []).append(operation)
    return groups


def _details(anchor: str, summary: str, body: str) -> str:
    return f'<details id="{anchor}"><summary>{summary}</summary><div>{body}</div></details>'


def _paragraphs(text: str) -> str:
    """Paragraphs and code blocks of a description."""
    parts = re.split(r"```\w*\n(.*?)```", text, flags=re.DOTALL)
    made = []
    for place, part in enumerate(parts):
        if place % 2:
            made.append(f"<pre><code>{escape(part.strip())}</code></pre>")
        else:
            made += [f"<p>{inline_markdown(one)}</p>" for one in part.split("\n\n") if one.strip()]
    return "".join(made)


def _words(values: Iterable[object]) -> str:
    return ", ".join(f"<code>{escape(str(value))}</code>" for value in values)


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]
