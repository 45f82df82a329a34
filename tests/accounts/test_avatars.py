"""Avatars: four sizes of one picture, upright, without anything that the camera knew; whatever comes in."""

import asyncio
import json
import os
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image, ImageCms

from accounts.avatars import remove_unused_avatar
from core.errors import Unavailable, ValidationFailed
from storage import workers as workers_module
from storage.avatar_body import BOUNDS
from storage.jobs import BadImage, Bounds
from storage.workers import ImageWorkers
from tests.support.clients import ChatUsers, Person
from tests.support.pictures import (
    GRASS,
    SKY,
    assert_upright,
    base64_of,
    decoded,
    differs,
    encoded,
    photo,
    pixel_bomb,
    png,
    scene,
)
from tests.support.running import RunningServer
from tests.support.waiting import DEADLINE_S

pytestmark = pytest.mark.slow

SIZES = {"50": (50, 50), "100": (100, 100), "400": (400, 400)}


async def put(person: Person, picture: bytes, *, label: str = "") -> httpx.Response:
    return await person.http.put(
        "/v1/me/avatar", json={"image": label + base64_of(picture)}, headers=person.headers, timeout=60
    )


async def put_well(person: Person, picture: bytes, **options: Any) -> dict[str, str]:
    """The ``avatar`` of the answer."""
    answer = await put(person, picture, **options)
    assert answer.status_code == 200, answer.text
    avatar: dict[str, str] = answer.json()["avatar"]
    return avatar


async def fetch(person: Person, avatar: dict[str, str], size: str) -> httpx.Response:
    return await person.http.get(avatar[size])


async def images_of(person: Person, avatar: dict[str, str]) -> dict[str, Image.Image]:
    found = {}
    for size in (*SIZES, "original"):
        answer = await fetch(person, avatar, size)
        assert answer.status_code == 200, answer.text
        found[size] = decoded(answer.content)
        assert answer.headers["Content-Type"] == f"image/{(found[size].format or '').lower()}"
    return found


