"""The documentation site: one header over all pages under ``/docs``, and the guides rendered from their Markdown."""

import re
import sys
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

PAGES: Final = Path(__file__).parent / "pages"
_SECTIONS: Final = (
    ("/docs/", "REST and actions"),
    ("/docs/events", "Events"),
    ("/docs/live", "Live console"),
    ("/docs/guide", "Guide"),
    ("/docs/types.ts", "TypeScript"),
    ("/docs/changelog", "Changelog"),
)
_HEADER_MARK: Final = "<!-- header -->"
_WORDS: Final = re.compile(r"[^\w\s-]")


def _find_sources() -> Path | None:
    """The folder with CHANGELOG.md and docs/guide: that of the repository, or where an installation keeps it."""
    for folder in (Path(__file__).parents[1], Path(sys.prefix) / "share/molva"):
        if (folder / "docs/guide/README.md").is_file() and (folder / "CHANGELOG.md").is_file():
            return folder
    return None


SOURCES: Final = _find_sources()
PAGES_POLICY: Final = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""The pages of the documents load everything from this server. Swagger UI uses inline styles and data URLs for icons."""


def page(name: str, section: str) -> str:
    """The HTML of ``pages/NAME`` under the header, in which ``section`` (its path) is the present one."""
    return (PAGES / name).read_text(encoding="utf-8").replace(_HEADER_MARK, header(section))


def header(section: str) -> str:
    """The links to all parts of the site, and the search."""
    links = "".join(
        f'<a href="{path}"{" aria-current=page" if path == section else ""}>{title}</a>'
        for path, title in _SECTIONS
        if SOURCES is not None or path not in ("/docs/guide", "/docs/changelog")
    )
    return (
        '<header class="site"><a class="brand" href="/docs/">Molva</a><nav aria-label="Documentation">'
        f'{links}</nav><search><input type="search" id="search" placeholder="Search" aria-label="Search the documentation"'
        ' autocomplete="off" aria-controls="found"><ol id="found" hidden></ol></search></header>'
    )


def article(title: str, body: str, section: str, aside: str = "") -> str:
    """A page of prose."""
    text = (PAGES / "article.html").read_text(encoding="utf-8").replace(_HEADER_MARK, header(section))
    return text.replace("<!-- title -->", escape(title)).replace("<!-- aside -->", aside).replace("<!-- body -->", body)


@dataclass(frozen=True, slots=True)
class Document:
    """A page that was written in Markdown. ``headings``: each with its anchor."""

    title: str
    html: str
    headings: tuple[tuple[str, str], ...]


@cache
def read_guides(folder: Path) -> dict[str, Document]:
    """Each guide of ``folder`` by its name, as in its address, in the order of the table of contents (named ``""``)."""
    contents = folder / "README.md"
    names: list[str] = re.findall(r"^- \[[^\]]+\]\((\w[\w-]*)\.md\)", contents.read_text(encoding="utf-8"), re.MULTILINE)
    return {"": render_markdown(contents)} | {name: render_markdown(folder / f"{name}.md") for name in names}


@cache
def render_markdown(path: Path) -> Document:
    """The document in ``path``, in which links between the guides go to their pages."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    headings: list[tuple[str, str]] = []
    title = path.stem
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            anchor = _anchor(inline.content)
            opening.attrSet("id", anchor)
            if opening.tag == "h1":
                title = inline.content
            else:
                headings.append((_plain(inline.content), anchor))
        for child in inline.children or ():
            if child.type == "link_open":
                child.attrSet("href", _page_of(str(child.attrGet("href"))))
    html = RendererHTML().render(_in_boxes(tokens), markdown.options, {})
    return Document(title, html, tuple(headings))


def inline_markdown(text: str) -> str:
    """The HTML of one paragraph."""
    html: str = MarkdownIt("commonmark", {"html": False}).renderInline(text.replace("``", "`"))
    return html


def _in_boxes(tokens: list[Token]) -> list[Token]:
    """``tokens``, where each table is in a box of its own, so that a wide one scrolls alone."""
    boxed: list[Token] = []
    for token in tokens:
        if token.type == "table_open":
            boxed.append(Token("html_block", "", 0, content='<div class="wide">\n'))
        boxed.append(token)
        if token.type == "table_close":
            boxed.append(Token("html_block", "", 0, content="</div>\n"))
    return boxed


def _anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return _WORDS.sub("", heading.lower()).strip().replace(" ", "-")


def _plain(heading: str) -> str:
    return heading.replace("`", "")


def _page_of(link: str) -> str:
    """Where a link of a guide leads on the site."""
    target, mark, anchor = link.partition("#")
    if "://" in target or not target:
        return link
    if target.endswith("README.md") and target.startswith(".."):
        return "/docs/guide"
    if target.endswith(".md"):
        name = target.removesuffix(".md").replace("README", "")
        return f"/docs/guide/{name}{mark}{anchor}".rstrip("/")
    return f"/docs/guide/{target}"
