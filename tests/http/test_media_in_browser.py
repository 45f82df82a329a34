"""A page of another origin shows, plays and downloads what was sent, by nothing but the URLs in the messages.

The film and the voice are real: the browser itself records them.
"""

import asyncio
import base64
import io
import math
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Page

from tests.http.test_files import send, upload_well
from tests.support.browser import CHROMIUM, DEADLINE_MS, open_browser
from tests.support.clients import ChatUsers
from tests.support.pictures import encoded, scene

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")]

RECORD = """async (kind) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
  const context = canvas.getContext("2d");
  const sound = new AudioContext();
  const tone = sound.createOscillator();
  const output = sound.createMediaStreamDestination();
  tone.connect(output);
  tone.start();
  const stream = kind === "video" ? canvas.captureStream(25) : output.stream;
  const recorder = new MediaRecorder(stream, { mimeType: `${kind}/webm` });
  const chunks = [];
  recorder.ondataavailable = (event) => chunks.push(event.data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  let frames = 0;
  await new Promise((resolve) => {
    const drawing = setInterval(() => {
      context.fillStyle = `hsl(${frames * 10} 90% 50%)`;
      context.fillRect(0, 0, 64, 48);
      frames += 1;
      if (frames > 20) { clearInterval(drawing); resolve(); }
    }, 40);
  });
  recorder.stop();
  await stopped;
  const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""

SHOW = """async ({ tag, url }) => {
  const element = document.createElement(tag);
  document.body.append(element);
  const done = new Promise((resolve, reject) => {
    element.addEventListener(tag === "img" ? "load" : "loadeddata", resolve);
    element.addEventListener("error", () => reject(new Error(`${tag} failed: ${element.error?.message}`)));
  });
  element.src = url;
  await done;
  if (tag === "img") return [element.naturalWidth, element.naturalHeight];
  const seeked = new Promise((resolve) => { element.addEventListener("seeked", resolve); });
  element.currentTime = 0.2;
  await seeked;
  return [element.videoWidth ?? 0, element.videoHeight ?? 0];
}"""


def voice() -> bytes:
    """Half a second of a tone as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(place / 3))) for place in range(4000)))
    return buffer.getvalue()


@asynccontextmanager
async def another_origin() -> AsyncIterator[str]:
    """The address of an empty page that is not the server's."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page = b"<!doctype html><title>Elsewhere</title><link rel=icon href=data:,><body>"
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(page) + page)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"


async def record(page: Page, kind: str) -> bytes:
    """A second of film or sound, as the browser encodes it."""
    return base64.b64decode(await page.evaluate(RECORD, kind))


async def test_page_of_another_origin_shows_plays_and_downloads_what_was_sent(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    owner, address = chat_users.people[0], chat_users.people[0].address
    async with another_origin() as elsewhere, open_browser() as browser:
        page = await browser.new_page()
        page.set_default_timeout(DEADLINE_MS)
        await page.goto(elsewhere)
        kinds: list[tuple[str, bytes, str, str]] = [
            ("image", encoded(scene(400, 300)), "lake.png", "image/png"),
            ("video", await record(page, "video"), "clip.webm", "video/webm"),
            ("audio", await record(page, "audio"), "voice.webm", "audio/webm"),
            ("audio", voice(), "voice.wav", "audio/wav"),
        ]
        for kind, content, name, mime in kinds:
            file = await upload_well(owner, content, name, mime)
            assert (file["kind"], file["mime"]) == (kind, mime)
            await send(anna, chat_id, kind, file)
        messages = (await boris.send("message:list", chat_id=chat_id))["messages"]
        sizes: dict[str, Any] = {}
        for message in messages:
            tag = {"image": "img"}.get(message["type"], message["type"])
            shown = message["content"]
            sizes[shown["name"]] = await page.evaluate(SHOW, {"tag": tag, "url": address + shown["url"]})
        assert sizes["lake.png"] == [400, 300]
        assert sizes["clip.webm"] == [64, 48]
        thumbnail = address + messages[0]["content"]["thumbnail_url"]
        assert (await page.evaluate(SHOW, {"tag": "img", "url": thumbnail}))[0] == 320
        for message, (_, content, name, _) in zip(messages, kinds, strict=True):
            async with page.expect_download() as started:
                await page.evaluate(
                    "(url) => Object.assign(document.createElement('a'), { href: url, download: '' }).click()",
                    address + message["content"]["url"],
                )
            download = await started.value
            assert download.suggested_filename == name
            assert (await download.path()).read_bytes() == content
