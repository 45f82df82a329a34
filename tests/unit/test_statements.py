"""Every statement is prepared against the real schema and compared with the function that carries it."""

import types
import typing

import asyncpg
import orjson
import pytest

import realtime.actions  # noqa: F401  (imports every module that declares statements)
from db.query import STATEMENTS, Affected, Statement
from tests.conftest import named

_PYTHON_OF = {
    "uuid": str, "text": str, "timestamptz": str, "bool": bool, "int2": int, "int4": int, "int8": int, "float8": float,
    "bytea": bytes, "jsonb": (dict, list, orjson.Fragment), "uuid[]": list, "text[]": list, "int8[]": list, "bool[]": list,
    "jsonb[]": list, "bytea[]": list,
}  # fmt: skip


def _plain(kind: object) -> tuple[object, bool]:
    """The type without ``| None``, and whether it may be None."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        parts = typing.get_args(kind)
        return next(part for part in parts if part is not type(None)), True
    return kind, False


def _fits(postgres_type: str, kind: object) -> bool:
    plain = _plain(kind)[0]
    if typing.get_origin(plain) is typing.Literal:
        plain = type(typing.get_args(plain)[0])
    plain = typing.get_origin(plain) or plain
    return plain is typing.Any or (isinstance(plain, type) and issubclass(plain, _PYTHON_OF[postgres_type]))


@pytest.fixture(scope="module")
async def connection(postgres_url):
    server = await asyncpg.connect(postgres_url)
    await server.execute("CREATE DATABASE statements TEMPLATE molva_template")
    await server.close()
    connection = await asyncpg.connect(named(postgres_url, "statements"))
    yield connection
    await connection.close()


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=list(STATEMENTS))
async def test_statement_matches_its_function(connection, statement: Statement):
    prepared = await connection.prepare(statement.sql)
    parameters = [parameter.name for parameter in prepared.get_parameters()]
    assert len(parameters) == len(statement.parameters), "as many parameters as $n"
    for (name, kind), postgres_type in zip(statement.parameters.items(), parameters, strict=True):
        assert _fits(postgres_type, kind), f"{name}: {kind} is no {postgres_type}"
    columns = {column.name: column.type.name for column in prepared.get_attributes()}
    if statement.columns is not None:
        assert list(columns) == list(statement.columns)
        for name, kind in statement.columns.items():
            assert _fits(columns[name], kind), f"{name}: {kind} is no {columns[name]}"
    elif columns:
        assert len(columns) == 1, "a plain value is one column"


def test_there_are_statements():
    assert len(STATEMENTS) > 20
    assert Affected is not None
