"""Probes for whoever runs the process: is it alive, should it get traffic, what are its numbers."""

from typing import Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field

from core.errors import ErrorCode, Unavailable
from db import health
from http_api.backend import BackendOf
from http_api.problems import refusals
from realtime.wire.fields import ServerPayload

router = APIRouter(tags=["Operations"])


class Health(ServerPayload):
    """The probe succeeded."""

    status: Literal["ok"] = Field("ok", description="Always `ok`. A failed probe is an error.", examples=["ok"])


@router.get("/health/live")
@router.head("/health/live", include_in_schema=False)
async def show_liveness() -> Health:
    """Check that the process is alive. If this fails, restart the process."""
    return Health()


@router.get("/health/ready", responses=refusals(ErrorCode.UNAVAILABLE))
@router.head("/health/ready", include_in_schema=False)
async def show_readiness(backend: BackendOf) -> Health:
    """Check that the process can take requests.

    The database answers and accepts writes, and the process is not shutting down.
    """
    async with backend.database.reading() as tx:
        is_ready = await health.is_writable(tx)
    if not is_ready or backend.is_draining():
        raise Unavailable
    return Health()


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def show_metrics() -> Response:
    """Return the metrics of the process in the text format of Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
