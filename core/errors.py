"""The one list of errors, with its two faces: the Socket.IO ack and the HTTP problem.

``AppError`` and what derives from it is fit for a client: a stable code, words for a person, nothing that the caller
may not know. Any other exception is a bug: it is logged whole and the client hears ``internal``. A new code is added
here; both documents and both faces follow.

Exception tree::

    Exception
    ├── StartupError         the process cannot start; one sentence for the operator
    └── AppError
        ├── Unauthorized     unauthorized, token_expired, session_revoked
        ├── Forbidden
        ├── NotFound         with the ``field`` of the request whose object is not there
        ├── Conflict         with a ``reason`` of :class:`core.conflicts.ConflictReason`
        ├── ValidationFailed with the paths at fault
        ├── PayloadTooLarge
        ├── RateLimited      with ``retry_after_s``
        ├── Unavailable      with ``retry_after_s``
        └── UnknownAction
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypedDict

from core.conflicts import ConflictReason


class StartupError(Exception):
    """The process cannot start. The message is one sentence that tells the operator what to mend."""


UNAVAILABLE_FOR_S: Final = 2
"""When to try again what was unavailable. Nobody knows how long it is away; this keeps clients from trying all the time."""


class ErrorCode(StrEnum):
    """Stable words that clients may switch on. The value is what goes over the wire."""

    UNAUTHORIZED = "unauthorized"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105  (an error code, not a password)
    SESSION_REVOKED = "session_revoked"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    VALIDATION_FAILED = "validation_failed"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    UNKNOWN_ACTION = "unknown_action"
    INTERNAL = "internal"

    @property
    def http_status(self) -> int:
        """The status under which the HTTP face reports this code."""
        return _HTTP_STATUS[self]

    @property
    def meaning(self) -> str:
        """One sentence for the documents; also the default message."""
        return _MEANING[self]


_HTTP_STATUS = {
    ErrorCode.UNAUTHORIZED: 401,
    ErrorCode.TOKEN_EXPIRED: 401,
    ErrorCode.SESSION_REVOKED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.CONFLICT: 409,
    ErrorCode.VALIDATION_FAILED: 422,
    ErrorCode.PAYLOAD_TOO_LARGE: 413,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.UNKNOWN_ACTION: 404,
    ErrorCode.INTERNAL: 500,
}

_MEANING = {
    ErrorCode.UNAUTHORIZED: "The request has no valid credentials.",
    ErrorCode.TOKEN_EXPIRED: "The access token has expired. Refresh it.",
    ErrorCode.SESSION_REVOKED: "The login session has ended. Sign in again.",
    ErrorCode.FORBIDDEN: "You are not allowed to do this.",
    ErrorCode.NOT_FOUND: "It does not exist, or you are not allowed to see it.",
    ErrorCode.CONFLICT: "The request conflicts with the current state.",
    ErrorCode.VALIDATION_FAILED: "The request is not valid.",
    ErrorCode.PAYLOAD_TOO_LARGE: "The request is larger than allowed.",
    ErrorCode.RATE_LIMITED: "Too many requests. Wait for retry_after seconds.",
    ErrorCode.UNAVAILABLE: "The service is temporarily unavailable. Try again with the same client_id.",
    ErrorCode.UNKNOWN_ACTION: "There is no action with this name.",
    ErrorCode.INTERNAL: "An internal error occurred. The server log has the details under this request_id.",
}


class ErrorBody(TypedDict, total=False):
    """The ``error`` object of an ack; ``request_id`` is added where the request is known."""

    code: str
    message: str
    request_id: str
    details: Any
    retry_after: int


class AppError(Exception):
    """A refusal that the client may see.

    ``message`` is for a person and may change; ``code`` (and a conflict's ``details["reason"]``) is for programs and
    does not.
    """

    code = ErrorCode.INTERNAL
    why: str | None = None
    """More exactly what was wrong, in a few words: for the log alone, never for the client."""

    def __init__(self, message: str | None = None, *, details: object = None, retry_after_s: int | None = None) -> None:
        self.message = message or self.code.meaning
        self.details = details
        self.retry_after_s = retry_after_s
        super().__init__(self.message)

    def body(self, request_id: str) -> ErrorBody:
        """The wire form: ``code, message, request_id`` and, where there are any, ``details`` and ``retry_after``."""
        body: ErrorBody = {"code": self.code.value, "message": self.message, "request_id": request_id}
        if self.details is not None:
            body["details"] = self.details
        if self.retry_after_s is not None:
            body["retry_after"] = self.retry_after_s
        return body


class Unauthorized(AppError):
    """The caller could not be identified. All causes but expiry and revocation look the same: nobody learns why.

    ``message``: which proof is meant, where it is not the access token. ``why``: what exactly is wrong, for the log.
    """

    def __init__(
        self, code: ErrorCode = ErrorCode.UNAUTHORIZED, *, message: str | None = None, why: str | None = None
    ) -> None:
        self.code = code
        self.why = why
        super().__init__(
            message or ("The access token is missing or not valid." if code is ErrorCode.UNAUTHORIZED else None)
        )


class Forbidden(AppError):
    """The caller sees the thing and may not do this to it."""

    code = ErrorCode.FORBIDDEN


class NotFound(AppError):
    """It does not exist, or the caller may not know that it does: always the same words.

    ``field``: the field of the request whose object was not found, the same whether it is invented or hidden; none where
    the request names nothing, as for an unknown path.
    """

    code = ErrorCode.NOT_FOUND

    def __init__(self, field: str | None = None) -> None:
        self.field = field
        super().__init__(details={"field": field} if field is not None else None)


class Conflict(AppError):
    """The current state forbids it; ``reason`` is the stable word for why."""

    code = ErrorCode.CONFLICT

    def __init__(self, reason: ConflictReason) -> None:
        self.reason = reason
        super().__init__(f"{reason.meaning} {reason.remedy}", details={"reason": reason.value})


class Problem(TypedDict):
    """One fault of a payload: where it is (dotted path, empty for the whole) and what is wrong with it."""

    path: str
    message: str


class ValidationFailed(AppError):
    """The payload does not fit; ``details`` lists every fault."""

    code = ErrorCode.VALIDATION_FAILED

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(details=list(problems))

    @classmethod
    def at(cls, path: str, message: str) -> "ValidationFailed":
        """A single fault at ``path``."""
        return cls([{"path": path, "message": message}])


class PayloadTooLarge(AppError):
    """Over a documented limit."""

    code = ErrorCode.PAYLOAD_TOO_LARGE


class RateLimited(AppError):
    """Too fast; ``retry_after_s`` whole seconds (at least 1) until the next try can succeed.

    ``challenge``: what the client may solve in place of waiting, as ``details.challenge``.
    """

    code = ErrorCode.RATE_LIMITED

    def __init__(self, retry_after_s: float, *, challenge: Mapping[str, Any] | None = None) -> None:
        details = {"challenge": challenge} if challenge is not None else None
        super().__init__(details=details, retry_after_s=max(1, -int(-retry_after_s // 1)))


class Unavailable(AppError):
    """The database or the bus is away. Nothing was done, or a retry with the same ``client_id`` is safe, in a moment."""

    code = ErrorCode.UNAVAILABLE

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, retry_after_s=UNAVAILABLE_FOR_S)


class UnknownAction(AppError):
    """No action has this name."""

    code = ErrorCode.UNKNOWN_ACTION
