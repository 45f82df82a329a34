"""Group commit: many messages in one commit become what each alone would have become."""

import asyncio
import hashlib
import random
from dataclasses import replace
from typing import Any

import orjson
import pytest

from core.ids import new_id
from db import blocks, chats, members, messages, users
from db.messages import Draft, MessageBody, SentRow, StoredRow
from db.pool import Database
from realtime.delivery.fanout import Fanout
from realtime.delivery.hub import Hub
from realtime.delivery.order import TurnQueue
from realtime.messages.encoding import EncodedMessage
from realtime.messages.send_queue import SendQueue
from realtime.model.events import Reason, announce_message
from realtime.model.objects import Avatar, Chat, Message, MessageView, User
from realtime.model.sender_profiles import SenderProfiles
from realtime.wire.changes import Subject
from realtime.wire.effects import Emit
from tests.support.clients import ChatUsers


def encoded(content: dict[str, Any]) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(content))


class SendersAndChats:
    """People, a private chat, a group, a blocked pair, a chat of strangers."""

    def __init__(self) -> None:
        self.people = [new_id() for _ in range(5)]
        self.chats = [new_id() for _ in range(4)]

    async def build(self, database: Database) -> None:
        anna, boris, clara, dima, _ = self.people
        private, group, cold, strange = self.chats
        async with database.transaction() as tx:
            for place, user_id in enumerate(self.people):
                await users.register_user(tx, user_id, f"+7916000000{place}", "Somebody")
            await chats.insert_private_chat(tx, private, anna, f"{anna}:{boris}")
            await members.insert_members(tx, private, [anna, boris], anna, 1, 0)
            await chats.insert_group(tx, group, "G", anna, None, None, 3)
            await members.insert_members(tx, group, [anna, boris, clara], anna, 1, 0)
            await chats.insert_private_chat(tx, cold, clara, f"{clara}:{dima}")
            await members.insert_members(tx, cold, [clara, dima], clara, 1, 0)
            await blocks.block_user(tx, clara, dima)
            await chats.insert_private_chat(tx, strange, boris, f"{boris}:{dima}")
            await members.insert_members(tx, strange, [boris, dima], boris, 1, 0)

    def drafts(self, dice: random.Random, count: int) -> list[Draft]:
        known: list[tuple[str, str, str]] = []
        drafts = []
        for place in range(count):
            if known and dice.random() < 0.2:
                chat_id, sender_id, client_id = dice.choice(known)
            else:
                chat_id, sender_id, client_id = dice.choice(self.chats), dice.choice(self.people), new_id()
                known.append((chat_id, sender_id, client_id))
            text = dice.choice(("same", "other"))
            # A batch cannot answer what it holds itself, so replies begin when each chat has a message.
            reply_to = dice.choice((None, None, 1, 1000)) if place > count // 2 else None
            mentions = dice.choice(([], [], [self.people[1]], [self.people[4]]))
            body_hash = hashlib.sha256(text.encode()).digest()
            metadata = dice.choice((None, {"order": place, "tags": ["a", None]}))
            origin = dice.choice((None, {"sender_id": sender_id, "created_at": "2026-11-23T05:08:04.123Z"}))
            body = MessageBody("text", encoded({"text": text}), reply_to, mentions, metadata)
            drafts.append(Draft(chat_id, sender_id, client_id, body_hash, body, origin))
        return drafts


def outcome_of(row: SentRow) -> tuple[Any, ...]:
    stored = row.stored
    return row.outcome, row.seq, stored and (stored.version, stored.chat_type, stored.creator_id, stored.member_count)


async def state_of(database: Database) -> list[Any]:
    async with database.reading() as tx:
        return [
            [tuple(record) for record in await tx.fetch("state", sql, [])]
            for sql in (
                "SELECT chat_id, seq, sender_id, client_id, content, reply_to, metadata, forwarded_from, version"
                "  FROM messages ORDER BY 1, 2",
                "SELECT id, message_count, version FROM chats ORDER BY 1",
                "SELECT chat_id, user_id, read_seq FROM members ORDER BY 1, 2",
            )
        ]


