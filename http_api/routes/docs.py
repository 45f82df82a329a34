"""``/docs`` and ``/openapi.json``: REST and every action in Swagger UI, which is served from its Python package."""

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from http_api.openapi import openapi_of

_PAGES: Final = Path(__file__).parents[1] / "pages"


def mount(app: FastAPI) -> None:
    """Add the pages and the document."""
    page = (_PAGES / "swagger.html").read_text(encoding="utf-8")
    assets = StaticFiles(directory=str(files("fastapi_swagger.resources")))

    async def show_docs() -> Response:
        return HTMLResponse(page)

    async def show_openapi() -> dict[str, Any]:
        return openapi_of(app)

    async def show_root() -> Response:
        return RedirectResponse("/docs/")

    for path, handler in (("/", show_root), ("/docs", show_docs), ("/docs/", show_docs), ("/openapi.json", show_openapi)):
        app.add_api_route(path, handler, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/docs/assets/swagger", assets)
    app.mount("/docs/assets", StaticFiles(directory=_PAGES))
