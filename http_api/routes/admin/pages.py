"""What the lists for operators have in common: a page goes from the newest row back."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Protocol

from fastapi import Query

from core.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from realtime.wire.cursors import CursorForm, CursorOf, Part

NEWEST_FIRST: Final = CursorForm("before", Part.TIME, Part.ID)

Cursor = Annotated[
    Annotated[str, CursorOf(NEWEST_FIRST)] | None,
    Query(description="`next_cursor` of the page before; without it the list begins with the newest."),
]
Limit = Annotated[int, Query(ge=1, le=PAGE_SIZE_MAX, description="Maximum number of rows.")]
LIMIT_DEFAULT: Final = PAGE_SIZE_DEFAULT


class _Row(Protocol):
    @property
    def id(self) -> str:
        """What tells rows of one time apart."""

    @property
    def created_at(self) -> str:
        """The order of the list."""


def position_in(cursor: str | None) -> tuple[Any, Any]:
    """The time and the ID of the row that the page goes on behind."""
    created_at, row_id = NEWEST_FIRST.read(cursor)
    return created_at, row_id


def next_cursor(rows: Sequence[_Row], limit: int) -> str | None:
    """The cursor behind the first ``limit`` of ``rows``, which are one more if there is another page."""
    return NEWEST_FIRST.write(rows[limit - 1].created_at, rows[limit - 1].id) if len(rows) > limit else None
