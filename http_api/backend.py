"""What the routes work with, in one typed place on the application instead of globals."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from accounts.code_caps import SendPace
from accounts.code_senders import CodeSender
from core.settings import Settings
from core.tokens import AccessTokens, CodeHashes, RefreshTokens
from db.pool import Database
from http_api.concurrency import ConcurrencyLimit
from realtime.wire.context import Services
from storage.objects import Objects
from storage.workers import ImageWorkers

OnSessionEnded = Callable[[str, str], Awaitable[None]]
"""Called with session id and reason after the commit; closes the session's sockets."""


@dataclass(frozen=True, slots=True)
class Backend:
    """The parts of the house that HTTP touches."""

    settings: Settings
    database: Database
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    code_hashes: CodeHashes
    code_sender: CodeSender
    on_session_ended: OnSessionEnded
    is_draining: Callable[[], bool]
    services: Services
    objects: Objects
    images: ImageWorkers
    send_pace: SendPace = field(default_factory=SendPace)
    uploads: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(of_one_max=30, of_all_max=300))
    exports: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(of_one_max=1, of_all_max=4))


def _backend_of(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


BackendOf = Annotated[Backend, Depends(_backend_of)]
"""For a route's parameter."""
