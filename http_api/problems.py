"""Error responses over HTTP: ``application/problem+json`` (RFC 9457) with the same codes as in acks.

Every error of a request ends here: a refusal (``AppError``), a payload that is not valid, an unknown path or method, a bug.
A bug is logged with its traceback, and the client gets nothing but the ``request_id``.
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
from starlette.responses import HTMLResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core import errors
from core.conflicts import ConflictReason
from core.errors import AppError, ErrorBody, ErrorCode, ValidationFailed
from core.faults import NO_OBJECT, PROBLEMS_SHOWN_MAX, REQUIRED, in_words
from core.ids import new_id
from core.logs import current_request, note
from http_api.documentation import PAGES_POLICY, article
from realtime.documents.openapi import problem_responses
from realtime.wire.fields import ServerPayload

log = logging.getLogger("molva.http")

CODE_SCOPE_KEY: Final = "molva.problem"
"""The key in a request's scope for the error code that it was answered with."""

_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
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
    """The body of every error response (RFC 9457). Programs look at ``code``."""

    type: str = Field(description="A URI for the code.", examples=["urn:molva:error:not_found"])
    title: str = Field(description="Meaning of the code.", examples=["There is no such thing."])
    status: int = Field(description="The HTTP status again.", examples=[404])
    detail: str = Field(description="What went wrong, in words for people.", examples=["There is no such thing."])
    code: ErrorCode = Field(description="Stable error code for programs.", examples=["not_found"])
    request_id: str = Field(
        description="ID of the request, as in `X-Request-ID`. The server's log lines carry it.",
        examples=["0192f0c1-7a3b-7c4d-8e5f-60718293a4b5"],
    )
    details: Any = Field(
        None,
        description="By code.",
        examples=[[{"path": "phone", "message": REQUIRED}]],
    )
    retry_after: int | None = Field(None, description="Seconds to wait, as in `Retry-After`.", examples=[42])


class ProblemResponse(Response):
    """The response for an error. ``status`` is that of the error's code unless given."""

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
        """Send it, and keep the code for the log line of the request."""
        scope[CODE_SCOPE_KEY] = self._code.value
        await super().__call__(scope, receive, send)


def problem_of(error: AppError, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> ProblemResponse:
    """The response for ``error``, with the id of the current request."""
    request = current_request()
    body = error.body(request.request_id if request is not None else new_id())
    if error.why is not None:
        note(why=error.why)
    if error.details is not None:
        note(details=error.details)
    return ProblemResponse(body, status=status, headers=headers)


def refusals(*codes: ErrorCode, conflicts: Sequence[ConflictReason] = ()) -> dict[int | str, dict[str, Any]]:
    """A route's ``responses``: the errors that it may answer with, and the reasons of its ``conflict``."""
    return {int(status): answer for status, answer in problem_responses(codes, conflicts).items()}


def handle_problems(app: FastAPI, *, with_pages: bool = False) -> None:
    """Make ``app`` answer every error as a problem; with pages, a browser that follows a wrong link gets a page."""
    app.state.has_pages = with_pages
    app.add_exception_handler(AppError, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http_exception)


class CrashHandler:
    """ASGI middleware: logs an unexpected exception with its traceback and answers ``internal``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and catch its exceptions."""
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
            log.info("client gone before its request was whole")  # nobody to answer
        except Exception:  # a bug: logged whole, and the client is told `internal`
            log.exception("request crashed")
            if has_started:
                raise  # a part of the response was sent: the server must close the connection
            await problem_of(AppError())(scope, receive, send)


async def _answer_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)  # noqa: S101  (Starlette types handlers by Exception)
    return problem_of(error)


async def _answer_invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (as above)
    return problem_of(ValidationFailed([_fault(fault) for fault in error.errors()[:PROBLEMS_SHOWN_MAX]]))


def _fault(fault: Mapping[str, Any]) -> errors.Problem:
    """A fault as FastAPI reports it, in the form of our contract: no ``body.`` in front, and never the value itself."""
    path: Sequence[object] = fault["loc"][1:]
    message = in_words(fault)
    if fault["type"] == "json_invalid":
        path, message = (), f"must be valid JSON: {fault['ctx']['error']}"
    elif not path and fault["type"].startswith(("model_", "dict_")):
        message = f"{NO_OBJECT}, sent as application/json"
    return {"path": ".".join(str(part) for part in path), "message": message}


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    """Errors of Starlette and FastAPI themselves: unknown paths and methods, bodies that are too large or unreadable."""
    assert isinstance(error, HTTPException)  # noqa: S101  (as above)
    default = ErrorCode.VALIDATION_FAILED if error.status_code < 500 else ErrorCode.INTERNAL
    code = _CODE_OF_STATUS.get(error.status_code, default)
    refusal = AppError(code.meaning)
    refusal.code = code
    headers = error.headers
    if code is ErrorCode.VALIDATION_FAILED:
        refusal.details = [{"path": "", "message": str(error.detail)}]
    elif error.status_code == 405:
        refusal.message = "This path does not support this method."
        headers = {"Allow": ", ".join(_methods_of(request))}
    status = code.http_status if error.status_code == 400 else error.status_code
    if status == 404 and request.app.state.has_pages and _is_browser(request):
        return _page_not_found()
    return problem_of(refusal, status=status, headers=headers)


def _is_browser(request: Request) -> bool:
    """Whether somebody looks at an address that is no part of the API."""
    wants_page = request.headers.get("Accept", "").startswith("text/html")
    return wants_page and not request.url.path.startswith(("/v1/", "/socket.io/"))


def _page_not_found() -> Response:
    text = "<h1>There is no such page</h1><p>The address may be wrong, or the page has moved. The "
    text += '<a href="/docs/">documents</a> lead to everything that is here, and the search above looks through them.</p>'
    page = article("no such page", text, "")
    return HTMLResponse(page, status_code=404, headers={"Content-Security-Policy": PAGES_POLICY})


def _methods_of(request: Request) -> list[str]:
    """The methods that the path allows. Starlette itself names only those of the first matching route."""
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    routes = request.app.routes
    return [method for method, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]
