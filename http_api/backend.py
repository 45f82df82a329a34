"""The services that routes use, in one typed object on the application instead of globals."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from accounts.services import AccountServices
from admin.services import AdminServices
from core.rates import RateLimits
from http_api.concurrency import ConcurrencyLimit
from realtime.wire.context import Services


@dataclass(frozen=True, slots=True)
class Backend:
    """What routes call, and the limits on what HTTP may have in progress at once."""

    accounts: AccountServices
    services: Services
    """What changes that other people are told of need."""
    operators: AdminServices
    """What the operator's calls need."""
    is_draining: Callable[[], bool]
    """Whether the process is about to end."""
    rates: RateLimits | None = None
    """The budgets of each person and each address, the same as for socket actions; none for load tests."""
    bodies: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(per_user_max=4, total_max=1000))
    """Uploads that arrive, however slowly."""
    uploads: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(per_user_max=4, total_max=100))
    """Uploads that have arrived and are being stored."""
    exports: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(per_user_max=1, total_max=16))


def _backend_of(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


BackendOf = Annotated[Backend, Depends(_backend_of)]
"""For a route's parameter."""
