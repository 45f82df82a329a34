"""No picture harms anybody: what is none is refused, and of what is one nothing comes out but the picture."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.bad_inputs import Bad, assert_outcome, name_of, nothing_breaks
from tests.support.clients import ChatUsers, Person
from tests.support.hostile_avatars import GIF_DOT, TABLES, TAKEN, Make, body_of
from tests.support.pictures import base64_of, decoded
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow

ROWS = [row for rows in TABLES.values() for row in rows]
SIZES = {"50": (50, 50), "100": (100, 100), "400": (400, 400)}


@pytest.fixture(scope="module")
async def pair(running: RunningServer) -> AsyncIterator[tuple[Person, Person]]:
    """Who uploads, and a neighbour."""
    chat_users = ChatUsers(running.address)
    yield await chat_users.register(), await chat_users.register()
    await chat_users.close()


async def put(person: Person, body: bytes) -> httpx.Response:
    headers = {**person.headers, "Content-Type": "application/json"}
    return await person.http.put("/v1/me/avatar", content=body, headers=headers, timeout=60)


async def avatar_of(person: Person) -> dict[str, str] | None:
    avatar: dict[str, str] | None = (await person.http.get("/v1/me", headers=person.headers)).json()["avatar"]
    return avatar


def test_inputs_are_many_and_told_apart():
    assert len(ROWS) >= 100
    for rows in TABLES.values():
        assert len({row.what for row in rows}) == len(rows)


@pytest.mark.parametrize("row", [row for row in ROWS if row.code], ids=name_of)
async def test_bad_picture_is_refused_and_the_old_one_stays(
    pair: tuple[Person, Person], row: Bad[Make], caplog: pytest.LogCaptureFixture
):
    attacker, neighbour = pair
    old = (await put(attacker, body_of(base64_of(GIF_DOT)))).json()["avatar"]
    async with nothing_breaks(neighbour, caplog):
        assert_outcome(row, await put(attacker, row.sent()))
    assert await avatar_of(attacker) == old


@pytest.mark.parametrize("row", TAKEN, ids=name_of)
async def test_nothing_but_the_picture_comes_out(
    pair: tuple[Person, Person], row: Bad[Make], caplog: pytest.LogCaptureFixture
):
    attacker, neighbour = pair
    async with nothing_breaks(neighbour, caplog):
        answer = await put(attacker, row.sent())
        assert_outcome(row, answer)
        for size in (*SIZES, "original"):
            image = await neighbour.http.get(answer.json()["avatar"][size])
            assert image.headers["Content-Type"] in {"image/jpeg", "image/png", "image/webp"}
            assert row.absent not in image.content
            seen = decoded(image.content)
            assert seen.size == SIZES.get(size, seen.size)
            assert getattr(seen, "n_frames", 1) == 1
            assert {"exif", "comment", "icc_profile", "xmp"}.isdisjoint(seen.info)
