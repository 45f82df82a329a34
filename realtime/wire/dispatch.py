"""The one way an action goes, from a socket or over HTTP: look up, validate, run, answer, log, count.

Every call gets exactly one :class:`Reply`. What is not an ``AppError`` is a bug: logged whole, answered ``internal``.
"""

import logging
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic import BaseModel, ValidationError

from core import metrics
from core.deadlines import Deadlines
from core.errors import AppError, Conflict, ErrorBody, ErrorCode, Unavailable, UnknownAction, ValidationFailed
from core.faults import NO_OBJECT, problems_of
from core.log_stages import followed, write_stage
from core.logs import Request, log_often, note, request_scope
from core.rates import RateLimits
from core.tracing import span
from realtime.wire.context import Caller, Context, Services
from realtime.wire.registry import ACTIONS, Action, Rate
from realtime.wire.variants import faults_of_variant, is_union

log = logging.getLogger("molva.action")

_WORD: Final = re.compile(r"[a-z_]{1,24}(?::[a-z_]{1,24})?")
"""What may be a mistaken name of an action, and is no code, number or token."""
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ID_LENGTH: Final = 36


@dataclass(slots=True)
class Reply:
    """The answer to one action: JSON of the answer, or the error."""

    data: bytes
    error: ErrorBody | None = None

    def ack(self) -> bytes:
        """The ack envelope: exactly one of ``{"data": …}`` and ``{"error": …}``."""
        if self.error is not None:
            return orjson.dumps({"error": self.error})
        return b'{"data":%b}' % self.data


class Dispatcher:
    """Runs actions. One for the process."""

    def __init__(self, services: Services, rates: RateLimits | None, *, timeout_s: float, log_sample: float = 1.0) -> None:
        """``rates``: the budgets of each person; none for load tests. ``timeout_s``: an action is answered within it.

        ``log_sample``: the share of successful sends that have a log line.
        """
        self._services = services
        self._rates = rates
        self._timeout_s = timeout_s
        self._deadlines = Deadlines(timeout_s)
        self._log_sample = log_sample
        self._in_progress = 0
        metrics.ACTIONS_IN_PROGRESS.set_function(lambda: self._in_progress)

    async def dispatch(self, name: str, arguments: Sequence[object], caller: Caller, request: Request) -> Reply:
        """Run the action ``name`` with what came after it in the event; never raises.

        ``arguments``: one JSON object, or nothing for an action whose payload may be empty.
        """
        request.user_id, request.session_id = caller.user_id, caller.session_id
        declared = ACTIONS.get(name)
        request.action = name if declared is not None or _WORD.fullmatch(name) else "unknown"
        label = declared.name if declared is not None else "unknown"
        self._in_progress += 1
        if followed(request):
            waited_ms = round((time.perf_counter() - request.started) * 1000, 2)
            write_stage(request, "received", waited_ms=waited_ms)
        with (
            request_scope(request),
            span(label, {"molva.request_id": request.request_id, "molva.user_id": caller.user_id}),
        ):
            asked: dict[str, object] = {}
            try:
                if self._rates is not None:
                    self._rates.take(caller.user_id, (declared.rate if declared else Rate.READ).value)
                if declared is None:
                    raise UnknownAction
                payload = read_payload(declared, arguments)
                asked = loggable(payload)
                if followed(request):
                    write_stage(request, "read", asked=asked)
                time_left_s = self._time_left(request)
                if time_left_s <= 0:
                    raise Unavailable
                with self._deadlines.within(time_left_s):
                    answer = await declared.handler(Context(caller, self._services), payload)
                reply = Reply(answer.encode(self._services.file_urls))
            except TimeoutError:
                log.warning("action timed out")
                reply = Reply(b"", Unavailable().body(request.request_id))
            except AppError as error:
                reply = Reply(b"", error.body(request.request_id))
                if error.why is not None:
                    note(why=error.why)
                if declared is not None:
                    _note_undeclared(declared, error)
            except Exception:  # a bug: logged whole, and the client is told `internal`
                log.exception("action crashed")
                reply = Reply(b"", AppError().body(request.request_id))
            finally:
                self._in_progress -= 1
            if followed(request):
                outcome = "ok" if reply.error is None else reply.error["code"]
                write_stage(request, "answered", outcome=outcome, size_bytes=len(reply.data))
            _record(request, declared, reply, asked, is_logged=self._is_logged(declared, reply))
        return reply

    def _is_logged(self, declared: Action | None, reply: Reply) -> bool:
        """Whether the answer has a line: of many successful sends it may be a share."""
        if self._log_sample >= 1 or reply.error is not None or declared is None or declared.rate is not Rate.SEND:
            return True
        return random.random() < self._log_sample  # noqa: S311  (chooses lines of a log)

    def _time_left(self, request: Request) -> float:
        """Seconds until the request must be answered, whatever it waits for: actions before it, a turn, a statement."""
        return self._timeout_s - (time.perf_counter() - request.started)


def _record(request: Request, declared: Action | None, reply: Reply, asked: dict[str, object], *, is_logged: bool) -> None:
    label = declared.name if declared is not None else "unknown"
    outcome = "ok" if reply.error is None else reply.error["code"]
    metrics.answered(label, outcome).inc()
    metrics.action_seconds(label).observe(time.perf_counter() - request.started)
    closing = request.close()
    if not is_logged:
        return
    fields = {"outcome": outcome, "asked": asked, **closing}
    if reply.error is not None and "details" in reply.error:
        fields["details"] = reply.error["details"]
    level = logging.ERROR if outcome == ErrorCode.INTERNAL else logging.INFO
    log_often(log, level, "action", fields)


def _note_undeclared(declared: Action, error: AppError) -> None:
    """Log a refusal that the action's declaration does not have, and so the documents do not have either."""
    if error.code not in declared.all_errors:
        log.error("undeclared error", extra={"code": error.code.value})
    elif isinstance(error, Conflict) and error.reason not in declared.conflicts:
        log.error("undeclared conflict reason", extra={"reason": error.reason.value})


def loggable(payload: BaseModel) -> dict[str, object]:
    """What a log may hold of a payload: ids, numbers and lengths of lists; never text."""
    if payload.__pydantic_root_model__:
        payload = payload.root  # type: ignore[attr-defined]  # what isinstance would tell, and cost more
    asked: dict[str, object] = {}
    fields = vars(payload)
    for name in payload.__pydantic_fields_set__:
        value = fields[name]
        if isinstance(value, (list, tuple)):
            asked[name] = len(value)
        elif isinstance(value, str):
            if len(value) == _ID_LENGTH and _ID.fullmatch(value):
                asked[name] = value
        elif value is None or isinstance(value, int):
            asked[name] = value
    return asked


def read_payload(declared: Action, arguments: Sequence[object]) -> BaseModel:
    """The payload, validated; ``ValidationFailed`` with every fault's path otherwise."""
    if len(arguments) > 1:
        raise ValidationFailed.at("", "must be one JSON object")
    argument = arguments[0] if arguments else {}
    if not isinstance(argument, dict):
        raise ValidationFailed.at("", NO_OBJECT)
    try:
        return declared.payload.model_validate(argument)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        if is_union(declared.payload):
            raise ValidationFailed(faults_of_variant(declared.payload, faults)) from None
        raise ValidationFailed(problems_of(faults)) from None
