"""Cursors: where a page ended, as a word. What is in one is nobody's business but the action's that made it.

A cursor comes back from outside, so it is checked like every field: nothing gets to the database that could not have come
from there. Its parts are spelled so that one pattern says exactly which words are cursors of an action, and the pattern is
in the schema. A new list declares its cursor beside its payload::

    LIKES_CURSOR = CursorForm("likes", Part.TIME, Part.ID)
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from core.clock import wire_time

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


EPOCH_PATTERN: Final = r"^[0-9a-f]{8}-[0-9A-F]{1,8}$"
"""How an epoch is spelled (``realtime.epoch``)."""


class Part(Enum):
    """What a position is made of: the pattern of its spelling, how it is spelled, how it is read."""

    NUMBER = (r"(?:0|[1-9][0-9]{0,14})", str, int)
    """A count or a seq."""
    TIME = (
        r"(?:0|[1-9][0-9]{0,13})",
        lambda text: str((datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND),
        lambda word: wire_time(_EPOCH + int(word) * _MILLISECOND),
    )
    """A time as the database spells it; here in milliseconds since 1970, up to the year 5138."""
    ID = (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", str, str)
    """An id."""
    EPOCH = (EPOCH_PATTERN.strip("^$"), str, str)
    """Which history of the database the position is in (``realtime.epoch``)."""

    def __init__(self, pattern: str, spell: Callable[[Any], str], read: Callable[[str], Any]) -> None:
        self.pattern, self.spell, self.read = pattern, spell, read


class CursorForm:
    """The cursors of one list. A name is in them, so that a cursor of one list is none of another."""

    def __init__(self, name: str, *parts: Part) -> None:
        self._name, self._parts = name, parts
        self.pattern = r"\.".join((name, *(part.pattern for part in parts)))

    def write(self, *position: object) -> str:
        """The cursor for ``position``."""
        words = (part.spell(value) for part, value in zip(self._parts, position, strict=True))
        return ".".join((self._name, *words))

    def owns(self, cursor: str) -> bool:
        """Whether a checked cursor is of this form, where a list has several."""
        return cursor.partition(".")[0] == self._name

    def read(self, cursor: str | None) -> list[Any]:
        """The position in a checked cursor; without one as many ``None``."""
        if cursor is None:
            return [None] * len(self._parts)
        return [part.read(word) for part, word in zip(self._parts, cursor.split(".")[1:], strict=True)]


class CursorOf:
    """For the annotation of a field: ``Annotated[str, CursorOf(LIKES_CURSOR)]`` takes its cursors and nothing else."""

    def __init__(self, *forms: CursorForm) -> None:
        self._pattern = "|".join(form.pattern for form in forms)
        self._compiled = re.compile(self._pattern)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^(?:{self._pattern})$"}

    def _check(self, text: str) -> str:
        if self._compiled.fullmatch(text) is None:
            raise ValueError("must be a cursor from an answer of this action")
        return text
