"""``molva logs``: finds in a log what an operator asks for, and shows it in words.

The log is read twice. First the lines are found that fit what is asked; then these are shown, and with them all other lines
of their requests. So a question about a message also shows the statements and events of the requests that touched it. The
memory that this takes does not grow with the log, but with the number of requests found.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import orjson

from core.errors import StartupError
from core.logs import printable

REQUESTS_MAX: Final = 1_000_000
"""Requests whose lines are gathered; a question that finds more must be narrowed."""
_FIRST: Final = ("why", "details", "cause", "reason", "problem", "duration_ms", "duration_s", "seq", "asked")
"""Fields that answer most questions stand first."""
_LAST: Final = ("user_id", "chat_id", "session_id", "connection_id", "client", "trace_id", "request_id")
_IN_HEAD: Final = frozenset({"time", "level", "logger", "event", "action", "outcome", "method", "route", "status", "stage"})

Line = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for: a line fits if everything that is given fits."""

    request_id: str | None = None
    user_id: str | None = None
    chat_id: str | None = None
    seq: int | None = None
    connection_id: str | None = None
    session_id: str | None = None
    phone_hashes: frozenset[str] = frozenset()
    """Of one number: the secret may have been another one when a line was written."""
    event: str | None = None
    problems: bool = False
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, line: Line) -> bool:
        """Whether the line is one of those asked for."""
        asked = line["asked"] if isinstance(line.get("asked"), dict) else {}
        told = [one for one in _list(line.get("to")) if isinstance(one, dict)]
        checks = (
            (self.request_id, (line.get("request_id"), line.get("ended_by_request"), *_list(line.get("request_ids")))),
            (self.user_id, (line.get("user_id"), asked.get("user_id"), *(one.get("user_id") for one in told))),
            (self.chat_id, (line.get("chat_id"), asked.get("chat_id"))),
            (self.seq, (line.get("seq"), asked.get("seq"))),
            (self.connection_id, (line.get("connection_id"), *(one.get("connection_id") for one in told))),
            (self.session_id, (line.get("session_id"), line.get("ended_by_session"), asked.get("session_id"))),
            (self.event, (line.get("event"), line.get("action"), line.get("route"))),
        )
        if self.phone_hashes and line.get("phone_hash") not in self.phone_hashes:
            return False
        return all(wanted is None or wanted in found for wanted, found in checks) and self._is_problem(line)

    def _is_problem(self, line: Line) -> bool:
        if not self.problems:
            return True
        status = line.get("status")
        refused = line.get("outcome", "ok") != "ok" or (isinstance(status, int) and status >= 400)
        return refused or line.get("level") in {"WARNING", "ERROR", "CRITICAL"}

    def is_in_time(self, line: Line) -> bool:
        """Whether the line is of the time asked for."""
        if self.since is None and self.until is None:
            return True
        try:
            written = moment(line["time"])
        except (KeyError, TypeError, ValueError):
            return False
        return (self.since is None or written >= self.since) and (self.until is None or written <= self.until)


def answer(file: Path, question: Question, *, as_json: bool) -> int:
    """Print what ``file`` (``-``: standard input) has for the question; how many lines that were."""
    with _reread(file) as source:
        requests: set[str] = set()
        for line in _lines(source):
            if isinstance(line.get("request_id"), str) and question.is_in_time(line) and question.fits(line):
                requests.add(line["request_id"])
                if len(requests) > REQUESTS_MAX:
                    raise StartupError("Too many requests are found: ask for less, for example with --since")
        source.seek(0)
        count = 0
        for line in _lines(source):
            if question.is_in_time(line) and (str(line.get("request_id")) in requests or question.fits(line)):
                count += 1
                print(orjson.dumps(line).decode() if as_json else in_words(line))
    return count


@contextmanager
def _reread(file: Path) -> Iterator[IO[bytes]]:
    """The file, opened; standard input goes into a temporary file first, because it is read twice."""
    if str(file) != "-":
        try:
            opened = file.open("rb")
        except OSError as error:
            raise StartupError(f"The log cannot be read: {error}.") from None
        with opened:
            yield opened
        return
    with tempfile.TemporaryFile() as spooled:
        shutil.copyfileobj(sys.stdin.buffer, spooled)
        spooled.seek(0)
        yield spooled


def _lines(source: IO[bytes]) -> Iterator[Line]:
    """The lines that are JSON objects; whatever stands before the object (the name of a container) is skipped."""
    for raw in source:
        start = raw.find(b"{")
        if start < 0:
            continue
        try:
            line = orjson.loads(raw[start:])
        except ValueError:
            continue
        if isinstance(line, dict) and "event" in line:
            yield line


def in_words(line: Line) -> str:
    """A line for people: when, what, how it ended, then all fields."""
    time = str(line.get("time", ""))[:23].replace("T", " ")
    level = "" if line.get("level") in {"INFO", "DEBUG"} else f"{line.get('level')} "
    names = [name for name in line if name not in {*_IN_HEAD, *_FIRST, *_LAST}]
    fields = [_field(name, line[name]) for name in (*_FIRST, *names, *_LAST) if line.get(name) not in (None, [], {})]
    return printable(f"{time}  {level}{_head(line)}  {' '.join(fields)}".rstrip())


def _head(line: Line) -> str:
    event = line["event"]
    if event == "action":
        return f"{line.get('action', '?')} → {line.get('outcome')}"
    if event == "http request":
        return f"{line.get('method')} {line.get('route')} → {line.get('status')} {line.get('outcome', '')}".rstrip()
    if event == "stage":
        return f"· {line.get('stage')}" + (f" → {line['outcome']}" if "outcome" in line else "")
    return f"{event} → {line['outcome']}" if "outcome" in line else str(event)


def _field(name: str, value: object) -> str:
    if isinstance(value, list) and name in {"events", "to"} and not all(isinstance(one, dict) for one in value):
        return f"{name}={orjson.dumps(value).decode()}"
    if name == "events" and isinstance(value, list):
        told = ", ".join(f"{one.get('event_name')} to {one.get('to')} ({one.get('recipients')})" for one in value)
        return f"told=[{told}]"
    if name == "to" and isinstance(value, list):
        return "to=[" + ", ".join(f"{one.get('user_id')} on {one.get('connection_id')}" for one in value) + "]"
    if name == "sql" and isinstance(value, list):
        return f"sql=[{', '.join(map(str, value))}]"
    if isinstance(value, dict | list):
        return f"{name}={orjson.dumps(value).decode()}"
    return f"{name}={value}"


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def moment(text: str) -> datetime:
    """A time as people write it: ``2026-11-25T14:02``, in UTC unless it has a zone. ``ValueError`` for anything else."""
    read = datetime.fromisoformat(text)
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