async def send_together(database: Database, drafts: list[Draft]) -> list[SentRow]:
    async with database.reading() as tx:
        return await messages.send_messages(tx, drafts)


def key_of(one: Draft) -> tuple[str, str, str]:
    return one.chat_id, one.sender_id, one.client_id


@pytest.mark.parametrize("seed", range(4))
async def test_batch_becomes_what_single_sends_become(database: Database, seed: int):
    senders_and_chats, dice = SendersAndChats(), random.Random(seed)
    await senders_and_chats.build(database)
    together = []
    batches: list[list[Draft]] = [[]]
    for one in senders_and_chats.drafts(dice, 120):
        if any(key_of(one) == key_of(other) for other in batches[-1]) or len(batches[-1]) == 15:
            batches.append([])
        batches[-1].append(one)
    for batch in batches:
        together += await send_together(database, batch)
    after_together = await state_of(database)
    async with database.transaction() as tx:
        await tx.execute("reset", "TRUNCATE messages CASCADE", [])
        await tx.execute(
            "reset", "UPDATE chats SET message_count = 0, version = CASE type WHEN 'group' THEN 0 ELSE 1 END", []
        )
        await tx.execute("reset", "UPDATE members SET read_seq = 0", [])
    async with database.reading() as tx:
        alone = [await messages.send_message(tx, one) for batch in batches for one in batch]
    assert [row.outcome for row in together] == [row.outcome for row in alone]
    assert [outcome_of(row) for row in together] == [outcome_of(row) for row in alone]
    assert after_together == await state_of(database)


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in a batch"])
async def test_send_brings_back_what_others_archived_and_did_not_mute(database: Database, together: bool):
    senders_and_chats = SendersAndChats()
    await senders_and_chats.build(database)
    (anna, boris, clara, *_), group = senders_and_chats.people, senders_and_chats.chats[1]
    async with database.transaction() as tx:
        for user_id in (anna, boris, clara):
            await members.archive_chat(tx, group, user_id)
        await members.mute_chat(tx, group, clara, "2040-01-01T00:00:00.000Z")
    drafts = [draft(group, anna), draft(group, anna)]
    async with database.reading() as tx:
        rows = await messages.send_messages(tx, drafts) if together else [await messages.send_message(tx, drafts[0])]
        views = {row.user_id: row.chat.me.archived for row in await chats.list_views(tx, group, [anna, boris, clara])}
    assert [row.stored and row.stored.unarchived for row in rows] == [[boris], None][: len(rows)]
    assert views == {anna: True, boris: False, clara: True}


def draft(chat_id: str, sender_id: str, client_id: str | None = None) -> Draft:
    return Draft(chat_id, sender_id, client_id or new_id(), b"x" * 32, MessageBody("text", encoded({"text": "hello"})))


async def queue_on(database: Database) -> SendQueue:
    async def repair_nothing(_: Subject) -> None:
        pass

    return SendQueue(database, TurnQueue(repair_nothing), Fanout(Hub(), lambda _name, _payload: ""), SenderProfiles())


async def test_sends_of_one_chat_keep_their_order(database: Database):
    senders_and_chats = SendersAndChats()
    await senders_and_chats.build(database)
    queue = await queue_on(database)
    drafts = [draft(senders_and_chats.chats[1], senders_and_chats.people[place % 3]) for place in range(300)]
    sent = await asyncio.gather(*(queue.send(one) for one in drafts))
    assert [one.row.seq for one in sent] == list(range(1, 301))
    assert [one.row.stored.version for one in sent if one.row.stored] == list(range(1, 301))


async def test_equal_sends_at_once_are_stored_once(database: Database):
    senders_and_chats = SendersAndChats()
    await senders_and_chats.build(database)
    queue = await queue_on(database)
    client_id = new_id()
    sent = await asyncio.gather(
        *(queue.send(draft(senders_and_chats.chats[0], senders_and_chats.people[0], client_id)) for _ in range(20))
    )
    assert sorted(one.row.outcome for one in sent) == ["duplicate"] * 19 + ["sent"]
    assert {one.row.seq for one in sent} == {1}