async def test_phone_photo_is_served_in_four_sizes_upright_and_without_metadata(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    taken = photo()
    assert decoded(taken).size == (4032, 3024), "it lies on its side"
    assert b"Molvaphone" in taken
    avatar = await put_well(anna, taken)
    images = await images_of(anna, avatar)
    assert {size: images[size].size for size in images} == {**SIZES, "original": (3024, 4032)}
    for size, image in images.items():
        assert_upright(image)
        assert not image.getexif()
        assert {"exif", "comment", "icc_profile", "xmp"}.isdisjoint(image.info)
        answer = await fetch(anna, avatar, size)
        assert not [mark for mark in (b"Exif", b"GPS", b"Molvaphone", b"taken at home") if mark in answer.content]


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_every_orientation_of_a_camera_is_turned_upright(chat_users: ChatUsers, orientation: int) -> None:
    anna = await chat_users.register()
    images = await images_of(anna, await put_well(anna, photo(300, 400, orientation=orientation)))
    assert images["original"].size == (300, 400)
    for image in images.values():
        assert_upright(image, tolerance=60)


async def test_avatar_is_in_the_profile_for_others_too(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    avatar = await put_well(anna, encoded(scene(60, 60)))
    assert set(avatar) == {"id", "50", "100", "400", "original"}
    seen = await boris.http.get(f"/v1/users/{anna.id}", headers=boris.headers)
    assert seen.json()["avatar"] == avatar
    assert (await anna.http.get("/v1/me", headers=anna.headers)).json()["avatar"] == avatar


async def test_avatar_may_be_kept_for_ever_by_anybody(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    avatar = await put_well(anna, encoded(scene(60, 60)))
    answer = await anna.http.get(avatar["100"])
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    etag = answer.headers["ETag"]
    for tag in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await anna.http.get(avatar["100"], headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert (await anna.http.get(avatar["100"], headers={"If-None-Match": '"other"'})).status_code == 200
    head = await anna.http.head(avatar["100"])
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(answer.content))


# --- replacing and removing


def unlike_any_other() -> bytes:
    """A picture that nobody else has: people with the same one share it."""
    return encoded(Image.effect_noise((60, 60), 80))


async def test_new_picture_has_new_addresses_and_the_old_one_goes(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    first = await put_well(anna, unlike_any_other())
    second = await put_well(anna, unlike_any_other())
    assert set(first.values()).isdisjoint(second.values())
    for size in (*SIZES, "original"):
        assert (await fetch(anna, first, size)).status_code == 404
        assert (await fetch(anna, second, size)).status_code == 200


async def test_same_picture_again_changes_nothing(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    first = await put_well(anna, encoded(scene(60, 60)))
    assert await put_well(anna, encoded(scene(60, 60))) == first
    assert (await fetch(anna, first, "50")).status_code == 200


async def test_picture_of_two_people_stays_until_both_have_another(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    picture = unlike_any_other()
    shared = await put_well(anna, picture)
    assert await put_well(boris, picture) == shared
    assert (await anna.http.delete("/v1/me/avatar", headers=anna.headers)).status_code == 204
    assert (await fetch(boris, shared, "400")).status_code == 200
    await boris.http.delete("/v1/me/avatar", headers=boris.headers)
    assert (await fetch(boris, shared, "400")).status_code == 404


async def test_removed_avatar_is_gone_and_may_be_removed_again(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    avatar = await put_well(anna, unlike_any_other())
    for _ in range(2):
        assert (await anna.http.delete("/v1/me/avatar", headers=anna.headers)).status_code == 204
    assert (await anna.http.get("/v1/me", headers=anna.headers)).json()["avatar"] is None
    assert (await fetch(anna, avatar, "original")).status_code == 404


async def test_many_uploads_of_one_person_at_once_end_with_one_whole_picture(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    pictures = [encoded(Image.new("RGB", (80, 80), (25 * number, 100, 200))) for number in range(4)]
    answers = await asyncio.gather(*(put(anna, picture) for picture in pictures))
    assert {answer.status_code for answer in answers} == {200}
    avatar = (await anna.http.get("/v1/me", headers=anna.headers)).json()["avatar"]
    colours = [image.convert("RGB").getpixel((20, 20)) for image in (await images_of(anna, avatar)).values()]
    assert all(differs(colour, colours[0]) <= 4 for colour in colours), colours
    for answer in answers:
        if answer.json()["avatar"]["id"] != avatar["id"]:
            assert (await fetch(anna, answer.json()["avatar"], "50")).status_code == 404


async def test_acquaintances_and_own_devices_hear_of_a_new_picture(chat_users: ChatUsers) -> None:
    anna, boris, _ = await chat_users.pair()
    person = chat_users.people[0]
    avatar = await put_well(person, encoded(scene(60, 60)))
    for client in (anna, boris):
        told = (await client.expect_event("user:updated")).payload["user"]
        assert (told["id"], told["avatar"]) == (person.id, avatar)
        assert "phone" not in told


async def test_picture_that_is_held_is_not_swept(chat_users: ChatUsers, running: RunningServer) -> None:
    anna = await chat_users.register()
    avatar = await put_well(anna, encoded(Image.effect_noise((64, 64), 60)))
    molva = running.molva
    assert not await remove_unused_avatar(molva.database, molva.objects, avatar["id"])
    assert (await fetch(anna, avatar, "50")).status_code == 200


# --- what comes in


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
async def test_every_format_is_taken_bare_and_as_a_data_url_whatever_its_label(chat_users: ChatUsers, kind: str) -> None:
    anna = await chat_users.register()
    picture = encoded(scene(120, 120), kind)
    for label in ("", "data:image/png;base64,", "data:text/html;charset=utf-8;base64,", "DATA:;base64,"):
        images = await images_of(anna, await put_well(anna, picture, label=label))
        assert_upright(images["400"], tolerance=60)
    kept = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WEBP", "GIF": "PNG"}[kind]
    assert images["original"].format == kept


async def test_line_breaks_in_base64_are_no_part_of_it(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    text = base64_of(encoded(scene(60, 60)))
    broken = "\r\n".join(text[place : place + 76] for place in range(0, len(text), 76))
    answer = await anna.http.put("/v1/me/avatar", json={"image": broken}, headers=anna.headers)
    assert answer.status_code == 200


async def test_transparent_parts_stay_transparent(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    picture = Image.new("RGBA", (200, 200), (255, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 200, 100))
    for kind in ("PNG", "WEBP"):
        images = await images_of(anna, await put_well(anna, encoded(picture, kind)))
        for image in images.values():
            assert image.convert("RGBA").getpixel((image.width // 2, image.height // 4))[3] == 0
            assert differs(image.convert("RGBA").getpixel((image.width // 2, image.height * 3 // 4)), (255, 0, 0)) < 20


async def test_first_frame_of_an_animation_counts(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    frames = [Image.new("RGB", (80, 80), colour) for colour in ((200, 30, 30), (30, 200, 30), (30, 30, 200))]
    for kind in ("GIF", "WEBP", "PNG"):
        moving = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
        images = await images_of(anna, await put_well(anna, moving))
        assert differs(images["original"].convert("RGB").getpixel((40, 40)), (200, 30, 30)) < 20
        assert getattr(images["original"], "n_frames", 1) == 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK", "RGB", "RGBA"])
async def test_every_mode_of_colour_looks_as_it_did(chat_users: ChatUsers, mode: str) -> None:
    anna = await chat_users.register()
    grey = 156
    if mode == "I;16":
        picture, expected = encoded(Image.new("I;16", (90, 90), grey * 256)), (grey,) * 3
    elif mode in {"1", "L", "LA"}:
        picture, expected = encoded(Image.new("L", (90, 90), 255).convert(mode)), (255, 255, 255)
    else:
        green = Image.new("RGB", (90, 90), GRASS).convert(mode, palette=Image.Palette.ADAPTIVE)
        picture = encoded(green, "JPEG" if mode == "CMYK" else "PNG")
        expected = GRASS
    for image in (await images_of(anna, await put_well(anna, picture))).values():
        assert differs(image.convert("RGB").getpixel((20, 20)), expected) <= 12


async def test_colours_of_a_profile_are_applied_before_it_is_removed(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    lab = ImageCms.createProfile("LAB")
    srgb = ImageCms.createProfile("sRGB")
    swapped = _profile_with_red_and_blue_swapped()
    assert lab is not None
    assert srgb is not None
    picture = encoded(Image.new("RGB", (90, 90), (220, 40, 40)), "PNG", icc_profile=swapped)
    image = (await images_of(anna, await put_well(anna, picture)))["original"]
    red, _, blue = image.convert("RGB").getpixel((20, 20))
    assert blue > red, "in the profile's colours it is blue"
    assert "icc_profile" not in image.info


def _profile_with_red_and_blue_swapped() -> bytes:
    """sRGB with the primaries of red and blue exchanged: their tags change places in the profile's table."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile).replace(b"s\x00R\x00G\x00B", b"x\x00R\x00G\x00B")


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (49, 51), (16_383, 1)])
async def test_odd_shapes_are_cropped_in_the_middle(chat_users: ChatUsers, size: tuple[int, int]) -> None:
    anna = await chat_users.register()
    images = await images_of(anna, await put_well(anna, encoded(Image.new("RGB", size, SKY))))
    assert {name: image.size for name, image in images.items()} == {**SIZES, "original": size}


async def test_picture_that_claims_too_many_pixels_never_gets_to_a_worker(
    chat_users: ChatUsers, running: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await chat_users.register()

    async def refuse(*_: Any) -> None:
        raise AssertionError("a worker was troubled")

    monkeypatch.setattr(ImageWorkers, "_run", refuse)
    bomb = pixel_bomb()
    assert len(bomb) < 24_000
    answer = await put(anna, bomb)
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_body_is_not_read_before_its_sender_is_known(chat_users: ChatUsers) -> None:
    answer = await chat_users.http.put("/v1/me/avatar", json={"image": "A" * 6_000_000})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_storage_that_is_away_leaves_the_old_picture(
    chat_users: ChatUsers, running: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await chat_users.register()
    avatar = await put_well(anna, encoded(scene(60, 60)))

    async def fail(*_: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(running.molva.objects, "put", fail)
        answer = await put(anna, encoded(Image.new("RGB", (9, 9))))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert (await anna.http.get("/v1/me", headers=anna.headers)).json()["avatar"] == avatar
    assert (await fetch(anna, avatar, "50")).status_code == 200


# --- the workers


@pytest.fixture
async def workers() -> Any:
    workers = ImageWorkers(count=1)
    yield workers
    await workers.close()


def body_of(picture: bytes) -> tuple[BytesIO, int]:
    body = json.dumps({"image": base64_of(picture)}).encode()
    return BytesIO(body), len(body)


async def test_worker_that_was_killed_is_replaced(workers: ImageWorkers) -> None:
    picture = encoded(scene(60, 60))
    await workers.make_avatar(*body_of(picture))
    (worker,) = workers._all
    worker.process.kill()
    await worker.process.wait()
    with pytest.raises(ValidationFailed):
        await workers.make_avatar(*body_of(picture))
    avatar = await workers.make_avatar(*body_of(picture))
    assert set(avatar.images) == {*SIZES, "original"}
    assert worker not in workers._all


async def test_job_that_takes_too_long_is_ended() -> None:
    workers = ImageWorkers(count=1, job_timeout_s=0.01)
    large = encoded(Image.effect_noise((3000, 3000), 90).convert("RGB"), "JPEG", quality=60)
    with pytest.raises(BadImage):
        await workers.examine(BytesIO(large), len(large), BOUNDS)
    assert not workers._all
    await workers.close()


async def test_job_that_wants_too_much_memory_is_refused_and_the_worker_goes_on(workers: ImageWorkers) -> None:
    greedy = png(30_000, 30_000, depth=8, colour=6, rows=b"")
    with pytest.raises(BadImage):
        await workers.examine(BytesIO(greedy), len(greedy), Bounds(10**9, 10**5))
    small = encoded(scene(60, 60))
    assert (await workers.examine(BytesIO(small), len(small), BOUNDS)).width == 60
    assert len(workers._all) == 1


async def test_jobs_that_wait_are_bounded(workers: ImageWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "WAITING_MAX", 0)
    small = encoded(scene(60, 60))
    with pytest.raises(Unavailable):
        await workers.examine(BytesIO(small), len(small), BOUNDS)


async def test_worker_sees_no_secret_and_ends_with_the_server(
    workers: ImageWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOLVA_JWT_SECRET", "a secret that is none of the worker's business")
    small = encoded(scene(60, 60))
    await workers.examine(BytesIO(small), len(small), BOUNDS)
    (worker,) = workers._all
    with open(f"/proc/{worker.process.pid}/environ", "rb") as environ:  # noqa: ASYNC230, PTH123  (no disk)
        assert b"MOLVA" not in environ.read()
    assert os.getpriority(os.PRIO_PROCESS, worker.process.pid) >= 10
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    async with asyncio.timeout(DEADLINE_S):
        assert await worker.process.wait() == 0
