"""Examples of whole payloads, put together from the examples of their fields.

They are made of the JSON Schema alone, so that REST bodies, actions, answers and events all get theirs the same way, and
none can differ from what validates. A null example stands for "leave it out" where a field may be left out.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = Mapping[str, Any]


def example_of(model: type[BaseModel]) -> Any:
    """An example of a payload; of a union, its first variant."""
    schema = model.model_json_schema()
    return build_example(schema, schema.get("$defs", {}))


def build_examples(schema: Schema, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """Name → example: one for each variant of a union, otherwise a single one.

    A variant is called by the value that discriminates it, or by its title. ``schemas``: name → schema, for references.
    """
    resolved = _resolve(schema, schemas)
    variants = _variants(resolved) or [resolved]
    discriminator = resolved.get("discriminator", {}).get("propertyName")
    examples: dict[str, Any] = {}
    for variant in variants:
        example = build_example(variant, schemas)
        title = _resolve(variant, schemas).get("title", "example")
        examples[example[discriminator] if discriminator else title] = example
    return examples


def build_example(schema: Schema, schemas: Mapping[str, Schema]) -> Any:
    """One example, or ``None`` where the schema gives nothing to make it of."""
    if "examples" in schema:
        return schema["examples"][0]
    schema = _resolve(schema, schemas)
    variants = _variants(schema)
    if variants:
        return build_example(variants[0], schemas)
    if "properties" in schema:
        return _build_object(schema, schemas)
    if "items" in schema:
        return [build_example(schema["items"], schemas)]
    return schema.get("const", schema.get("enum", [schema.get("default")])[0])


def _variants(schema: Schema) -> list[Schema]:
    """Of a union, its members. Beside properties ``oneOf`` is a rule between them."""
    if "properties" in schema:
        return []
    variants: list[Schema] = schema.get("oneOf") or schema.get("anyOf") or []
    return variants


def _build_object(schema: Schema, schemas: Mapping[str, Schema]) -> dict[str, Any]:
    required = schema.get("required", ())
    fields = {name: build_example(field, schemas) for name, field in schema["properties"].items()}
    return {name: value for name, value in fields.items() if value is not None or name in required}


def _resolve(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema
