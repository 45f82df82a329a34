"""Logs: one JSON object a line on a pipe, readable text on a terminal, every line under the request it belongs to.

The request a piece of work belongs to is a :class:`Request` in a context variable. Whoever starts one (an HTTP request,
an action, a connect) opens it with :func:`request_scope`; every line logged meanwhile, in any room, carries its ids, so
that one ``request_id`` finds everything at every stage.

Never logged: codes, tokens, message text, whole phone numbers. Library loggers that print packets stay above INFO.

What must stay true: an event loop spends one write on all the lines of one of its turns; a line outside a loop, a warning
and what is worse are written at once.
"""

import asyncio
import logging
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any, Final, Literal, TextIO

import orjson
from pythonjsonlogger.orjson import OrjsonFormatter

from core.ids import new_id

_QUIET_LIBRARIES: Final = (
    "asyncio", "databases", "engineio", "engineio.server", "httpcore", "httpx", "multipart", "python_multipart",
    "socketio", "socketio.server", "uvicorn", "uvicorn.access", "uvicorn.error", "websockets",
)  # fmt: skip
_STATEMENTS_KEPT_MAX: Final = 50
_EVENTS_KEPT_MAX: Final = 50
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
_ID_FIELDS: Final = ("request_id", "client", "connection_id", "session_id", "user_id", "action", "chat_id")
_UNWRITTEN_LINES_MAX: Final = 1_000
_SHARING_SHOWN_MAX: Final = 20
_RECORD_FIELDS: Final = len(vars(logging.makeLogRecord({})))
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
    events: list[tuple[str, str, int]] = field(default_factory=list)
    event_count: int = 0
    is_closed: bool = False
    """Whether its closing line is written: what comes later has lines of its own."""
    started: float = field(default_factory=time.perf_counter)
    trace: object | None = None
    """Where ``core.tracing`` keeps the trace of this request, for work that others do on its behalf."""
    notes: dict[str, Any] | None = None
    """More fields of the closing line: what was touched, why it was refused."""

    def ids(self) -> dict[str, str]:
        """The ids that are known, as log fields."""
        return {name: value for name in _ID_FIELDS if (value := getattr(self, name)) is not None}

    def note_statement(self, name: str, duration_s: float) -> None:
        """Remember that a statement ran; the line that closes the request lists the first ones."""
        self.statement_count += 1
        if len(self.statements) < _STATEMENTS_KEPT_MAX:
            self.statements.append((name, round(duration_s * 1000, 2)))

    def note_event(self, name: str, audience: str, recipients: int) -> None:
        """Remember who was told of it; the line that closes the request lists the first events."""
        self.event_count += 1
        if len(self.events) < _EVENTS_KEPT_MAX:
            self.events.append((name, audience, recipients))

    def close(self) -> dict[str, Any]:
        """Duration, SQL and events of the whole request, for its closing line."""
        self.is_closed = True
        summary: dict[str, Any] = {
            "duration_ms": round((time.perf_counter() - self.started) * 1000, 2),
            "sql_count": self.statement_count,
            "sql": [f"{name} {duration_ms}ms" for name, duration_ms in self.statements],
        }
        if self.events:
            summary["event_count"] = self.event_count
            summary["events"] = [
                {"event_name": name, "to": audience, "recipients": recipients} for name, audience, recipients in self.events
            ]
        if self.notes:
            summary |= self.notes
        return summary


_ids_of: Final = attrgetter(*_ID_FIELDS)
_current: ContextVar[Request | None] = ContextVar("request", default=None)


trace_id_of: Callable[[], str | None] | None = None
"""The ID of the present trace, while ``core.tracing`` traces."""


def current_request() -> Request | None:
    """The request this code runs for, if any."""
    return _current.get()


def note_identity(*, user_id: str, session_id: str) -> None:
    """From here on the lines of the present request say which person and session it belongs to."""
    request = _current.get()
    if request is not None:
        request.user_id, request.session_id = user_id, session_id


def note_chat(chat_id: str) -> None:
    """From here on the lines of the present request say which chat it is about."""
    request = _current.get()
    if request is not None:
        request.chat_id = chat_id


_sharing: ContextVar[Sequence[Request]] = ContextVar("sharing", default=())


def share(requests: Sequence[Request]) -> None:
    """From here on this task works for all these requests at once: its lines about SQL name them."""
    _sharing.set(requests)


def sharing_fields() -> dict[str, Any]:
    """The requests that share the present work, as log fields: the first ones, and how many there are."""
    requests = _sharing.get()
    if not requests:
        return {}
    ids = [request.request_id for request in requests[:_SHARING_SHOWN_MAX]]
    return {"request_ids": ids, "request_count": len(requests)}


def note(**fields: Any) -> None:
    """Add fields to the line that closes the present request."""
    request = _current.get()
    if request is not None:
        request.notes = (request.notes or {}) | fields


class request_scope:  # noqa: N801  (a class because a generator costs several times as much, several times a message)
    """``with request_scope(request):`` everything inside belongs to ``request``."""

    __slots__ = ("_request", "_token")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._token: Token[Request | None]

    def __enter__(self) -> Request:
        self._token = _current.set(self._request)
        return self._request

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def accept_request_id(offered: str | None) -> str:
    """The caller's own request id if it is fit for a log line (at most 128 of ``A-Za-z0-9._:-``), else a new one."""
    return offered if offered and _REQUEST_ID.match(offered) else new_id()


