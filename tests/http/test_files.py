"""Attachments: what becomes of them on the way in, who gets them, in what parts, and how long they are kept."""

import asyncio
import os
from typing import Any

import httpx
import pytest

from accounts.files import clean_name
from core.errors import Unavailable
from core.limits import FILE_BYTES_MAX
from http_api.object_responses import disposition
from maintenance.unused_files import remove_unused_files
from storage.formats import recognise
from tests.support.clients import ChatUsers, Client, Person, new_client_id
from tests.support.hostile_avatars import png_with_pixels
from tests.support.pictures import assert_upright, decoded, encoded, photo, pixel_bomb, scene
from tests.support.running import RunningServer

WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(32)
MP4 = b"\0\0\0\x18ftypisom" + bytes(64)


async def upload(
    person: Person, content: bytes, name: str = "notes.bin", label: str = "application/octet-stream", **fields: str
) -> httpx.Response:
    return await person.http.post(
        "/v1/files", files={"file": (name, content, label)}, data=fields, headers=person.headers, timeout=60
    )


async def upload_well(person: Person, content: bytes, *more: str, **fields: str) -> dict[str, Any]:
    answer = await upload(person, content, *more, **fields)
    assert answer.status_code == 201, answer.text
    file: dict[str, Any] = answer.json()
    return file


