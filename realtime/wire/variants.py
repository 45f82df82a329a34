"""Payloads that are a union by the value of one field, like ``message:send`` by ``type``: their faults in words.

pydantic names the variant first in every path and knows the choices only where one was made; a client wants neither.
"""

import typing
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, RootModel

from core.errors import Problem
from core.faults import REQUIRED, one_of, problems_of


def is_union(payload: type[BaseModel]) -> bool:
    """Whether the payload is one of several, by a field."""
    return issubclass(payload, RootModel)


def faults_of_variant(payload: type[BaseModel], faults: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """The faults, with the path as the client wrote it; a missing or unknown choice names those that there are."""
    field, choices = _choices_of(payload)
    for fault in faults:
        if fault["type"] == "union_tag_not_found":
            return [{"path": field, "message": f"{REQUIRED}: {one_of(choices)}"}]
        if fault["type"] == "union_tag_invalid":
            return [{"path": field, "message": f"must be {one_of(choices)}"}]
    return problems_of({**fault, "loc": fault["loc"][1:]} for fault in faults)


@cache
def _choices_of(payload: type[BaseModel]) -> tuple[str, tuple[str, ...]]:
    """The field that decides, and its values in the order of the declaration."""
    root = payload.model_fields["root"]
    field = str(root.discriminator)
    variants: Sequence[type[BaseModel]] = typing.get_args(root.annotation)
    return field, tuple(
        str(value) for variant in variants for value in typing.get_args(variant.model_fields[field].annotation)
    )
