"""The rules of the house that no linter knows: sizes, names, and that everything on the wire is described."""

import ast
import typing
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import realtime.actions  # noqa: F401  (declares every action)
from realtime.wire.registry import ACTIONS, EVENTS

ROOT = Path(__file__).parents[2]
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 69
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
OPEN_ENDS = ("TO" + "DO", "FIX" + "ME", "XX" + "X")


def product_files() -> list[Path]:
    """The modules that mypy checks."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    names = [name.strip() for name in setup["mypy"]["files"].replace("\n", ",").split(",") if name.strip()]
    files = [file for name in names for file in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))]
    return sorted(files)


FILES = product_files()
NAMES = [str(file.relative_to(ROOT)) for file in FILES]


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def test_product_is_found():
    assert {"server.py", "core/errors.py", "realtime/transport/socketio/server.py", "db/pool.py"} <= set(NAMES)


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_module_is_short_and_its_functions_are(file: Path):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MODULE_LINES_MAX
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{node.name} has {length} lines"


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_module_is_named_after_a_concept_and_finished(file: Path):
    assert not NAMELESS & {*file.relative_to(ROOT).with_suffix("").parts}
    text = file.read_text(encoding="utf-8")
    assert not [word for word in OPEN_ENDS if word in text]


# --- the wire


def models_of(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[type[BaseModel]]:
    """The model and every one in it."""
    if model in seen:
        return
    seen.add(model)
    yield model
    for info in model.model_fields.values():
        for part in models_in(info.annotation):
            yield from models_of(part, seen)


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from models_in(part)


def wire_models() -> dict[str, type[BaseModel]]:
    seen: set[type[BaseModel]] = set()
    roots = [model for declared in ACTIONS.values() for model in (declared.payload, declared.answer)]
    roots += [declared.payload for declared in EVENTS.values()]
    return {model.__name__: model for root in roots for model in models_of(root, seen)}


MODELS = wire_models()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_everything_on_the_wire_is_described_with_an_example(name: str):
    model = MODELS[name]
    assert model.__doc__
    assert model.__doc__ != BaseModel.__doc__
    for field, info in model.model_fields.items():
        if field == "root":
            continue
        assert info.description, f"{field} has no description"
        assert has_example(info), f"{field} has no example"


def has_example(info: FieldInfo) -> bool:
    """One of its own, or those of the models it is made of."""
    return info.examples is not None or any(models_in(info.annotation))


@pytest.mark.parametrize("declared", [*ACTIONS.values(), *EVENTS.values()], ids=lambda declared: declared.name)
def test_declarations_are_described(declared: typing.Any):
    assert declared.description
    noun, _, verb = declared.name.partition(":")
    assert noun.isidentifier()
    assert verb.isidentifier()


@pytest.mark.parametrize("name", sorted({*ACTIONS, *EVENTS}))
def test_wire_name_occurs_where_it_is_declared_and_nowhere_else(name: str):
    modules = [
        str(file.relative_to(ROOT))
        for file in FILES
        if any(isinstance(node, ast.Constant) and node.value == name for node in ast.walk(tree_of(file)))
    ]
    declarations = (name in ACTIONS) + (name in EVENTS)
    assert 1 <= len(modules) <= declarations, modules
