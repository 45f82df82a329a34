"""``POST /v1/actions/{action}``: any socket action over HTTP, through the same dispatch, for the same login session."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Request, Response

from accounts.sessions import CallerIdentity
from core.errors import AppError, ErrorBody, ErrorCode, ValidationFailed
from core.logs import current_request
from core.strict_json import parse_json
from realtime.wire.context import Caller
from realtime.wire.dispatch import Dispatcher

_NOT_JSON: Final = "must be valid JSON, without lone surrogates, NaN, Infinity, deep nesting or repeated keys"


class _DispatchError(AppError):
    """An error that dispatch answered an action with."""

    def __init__(self, body: ErrorBody) -> None:
        super().__init__(body["message"], details=body.get("details"), retry_after_s=body.get("retry_after"))
        self.code = ErrorCode(body["code"])


def mount(app: FastAPI, dispatcher: Dispatcher, authenticate: Callable[..., Awaitable[CallerIdentity]]) -> None:
    """Add the route. It is described action by action in the document, not here."""

    @app.post("/v1/actions/{action}", include_in_schema=False)
    async def run_action(
        action: str, request: Request, identity: Annotated[CallerIdentity, Depends(authenticate)]
    ) -> Response:
        body = await request.body()
        context = current_request()
        if context is None:
            raise RuntimeError("an action outside of a request")
        caller = Caller(identity.user_id, identity.session_id)
        reply = await dispatcher.dispatch(action, [_read(body)] if body else [], caller, context)
        if reply.error is not None:
            raise _DispatchError(reply.error)
        return Response(reply.data, media_type="application/json")


def _read(body: bytes) -> Any:
    try:
        return parse_json(body)
    except json.JSONDecodeError:
        raise ValidationFailed.at("", _NOT_JSON) from None
