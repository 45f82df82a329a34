"""The pages of the documents in a real browser: they load nothing from elsewhere, and what they show can be executed."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.support.browser import CHROMIUM, DEADLINE_MS, Witness, open_browser
from tests.support.clients import new_client_id, new_phone
from tests.support.running import RunningServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: apt install chromium)"),
]

DESKTOP, PHONE = 1280, 400


class SwaggerPage:
    """``/docs/`` as somebody at the screen uses it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.witness = Witness()
        self.witness.watch(page)

    async def open(self) -> "SwaggerPage":
        await self.page.goto(f"{self.address}/docs/")
        await self.page.wait_for_selector(".opblock")
        return self

    def operation(self, path: str, method: str = "post") -> Locator:
        return self.page.locator(f".opblock-{method}", has=self.page.locator(f'[data-path="{path}"]'))

    async def execute(self, path: str, payload: dict[str, Any] | None = None, *, status: int = 200) -> Any:
        """Open the operation, fill in the body, press Execute: the answer's JSON, once the page shows its status."""
        operation = self.operation(path, "get" if payload is None else "post")
        if not await operation.locator(".execute").is_visible():
            await operation.locator(".opblock-summary-control").click()
        if payload is not None:
            await operation.locator("textarea").fill(json.dumps(payload))
        async with self.page.expect_response(self.address + path) as answer:
            await operation.locator(".execute").click()
        shown = operation.locator(".live-responses-table tbody .response-col_status").first
        await expect(shown).to_contain_text(str(status))
        return await (await answer.value).json()

    async def sign_in(self, phone: str) -> dict[str, Any]:
        code = (await self.execute("/v1/auth/codes", {"phone": phone}, status=202))["code"]
        signed_in: dict[str, Any] = await self.execute("/v1/auth/tokens", {"phone": phone, "code": code})
        return signed_in

    def assert_nothing_wrong(self) -> None:
        assert self.witness.complaints == []
        assert self.witness.requests
        assert self.witness.foreign_requests(self.address) == []


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest.fixture(params=[DESKTOP], ids=["desktop"])
async def swagger(request: pytest.FixtureRequest, running: RunningServer, browser: Browser) -> AsyncIterator[SwaggerPage]:
    """The opened page, in a fresh profile."""
    page = await browser.new_page(viewport={"width": request.param, "height": 900})
    page.set_default_timeout(DEADLINE_MS)
    yield await SwaggerPage(page, running.address).open()
    await page.close()


async def test_page_runs_sign_in_rest_and_socket_actions_and_stays_signed_in(swagger: SwaggerPage) -> None:
    boris = await swagger.sign_in(new_phone())
    anna = await swagger.sign_in(new_phone())  # the page goes on as who signed in last

    chat = (await swagger.execute("/v1/actions/chat:create_private", {"user_id": boris["user"]["id"]}))["chat"]
    text = {"chat_id": chat["id"], "client_id": new_client_id(), "type": "text", "content": {"text": "from the page"}}
    sent = await swagger.execute("/v1/actions/message:send", text)
    page = await swagger.execute("/v1/actions/message:list", {"chat_id": chat["id"]})
    assert page["messages"] == [sent["message"]]

    await swagger.open()
    assert (await swagger.execute("/v1/me"))["id"] == anna["user"]["id"]
    swagger.assert_nothing_wrong()


@pytest.mark.parametrize("swagger", [DESKTOP, PHONE], ids=["desktop", "phone"], indirect=True)
async def test_page_shows_everything_that_is_declared_and_fits_the_screen(swagger: SwaggerPage) -> None:
    async with httpx.AsyncClient(base_url=swagger.address) as client:
        document = (await client.get("/openapi.json")).json()
    paths = swagger.page.locator("[data-path]")
    shown = await paths.evaluate_all("elements => elements.map(element => element.dataset.path)")
    assert set(shown) == {*document["paths"], *document["webhooks"]}
    await swagger.operation("/v1/actions/message:send").locator(".opblock-summary-control").click()
    await expect(swagger.operation("/v1/actions/message:send").locator(".execute")).to_be_visible()
    page_width, screen_width = await swagger.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert page_width <= screen_width
    swagger.assert_nothing_wrong()


async def test_pages_may_run_no_script_but_their_own(running: RunningServer) -> None:
    async with httpx.AsyncClient(base_url=running.address) as client:
        policy = (await client.get("/docs/")).headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'self'"
    assert "script-src" not in directives
