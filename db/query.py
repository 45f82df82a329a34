"""A statement and the typed function that carries it, in one place.

::

    @query("SELECT id, display_name FROM users WHERE id = $1")
    async def find_user(tx: Tx, user_id: str) -> UserRow | None: ...

The parameters after ``tx`` are ``$1``, ``$2``, … in order. The return annotation says what is fetched:

==================  =====================================================
``Row``             one row (a missing one is a bug)
``Row | None``      the first row, if any
``list[Row]``       all rows
``None``            nothing
``Affected``        how many rows were touched
==================  =====================================================

where ``Row`` is a dataclass whose fields are the statement's columns in order, or a plain type for a single column. A
field that is itself such a dataclass takes as many columns, named ``field.column``; a field ``Inner | None`` is ``None``
when the first of them is null.

Every statement is registered; a test prepares each against the real schema and compares its parameters and columns with
the function's annotations.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Final, NewType, ParamSpec, TypeVar

from db.pool import Tx

Affected = NewType("Affected", int)
P = ParamSpec("P")
R = TypeVar("R")


@dataclasses.dataclass(frozen=True, slots=True)
class Statement:
    """One registered statement, as the tests see it."""

    name: str
    sql: str
    parameters: dict[str, Any]
    columns: dict[str, Any] | None
    """Column name → Python type; ``None`` where a single plain value or nothing is returned."""


STATEMENTS: Final[dict[str, Statement]] = {}


def query(
    sql: str,
) -> Callable[[Callable[Concatenate[Tx, P], Awaitable[R]]], Callable[Concatenate[Tx, P], Awaitable[R]]]:
    """Give ``sql`` to the decorated declaration, whose body stays empty."""

    def carry(
        declaration: Callable[Concatenate[Tx, P], Awaitable[R]],
    ) -> Callable[Concatenate[Tx, P], Awaitable[R]]:
        hints = typing.get_type_hints(declaration, include_extras=True)
        result = hints.pop("return")
        hints.pop("tx")
        name = f"{declaration.__module__.removeprefix('db.')}.{declaration.__name__}"
        many, row = _shape(result)
        fields = _columns(row) if dataclasses.is_dataclass(row) else None
        STATEMENTS[name] = Statement(name, sql, hints, fields)
        fetch = _fetcher(name, sql, many=many, row=row, nothing=result is types.NoneType, count=result is Affected)
        carrier: Callable[Concatenate[Tx, P], Awaitable[R]] = _carrier(declaration, tuple(hints), fetch)
        return carrier

    return carry


Fetch = Callable[[Tx, tuple[object, ...]], Awaitable[Any]]


def _shape(result: Any) -> tuple[bool, Any]:
    """Whether many rows come, and the type of one."""
    if typing.get_origin(result) is list:
        return True, typing.get_args(result)[0]
    if typing.get_origin(result) in (types.UnionType, typing.Union):
        return False, next(part for part in typing.get_args(result) if part is not types.NoneType)
    return False, result


def _columns(row: Any, prefix: str = "") -> dict[str, Any]:
    """Column names, in order, with their types."""
    columns: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(row).items():
        inner = _shape(kind)[1]
        if dataclasses.is_dataclass(inner):
            nullable = {} if inner is kind else {key: value | None for key, value in _columns(inner, f"{name}.").items()}
            columns |= {f"{prefix}{key}": value for key, value in (nullable or _columns(inner, f"{name}.")).items()}
        else:
            columns[f"{prefix}{name}"] = kind
    return columns


def _maker(row: Any) -> Callable[[Any], Any]:
    """What turns a record into ``row``."""
    if not dataclasses.is_dataclass(row):
        return lambda record: record[0]
    parts: list[tuple[int, int, Any, bool]] = []
    position = 0
    for kind in typing.get_type_hints(row).values():
        inner = _shape(kind)[1]
        width = len(_columns(inner)) if dataclasses.is_dataclass(inner) else 0
        parts.append((position, position + width, _maker(inner) if width else None, inner is not kind))
        position += width or 1
    construct: Any = row
    if all(inner is None for _, _, inner, _ in parts):
        return lambda record: construct(*record)

    def part(values: Any, start: int, end: int, inner: Any, optional: bool) -> Any:  # noqa: FBT001  (a row of parts)
        if inner is None:
            return values[start]
        return None if optional and values[start] is None else inner(values[start:end])

    def make(record: Any) -> Any:
        values = tuple(record)
        return construct(*(part(values, *where) for where in parts))

    return make


def _fetcher(name: str, sql: str, *, many: bool, row: Any, nothing: bool, count: bool) -> Fetch:
    make = _maker(row)

    async def fetch_many(tx: Tx, arguments: tuple[object, ...]) -> Any:
        return [make(record) for record in await tx.fetch(name, sql, arguments)]

    async def fetch_one(tx: Tx, arguments: tuple[object, ...]) -> Any:
        record = await tx.fetch_row(name, sql, arguments)
        return None if record is None else make(record)

    async def execute(tx: Tx, arguments: tuple[object, ...]) -> Any:
        touched = await tx.execute(name, sql, arguments)
        return None if nothing else touched

    if nothing or count:
        return execute
    return fetch_many if many else fetch_one


def _carrier(declaration: Any, names: tuple[str, ...], fetch: Fetch) -> Any:
    async def carrier(tx: Tx, *arguments: object, **named: object) -> Any:
        if named:
            arguments += tuple(named[name] for name in names[len(arguments) :])
        if len(arguments) != len(names):
            raise TypeError(f"{declaration.__name__} takes {', '.join(names)}")
        return await fetch(tx, arguments)

    carrier.__name__ = declaration.__name__
    carrier.__qualname__ = declaration.__qualname__
    carrier.__doc__ = declaration.__doc__
    carrier.__module__ = declaration.__module__
    carrier.__signature__ = inspect.signature(declaration)  # type: ignore[attr-defined]  # for help() and the tests
    return carrier
