"""Errors as HTTP says them: ``application/problem+json`` (RFC 9457) with the same codes as the acks.

Whatever goes wrong on the way of a request ends here: a refusal (``AppError``), a payload that does not fit, a path or
method that does not exist, a bug. The last is logged whole and tells the client nothing but its ``request_id``.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import errors
from core.errors import AppError, ErrorBody, ErrorCode, ValidationFailed
from core.ids import new_id
from core.logs import current_request
from realtime.documents.openapi import problem_responses
from realtime.wire.fields import ServerPayload, in_words

log = logging.getLogger("molva.http")

CODE_SCOPE_KEY: Final = "molva.problem"
"""Where the scope of a request keeps the code of the problem that answered it."""

_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_FAULTS_SHOWN_MAX: Final = 20
_CODE_OF_STATUS: Final = {
    400: ErrorCode.VALIDATION_FAILED,
    401: ErrorCode.UNAUTHORIZED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.NOT_FOUND,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    422: ErrorCode.VALIDATION_FAILED,
    429: ErrorCode.RATE_LIMITED,
    503: ErrorCode.UNAVAILABLE,
}


class Problem(ServerPayload):
    """What every error answer holds (RFC 9457). Programs look at ``code``."""

    type: str = Field(description="A URI for the code.", examples=["urn:molva:error:not_found"])
    title: str = Field(description="What the code means.", examples=["There is no such thing."])
    status: int = Field(description="The HTTP status again.", examples=[404])
    detail: str = Field(description="What went wrong, for a person.", examples=["There is no such thing."])
    code: ErrorCode = Field(description="The stable word for programs.", examples=["not_found"])
    request_id: str = Field(
        description="The request's id, as in `X-Request-ID`: the log has everything under it.",
        examples=["0192f0c1-7a3b-7c4d-8e5f-60718293a4b5"],
    )
    details: Any = Field(
        None,
        description="Of `validation_failed`: every fault, `[{path, message}]`. Of `conflict`: `{reason}`.",
        examples=[[{"path": "phone", "message": "Field required"}]],
    )
    retry_after: int | None = Field(None, description="Seconds to wait, as in `Retry-After`.", examples=[42])


class ProblemResponse(Response):
    """The answer for an error. ``status`` is that of its code unless told otherwise."""

    media_type = "application/problem+json"

    def __init__(self, body: ErrorBody, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        self._code = ErrorCode(body["code"])
        status = status or self._code.http_status
        problem: dict[str, Any] = {
            "type": f"urn:molva:error:{self._code}",
            "title": self._code.meaning,
            "status": status,
            "detail": body["message"],
            **{key: value for key, value in body.items() if key != "message"},
        }
        super().__init__(orjson.dumps(problem), status_code=status, headers=headers)
        if status == ErrorCode.UNAUTHORIZED.http_status:
            self.headers["WWW-Authenticate"] = "Bearer"
        if "retry_after" in body:
            self.headers["Retry-After"] = str(body["retry_after"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and leave the code for the request's log line."""
        scope[CODE_SCOPE_KEY] = self._code.value
        await super().__call__(scope, receive, send)


def problem_of(error: AppError, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> ProblemResponse:
    """The answer for ``error``, under the id of the current request."""
    request = current_request()
    body = error.body(request.request_id if request is not None else new_id())
    return ProblemResponse(body, status=status, headers=headers)


def refusals(*codes: ErrorCode) -> dict[int | str, dict[str, Any]]:
    """A route's ``responses``: the errors that it may answer with."""
    return {int(status): answer for status, answer in problem_responses(codes).items()}


def handle_problems(app: FastAPI) -> None:
    """Let ``app`` answer every refusal as a problem."""
    app.add_exception_handler(AppError, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_misfit)
    app.add_exception_handler(HTTPException, _answer_framework)


class CrashAnswers:
    """ASGI middleware: an exception that nobody expected is logged whole and answered ``internal``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and catch what comes back instead of an answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def send_noting(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except ClientDisconnect:
            log.info("client gone before its request was whole")  # nobody is left to be answered
        except Exception:
            log.exception("request crashed")
            if has_started:
                raise  # half an answer is out: let the server cut the connection
            await problem_of(AppError())(scope, receive, send)


async def _answer_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)  # noqa: S101  (Starlette types handlers by Exception)
    return problem_of(error)


async def _answer_misfit(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return problem_of(ValidationFailed([_fault(fault) for fault in error.errors()[:_FAULTS_SHOWN_MAX]]))


def _fault(fault: Mapping[str, Any]) -> errors.Problem:
    """FastAPI's fault in the contract's form: no ``body.`` in front, never the value itself."""
    path: Sequence[object] = fault["loc"][1:]
    message = in_words(str(fault["msg"]))
    if fault["type"] == "json_invalid":
        path, message = (), f"must be valid JSON: {fault['ctx']['error']}"
    elif not path and fault["type"].startswith(("model_", "dict_")):
        message = "must be a JSON object, sent as application/json"
    return {"path": ".".join(str(part) for part in path), "message": message}


async def _answer_framework(request: Request, error: Exception) -> Response:
    """What Starlette and FastAPI refuse themselves: unknown paths and methods, bodies over the limit or unreadable."""
    assert isinstance(error, HTTPException)  # noqa: S101
    default = ErrorCode.VALIDATION_FAILED if error.status_code < 500 else ErrorCode.INTERNAL
    code = _CODE_OF_STATUS.get(error.status_code, default)
    refusal = AppError(code.meaning)
    refusal.code = code
    headers = error.headers
    if code is ErrorCode.VALIDATION_FAILED:
        refusal.details = [{"path": "", "message": str(error.detail)}]
    elif error.status_code == 405:
        refusal.message = "This path does not take this method."
        headers = {"Allow": ", ".join(_methods_of(request))}
    status = code.http_status if error.status_code == 400 else error.status_code
    return problem_of(refusal, status=status, headers=headers)


def _methods_of(request: Request) -> list[str]:
    """What the path takes. Starlette names the methods of the first of its routes alone."""
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    routes = request.app.routes
    return [method for method, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]
