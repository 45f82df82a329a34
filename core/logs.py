"""Logs: one JSON object a line on a pipe, readable text on a terminal, every line under the request it belongs to.

The request a piece of work belongs to is a :class:`Request` in a context variable. Whoever starts one (an HTTP request,
an action, a connect) opens it with :func:`request_scope`; every line logged meanwhile, in any room, carries its ids, so
that one ``request_id`` finds everything at every stage.

Never logged: codes, tokens, message text, whole phone numbers. Library loggers that print packets stay above INFO.
"""

import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pythonjsonlogger.orjson import OrjsonFormatter

from core.ids import new_id

_QUIET_LIBRARIES: Final = (
    "asyncio", "databases", "engineio", "engineio.server", "httpcore", "httpx", "multipart", "python_multipart",
    "socketio", "socketio.server", "uvicorn", "uvicorn.access", "uvicorn.error", "websockets",
)  # fmt: skip
_STATEMENTS_KEPT_MAX: Final = 50
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
_STANDARD_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@dataclass(slots=True)
class Request:
    """One piece of work that somebody asked for, and what is known of it so far."""

    request_id: str
    client: str | None = None
    connection_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    action: str | None = None
    chat_id: str | None = None
    statements: list[tuple[str, float]] = field(default_factory=list)
    statement_count: int = 0
    started: float = field(default_factory=time.perf_counter)
    trace: object | None = None
    """Where ``core.tracing`` keeps the trace of this request, for work that others do on its behalf."""

    def ids(self) -> dict[str, str]:
        """The ids that are known, as log fields."""
        named = ("request_id", "client", "connection_id", "session_id", "user_id", "action", "chat_id")
        return {name: value for name in named if (value := getattr(self, name)) is not None}

    def note_statement(self, name: str, duration_s: float) -> None:
        """Remember that a statement ran; the line that closes the request lists the first ones."""
        self.statement_count += 1
        if len(self.statements) < _STATEMENTS_KEPT_MAX:
            self.statements.append((name, round(duration_s * 1000, 2)))

    def summary(self) -> dict[str, Any]:
        """Duration and SQL of the whole request, for its closing line."""
        return {
            "duration_ms": round((time.perf_counter() - self.started) * 1000, 2),
            "sql_count": self.statement_count,
            "sql": [f"{name} {duration_ms}ms" for name, duration_ms in self.statements],
        }


_current: ContextVar[Request | None] = ContextVar("request", default=None)


def current_request() -> Request | None:
    """The request this code runs for, if any."""
    return _current.get()


def note_chat(chat_id: str) -> None:
    """From here on the lines of the present request say which chat it is about."""
    request = _current.get()
    if request is not None:
        request.chat_id = chat_id


@contextmanager
def request_scope(request: Request) -> Iterator[Request]:
    """Everything inside belongs to ``request``."""
    token = _current.set(request)
    try:
        yield request
    finally:
        _current.reset(token)


def accept_request_id(offered: str | None) -> str:
    """The caller's own request id if it is fit for a log line (at most 128 of ``A-Za-z0-9._:-``), else a new one."""
    return offered if offered and _REQUEST_ID.match(offered) else new_id()


class _ContextFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        request = _current.get()
        if request is not None:
            for name, value in request.ids().items():
                record.__dict__.setdefault(name, value)
        return True


class _TextFormatter(logging.Formatter):
    """For people: time, level, what happened, then whatever fields the line carries."""

    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        head, separator, traceback = super().format(record).partition("\n")
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS}
        if fields:
            head += "  " + " ".join(f"{key}={_short(value)}" for key, value in fields.items())
        return head + separator + traceback


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:8]}…{text[-4:]}" if len(text) == 36 and text.count("-") == 4 else text


def configure_logs(*, level: str, log_format: Literal["json", "text"] | None) -> None:
    """Send every log line of this process to standard error in one format."""
    handler = logging.StreamHandler(sys.stderr)
    if (log_format or ("text" if sys.stderr.isatty() else "json")) == "json":
        handler.setFormatter(
            OrjsonFormatter(
                "{levelname}{name}{message}",
                style="{",
                timestamp="time",
                rename_fields={"levelname": "level", "name": "logger", "message": "event"},
            )
        )
    else:
        handler.setFormatter(_TextFormatter())
    handler.addFilter(_ContextFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET_LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
