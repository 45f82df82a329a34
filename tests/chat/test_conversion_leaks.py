"""What two people said in private stays between them when the chat becomes a group: whoever comes later cannot get at it.

The newcomer tries every declared action with everything that could name an old message, while the two edit, like, read and
answer old messages under the newcomer's eyes. Nothing that ever arrives at the newcomer may hold a word of it.
"""

import asyncio
import json
from typing import Any

import pytest

import realtime.actions  # noqa: F401  (declares every action)
from core.ids import new_id
from db import chats, likes, members, messages, users
from db.pool import Database, Tx
from realtime.wire.registry import ACTIONS
from tests.support.clients import ChatUsers, Client, new_client_id, new_phone

pytestmark = pytest.mark.slow

SECRETS = 100


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


class Spy:
    """Somebody who keeps everything that they are told."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.answers: list[Any] = []

    async def ask(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        answer = await self.client.push(action, payload)
        self.answers.append(answer)
        return answer

    def expect_no_word_of(self, secret: str, chat_id: str, first_seq: int) -> None:
        """Nothing that arrived has the secret, nor any message of the chat before ``first_seq``."""
        told = [*self.answers, *(event.payload for event in self.client.events)]
        assert secret not in json.dumps(told, ensure_ascii=False)
        for message in _messages_in(told):
            assert message["chat_id"] != chat_id or message["seq"] >= first_seq, message


def _messages_in(told: Any) -> Any:
    """Whatever says that it is about a message, however deep."""
    if isinstance(told, list):
        for part in told:
            yield from _messages_in(part)
    elif isinstance(told, dict):
        if "chat_id" in told and "seq" in told:
            yield told
        for part in told.values():
            yield from _messages_in(part)


async def tell_secrets(anna: Client, boris: Client, chat_id: str, count: int = SECRETS) -> None:
    for place in range(count):
        await (anna, boris)[place % 2].say(chat_id, f"secret number {place}", **({"reply_to": place} if place else {}))


async def stir_up_old_messages(anna: Client, boris: Client, chat_id: str) -> None:
    """Everything that may happen to an old message."""
    for seq in (1, 51, 99):  # Anna's
        await anna.send("message:edit", chat_id=chat_id, seq=seq, content={"text": f"secret again {seq}"})
        await boris.send("message:like", chat_id=chat_id, seq=seq)
        await boris.send("message:unlike", chat_id=chat_id, seq=seq)
        await boris.send("message:like", chat_id=chat_id, seq=seq)
        await boris.send("message:read", chat_id=chat_id, seq=seq)
    await boris.send("message:delete", chat_id=chat_id, seq=2)
    await boris.say(chat_id, "an answer", reply_to=50)


def tries(chat_id: str, first_seq: int) -> list[tuple[str, dict[str, Any]]]:
    """Every way to ask for something before ``first_seq``; at least one for each action that takes a chat or a message."""
    chat: dict[str, Any] = {"chat_id": chat_id}
    seqs = (1, 2, 50, first_seq - 1)
    send = {"type": "text", "content": {"text": "hm"}}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("chat:list", {}),
        ("chat:get", chat),
        ("chat:activate", chat),
        ("chat:watch", {"chat_ids": [chat_id]}),
        ("chat:rename", {**chat, "title": "Spy's"}),
        ("chat:mute", {**chat, "until": None}),
        ("chat:pin", chat),
        ("chat:unpin", chat),
        ("chat:typing", chat),
        ("chat:transfer", {**chat, "user_id": chat_id}),
        ("member:list", chat),
        ("member:add", {**chat, "user_ids": [chat_id]}),
        ("member:remove", {**chat, "user_id": chat_id}),
        ("session:sync", {}),
        ("message:list", chat),
        ("message:list", {**chat, "before": first_seq}),
        ("message:list", {**chat, "after": 0}),
        ("message:list", {}),
        ("message:changes", {**chat, "version": 0}),
        ("message:changes", {**chat, "version": 0, "limit": 1}),
        ("message:pinned", chat),
        ("chat:update", {**chat, "description": "mine"}),
        ("chat:archive", chat),
        ("chat:unarchive", chat),
        ("member:set_role", {**chat, "user_id": new_client_id(), "role": "admin"}),
    ]
    for query in ("secret", "secr", "number 50", "again"):
        asked += [("message:search", {"query": query}), ("message:search", {**chat, "query": query})]
    for seq in seqs:
        message = {**chat, "seq": seq}
        asked += [
            ("message:list", {**chat, "around": seq}),
            ("message:edit", {**message, "content": {"text": "mine"}}),
            ("message:send", {**chat, **send, "client_id": new_client_id(), "reply_to": seq}),
            ("message:react", {**message, "emoji": "🎉"}),
            ("message:unreact", {**message, "emoji": "🎉"}),
            ("message:forward", {**message, "to_chat_id": chat_id, "client_id": new_client_id()}),
            ("report:create", {**message, "reason": "spam"}),
            *(
                (f"message:{verb}", message)
                for verb in ("delete", "like", "unlike", "likes", "readers", "reactions", "read", "pin", "unpin")
            ),
        ]
    return asked


ELSEWHERE = {"chat:create_private", "chat:create_group", "chat:delete", "chat:leave", "chat:clear"}
"""Actions that take no old message, or end the trial."""


def test_every_action_of_a_chat_is_tried():
    tried = {action for action, _ in tries("", 101)}
    assert {name for name in ACTIONS if name.startswith(("chat:", "member:", "message:"))} - ELSEWHERE <= tried


async def try_everything(spy: Spy, chat_id: str, first_seq: int) -> None:
    for action, payload in tries(chat_id, first_seq):
        answer = await spy.ask(action, payload)
        if payload.get("seq", first_seq) < first_seq and action != "message:read":
            assert answer["error"]["code"] == "not_found", (action, payload)
        if payload.get("reply_to"):
            assert answer["error"]["code"] == "not_found", (action, payload)


async def test_newcomer_gets_nothing_of_what_was_private(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    clara, dora = [await (await chat_users.register()).connect() for _ in range(2)]
    await tell_secrets(anna, boris, chat_id)
    for place, (newcomer, host) in enumerate(((clara, anna), (dora, boris))):  # one converts the chat, one comes later
        spy = Spy(newcomer)
        spy.answers.append(await host.send("member:add", chat_id=chat_id, user_ids=[id_of(newcomer)]))
        first_seq = spy.answers.pop()["chat"]["message_count"] - (1 if place == 0 else 0)
        await newcomer.expect_event("chat:updated")
        assert (await newcomer.send("chat:get", chat_id=chat_id))["chat"]["me"]["first_seq"] == first_seq
        await spy.ask("chat:activate", {"chat_id": chat_id})
        if place == 0:
            await stir_up_old_messages(anna, boris, chat_id)
        await try_everything(spy, chat_id, first_seq)
        await host.expect_refusal("member:add", "forbidden", chat_id=chat_id, user_ids=[id_of(newcomer)], history="all")
        spy.expect_no_word_of("secret", chat_id, first_seq)


async def test_who_was_removed_and_comes_back_gets_nothing_from_before(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    clara = await (await chat_users.register()).connect()
    await tell_secrets(anna, boris, chat_id, 10)
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)])
    await clara.say(chat_id, "my own old words")
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(clara))
    await boris.say(chat_id, "secret talk about Clara")
    await clara.send("chat:list", limit=1)
    clara.events.clear()
    clara.forget_events()
    spy = Spy(clara)
    await try_as_outsider(spy, chat_id)
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)])
    first_seq = (await clara.send("chat:get", chat_id=chat_id))["chat"]["me"]["first_seq"]
    assert first_seq == 16  # 10 secrets, became_group, member_added, her own, member_removed, talk; then member_added
    await spy.ask("chat:activate", {"chat_id": chat_id})
    await boris.send("message:edit", chat_id=chat_id, seq=15, content={"text": "secret, edited"})
    await boris.send("message:like", chat_id=chat_id, seq=13)
    await try_everything(spy, chat_id, first_seq)
    spy.expect_no_word_of("secret", chat_id, first_seq)


async def try_as_outsider(spy: Spy, chat_id: str) -> None:
    for action, payload in tries(chat_id, 101):
        answer = await spy.ask(action, payload)
        if "chat_id" in payload:
            assert answer["error"]["code"] == "not_found", (action, answer)


@pytest.mark.parametrize("history", ["all", "none"])
async def test_history_of_a_born_group_is_what_was_chosen(chat_users: ChatUsers, history: str):
    anna, boris, clara = [await (await chat_users.register()).connect() for _ in range(3)]
    group = await anna.send("chat:create_group", title="G", member_ids=[id_of(boris)])
    chat_id = group["chat"]["id"]
    await tell_secrets(anna, boris, chat_id, 10)
    await boris.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)], history=history)
    spy = Spy(clara)
    await spy.ask("chat:activate", {"chat_id": chat_id})
    if history == "none":
        await anna.send("message:like", chat_id=chat_id, seq=3)
        await boris.send("message:edit", chat_id=chat_id, seq=3, content={"text": "secret, edited"})
        await try_everything(spy, chat_id, 12)
        spy.expect_no_word_of("secret", chat_id, 12)
    else:
        page = await clara.send("message:list", chat_id=chat_id)
        assert [message["seq"] for message in page["messages"]] == list(range(1, 13))
        assert (await clara.send("chat:get", chat_id=chat_id))["chat"]["me"]["unread_count"] == 1
        assert len((await clara.send("message:search", query="secret"))["messages"]) == 10


async def test_who_is_no_member_is_shown_nothing_by_any_statement(database: Database):
    """Rights are looked at in the statement itself: between two statements somebody may be put out."""
    anna, boris, chat_id = new_id(), new_id(), new_id()
    async with database.transaction() as tx:
        for user_id in (anna, boris):
            await users.register_user(tx, user_id, new_phone(), "Somebody")
        await chats.insert_group(tx, chat_id, "Group", anna, None, None, 2)
        await members.insert_members(tx, chat_id, [anna, boris], anna, 1, 0)
        await messages.insert_system_message(tx, chat_id, anna, {"event": "secret"}, 0)
        await likes.like_message(tx, chat_id, 1, anna, 1)

    async def shown(tx: Tx) -> list[int]:
        return [
            len(await messages.list_before(tx, chat_id, boris, 2, 10)),
            len(await messages.list_after(tx, chat_id, boris, 0, 10)),
            len(await messages.list_changes(tx, chat_id, boris, 0, 10)),
            len([await messages.find_message(tx, chat_id, boris, 1)]) if await chats.find_chat(tx, chat_id, boris) else 0,
            len(await likes.list_likers(tx, chat_id, 1, boris, None, None, 10)),
            min(1, len(await members.list_members(tx, chat_id, boris, None, None, 10))),
        ]

    async with database.transaction() as tx:
        assert await shown(tx) == [1] * 6
        await members.remove_members(tx, chat_id, [boris], "removed")
        assert await shown(tx) == [0] * 6


async def test_pair_finds_its_chat_or_a_new_one_while_it_becomes_a_group(chat_users: ChatUsers):
    clara = await (await chat_users.register()).connect()
    for _ in range(5):
        anna, boris, chat_id = await chat_users.pair()
        added, opened = await asyncio.gather(
            anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)]),
            boris.send("chat:create_private", user_id=id_of(anna)),
        )
        assert added["chat"]["type"] == "group"
        assert opened["created"] == (opened["chat"]["id"] != chat_id)
