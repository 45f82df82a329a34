"""The HTTP application: its middleware, its routes and its error handlers.

A request passes, from the outside in: request context (id, log line, headers), host check, banned networks, CORS, crash
handler, body limits, FastAPI. To add routes: a module with a ``router``, and its name in :data:`_ROUTERS`.
"""

from collections.abc import Callable
from typing import Final

from fastapi import FastAPI
from starlette.middleware import Middleware

from accounts.challenges import Challenges
from accounts.code_senders import CodeSender, code_sender_for
from accounts.daily_budgets import budgets_of
from accounts.network_bans import NetworkBans
from accounts.services import AccountServices, OnSessionEnded
from admin.services import AdminServices
from core.rates import RateLimits
from core.settings import Settings
from core.tokens import AccessTokens, CodeHashes, PhoneHashes, RefreshTokens
from db.pool import Database
from http_api.backend import Backend
from http_api.identity import identify
from http_api.middleware.bodies import BodyLimits
from http_api.middleware.host_check import HostCheck
from http_api.middleware.network_bans import NetworkBanCheck
from http_api.middleware.origins import Origins
from http_api.middleware.request_context import REQUEST_ID_HEADER, RequestContext
from http_api.problems import CrashHandler, handle_problems
from http_api.routes import actions, avatars, codes, docs, event_docs, export, files, guide, health, profile, sessions
from http_api.routes import tokens as token_routes
from http_api.routes.admin import ADMIN_ROUTERS
from realtime.announcements import Announcements
from realtime.wire.context import Services
from realtime.wire.dispatch import Dispatcher
from storage.objects import Objects
from storage.workers import ImageWorkers

_ROUTERS: Final = (
    codes.router,
    token_routes.router,
    sessions.router,
    profile.router,
    avatars.router,
    export.router,
    files.router,
    health.router,
    *ADMIN_ROUTERS,
)
_PREFLIGHT_AGE_S: Final = 600


def create_app(
    *,
    settings: Settings,
    database: Database,
    tokens: AccessTokens,
    dispatcher: Dispatcher,
    on_session_ended: OnSessionEnded,
    services: Services,
    objects: Objects,
    images: ImageWorkers,
    network_bans: NetworkBans,
    announcements: Announcements,
    is_draining: Callable[[], bool] = lambda: False,
    rates: RateLimits | None = None,
    code_sender: CodeSender | None = None,
) -> FastAPI:
    """The application, ready to serve.

    ``is_draining``: whether the process is about to end. ``code_sender`` replaces the one that the settings name.
    ``rates``: the budgets, shared with the dispatcher.
    """
    app = FastAPI(
        title="Molva",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would repeat a Host header that the client made up
        middleware=_middleware(settings, network_bans),
    )
    secret = settings.signing_secret()
    accounts = AccountServices(
        settings=settings,
        database=database,
        access_tokens=tokens,
        refresh_tokens=RefreshTokens(secret),
        code_hashes=CodeHashes(secret),
        phone_hashes=PhoneHashes(secret),
        code_sender=code_sender or code_sender_for(settings),
        on_session_ended=on_session_ended,
        objects=objects,
        images=images,
        challenges=Challenges(settings),
        budgets=budgets_of(settings),
    )
    operators = AdminServices(services, accounts, network_bans, announcements)
    app.state.backend = Backend(accounts, services, operators, is_draining, rates)
    handle_problems(app, with_pages=settings.shows_docs)
    for router in _ROUTERS:
        app.include_router(router)
    actions.mount(app, dispatcher, identify)
    health.mount_metrics(app, settings)
    if settings.shows_docs:
        event_docs.mount(app)
        guide.mount(app)
        docs.mount(app)
    return app


def _middleware(settings: Settings, network_bans: NetworkBans) -> list[Middleware]:
    """What every request passes, the outermost first."""
    return [
        Middleware(RequestContext, trusted_proxies=settings.trusted_proxies),
        Middleware(HostCheck, allowed=settings.allowed_hosts),
        Middleware(NetworkBanCheck, bans=network_bans),
        Middleware(
            Origins,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Range", "If-None-Match", "If-Range", REQUEST_ID_HEADER],
            expose_headers=[
                REQUEST_ID_HEADER,
                "Retry-After",
                "Content-Disposition",
                "Content-Range",
                "Accept-Ranges",
                "ETag",
            ],
            max_age=_PREFLIGHT_AGE_S,
        ),
        Middleware(CrashHandler),
        Middleware(BodyLimits),
    ]
