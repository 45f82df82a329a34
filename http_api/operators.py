"""Who calls ``/v1/admin/*``: an operator with a key that has the scope ``admin``."""

from typing import Annotated, Final

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from admin.audit import Operator
from admin.keys import Scope, check_key
from admin.services import AdminServices
from core.errors import ErrorCode, Forbidden, Unauthorized
from core.logs import current_request, note
from http_api.backend import BackendOf
from http_api.identity import take_of_address

OPERATOR_ERRORS: Final = (
    ErrorCode.UNAUTHORIZED,
    ErrorCode.FORBIDDEN,
    ErrorCode.RATE_LIMITED,
    ErrorCode.UNAVAILABLE,
    ErrorCode.VALIDATION_FAILED,
)
"""What every call of an operator may answer."""

_bearer = HTTPBearer(scheme_name="bearer", auto_error=False)


async def _authorise(
    backend: BackendOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Operator:
    """The operator who calls; ``unauthorized`` without a key that works, ``forbidden`` with one for something else."""
    try:
        if credentials is None or credentials.scheme.lower() != "bearer":
            raise Unauthorized(message="The key is missing.")
        key = await check_key(backend.accounts.database, credentials.credentials, Scope.ADMIN)
    except (Unauthorized, Forbidden):
        take_of_address(backend, "public")
        raise
    if backend.rates is not None:
        backend.rates.take(f"key {key.id}", "operator")
    note(api_key=key.name, api_key_id=key.id)
    request = current_request()
    if request is None:
        return Operator(key, None, None)
    return Operator(key, request.client, request.request_id)


def _services_of(backend: BackendOf) -> AdminServices:
    return backend.operators


OperatorOf = Annotated[Operator, Depends(_authorise)]
"""For a route's parameter: only calls with a key for operators reach the route."""
AdminServicesOf = Annotated[AdminServices, Depends(_services_of)]
"""For a route's parameter."""
