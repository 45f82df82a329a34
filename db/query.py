"""A statement and the typed function that carries it, in one place.

::

    @query("SELECT id, display_name FROM users WHERE id = $1")
    async def find_user(tx: Tx, user_id: str) -> UserRow | None: ...

The parameters after ``tx`` are ``$1``, ``$2``, … in order. Instead of them a function may have one parameter that is a
dataclass: its fields are ``$1``, ``$2``, … (a field that is itself a dataclass takes as many as it has fields). If the
parameter is a list of a dataclass, each ``$n`` is an array with one value for each element of the list. PostgreSQL has no
arrays of arrays of different lengths: in such a list, a field that is a list becomes the text of an array. A field that is
``None`` everywhere becomes an empty array, which costs less, and which ``unnest`` fills up with nulls.

The return annotation says what is fetched:

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
import operator
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
        parameters = _parameters(hints)
        many, row = _shape(result)
        fields = _columns(row) if dataclasses.is_dataclass(row) else None
        STATEMENTS[name] = Statement(name, sql, parameters, fields)
        fetch = _fetcher(name, sql, many=many, row=row, nothing=result is types.NoneType, count=result is Affected)
        carrier: Callable[Concatenate[Tx, P], Awaitable[R]] = _carrier(
            declaration, tuple(hints), _taking_fields(hints, fetch)
        )
        return carrier

    return carry


Fetch = Callable[[Tx, tuple[object, ...]], Awaitable[Any]]


def _fields_of(kind: type[Any]) -> dict[str, tuple[str, Any]]:
    """The parameters that the dataclass ``kind`` stands for: name → its path of attributes (``body.type``) and its type."""
    found: dict[str, tuple[str, Any]] = {}
    for name, field_kind in typing.get_type_hints(kind).items():
        if dataclasses.is_dataclass(field_kind) and isinstance(field_kind, type):
            found |= {inner: (f"{name}.{path}", each) for inner, (path, each) in _fields_of(field_kind).items()}
        else:
            found[name] = (name, field_kind)
    return found


def argument_names(kind: type[Any]) -> tuple[str, ...]:
    """The names of the parameters that the dataclass ``kind`` stands for, in their order."""
    return tuple(_fields_of(kind))


def placeholders(kind: type[Any]) -> str:
    """``$1, $2, …``: one for each parameter that the dataclass ``kind`` stands for."""
    return ", ".join(f"${place}" for place in range(1, len(_fields_of(kind)) + 1))


def _dataclass_taken(hints: dict[str, Any]) -> tuple[bool, Any]:
    """Whether the function takes a list, and the dataclass; ``None`` where it takes plain parameters."""
    if len(hints) != 1:
        return False, None
    many, kind = _shape(*hints.values())
    return many, kind if dataclasses.is_dataclass(kind) else None


def _parameters(hints: dict[str, Any]) -> dict[str, Any]:
    """Parameter name → Python type, as the statement sees them."""
    many, kind = _dataclass_taken(hints)
    if kind is None:
        return hints
    kinds = {name: field_kind for name, (_, field_kind) in _fields_of(kind).items()}
    if not many:
        return kinds
    return {name: types.GenericAlias(list, str if _is_list(each) else each) for name, each in kinds.items()}


def _taking_fields(hints: dict[str, Any], fetch: Fetch) -> Fetch:
    """``fetch``, given the fields of the dataclass where the function takes one."""
    many, kind = _dataclass_taken(hints)
    if kind is None:
        return fetch
    found = _fields_of(kind).values()
    values_of = operator.attrgetter(*(path for path, _ in found))
    lists = [place for place, (_, field_kind) in enumerate(found) if _is_list(field_kind)]
    nullable = [place for place, (_, field_kind) in enumerate(found) if _is_nullable(field_kind)]

    def fetch_with_fields(tx: Tx, arguments: tuple[Any, ...]) -> Awaitable[Any]:
        return fetch(tx, values_of(arguments[0]))

    def fetch_with_arrays(tx: Tx, arguments: tuple[Any, ...]) -> Awaitable[Any]:
        columns: list[Any] = list(zip(*map(values_of, arguments[0]), strict=True))
        for place in nullable:
            if columns[place].count(None) == len(columns[place]):
                columns[place] = ()
        for place in lists:
            columns[place] = list(map(_array_text, columns[place]))
        return fetch(tx, tuple(columns))

    return fetch_with_arrays if many else fetch_with_fields


def _is_nullable(kind: Any) -> bool:
    return types.NoneType in typing.get_args(kind)


def _is_list(kind: Any) -> bool:
    return typing.get_origin(kind) is list


def _array_text(values: list[str]) -> str:
    """The text of a PostgreSQL array: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO."""
    if not values:
        return "{}"
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return '{"' + '","'.join(quoted) + '"}'


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

    start, _, last, optional = parts[-1]
    if last is not None and all(inner is None for _, _, inner, _ in parts[:-1]):  # the usual shape, without a loop
        return lambda record: construct(
            *record[:start], None if optional and record[start] is None else last(record[start:])
        )

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
