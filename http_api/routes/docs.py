"""``/docs`` and ``/openapi.json``: REST and every action in Swagger UI, which is served from its Python package."""

from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from http_api.documentation import PAGES, page
from http_api.openapi import openapi_of


def mount(app: FastAPI) -> None:
    """Add the pages and the document."""
    docs_page = page("swagger.html", "/docs/")
    assets = StaticFiles(directory=str(files("fastapi_swagger.resources")))

    async def show_docs() -> Response:
        return HTMLResponse(docs_page)

    async def show_openapi() -> dict[str, Any]:
        return openapi_of(app)

    async def show_root() -> Response:
        return RedirectResponse("/docs/")

    async def show_icon() -> Response:
        return FileResponse(PAGES / "molva.svg", media_type="image/svg+xml")

    for path, handler in (
        ("/", show_root),
        ("/docs", show_docs),
        ("/docs/", show_docs),
        ("/openapi.json", show_openapi),
        ("/favicon.ico", show_icon),
    ):
        app.add_api_route(path, handler, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/docs/assets/swagger", assets)
    app.mount("/docs/assets", StaticFiles(directory=PAGES))
