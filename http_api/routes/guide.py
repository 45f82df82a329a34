"""``/docs/guide`` and ``/docs/changelog``, rendered from their Markdown, and the search over all documents."""

from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, HTMLResponse

from core.errors import NotFound
from http_api.documentation import SOURCES, article, read_guides, render_markdown
from http_api.openapi import openapi_of
from realtime.wire.registry import EVENTS

_TYPES: Final = {".ts": "text/plain", ".mjs": "text/javascript", ".py": "text/plain"}
"""The programs that stand beside the guides, by their ending: how they are shown."""


def mount(app: FastAPI) -> None:
    """Add the pages. Where the sources are not installed, there is only the search."""

    @cache
    def index() -> list[dict[str, str]]:
        return search_index(openapi_of(app))  # at the first request: by then every route is there

    async def search() -> list[dict[str, str]]:
        return index()

    app.add_api_route("/docs/search.json", search, methods=["GET", "HEAD"], include_in_schema=False)
    if SOURCES is not None:
        _mount_guides(app, SOURCES)


def _mount_guides(app: FastAPI, sources: Path) -> None:
    folder = sources / "docs/guide"
    programs = {path.name: path for path in folder.iterdir() if path.suffix in _TYPES}

    async def show_guide(name: str = "") -> Response:
        guides = read_guides(folder)
        if name in guides:
            return HTMLResponse(article(guides[name].title, guides[name].html, "/docs/guide", _contents(folder, name)))
        if name in programs:
            return FileResponse(programs[name], media_type=f"{_TYPES[programs[name].suffix]}; charset=utf-8")
        raise NotFound("name")

    async def show_changelog() -> Response:
        document = render_markdown(sources / "CHANGELOG.md")
        return HTMLResponse(article(document.title, document.html, "/docs/changelog"))

    for path, handler in (
        ("/docs/guide", show_guide),
        ("/docs/guide/", show_guide),
        ("/docs/guide/{name}", show_guide),
        ("/docs/changelog", show_changelog),
    ):
        app.add_api_route(path, handler, methods=["GET", "HEAD"], include_in_schema=False)


def _contents(folder: Path, present: str) -> str:
    """Links to the guides and to the headings of the present one."""
    lines = []
    for name, document in read_guides(folder).items():
        mark = " aria-current=page" if name == present else ""
        lines.append(f'<a href="{_address(name)}"{mark}>{escape(document.title)}</a>')
        if name == present:
            lines += [f'<a class="part" href="#{anchor}">{escape(heading)}</a>' for heading, anchor in document.headings]
    return f'<aside><nav aria-label="Guide">{"".join(lines)}</nav></aside>'


def _address(guide: str) -> str:
    return f"/docs/guide/{guide}".rstrip("/")


def search_index(openapi: dict[str, Any]) -> list[dict[str, str]]:
    """What the search finds: ``title``, ``about`` and ``url`` of every heading, call, action and event."""
    found: list[dict[str, str]] = []
    guides = read_guides(SOURCES / "docs/guide") if SOURCES is not None else {}
    for name, document in guides.items():
        found.append({"title": document.title, "about": "Guide", "url": _address(name)})
        for heading, anchor in document.headings:
            found.append({"title": heading, "about": f"Guide: {document.title}", "url": f"{_address(name)}#{anchor}"})
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            title = path.removeprefix("/v1/actions/") if path.startswith("/v1/actions/") else f"{method.upper()} {path}"
            place = "/".join(quote(part, safe="") for part in (operation["tags"][0], operation["operationId"]))
            found.append({"title": title, "about": operation.get("summary", ""), "url": f"/docs/#/{place}"})
    for event in EVENTS.values():
        about = (event.payload.__doc__ or "").strip().partition("\n")[0]
        found.append({"title": event.name, "about": f"Event. {about}", "url": f"/docs/events#event-{event.name}"})
    return found
