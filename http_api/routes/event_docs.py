"""Documents of the Socket.IO API: AsyncAPI and its page, TypeScript types, the live console."""

from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse

from http_api.documentation import page
from http_api.events_page import EventsPage
from http_api.openapi import openapi_of
from realtime.documents.asyncapi import describe_events_api
from realtime.documents.typescript import write_types


def mount(app: FastAPI) -> None:
    """Add the pages and the documents; each is built once."""
    document = describe_events_api(version=version("molva"))
    events_page = page("events.html", "/docs/events").replace("<!-- body -->", EventsPage(document).render())
    live_page = page("live/live.html", "/docs/live")

    async def show_asyncapi() -> dict[str, Any]:
        return document

    @cache
    def types() -> str:
        return write_types(openapi_of(app))  # at the first request: by then every route is there

    async def show_types() -> Response:
        return Response(types(), media_type="text/plain; charset=utf-8")

    async def show_events() -> Response:
        return HTMLResponse(events_page)

    async def show_live() -> Response:
        return HTMLResponse(live_page)

    for path, handler in (
        ("/asyncapi.json", show_asyncapi),
        ("/docs/events", show_events),
        ("/docs/types.ts", show_types),
        ("/docs/live", show_live),
    ):
        app.add_api_route(path, handler, methods=["GET", "HEAD"], include_in_schema=False)
