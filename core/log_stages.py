"""The stages of a request, for who looks closely: a line each for received, read, statement, delivered, answered.

They are written at the level ``debug``, and at any level for the people and chats of ``MOLVA_LOG_TRACE``. A chat's stages
begin where it is known that the request is about it. Whoever would write a stage asks :func:`followed` first, so that one
comparison is all that it costs where nobody looks.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from core.logs import Request, current_request, request_scope

log = logging.getLogger("molva.stage")
log_long = logging.getLogger("molva.long")


class _Followed:
    """Whose requests are followed."""

    def __init__(self) -> None:
        self.is_on = False
        self.everybody = False
        self.user_ids: frozenset[str] = frozenset()
        self.chat_ids: frozenset[str] = frozenset()


_followed = _Followed()


def follow(subjects: Iterable[str], *, level: str) -> None:
    """Follow the requests of ``subjects`` (``user:ID``, ``chat:ID``); at the level ``debug`` those of everybody."""
    pairs = [subject.split(":", 1) for subject in subjects]
    _followed.user_ids = frozenset(subject_id for kind, subject_id in pairs if kind == "user")
    _followed.chat_ids = frozenset(subject_id for kind, subject_id in pairs if kind == "chat")
    _followed.everybody = level == "debug"
    _followed.is_on = bool(pairs) or _followed.everybody
    log.setLevel(logging.DEBUG if _followed.is_on else logging.NOTSET)


def followed(request: Request | None = None) -> Request | None:
    """``request``, or the present one, if its stages are wanted."""
    if not _followed.is_on:
        return None
    request = request or current_request()
    if request is None:
        return None
    is_wanted = _followed.everybody or request.user_id in _followed.user_ids or request.chat_id in _followed.chat_ids
    return request if is_wanted else None


def write_stage(request: Request, stage: str, **fields: Any) -> None:
    """The line of a stage of a followed request."""
    with request_scope(request):
        log.debug("stage", extra={"stage": stage, **fields})


@contextmanager
def said_if_long(event: str, *, after_s: float, **fields: Any) -> Iterator[None]:
    """A line once the work inside has taken ``after_s``, so that a crash in the middle of it leaves a trace."""
    timer = asyncio.get_running_loop().call_later(after_s, lambda: log_long.info(event, extra=fields))
    try:
        yield
    finally:
        timer.cancel()
