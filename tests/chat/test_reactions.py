"""Reactions: once by each person and emoji, counted right, told to those who see the message."""

import asyncio

import pytest

from core.emojis import one_emoji
from core.limits import REACTIONS_MAX
from tests.support.clients import ChatUsers, Client

EMOJI = [
    "👍",
    "👎",
    "🎉",
    "🔥",
    "🥰",
    "👏",
    "😁",
    "🤔",
    "🤯",
    "😱",
    "🤬",
    "😢",
    "🤩",
    "🤮",
    "💩",
    "🙏",
    "👌",
    "🐳",
    "💯",
    "🤣",
    "🍓",
]


async def react(client: Client, chat_id: str, seq: int, emoji: str, action: str = "message:react") -> list[dict]:
    return (await client.send(action, chat_id=chat_id, seq=seq, emoji=emoji))["reactions"]


async def test_reactions_are_counted_by_emoji_in_the_order_of_first_use(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "hello"))["seq"]
    await react(anna, chat_id, seq, "🎉")
    await react(boris, chat_id, seq, "👍🏽")
    now = await react(boris, chat_id, seq, "🎉")
    assert now == [{"emoji": "🎉", "count": 2, "mine": True}, {"emoji": "👍🏽", "count": 1, "mine": True}]
    assert await react(boris, chat_id, seq, "🎉") == now, "to repeat it changes nothing"
    for client, mine in ((anna, [True, False]), (boris, [True, True])):
        message = (await client.send("message:list", chat_id=chat_id))["messages"][0]
        assert [one["mine"] for one in message["reactions"]] == mine
        assert message["liked_by_me"] is False
        last = (await client.send("chat:get", chat_id=chat_id))["chat"]["last_message"]
        assert last["reactions"] == message["reactions"]
    assert await react(anna, chat_id, seq, "🎉", "message:unreact") == [
        {"emoji": "🎉", "count": 1, "mine": False},
        {"emoji": "👍🏽", "count": 1, "mine": False},
    ]
    left = await react(boris, chat_id, seq, "🎉", "message:unreact")
    assert left == [{"emoji": "👍🏽", "count": 1, "mine": True}]
    assert await react(boris, chat_id, seq, "🎉", "message:unreact") == left


async def test_reaction_is_told_to_viewers_and_the_author(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    message = await boris.say(chat_id, "hello")
    await anna.send("chat:activate", chat_id=chat_id)
    await react(anna, chat_id, message["seq"], "🎉")
    for client in (anna, boris):
        told = (await client.expect_event("message:reacted")).payload
        assert told == {
            "chat_id": chat_id,
            "seq": message["seq"],
            "user_id": anna.ready["user"]["id"],
            "emoji": "🎉",
            "added": True,
            "reactions": [{"emoji": "🎉", "count": 1}],
            "version": message["version"] + 1,
        }
    changes = await boris.send("message:changes", chat_id=chat_id, version=message["version"])
    assert [one["reactions"] for one in changes["messages"]] == [[{"emoji": "🎉", "count": 1, "mine": False}]]


async def test_reactions_are_listed_page_by_page(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "hello"))["seq"]
    made = [("boris", "🎉"), ("anna", "🎉"), ("anna", "👍")]
    for name, emoji in made:
        await react(boris if name == "boris" else anna, chat_id, seq, emoji)
    listed: list[tuple[str, str]] = []
    cursor: dict[str, str] = {}
    names = {boris.ready["user"]["id"]: "boris", anna.ready["user"]["id"]: "anna"}
    while True:
        page = await anna.send("message:reactions", chat_id=chat_id, seq=seq, limit=2, **cursor)
        listed += [(names[one["user"]["id"]], one["emoji"]) for one in page["reactions"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert listed == made
    only = await anna.send("message:reactions", chat_id=chat_id, seq=seq, emoji="👍")
    assert [one["emoji"] for one in only["reactions"]] == ["👍"]


async def test_message_has_a_bounded_number_of_different_reactions(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "hello"))["seq"]
    for emoji in EMOJI[:REACTIONS_MAX]:
        await react(anna, chat_id, seq, emoji)
    refused = {"chat_id": chat_id, "seq": seq, "emoji": EMOJI[REACTIONS_MAX]}
    await boris.expect_refusal("message:react", "conflict", "reaction_limit", **refused)
    assert (await react(boris, chat_id, seq, EMOJI[0]))[0]["count"] == 2


async def test_reactions_at_once_are_all_counted(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "hello"))["seq"]
    await asyncio.gather(*(react(client, chat_id, seq, emoji) for client in (anna, boris) for emoji in EMOJI[:8]))
    message = (await anna.send("message:list", chat_id=chat_id))["messages"][0]
    assert {one["emoji"]: one["count"] for one in message["reactions"]} == dict.fromkeys(EMOJI[:8], 2)


async def test_deleted_message_loses_its_reactions(chat_users: ChatUsers) -> None:
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "hello"))["seq"]
    await react(boris, chat_id, seq, "🎉")
    deleted = (await anna.send("message:delete", chat_id=chat_id, seq=seq))["message"]
    assert deleted["reactions"] == []
    assert (await anna.send("message:reactions", chat_id=chat_id, seq=seq))["reactions"] == []
    at = {"chat_id": chat_id, "seq": seq, "emoji": "🎉"}
    for action in ("message:react", "message:unreact"):
        await boris.expect_refusal(action, "conflict", "message_deleted", **at)


@pytest.mark.parametrize("emoji", ["", "a", "👍👍", "👍 ", "🏽", "❤", "\u200d", "1", "👍🏽🏽"])
async def test_what_is_no_single_emoji_is_refused(chat_users: ChatUsers, emoji: str) -> None:
    anna, _, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "hello"))["seq"]
    error = await anna.expect_refusal("message:react", "validation_failed", chat_id=chat_id, seq=seq, emoji=emoji)
    assert error["details"][0]["path"] == "emoji"


def test_sequences_are_one_emoji() -> None:
    for emoji in ("❤️", "👨‍👩‍👧‍👦", "🏴‍☠️", "🇷🇸", "1️⃣", "👩🏿‍🤝‍👨🏻", "🏳️‍🌈"):
        assert one_emoji(emoji) == emoji