class _ContextFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        request = _current.get()
        fields = record.__dict__
        if trace_id_of is not None and (trace_id := trace_id_of()) is not None:
            fields["trace_id"] = trace_id
        if request is not None:
            for name in _ID_FIELDS:
                value = getattr(request, name)
                if value is not None and name not in fields:
                    fields[name] = value
        return True


class _JsonFormatter(OrjsonFormatter):
    """A line of plain values, as nearly all are, by the shortest way; anything else by the library's, to the same text."""

    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}",
            style="{",
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger", "message": "event"},
        )

    def format(self, record: logging.LogRecord) -> str:
        if not (record.exc_info or record.exc_text or record.stack_info or isinstance(record.msg, dict)):
            line: dict[str, Any] = {"level": record.levelname, "logger": record.name, "event": record.getMessage()}
            # What a line carries stands behind what every record has.
            line.update(islice(record.__dict__.items(), _RECORD_FIELDS, None))
            line.setdefault("time", datetime.fromtimestamp(record.created, UTC))
            try:
                return orjson.dumps(line).decode()
            except TypeError:
                pass
        return super().format(record)


class _TurnHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of one turn of the event loop together."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._unwritten: list[str] = []
        self._flushed_by: asyncio.AbstractEventLoop | None = None
        """The loop that flushes at the end of its turn; one that was closed does not any more."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line until the turn ends; write at once where there is no loop, and what nobody should wait for."""
        try:
            self.write_later(self.format(record))
            if record.levelno >= logging.WARNING:
                self.flush()
        except Exception:  # as the library does
            self.handleError(record)

    def write_later(self, line: str) -> None:
        """Write the line when the turn ends."""
        self._unwritten.append(line)
        if len(self._unwritten) >= _UNWRITTEN_LINES_MAX:
            self.flush()
        else:
            self._write_soon()

    def _write_soon(self) -> None:
        if self._flushed_by is not None and not self._flushed_by.is_closed():
            return
        try:
            self._flushed_by = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._flushed_by.call_soon(self.flush)

    def flush(self) -> None:
        """Write what there is."""
        with self.lock or nullcontext():
            self._flushed_by = None
            lines, self._unwritten = self._unwritten, []
            if lines:
                self.stream.write("\n".join(lines) + "\n")
            super().flush()


_recordless: _TurnHandler | None = None
"""The only handler of this process, if it writes JSON: a line of plain values can go there without a record."""


def log_often(logger: logging.Logger, level: int, event: str, fields: dict[str, Any]) -> None:
    """Log what is said with every message: the line of ``logger.log(level, event, extra=fields)`` at a fourth of its cost.

    It makes no ``LogRecord`` where nobody but this module's handler would get it.
    """
    handler, root = _recordless, logger.root
    if handler is None or level >= logging.WARNING or root.handlers != [handler]:
        logger.log(level, event, extra=fields)
    elif logger.isEnabledFor(level):
        line = {"level": logging.getLevelName(level), "logger": logger.name, "event": event, **fields}
        request = _current.get()
        if request is not None:
            ids = zip(_ID_FIELDS, _ids_of(request), strict=True)
            line |= {name: value for name, value in ids if value is not None and name not in fields}
        if trace_id_of is not None and (trace_id := trace_id_of()) is not None:
            line["trace_id"] = trace_id
        line["time"] = datetime.fromtimestamp(time.time(), UTC)
        try:
            handler.write_later(orjson.dumps(line).decode())
        except TypeError:  # not plain: the library's formatter makes text of anything
            logger.log(level, event, extra=fields)


class _TextFormatter(logging.Formatter):
    """For people: time, level, what happened, then whatever fields the line carries.

    What is not printable is escaped and tracebacks are indented: nothing that a client says looks like a line of its own.
    """

    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the library's name)
        head = super().formatMessage(record)
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS}
        if fields:
            head += "  " + " ".join(f"{key}={value}" for key, value in fields.items())
        return printable(head)

    def formatException(self, ei: Any) -> str:  # noqa: N802  (the library's name)
        return "\n".join(f"  {printable(line)}" for line in super().formatException(ei).split("\n"))


def printable(text: str) -> str:
    """``text``, in which every sign that moves the cursor or hides others is escaped: it stays one line."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def configure_logs(*, level: str, log_format: Literal["json", "text"] | None) -> None:
    """Send every log line of this process to standard error in one format."""
    global _recordless  # noqa: PLW0603  (one per process, like the root logger)
    handler = _TurnHandler(sys.stderr)
    is_json = (log_format or ("text" if sys.stderr.isatty() else "json")) == "json"
    handler.setFormatter(_JsonFormatter() if is_json else _TextFormatter())
    handler.addFilter(_ContextFilter())
    # What no line shows need not be found out for each: who called, in which thread, process and task.
    logging._srcfile = None  # noqa: SLF001  (the switch that the documentation names)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    _recordless = handler if is_json else None
    root.setLevel(level.upper())
    for name in _QUIET_LIBRARIES:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
