"""A bad input, what must come of it, and what must be true of every answer to one.

The rows are in ``hostile_avatars``, ``hostile_http``, ``hostile_tokens``, ``hostile_codes``; docs/security.md has them.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx
import pytest

from tests.support.clients import Person

Sent = TypeVar("Sent")


@dataclass(frozen=True)
class Bad(Generic[Sent]):
    """``sent``: whatever the test of the group sends. ``path``: of the first fault; the empty one is the whole body.

    ``status`` 0: nobody is answered, and ``code`` is what becomes of the connection.
    """

    what: str
    sent: Sent
    status: int
    code: str | None = None
    path: str | None = None
    absent: bytes = b""
    """What must not be in the answer."""

    @property
    def outcome(self) -> str:
        """As the document has it."""
        if not self.status:
            return str(self.code)
        code = f" `{self.code}`" if self.code else ""
        return f"{self.status}{code}" + (f" at `{self.path}`" if self.path else "")


def name_of(row: Bad[Any]) -> str:
    """The name of a row's test."""
    return row.what


def misfits(path: str | None, *rows: tuple[str, Sent]) -> list[Bad[Sent]]:
    """Rows that are ``validation_failed``, with the first fault at ``path``."""
    return [Bad(what, sent, 422, "validation_failed", path) for what, sent in rows]


def refused(status: int, code: str | None, *rows: tuple[str, Sent]) -> list[Bad[Sent]]:
    """Rows with another outcome in common."""
    return [Bad(what, sent, status, code) for what, sent in rows]


def assert_outcome(row: Bad[Any], answer: httpx.Response) -> None:
    """Exactly the row's outcome, whole: a problem that says the same in status, code and request id."""
    assert answer.status_code == row.status, answer.text[:300]
    assert answer.headers["X-Request-ID"]
    if row.code is None:
        assert not answer.is_error
        return
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) - {"details", "retry_after"} == {"type", "title", "status", "detail", "code", "request_id"}
    assert (problem["code"], problem["status"]) == (row.code, row.status)
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    if row.path is not None:
        assert problem["details"][0]["path"] == row.path, problem["details"]


@asynccontextmanager
async def nothing_breaks(neighbour: Person, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """While inside, the log gets no error and no traceback; afterwards somebody else is served."""
    caplog.clear()
    yield
    answer = await neighbour.http.get("/v1/me", headers=neighbour.headers)
    assert answer.status_code == 200
    broken = [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    assert not broken, [record.getMessage() for record in broken]
