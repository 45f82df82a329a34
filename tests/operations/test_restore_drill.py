"""A whole drill: a backup under load, life goes on, the backup is put back, and everybody is in step and signed in."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.operations.test_cli import run
from tests.operations.test_crash import history, person_on
from tests.support.clients import ChatUsers, Client, Person
from tests.support.programs import serving
from tests.support.waiting import until

pytestmark = pytest.mark.slow

SENT_BEFORE, SENT_AFTER = 60, 60


class Sender:
    """Sends until stopped, and keeps what was acked."""

    def __init__(self, client: Client, chat_id: str) -> None:
        self._client, self._chat_id = client, chat_id
        self.acked: list[dict[str, Any]] = []
        self._is_stopped = False
        self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while not self._is_stopped:
            self.acked.append(await self._client.say(self._chat_id, f"number {len(self.acked)}"))

    async def stop(self) -> None:
        self._is_stopped = True
        await self._sending


async def refreshed(person: Person) -> None:
    """The next pair of tokens; the refresh token before is of no more use."""
    answer = await person.http.post("/v1/auth/tokens/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert answer.status_code == 200, answer.text
    person.tokens = person.tokens | answer.json()


async def upload(person: Person, content: bytes) -> dict[str, Any]:
    answer = await person.http.post("/v1/files", files={"file": ("notes.bin", content)}, headers=person.headers)
    file: dict[str, Any] = answer.raise_for_status().json()
    return file


async def test_drill(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"data_dir": tmp_path / "var", "rate_limits": "off"}
    variables = {"MOLVA_DATA_DIR": str(tmp_path / "var")}
    async with serving(**settings) as server:
        chat_users = ChatUsers(server.address)
        anna, boris, chat_id = await chat_users.pair()
        people = chat_users.people
        file = await upload(people[0], b"kept" * 1000)
        content = {"file_id": file["id"], "name": "notes.bin"}
        await anna.say(chat_id, "", type="file", content=content)
        senders = [Sender(client, chat_id) for client in (anna, boris)]
        await until(lambda: all(len(sender.acked) > SENT_BEFORE for sender in senders))

        before = [message for sender in senders for message in sender.acked]
        made = await run("backup", str(tmp_path), **variables)
        assert made.status == 0, made.err
        counts = [len(sender.acked) for sender in senders]

        await until(lambda: all(len(it.acked) > n + SENT_AFTER for it, n in zip(senders, counts, strict=True)))
        after = [
            message for it, n in zip(senders, counts, strict=True) for message in it.acked[n + 1 :]
        ]  # one was on its way
        await anna.send("chat:create_group", title="Later", member_ids=[people[1].id])
        await refreshed(people[0])  # rotated after the backup; Boris keeps his token
        for sender in senders:
            await sender.stop()
        known = [await client.send("session:sync") for client in (anna, boris)]
        epoch = anna.ready["epoch"]
        version = max(message["version"] for message in after)
        await chat_users.close()

    refused = await run("restore", str(tmp_path), **variables)
    assert (refused.status, "--replace" in refused.err) == (1, True)
    for path in (tmp_path / "var/files").rglob("*"):
        if path.is_file():
            path.unlink()
    restored = await run("restore", str(tmp_path), "--replace", **variables)
    assert restored.status == 0, restored.err

    async with serving(**settings) as server:
        chat_users = ChatUsers(server.address)
        back = [person_on(chat_users, person) for person in people]
        for person, sync in zip(back, known, strict=True):
            await refreshed(person)
            client = await person.connect()
            assert client.ready["epoch"] != epoch
            await client.expect_refusal("session:sync", "conflict", "cursor_unknown", cursor=sync["cursor"])
            stale = {"chat_id": chat_id, "version": version, "epoch": epoch}
            await client.expect_refusal("message:changes", "conflict", "version_unknown", **stale)
            fresh = await client.send("session:sync")
            assert [chat["id"] for chat in fresh["chats"]] == [chat_id]
            assert (await client.send("session:sync", cursor=fresh["cursor"]))["chats"] == []
            await refreshed(person)
        stored = await history(chat_users, back[0], chat_id)
        assert sorted(stored) == list(range(1, len(stored) + 1))
        assert fresh["chats"][0]["message_count"] == len(stored)
        found = {message["client_id"] for message in stored.values()}
        assert {message["client_id"] for message in before} <= found
        assert not {message["client_id"] for message in after} & found
        kept = await back[1].http.get(stored[1]["content"]["url"], headers=back[1].headers)
        assert kept.content == b"kept" * 1000
        first, second = [person.clients[0] for person in back]
        await second.send("chat:activate", chat_id=chat_id)
        said = await first.say(chat_id, "we are back")
        assert said["seq"] == len(stored) + 1
        assert (await second.expect_event("message:created")).payload["message"]["seq"] == said["seq"]
        await asyncio.gather(*(person.clients[0].close() for person in back))
        await chat_users.close()