async def test_a_lost_database_fails_those_who_wait_and_no_one_after(database: Database):
    senders_and_chats = SendersAndChats()
    await senders_and_chats.build(database)
    queue = await queue_on(database)
    async with database.reading() as tx:
        await tx.execute("break", "ALTER FUNCTION send_message RENAME TO away", [])
        await tx.execute("break", "ALTER FUNCTION send_messages RENAME TO away_too", [])
    outcomes = await asyncio.gather(
        *(queue.send(draft(senders_and_chats.chats[0], senders_and_chats.people[0])) for _ in range(5)),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    async with database.reading() as tx:
        await tx.execute("mend", "ALTER FUNCTION away RENAME TO send_message", [])
        await tx.execute("mend", "ALTER FUNCTION away_too RENAME TO send_messages", [])
    assert (await queue.send(draft(senders_and_chats.chats[0], senders_and_chats.people[0]))).row.seq == 1


@pytest.mark.parametrize("title", [None, 'The "old" tower\\ \u2028'])
@pytest.mark.parametrize(
    "shown",
    [
        {"description": None, "avatar_id": None, "metadata": {}, "pinned_seqs": []},
        {"description": "Us", "avatar_id": "9f86d081", "metadata": {"a": [1, {"b": None}]}, "pinned_seqs": [7, 3, 1]},
    ],
    ids=["plain", "adorned"],
)
def test_what_is_said_of_a_stored_message_is_what_the_models_say(title: str | None, shown: dict[str, Any]):
    content = {"text": 'Ünïcode "quoted" \\ \u2028 \U0001f600', "latitude": 55.75, "nothing": None}
    mentions = [new_id()]
    one = replace(draft(new_id(), new_id()), body=MessageBody("text", encoded(content), reply_to=7, mentions=mentions))
    sent_at, opened_at = "2026-11-23T05:08:04.123Z", "2026-11-20T18:00:00.000Z"
    about = {f"chat_{name}": value for name, value in shown.items()}
    stored = StoredRow(sent_at, 9, "group", title, new_id(), 3, opened_at, **about)
    given = {
        "chat_id": one.chat_id, "seq": 8, "sender_id": one.sender_id, "type": "text", "content": content, "reply_to": 7,
        "mentions": mentions, "client_id": one.client_id, "created_at": sent_at, "like_count": 0, "reactions": [],
        "version": 9,
    }  # fmt: skip
    message = Message(**dict.fromkeys(Message.model_fields) | given)  # what the server sets later is null
    chat = Chat(
        id=one.chat_id, type="group", title=title, creator_id=stored.creator_id, member_count=3, message_count=8,
        last_message=message, created_at=opened_at, updated_at=sent_at, version=9, description=shown["description"],
        avatar=Avatar.at(shown["avatar_id"]) if shown["avatar_id"] else None, metadata=shown["metadata"],
        pinned_seqs=shown["pinned_seqs"],
    )  # fmt: skip
    ours = EncodedMessage(stored, 8, one)
    assert ours.view() == MessageView(**vars(message), liked_by_me=False).encode()
    sender = User(
        id=one.sender_id,
        display_name="Ünïcode",
        username=None,
        about=None,
        avatar=Avatar.at("9f86"),
        last_seen_at=sent_at,
        is_bot=False,
        is_deleted=False,
    )
    announced = announce_message(chat, message, sender, Reason.MESSAGE)
    *emitted, advanced = ours.announce(sender.shared().encode())
    *expected, expected_advance = announced
    assert advanced == expected_advance
    for made, modelled in zip(emitted, expected, strict=True):
        assert isinstance(made, Emit)
        assert isinstance(modelled, Emit)
        assert made.event == modelled.event
        assert type(made.audience) is type(modelled.audience)
        assert made.payload.encode() == modelled.payload.encode()
        if made.narrowed is not None and modelled.narrowed is not None:
            for first_seq in range(9):
                assert made.narrowed.from_seq(first_seq).encode() == modelled.narrowed.from_seq(first_seq).encode()


async def test_busy_chats_share_commits(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    sent = await asyncio.gather(*(client.say(chat_id, f"{place}") for place in range(50) for client in (anna, boris)))
    assert sorted(message["seq"] for message in sent) == list(range(1, 101))
