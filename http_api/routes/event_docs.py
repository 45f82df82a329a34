"""Documents of the Socket.IO API: AsyncAPI and its page, TypeScript types, the live console."""

from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from http_api.openapi import openapi_of
from realtime.documents.asyncapi import describe_events_api
from realtime.documents.typescript import write_types

_PAGES: Final = Path(__file__).parents[1] / "pages"


def mount(app: FastAPI) -> None:
    """Add the pages and the documents; each is built once."""
    document = describe_events_api(version=version("molva"))
    events_page = (_PAGES / "events.html").read_text(encoding="utf-8")
    live_page = (_PAGES / "live" / "live.html").read_text(encoding="utf-8")

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
    app.mount("/docs/assets/asyncapi", StaticFiles(directory=str(files("asyncapi_viewer") / "static")))
