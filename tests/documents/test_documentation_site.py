"""The pages under ``/docs`` are one site: a header and a search over all, links that lead somewhere."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import pytest
from playwright.async_api import Page, expect

from core.settings import Settings
from http_api.documentation import SOURCES, read_guides, render_markdown
from realtime.wire.registry import ACTIONS, EVENTS
from tests.support.browser import CHROMIUM, DEADLINE_MS, Witness, open_browser
from tests.support.running import RunningServer, run_server

pytestmark = pytest.mark.slow

PAGES = ("/docs/", "/docs/events", "/docs/live", "/docs/guide", "/docs/changelog")
HEIGHT_MAX_PX = 20_000
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: apt install chromium)")


class Links(HTMLParser):
    """The addresses to which a page leads, and the places in it that can be led to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.anchors: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if tag in ("a", "link") and name == "href" and value:
                self.hrefs.append(value)
            elif name == "id" and value:
                assert value not in self.anchors, value
                self.anchors.add(value)


@pytest.fixture
async def site(running: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=running.address) as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_has_the_header_and_knows_its_place(site: httpx.AsyncClient, path: str):
    answer = (await site.get(path)).raise_for_status()
    assert answer.headers["content-type"].startswith("text/html")
    assert f'href="{path}" aria-current=page' in answer.text
    assert answer.text.count("aria-current=page") == 1 + (path == "/docs/guide")
    assert "<!--" not in answer.text


async def test_every_link_leads_to_something(site: httpx.AsyncClient):
    pages: dict[str, Links] = {}
    waiting = [*PAGES]
    while waiting:
        path = waiting.pop()
        answer = await site.get(path)
        assert answer.status_code == 200, path
        pages[path] = Links(answer.text if "html" in answer.headers["content-type"] else "")
        for href in pages[path].hrefs:
            target = urlsplit(urljoin(path, href))
            if not target.netloc and target.path not in pages:
                waiting.append(target.path)
    assert len(pages) > 12
    for path, links in pages.items():
        for href in links.hrefs:
            target = urlsplit(urljoin(path, href))
            if not target.netloc and target.fragment and target.path in pages and target.path != "/docs/":
                assert unquote(target.fragment) in pages[target.path].anchors, (path, href)


async def test_guides_are_pages_with_their_programs_beside_them(site: httpx.AsyncClient):
    assert SOURCES is not None
    guides = read_guides(SOURCES / "docs/guide")
    assert set(guides) == {path.stem.replace("README", "") for path in (SOURCES / "docs/guide").glob("*.md")}
    limits = (await site.get("/docs/guide/limits")).text
    assert '<div class="wide">\n<table>' in limits
    program = await site.get("/docs/guide/client.mjs")
    assert program.text == (SOURCES / "docs/guide/client.mjs").read_text(encoding="utf-8")
    for unknown in ("nothing", "..%2Fconfiguration", "README", "connecting.md"):
        assert (await site.get(f"/docs/guide/{unknown}")).status_code == 404


def test_markdown_brings_no_html_of_its_own(tmp_path):
    source = tmp_path / "page.md"
    source.write_text("# A <b>title</b>\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) [y](z.md#part) `<i>`\n")
    html = render_markdown(source).html
    assert "<script" not in html
    assert "<b>" not in html
    assert 'href="javascript' not in html
    assert 'href="/docs/guide/z#part"' in html
    assert "<code>&lt;i&gt;</code>" in html


async def test_events_page_has_every_event_and_action_once(site: httpx.AsyncClient):
    anchors = Links((await site.get("/docs/events")).text).anchors
    assert {anchor.removeprefix("event-") for anchor in anchors if anchor.startswith("event-")} == set(EVENTS)
    assert {anchor.removeprefix("action-") for anchor in anchors if anchor.startswith("action-")} == set(ACTIONS)


async def test_search_finds_guides_calls_actions_and_events(site: httpx.AsyncClient):
    entries = (await site.get("/docs/search.json")).json()
    titles = {entry["title"] for entry in entries}
    assert {*ACTIONS, *EVENTS, "POST /v1/auth/codes", "Signing in", "Limits"} <= titles
    assert all(re.match("/docs/(#/|guide|events#event-)", entry["url"]) for entry in entries)


async def test_wrong_address_is_a_page_for_a_browser_and_a_problem_for_a_program(site: httpx.AsyncClient):
    page = await site.get("/docs/nothing", headers=BROWSER)
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (404, "text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for path, headers in (("/docs/nothing", {}), ("/v1/nothing", BROWSER), ("/nothing", {"Accept": "application/json"})):
        problem = await site.get(path, headers=headers)
        assert (problem.status_code, problem.json()["code"]) == (404, "not_found")


async def test_there_are_no_pages_where_the_documents_are_off(settings: Settings):
    async with run_server(settings.model_copy(update={"docs": "off"})) as server, httpx.AsyncClient() as client:
        for path in (*PAGES, "/docs/search.json"):
            problem = await client.get(server.address + path, headers=BROWSER)
            assert (problem.status_code, problem.json()["code"]) == (404, "not_found")


# --- in a browser


@pytest.fixture
async def page(running: RunningServer) -> AsyncIterator[Page]:
    async with open_browser() as browser:
        page = await browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
        page.set_default_timeout(DEADLINE_MS)
        witness = Witness()
        witness.watch(page)
        yield page
        # What was still under way when the page was left is no complaint.
        assert [one for one in witness.complaints if not one.endswith("net::ERR_ABORTED")] == []
        assert witness.foreign_requests(running.address) == []


@pytest.mark.browser
@needs_browser
async def test_pages_are_short_and_an_address_opens_its_entry(running: RunningServer, page: Page):
    for path in PAGES:
        await page.goto(running.address + path)
        assert await page.evaluate("document.documentElement.scrollHeight") < HEIGHT_MAX_PX, path
    await page.goto(f"{running.address}/docs/events#event-message:created")
    entry = page.locator('[id="event-message:created"]')
    await expect(entry.locator("table")).to_be_visible()
    await expect(page.locator('[id="event-chat:updated"] table')).to_be_hidden()
    await entry.get_by_role("link", name="Message", exact=True).click()
    await expect(page.locator("#object-Message table")).to_be_visible()


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("width", [320, 1280])
async def test_search_leads_to_what_was_looked_for(running: RunningServer, page: Page, width: int):
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(f"{running.address}/docs/guide")
    await page.keyboard.press("/")
    await page.keyboard.type("read ticks zzz")
    await expect(page.locator("#found")).to_contain_text("Nothing has these words")
    await page.locator("#search").fill("message:reacted")
    await expect(page.locator("#found a")).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator('[id="event-message:reacted"] table')).to_be_visible()
    widths = await page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1]


@pytest.mark.browser
@needs_browser
async def test_client_id_that_was_sent_is_replaced(running: RunningServer, page: Page):
    await page.goto(f"{running.address}/docs/")
    await page.wait_for_selector(".opblock")
    sent = [
        json.loads(
            await page.evaluate("body => renewClientId({ body }).body", json.dumps({"client_id": given, "text": "x"}))
        )
        for given in ("6F1C2B9E-3D84-4f7a-9b0c-1e2d3f4a5b6d", "6f1c2b9e-3d84-4f7a-9b0c-1e2d3f4a5b6d")
    ]
    assert sent[0]["client_id"] == "6f1c2b9e-3d84-4f7a-9b0c-1e2d3f4a5b6d"
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", sent[1]["client_id"])
    assert await page.evaluate("renewClientId({ url: '/v1/me' })") == {"url": "/v1/me"}
