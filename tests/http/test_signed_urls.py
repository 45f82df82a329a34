"""Signed URLs: what a browser needs to show a file without a header, for a while, and no longer than the file is there."""

from datetime import datetime

import pytest

from core import file_urls
from core.clock import now_unix_s
from core.file_urls import FileForm, FileUrls
from core.ids import new_id
from tests.http.test_files import expire, send, sweep, upload_well
from tests.support.clients import ChatUsers, new_client_id
from tests.support.pictures import encoded, scene
from tests.support.running import RunningServer

PICTURE = encoded(scene(400, 300))


async def age_first_send(running: RunningServer, file_id: str) -> None:
    """As if the file had been sent a minute ago."""
    async with running.molva.database.reading() as tx:
        await tx.execute("test", "UPDATE files SET sent_at = sent_at - interval '1 minute' WHERE id = $1", [file_id])


async def test_urls_of_an_upload_and_of_its_message_need_no_header(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    file = await upload_well(chat_users.people[0], PICTURE, "lake.png")
    assert file["thumbnail"] == file["thumbnail_url"]
    assert (await chat_users.http.get(file["url"])).content == PICTURE
    message = await send(anna, chat_id, "image", file)
    await boris.send("chat:activate", chat_id=chat_id)
    await anna.send("message:edit", chat_id=chat_id, seq=message["seq"], content={"file_id": file["id"], "caption": "c"})
    contents = [
        message["content"],
        (await boris.expect_event("message:updated")).payload["message"]["content"],
        (await boris.send("message:list", chat_id=chat_id))["messages"][0]["content"],
        (await boris.send("message:changes", chat_id=chat_id, version=0))["messages"][0]["content"],
        (await boris.send("chat:list"))["chats"][0]["last_message"]["content"],
        (await boris.send("session:sync"))["chats"][0]["last_message"]["content"],
    ]
    for content in contents:
        assert content["url"] == file["url"], "the same for everybody, so that it can be cached"
        assert content["thumbnail_url"] == file["thumbnail_url"]
        assert (await chat_users.http.get(content["url"])).content == PICTURE
        small = await chat_users.http.get(content["thumbnail_url"])
        assert (small.status_code, small.headers["Content-Type"].startswith("image/")) == (200, True)


async def test_page_of_another_origin_can_show_and_download_it(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    file = await upload_well(anna, PICTURE, "lake.png")
    answer = await chat_users.http.get(file["url"], headers={"Origin": "https://app.example"})
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="lake.png"')
    assert answer.headers["Cache-Control"] == "private, max-age=50"
    part = await chat_users.http.get(file["url"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, PICTURE[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(PICTURE)}"
    assert (await chat_users.http.head(file["url"])).headers["Accept-Ranges"] == "bytes"


async def test_signature_is_of_one_file_one_form_and_one_time(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    file, other = [await upload_well(anna, PICTURE, "a.png") for _ in range(2)]
    path, _, query = file["url"].partition("?")
    expires, signature = query.split("&")
    forged = (
        path,
        f"{path}?{expires}",
        f"{path}?{signature}",
        f"{path}?{query[:-1]}",
        f"{path}?{query}A",
        f"{path}?{expires}&signature=",
        f"{path}?{expires}&signature=%D0%B6",
        f"{path}?expires={int(expires[8:]) + 1}&{signature}",
        f"{path}/thumbnail?{query}",
        f"{other['url'].partition('?')[0]}?{query}",
        FileUrls(b"another secret").sign(file["id"]),
    )
    for url in forged:
        answer = await chat_users.http.get(url)
        assert answer.status_code in {401, 422}, url
        assert answer.json()["code"] in {"unauthorized", "validation_failed"}


async def test_token_decides_even_beside_a_signature(chat_users: ChatUsers) -> None:
    anna, boris = await chat_users.register(), await chat_users.register()
    file = await upload_well(anna, PICTURE, "a.png")
    assert (await boris.http.get(file["url"], headers=boris.headers)).status_code == 404
    assert (await anna.http.get(file["url"].partition("?")[0], headers=anna.headers)).status_code == 200


async def test_url_is_dead_once_no_message_holds_the_file(chat_users: ChatUsers, running: RunningServer) -> None:
    anna, _, chat_id = await chat_users.pair()
    file = await upload_well(chat_users.people[0], PICTURE, "a.png")
    messages = [await send(anna, chat_id, "image", file) for _ in range(2)]
    await age_first_send(running, file["id"])
    for message, status in zip(messages, (200, 404), strict=True):
        await anna.send("message:delete", chat_id=chat_id, seq=message["seq"])
        for url in (file["url"], file["thumbnail_url"]):
            assert (await chat_users.http.get(url)).status_code == status


async def test_url_is_dead_with_the_group_and_with_an_upload_that_expired(
    chat_users: ChatUsers, running: RunningServer
) -> None:
    anna, _, _ = await chat_users.pair()
    group_id = (await anna.send("chat:create_group", title="Group", member_ids=[]))["chat"]["id"]
    sent, unsent = [await upload_well(chat_users.people[0], PICTURE, "a.png") for _ in range(2)]
    await send(anna, group_id, "image", sent)
    await age_first_send(running, sent["id"])
    await anna.send("chat:delete", chat_id=group_id)
    assert (await chat_users.http.get(sent["url"])).status_code == 404
    assert (await chat_users.http.get(unsent["url"])).status_code == 200
    await expire(running, unsent["id"])
    await sweep(running)
    assert (await chat_users.http.get(unsent["url"])).status_code == 404


async def test_file_url_makes_fresh_ones_for_who_may_have_the_file(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    file = await upload_well(chat_users.people[0], PICTURE, "a.png")
    error = await boris.expect_refusal("file:url", "not_found", file_id=file["id"])
    assert error["details"] == {"field": "file_id"}
    await boris.expect_refusal("file:url", "not_found", file_id=new_client_id())
    await send(anna, chat_id, "image", file)
    made = await boris.send("file:url", file_id=file["id"])
    assert (await chat_users.http.get(made["url"])).content == PICTURE
    assert (await chat_users.http.get(made["thumbnail_url"])).status_code == 200
    left_s = datetime.fromisoformat(made["expires_at"]).timestamp() - now_unix_s()
    assert 3600 <= left_s <= 24 * 3600
    plain = await upload_well(chat_users.people[0], b"hello")
    assert (await anna.send("file:url", file_id=plain["id"]))["thumbnail_url"] is None


@pytest.mark.parametrize("offset_s", [0, 1, 3600, 6 * 3600 - 1])
def test_url_is_good_for_hours_and_then_ends(monkeypatch: pytest.MonkeyPatch, offset_s: int) -> None:
    file_id, urls, now_s = new_id(), FileUrls(b"secret"), 300_000 * 6 * 3600 + offset_s
    monkeypatch.setattr(file_urls, "now_unix_s", lambda: now_s)
    expires_s, signature = (word.partition("=")[2] for word in urls.sign(file_id).partition("?")[2].split("&"))
    good = {"expires_s": int(expires_s), "signature": signature}
    assert 3600 <= int(expires_s) - now_s <= 24 * 3600
    assert urls.is_genuine(file_id, FileForm.WHOLE, **good)
    assert FileUrls(b"new secret", previous=b"secret").is_genuine(file_id, FileForm.WHOLE, **good)
    monkeypatch.setattr(file_urls, "now_unix_s", lambda: int(expires_s))
    assert not urls.is_genuine(file_id, FileForm.WHOLE, **good)
