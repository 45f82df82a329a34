"""Probes and metrics for operators: is the process alive, should it get traffic, what are its figures."""

from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field

from core.errors import ErrorCode, Unavailable
from http_api.backend import BackendOf
from http_api.problems import refusals
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


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def show_metrics() -> Response:
    """Counters and histograms in Prometheus's text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