async def get(person: Person, path: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await person.http.get(path, headers={**person.headers, **named})


async def send(client: Client, chat_id: str, kind: str, file: dict[str, Any], **content: Any) -> dict[str, Any]:
    sent = await client.send(
        "message:send",
        chat_id=chat_id,
        client_id=new_client_id(),
        type=kind,
        content={"file_id": file["id"], **content},
    )
    message: dict[str, Any] = sent["message"]
    return message


# --- on the way in


async def test_file_comes_back_byte_for_byte(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    content = os.urandom(3_000_000)
    file = await upload_well(anna, content, "Отчёт (final).bin")
    assert (file["name"], file["size"], file["kind"]) == ("Отчёт (final).bin", len(content), "file")
    assert file["url"].startswith(f"/v1/files/{file['id']}?")
    answer = await get(anna, file["url"])
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Length"] == str(len(content))


async def test_picture_gets_size_thumbnail_and_placeholder(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    taken = photo(900, 1200, orientation=6)
    file = await upload_well(anna, taken, "lake.jpg", "image/jpeg")
    assert (file["kind"], file["mime"], file["width"], file["height"]) == ("image", "image/jpeg", 900, 1200)
    assert len(file["blurhash"]) == 28
    thumbnail = await get(anna, file["thumbnail"])
    small = decoded(thumbnail.content)
    assert (small.size, thumbnail.headers["Content-Type"]) == ((240, 320), "image/jpeg")
    assert_upright(small)
    assert not small.getexif()
    assert (await get(anna, file["url"])).content == taken, "the file itself is as it came"


@pytest.mark.parametrize(
    ("content", "name", "label", "kind", "mime"),
    [
        (encoded(scene(9, 9)), "a.png", "text/html", "image", "image/png"),
        (encoded(scene(9, 9), "GIF"), "a.gif", "", "image", "image/gif"),
        (encoded(scene(9, 9), "WEBP"), "a", "image/png", "image", "image/webp"),
        (WAV, "voice.wav", "text/plain", "audio", "audio/wav"),
        (b"ID3" + bytes(99), "song.mp3", "", "audio", "audio/mpeg"),
        (b"OggS" + bytes(99), "voice.ogg", "audio/ogg", "audio", "audio/ogg"),
        (MP4, "clip.mp4", "video/mp4", "video", "video/mp4"),
        (MP4, "voice.m4a", "audio/mp4", "audio", "audio/mp4"),
        (b"\x1aE\xdf\xa3\x01webm" + bytes(99), "clip.webm", "video/webm", "video", "video/webm"),
        (b"%PDF-1.7", "paper.pdf", "image/png", "file", "application/pdf"),
        (b"hello", "hello.txt", "text/plain; charset=utf-8", "file", "text/plain"),
        (b"<script>", "page.html", "text/html", "file", "application/octet-stream"),
        (b"<svg/>", "logo.svg", "image/svg+xml", "file", "application/octet-stream"),
        (b"GIF89a", "broken.gif", "image/gif", "file", "application/octet-stream"),
        (encoded(scene(99, 99))[:-90], "cut.png", "image/png", "file", "application/octet-stream"),
        (png_with_pixels(b"nonsense"), "broken.png", "image/png", "file", "application/octet-stream"),
        (pixel_bomb(), "bomb.png", "image/png", "file", "application/octet-stream"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_a_file_is_its_bytes_say(
    chat_users: ChatUsers, content: bytes, name: str, label: str, kind: str, mime: str
) -> None:
    anna = await chat_users.register()
    file = await upload_well(anna, content, name, label)
    assert (file["kind"], file["mime"]) == (kind, mime)
    assert (file["thumbnail"] is not None) == (kind == "image")


async def test_sound_and_film_keep_their_declared_duration(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    assert (await upload_well(anna, WAV, "voice.wav", "audio/wav", duration="12.5"))["duration"] == 12.5
    assert (await upload_well(anna, MP4, "clip.mp4", "video/mp4", duration="7"))["duration"] == 7
    assert (await upload_well(anna, WAV, "voice.wav", "audio/wav", duration="35.913121664288235"))["duration"] == 35.913
    assert (await upload_well(anna, WAV, "voice.wav", "audio/wav", duration="1.2e1"))["duration"] == 12
    assert (await upload_well(anna, b"hello", duration="7"))["duration"] is None


@pytest.mark.parametrize("duration", ["", "-1", "nan", "inf", "1e9", "1e999", "0x7", "86401", "seven", "١٢", "1" * 400])
async def test_duration_that_is_none_is_refused(chat_users: ChatUsers, duration: str) -> None:
    answer = await upload(await chat_users.register(), WAV, "voice.wav", "audio/wav", duration=duration)
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (422, "duration")


async def test_file_over_the_limit_is_refused(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    answer = await upload(anna, bytes(FILE_BYTES_MAX + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert (await upload_well(anna, bytes(FILE_BYTES_MAX)))["size"] == FILE_BYTES_MAX


async def test_body_is_not_read_before_its_sender_is_known(chat_users: ChatUsers) -> None:
    answer = await chat_users.http.post("/v1/files", files={"file": ("a", bytes(20_000_000))})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_storage_that_is_away_leaves_nothing_behind(
    chat_users: ChatUsers, running: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await chat_users.register()

    async def fail(*_: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(running.molva.objects, "put", fail)
        assert (await upload(anna, b"hello")).status_code == 503
    async with running.molva.database.reading() as tx:
        assert not await tx.fetch("test", "SELECT FROM files WHERE owner_id = $1", [anna.id])


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("lake.jpg", "lake.jpg"),
        ("C:\\Users\\anna\\lake.jpg", "lake.jpg"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nSet-Cookie: b", "aSet-Cookie: b"),
        ("gpj.\u202etxt.exe", "gpj.txt.exe"),
        ("", "file"),
        ("...", "file"),
        (" \0 ", "file"),
        ("x" * 300 + ".tar", "x" * 251 + ".tar"),
        ("x" * 300, "x" * 255),
    ],
)
def test_name_is_freed_of_what_does_not_belong_into_one(name: str, kept: str) -> None:
    assert clean_name(name) == kept


def test_label_is_believed_only_where_it_is_harmless() -> None:
    labels = {
        "text/html": "application/octet-stream",
        "application/xhtml+xml": "application/octet-stream",
        "text/xml": "application/octet-stream",
        "image/svg+xml": "application/octet-stream",
        "text/javascript": "application/octet-stream",
        "image/png": "application/octet-stream",
        "multipart/x-mixed-replace": "application/octet-stream",
        "nonsense": "application/octet-stream",
        "application/zip\r\nX: y": "application/octet-stream",
        "text/csv": "text/csv",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        ),
    }
    assert {label: recognise(b"hello", label).mime for label in labels} == labels


# --- who gets it


async def test_only_its_owner_gets_a_file_that_was_not_sent(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    file = await upload_well(anna, encoded(scene(40, 40)), "a.png")
    for path in (file["url"], file["thumbnail"]):
        assert (await get(anna, path)).status_code == 200
        hidden, invented = await get(boris, path), await get(boris, path.replace(file["id"], new_client_id()))
        assert hidden.status_code == invented.status_code == 404
        assert hidden.json() | {"request_id": ""} == invented.json() | {"request_id": ""}
        assert (await anna.http.get(path.partition("?")[0])).status_code == 401


async def test_members_get_a_file_that_was_sent_for_as_long_as_they_may_see_the_message(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    owner, member = chat_users.people
    stranger = await chat_users.register()
    file = await upload_well(owner, b"hello", "hello.txt", "text/plain")
    message = await send(anna, chat_id, "file", file)
    assert (await get(member, file["url"])).content == b"hello"
    assert (await get(stranger, file["url"])).status_code == 404
    await anna.send("message:delete", chat_id=chat_id, seq=message["seq"])
    assert (await get(member, file["url"])).status_code == 404
    assert (await get(owner, file["url"])).status_code == 200, "it is still theirs"
    assert boris.ready


async def test_newcomer_without_history_does_not_get_earlier_files(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    before = await upload_well(chat_users.people[0], b"before")
    await send(anna, chat_id, "file", before)
    vera = await chat_users.register()
    await anna.send("member:add", chat_id=chat_id, user_ids=[vera.id])
    after = await upload_well(chat_users.people[0], b"after")
    await send(anna, chat_id, "file", after)
    assert (await get(vera, before["url"])).status_code == 404
    assert (await get(vera, after["url"])).content == b"after"
    await anna.send("member:remove", chat_id=chat_id, user_id=vera.id)
    assert (await get(vera, after["url"])).status_code == 404
    assert boris.ready


# --- messages


async def test_message_says_what_a_client_needs_to_show_the_file(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    await boris.send("chat:activate", chat_id=chat_id)
    file = await upload_well(chat_users.people[0], encoded(scene(400, 300)), "lake.png")
    message = await send(anna, chat_id, "image", file, caption="Last summer")
    shown = ("name", "mime", "size", "url", "width", "height", "thumbnail", "thumbnail_url", "blurhash")
    assert message["content"] == {
        "file_id": file["id"],
        "caption": "Last summer",
        **{name: file[name] for name in shown},
    }
    told = (await boris.expect_event("message:created")).payload["message"]
    assert told["content"] == message["content"]
    listed = (await boris.send("message:list", chat_id=chat_id))["messages"]
    assert listed[-1]["content"] == message["content"]
    found = (await boris.send("message:search", query="summer"))["messages"]
    assert [hit["seq"] for hit in found] == [message["seq"]]


async def test_what_the_sender_says_of_a_file_goes_before_what_was_uploaded(chat_users: ChatUsers) -> None:
    anna, _, chat_id = await chat_users.pair()
    film = await upload_well(chat_users.people[0], MP4, "clip.mp4", "video/mp4", duration="7")
    content = (await send(anna, chat_id, "video", film, name="us.mp4", duration=7.5, width=640, height=480))["content"]
    assert (content["name"], content["duration"], content["width"], content["height"]) == ("us.mp4", 7.5, 640, 480)


async def test_repeated_send_of_a_file_is_found_and_another_body_is_a_conflict(chat_users: ChatUsers) -> None:
    anna, _, chat_id = await chat_users.pair()
    file = await upload_well(chat_users.people[0], b"hello")
    asked = {"chat_id": chat_id, "client_id": new_client_id(), "type": "file", "content": {"file_id": file["id"]}}
    first = await anna.send("message:send", **asked)
    again = await anna.send("message:send", **asked)
    assert again == {"message": first["message"], "duplicate": True}
    asked["content"] = {"file_id": file["id"], "caption": "other"}
    await anna.expect_refusal("message:send", "conflict", "client_id_reused", **asked)


async def test_send_is_found_again_even_when_its_file_is_gone(chat_users: ChatUsers, running: RunningServer) -> None:
    anna, _, chat_id = await chat_users.pair()
    file = await upload_well(chat_users.people[0], b"hello")
    asked = {"chat_id": chat_id, "client_id": new_client_id(), "type": "file", "content": {"file_id": file["id"]}}
    first = await anna.send("message:send", **asked)
    await anna.send("message:delete", chat_id=chat_id, seq=first["message"]["seq"])
    await expire(running, file["id"])
    await sweep(running)
    assert (await get(chat_users.people[0], file["url"])).status_code == 404
    again = await anna.send("message:send", **asked)
    assert (again["message"]["seq"], again["duplicate"]) == (first["message"]["seq"], True)


async def test_file_of_somebody_else_cannot_be_sent_even_by_who_got_it(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    file = await upload_well(chat_users.people[0], encoded(scene(40, 40)))
    await send(anna, chat_id, "image", file)
    for file_id in (file["id"], new_client_id()):
        asked = {"chat_id": chat_id, "client_id": new_client_id(), "type": "image", "content": {"file_id": file_id}}
        error = await boris.expect_refusal("message:send", "not_found", **asked)
        assert error["details"] == {"field": "file_id"}


@pytest.mark.parametrize(("kind", "content"), [("image", WAV), ("audio", MP4), ("video", b"hello"), ("image", b"hello")])
async def test_file_of_another_kind_does_not_fit(chat_users: ChatUsers, kind: str, content: bytes) -> None:
    anna, _, chat_id = await chat_users.pair()
    file = await upload_well(chat_users.people[0], content)
    asked = {"chat_id": chat_id, "client_id": new_client_id(), "type": kind, "content": {"file_id": file["id"]}}
    error = await anna.expect_refusal("message:send", "validation_failed", **asked)
    assert error["details"][0]["path"] == "content.file_id"
    await send(anna, chat_id, "file", file)


async def test_caption_is_bounded_and_unknown_fields_are_refused(chat_users: ChatUsers) -> None:
    anna, _, chat_id = await chat_users.pair()
    file = await upload_well(chat_users.people[0], b"hello")
    await send(anna, chat_id, "file", file, caption="c" * 1024)
    for content, path in (
        ({"caption": "c" * 1025}, "content.caption"),
        ({"caption": " "}, "content.caption"),
        ({"mime": "text/html"}, "content.mime"),
        ({"url": "https://evil.example"}, "content.url"),
        ({"duration": 7}, "content.duration"),
    ):
        asked = {"chat_id": chat_id, "client_id": new_client_id(), "type": "file"}
        error = await anna.expect_refusal(
            "message:send", "validation_failed", **asked, content={"file_id": file["id"], **content}
        )
        assert error["details"][0]["path"] == path


async def test_edit_changes_the_caption_or_the_file(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    first, second = [await upload_well(chat_users.people[0], encoded(scene(side, side))) for side in (40, 60)]
    seq = (await send(anna, chat_id, "image", first))["seq"]
    edited = await anna.send(
        "message:edit", chat_id=chat_id, seq=seq, content={"file_id": second["id"], "caption": "better"}
    )
    content = edited["message"]["content"]
    assert (content["file_id"], content["caption"], content["width"]) == (second["id"], "better", 60)
    assert (await get(chat_users.people[1], second["url"])).status_code == 200
    assert (await get(chat_users.people[1], first["url"])).status_code == 404
    invented = {"file_id": new_client_id()}
    error = await anna.expect_refusal("message:edit", "not_found", chat_id=chat_id, seq=seq, content=invented)
    assert error["details"] == {"field": "file_id"}
    assert boris.ready


# --- in parts


@pytest.fixture
async def ten(chat_users: ChatUsers) -> tuple[Person, str]:
    """Somebody with a file of ten bytes."""
    anna = await chat_users.register()
    return anna, (await upload_well(anna, b"0123456789", "ten.txt", "text/plain"))["url"]


@pytest.mark.parametrize(
    ("asked", "start", "part"),
    [
        ("bytes=0-0", 0, b"0"),
        ("bytes=2-4", 2, b"234"),
        ("bytes=7-", 7, b"789"),
        ("bytes=-3", 7, b"789"),
        ("bytes=-99", 0, b"0123456789"),
        ("bytes=8-99", 8, b"89"),
    ],
)
async def test_part_of_a_file_is_served(ten: tuple[Person, str], asked: str, start: int, part: bytes) -> None:
    answer = await get(*ten, Range=asked)
    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(part) - 1}/10"
    assert answer.headers["Content-Length"] == str(len(part))


async def test_part_behind_the_end_cannot_be_served_and_the_end_is_told(ten: tuple[Person, str]) -> None:
    answer = await get(*ten, Range="bytes=10-")
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */10")


async def test_file_is_not_sent_again_to_who_has_it(ten: tuple[Person, str]) -> None:
    answer = await get(*ten)
    etag = answer.headers["ETag"]
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert (await get(*ten, If_None_Match=etag)).status_code == 304
    assert (await get(*ten, Range="bytes=1-2", If_Range=etag)).status_code == 206
    assert (await get(*ten, Range="bytes=1-2", If_Range='"other"')).status_code == 200
    head = await ten[0].http.head(ten[1], headers=ten[0].headers)
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "10")


async def test_nothing_that_was_uploaded_runs_in_a_browser(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    for content, name, shown in ((b"<script>", "a.html", "attachment"), (encoded(scene(9, 9)), "a.png", "inline")):
        answer = await get(anna, (await upload_well(anna, content, name, "text/html"))["url"])
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Disposition"].startswith(shown)
        assert answer.headers["Content-Type"] in {"application/octet-stream", "image/png"}


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("lake.jpg", "attachment; filename=\"lake.jpg\"; filename*=UTF-8''lake.jpg"),
        ('a"b\\c.txt', "attachment; filename=\"a_b_c.txt\"; filename*=UTF-8''a%22b%5Cc.txt"),
        ("Отчёт.pdf", "attachment; filename=\"_____.pdf\"; filename*=UTF-8''%D0%9E%D1%82%D1%87%D1%91%D1%82.pdf"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
    ],
)
def test_name_of_a_download_is_whole_for_who_knows_utf_8(name: str, header: str) -> None:
    assert disposition(name, inline=False) == header


# --- how long it is kept


async def expire(running: RunningServer, file_id: str) -> None:
    """As if a day had passed."""
    async with running.molva.database.reading() as tx:
        await tx.execute("test", "UPDATE files SET expires_at = now() - interval '1 second' WHERE id = $1", [file_id])


async def sweep(running: RunningServer) -> None:
    await remove_unused_files(running.molva.database, running.molva.objects)


async def test_file_that_was_never_sent_expires(chat_users: ChatUsers, running: RunningServer) -> None:
    anna = await chat_users.register()
    kept, gone = [await upload_well(anna, encoded(scene(40, 40))) for _ in range(2)]
    await expire(running, gone["id"])
    await sweep(running)
    assert (await get(anna, kept["url"])).status_code == 200
    for path in (gone["url"], gone["thumbnail"]):
        assert (await get(anna, path)).status_code == 404
    assert not list((running.settings.data_dir / "files").glob(f"**/{gone['id']}/*"))


async def test_file_that_a_message_holds_is_kept(chat_users: ChatUsers, running: RunningServer) -> None:
    anna, _, chat_id = await chat_users.pair()
    file = await upload_well(chat_users.people[0], b"hello")
    message = await send(anna, chat_id, "file", file)
    for _ in range(2):
        await expire(running, file["id"])
        await sweep(running)
    assert (await get(chat_users.people[1], file["url"])).content == b"hello"
    await anna.send("message:delete", chat_id=chat_id, seq=message["seq"])
    await expire(running, file["id"])
    await sweep(running)
    assert (await get(chat_users.people[0], file["url"])).status_code == 404


async def test_file_is_never_swept_from_under_a_message_that_is_being_sent(
    chat_users: ChatUsers, running: RunningServer
) -> None:
    anna, _, chat_id = await chat_users.pair()
    for _ in range(10):
        file = await upload_well(chat_users.people[0], b"hello")
        await expire(running, file["id"])
        asked = {"chat_id": chat_id, "client_id": new_client_id(), "type": "file", "content": {"file_id": file["id"]}}
        answer, _ = await asyncio.gather(anna.push("message:send", asked), sweep(running))
        await sweep(running)
        is_there = (await get(chat_users.people[0], file["url"])).status_code == 200
        assert is_there == ("data" in answer), answer
