"""Probes and metrics for operators: is the process alive, should it get traffic, what are its figures."""

import hmac
from ipaddress import ip_address
from typing import Literal

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field, SecretStr

from core.errors import ErrorCode, Forbidden, Unavailable
from core.logs import current_request
from core.settings import Environment, Settings
from http_api.backend import BackendOf
from http_api.problems import handle_problems, refusals
from realtime.wire.fields import ServerPayload

router = APIRouter(tags=["Operations"])


class Health(ServerPayload):
    """The process is well."""

    status: Literal["ok"] = Field("ok", description="Always `ok`: everything else is an error response.", examples=["ok"])


@router.get("/health/live")
@router.head("/health/live", include_in_schema=False)
async def show_liveness() -> Health:
    """Whether the process answers at all; when it does not, restart it."""
    return Health()


@router.get("/health/ready", responses=refusals(ErrorCode.UNAVAILABLE))
@router.head("/health/ready", include_in_schema=False)
async def show_readiness(backend: BackendOf) -> Health:
    """Whether to send requests here: the database answers and takes writes, and the process is not about to end."""
    if backend.is_draining() or not await backend.services.database.is_writable():
        raise Unavailable
    return Health()


def mount_metrics(app: FastAPI, settings: Settings) -> None:
    """Add ``/metrics``, unless it has a port of its own. In production only those who may see it are answered."""
    if settings.metrics_port is not None:
        return

    async def refuse_strangers(request: Request) -> None:
        if settings.environment is Environment.PRODUCTION and not _may_see_metrics(request, settings.metrics_token):
            raise Forbidden

    app.add_api_route(
        "/metrics",
        show_metrics,
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **refusals(ErrorCode.FORBIDDEN)},
        tags=["Operations"],
        dependencies=[Depends(refuse_strangers)],
    )


def _may_see_metrics(request: Request, token: SecretStr | None) -> bool:
    if token is not None:
        given = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(given, b"Bearer " + token.get_secret_value().encode())
    context = current_request()
    try:
        return context is not None and ip_address(context.client or "").is_loopback
    except ValueError:
        return False


async def show_metrics() -> Response:
    """Counters and histograms in Prometheus's text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def create_operations_app(app: FastAPI) -> FastAPI:
    """The application for a port that only operators reach: the probes of ``app`` and the metrics."""
    operations = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    operations.state.backend = app.state.backend
    handle_problems(operations)
    operations.include_router(router)
    operations.add_api_route("/metrics", show_metrics, response_class=Response)
    return operations
