"""The Socket.IO side of the documents, in a browser: the events page and the live console."""

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from realtime.wire.registry import ACTIONS, EVENTS
from tests.support.browser import CHROMIUM, DEADLINE_MS, Witness, open_browser
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


@pytest.fixture
async def documents(running: RunningServer):
    async with httpx.AsyncClient(base_url=running.address) as client:
        yield client


async def test_asyncapi_has_every_action_with_its_ack_and_every_event(documents: httpx.AsyncClient):
    document = (await documents.get("/asyncapi.json")).raise_for_status().json()
    assert document["asyncapi"] == "3.1.0"
    received = {one["title"] for one in document["operations"].values() if one["action"] == "receive"}
    sent = {one["title"] for one in document["operations"].values() if one["action"] == "send"}
    assert received == set(ACTIONS)
    assert sent == set(EVENTS)
    assert all("reply" in one for one in document["operations"].values() if one["action"] == "receive")


async def test_types_have_every_action_and_event(documents: httpx.AsyncClient):
    types = (await documents.get("/docs/types.ts")).raise_for_status().text
    for name in (*ACTIONS, *EVENTS):
        assert f'"{name}": (payload' in types


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("width", [1280, 400])
async def test_events_page_renders_offline(running: RunningServer, width: int, tmp_path):
    async with open_browser() as browser:
        page = await browser.new_page(viewport={"width": width, "height": 900})
        witness = Witness()
        witness.watch(page)
        await page.goto(f"{running.address}/docs/events")
        await expect(page.get_by_text("message:created").first).to_be_attached(timeout=DEADLINE_MS)
        await page.screenshot(path=tmp_path / f"events-{width}.png")
        assert witness.complaints == []
        assert witness.foreign_requests(running.address) == []


async def choose(page: Page, side: str, action: str) -> None:
    await page.select_option(f"#{side} select.actions", action)


async def send(page: Page, side: str) -> None:
    await page.click(f"#{side} form.action button:first-of-type")


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("width", [1280, 400])
async def test_two_people_talk_in_the_live_console(running: RunningServer, width: int, tmp_path):
    async with open_browser() as browser:
        page = await browser.new_page(viewport={"width": width, "height": 1000})
        witness = Witness()
        witness.watch(page)
        await page.goto(f"{running.address}/docs/live")
        await expect(page.locator("body.loaded")).to_be_attached(timeout=DEADLINE_MS)
        for side in ("anna", "boris"):
            await page.click(f"#{side} .sign-in button")
            await expect(page.locator(f"#{side}.online")).to_be_attached(timeout=DEADLINE_MS)
        await choose(page, "anna", "chat:create_private")
        await send(page, "anna")
        await expect(page.locator(".step.boris", has_text="chat:updated")).to_be_attached(timeout=DEADLINE_MS)
        await choose(page, "boris", "chat:activate")
        await send(page, "boris")
        await choose(page, "anna", "message:send")
        await page.fill("#anna textarea[name=content]", '{"text": "Hello from the page"}')
        await send(page, "anna")
        heard = page.locator(".step.boris", has_text="message:created")
        await expect(heard).to_be_attached(timeout=DEADLINE_MS)
        await expect(heard).to_contain_text("Hello from the page")
        said = page.locator(".step.anna", has_text="message:send").last
        await said.locator("summary").click()
        await expect(said.get_by_text("Copy as JavaScript")).to_be_visible()
        times = await page.locator("#timeline time").all_text_contents()
        seconds = [float(re.sub(r"[^\d.]", "", time)) for time in times]
        assert seconds == sorted(seconds, reverse=True)
        await page.screenshot(path=tmp_path / f"live-{width}.png", full_page=True)
        assert witness.complaints == []
        assert witness.foreign_requests(running.address) == []
