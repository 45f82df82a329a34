"""Everything of one's own as an archive, and nothing of anybody else's."""

import io
import json
import zipfile
from typing import Any

import pytest

from accounts import export
from tests.support.clients import ChatUsers, Person, new_client_id
from tests.support.pictures import base64_of, decoded, encoded, scene


async def archive_of(person: Person) -> zipfile.ZipFile:
    answer = await person.http.get("/v1/me/export", headers=person.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="molva-')
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def json_in(archive: zipfile.ZipFile, name: str) -> Any:
    return json.loads(archive.read(name))


async def test_archive_holds_everything_of_ones_own_and_nothing_of_others(
    chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "WINDOW", 2)
    monkeypatch.setattr(export, "PAGE", 1)
    anna, boris, chat_id = await chat_users.pair()
    person, other = chat_users.people
    await anna.send("chat:create_group", title="Notes")
    mine = [(await anna.say(chat_id, f"mine {number}"))["seq"] for number in range(5)]
    said = await boris.say(chat_id, "a secret of Boris")
    await anna.send("message:like", chat_id=chat_id, seq=said["seq"])
    content = encoded(scene(40, 40))
    file = (await anna_uploads(person, content)).json()
    await anna.send(
        "message:send", chat_id=chat_id, client_id=new_client_id(), type="image", content={"file_id": file["id"]}
    )
    await person.http.put("/v1/me/avatar", json={"image": base64_of(content)}, headers=person.headers)
    await person.act("user:block", user_id=other.id)

    archive = await archive_of(person)
    profile = json_in(archive, "profile.json")
    assert (profile["id"], profile["phone"]) == (person.id, person.phone)
    assert [device["id"] for device in json_in(archive, "sessions.json")] == [anna.ready["session_id"]]
    assert [user["id"] for user in json_in(archive, "blocked.json")] == [other.id]
    assert {chat["title"] for chat in json_in(archive, "chats.json")} == {None, "Notes"}
    messages = json_in(archive, "messages.json")
    assert [message["seq"] for message in messages if message["type"] == "text"] == mine
    assert {message["sender_id"] for message in messages} == {person.id}
    assert [(like["chat_id"], like["seq"]) for like in json_in(archive, "likes.json")] == [(chat_id, said["seq"])]
    assert [row["id"] for row in json_in(archive, "files.json")] == [file["id"]]
    assert archive.read(f"files/{file['id']}/lake.png") == content
    assert decoded(archive.read("avatar")).size == (40, 40)
    assert not [name for name in archive.namelist() if b"a secret of Boris" in archive.read(name)]


async def test_archive_holds_reactions_invites_reports_and_personal_settings(
    chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "WINDOW", 2)
    monkeypatch.setattr(export, "PAGE", 1)
    anna, boris, chat_id = await chat_users.pair()
    person, other = chat_users.people
    said = [(await boris.say(chat_id, f"a secret of Boris {number}"))["seq"] for number in range(3)]
    for seq, emoji in ((said[0], "👍"), (said[2], "🎉"), (said[2], "❤️")):
        await anna.send("message:react", chat_id=chat_id, seq=seq, emoji=emoji)
    await boris.send("message:react", chat_id=chat_id, seq=said[1], emoji="🐙")
    group = (await anna.send("chat:create_group", title="Ours", member_ids=[other.id]))["chat"]["id"]
    await anna.send("member:set_role", chat_id=group, user_id=other.id, role="admin")
    codes = [(await anna.send("invite:create", chat_id=group, uses_max=uses))["invite"]["code"] for uses in (1, 2)]
    await boris.send("invite:create", chat_id=group, uses_max=3)
    await anna.send("report:create", chat_id=chat_id, seq=said[0], reason="spam", comment="advertising")
    await anna.send("report:create", user_id=other.id, reason="other")
    await boris.send("report:create", user_id=person.id, reason="abuse")
    await anna.send("chat:clear", chat_id=chat_id)
    await anna.send("chat:archive", chat_id=chat_id)
    await anna.send("chat:pin", chat_id=group)
    muted_until = "2100-01-01T00:00:00.000Z"
    await anna.send("chat:mute", chat_id=chat_id, until=muted_until)

    archive = await archive_of(person)
    reactions = [(row["chat_id"], row["seq"], row["emoji"]) for row in json_in(archive, "reactions.json")]
    assert reactions == [(chat_id, said[0], "👍"), (chat_id, said[2], "🎉"), (chat_id, said[2], "❤️")]
    invites = json_in(archive, "invites.json")
    assert sorted((row["chat_id"], row["uses_max"]) for row in invites) == [(group, 1), (group, 2)]
    reports = [(row["chat_id"], row["seq"], row["reason"], row["comment"]) for row in json_in(archive, "reports.json")]
    assert reports == [(chat_id, said[0], "spam", "advertising"), (None, None, "other", None)]
    chats = {row["chat_id"]: row for row in json_in(archive, "chats.json")}
    chat = chats[chat_id]
    assert (chat["archived"], chats[group]["archived"]) == (True, False)
    assert (chat["is_pinned"], chats[group]["is_pinned"]) == (False, True)
    assert (chat["muted_until"], chats[group]["muted_until"]) == (muted_until, None)
    assert (chat["first_seq"], chat["read_seq"]) == (said[2] + 1, said[2])
    for secret in (b"a secret of Boris", *(code.encode() for code in codes)):
        assert not [name for name in archive.namelist() if secret in archive.read(name)], secret


async def anna_uploads(person: Person, content: bytes) -> Any:
    return await person.http.post("/v1/files", files={"file": ("lake.png", content)}, headers=person.headers)


async def test_archive_of_who_has_just_come_is_whole(chat_users: ChatUsers) -> None:
    archive = await archive_of(await chat_users.register())
    for part in ("blocked", "chats", "messages", "likes", "reactions", "invites", "reports", "files"):
        name = f"{part}.json"
        assert json_in(archive, name) == [], name


async def test_archive_tells_the_removed_nothing_of_what_came_later(chat_users: ChatUsers) -> None:
    anna, boris = [await (await chat_users.register()).connect() for _ in range(2)]
    boris_id = boris.ready["user"]["id"]
    chat_id = (await anna.send("chat:create_group", title="Ours", member_ids=[boris_id]))["chat"]["id"]
    mine = await boris.say(chat_id, "I was here")
    await anna.send("member:remove", chat_id=chat_id, user_id=boris_id)
    await anna.say(chat_id, "without him")
    archive = await archive_of(chat_users.people[1])
    (chat,) = json_in(archive, "chats.json")
    assert (chat["chat_id"], chat["message_count"], chat["title"]) == (chat_id, None, None)
    assert chat["left_at"]
    assert [message["seq"] for message in json_in(archive, "messages.json")] == [mine["seq"]]


async def test_one_archive_at_a_time(chat_users: ChatUsers) -> None:
    anna = await chat_users.register()
    await anna.http.post("/v1/files", files={"file": ("a", bytes(24_000_000))}, headers=anna.headers)
    async with anna.http.stream("GET", "/v1/me/export", headers=anna.headers) as first:
        assert first.status_code == 200
        second = await anna.http.get("/v1/me/export", headers=anna.headers)
        assert (second.status_code, second.json()["code"]) == (429, "rate_limited")
    answer = await anna.http.get("/v1/me/export", headers=anna.headers)
    assert answer.status_code in {200, 429}


async def test_archive_is_for_its_owner_alone(chat_users: ChatUsers) -> None:
    assert (await chat_users.http.get("/v1/me/export")).status_code == 401
