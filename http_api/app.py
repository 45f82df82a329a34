"""The HTTP application: its layers, its routes, how it says no.

From the outside in: the frame (request id, log line, headers), CORS, crashes, body limits, FastAPI. To add routes: a module
with a ``router``, and its name in :data:`_ROUTERS`.
"""

from typing import Final

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from core.settings import Environment, Settings
from core.tokens import AccessTokens, CodeHashes, RefreshTokens
from db.pool import Database
from http_api import actions, codes, docs, event_docs, health, profile, sessions
from http_api import tokens as token_routes
from http_api.backend import Backend, OnSessionEnded
from http_api.bodies import BodyLimits
from http_api.code_senders import CodeSender, code_sender_for
from http_api.identity import authenticate
from http_api.problems import CrashAnswers, handle_problems
from http_api.requests import REQUEST_ID_HEADER, RequestFrame
from realtime.protocol.dispatch import Dispatcher

_ROUTERS: Final = (codes.router, token_routes.router, sessions.router, profile.router, health.router)
_PREFLIGHT_AGE_S: Final = 600


def create_app(
    *,
    settings: Settings,
    database: Database,
    tokens: AccessTokens,
    dispatcher: Dispatcher,
    on_session_ended: OnSessionEnded,
    code_sender: CodeSender | None = None,
) -> FastAPI:
    """The application, ready to serve. ``code_sender`` stands in for the one that the settings ask for."""
    app = FastAPI(
        title="Molva",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever Host the client invented
        middleware=[
            Middleware(RequestFrame, trusted_proxies=settings.trusted_proxies),
            Middleware(
                CORSMiddleware,
                allow_origins=_origins(settings),
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["Authorization", "Content-Type", REQUEST_ID_HEADER],
                expose_headers=[REQUEST_ID_HEADER, "Retry-After"],
                max_age=_PREFLIGHT_AGE_S,
            ),
            Middleware(CrashAnswers),
            Middleware(BodyLimits),
        ],
    )
    secret = settings.signing_secret()
    app.state.backend = Backend(
        settings=settings,
        database=database,
        access_tokens=tokens,
        refresh_tokens=RefreshTokens(secret),
        code_hashes=CodeHashes(secret),
        code_sender=code_sender or code_sender_for(settings),
        on_session_ended=on_session_ended,
    )
    handle_problems(app)
    for router in _ROUTERS:
        app.include_router(router)
    actions.mount(app, dispatcher, authenticate)
    event_docs.mount(app)
    docs.mount(app)
    return app


def _origins(settings: Settings) -> tuple[str, ...]:
    """Who may call from a browser. Tokens travel in a header, so no answer allows credentials."""
    if settings.environment is Environment.DEVELOPMENT and not settings.cors_origins:
        return ("*",)
    return settings.cors_origins
