"""The chat list: its order, its pages while things move, and what is one person's alone in it."""

import asyncio
import itertools
import re
from typing import Any

import pytest

from realtime.chats.payloads import ChatMute
from realtime.wire.fields import CHAT_ID
from tests.support.clients import ChatUsers, Client

pytestmark = pytest.mark.slow


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def connected(chat_users: ChatUsers, count: int) -> list[Client]:
    return [await (await chat_users.register()).connect() for _ in range(count)]


async def groups(anna: Client, count: int, *others: Client) -> list[str]:
    """So many groups; the newest is the last."""
    member_ids = [id_of(other) for other in others]
    return [
        (await anna.send("chat:create_group", title=f"G{place}", member_ids=member_ids))["chat"]["id"]
        for place in range(count)
    ]


async def listed(client: Client, **more: Any) -> list[str]:
    return [chat["id"] for chat in (await client.send("chat:list", **more))["chats"]]


async def pages(client: Client, limit: int, **more: Any) -> Any:
    """The pages of the list, one by one."""
    cursor: dict[str, Any] = {}
    while True:
        page = await client.send("chat:list", limit=limit, **cursor, **more)
        yield [chat["id"] for chat in page["chats"]]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


# --- order and pages


async def test_newest_message_brings_its_chat_to_the_top(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    first, second, third = await groups(anna, 3, boris)
    assert await listed(boris) == [third, second, first]
    await anna.say(first, "up")
    assert await listed(boris) == [first, third, second]
    await anna.send("message:edit", chat_id=second, seq=(await anna.say(second, "x"))["seq"], content={"text": "y"})
    await anna.send("message:like", chat_id=third, seq=1)
    assert await listed(boris) == [second, first, third], "neither edits nor likes move a chat"


async def test_pages_meet_every_chat_once(chat_users: ChatUsers):
    (anna,) = await connected(chat_users, 1)
    ids = await groups(anna, 11)
    for chat_id in ids[3:6]:
        await anna.send("chat:pin", chat_id=chat_id)
    for limit in (1, 4, 11, 100):
        met = [chat_id async for page in pages(anna, limit) for chat_id in page]
        assert met == [ids[5], ids[4], ids[3], *reversed(ids[6:]), *reversed(ids[:3])]


async def test_page_goes_on_below_the_last_one_while_chats_move_up(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    ids = await groups(anna, 9, boris)
    met = []
    async for page in pages(boris, 3):
        met += page
        await anna.say(ids[0], "moves to the top")
        await boris.send("chat:pin", chat_id=met[0])
    assert met == list(reversed(ids[1:])), "who moved up is on the first page when it is asked for again"
    assert len(set(met)) == len(met)


async def test_type_narrows_the_list_and_its_pages(chat_users: ChatUsers):
    anna, boris, private = await chat_users.pair()
    ids = await groups(anna, 3, boris)
    assert await listed(anna, type="private") == [private]
    assert [page async for page in pages(anna, 2, type="group")] == [[ids[2], ids[1]], [ids[0]]]


@pytest.mark.parametrize(
    "position",
    [
        f"1.now.{CHAT_ID}",
        f"1.2026-01-01T00:00:00.000Z.{CHAT_ID}",
        f"1.{10**14}.{CHAT_ID}",
        "1.1767225600000.no id",
        "1.1767225600000.\x00",
        f"1.1767225600000.{CHAT_ID}\n",
        f"1.1767225600000.{CHAT_ID.upper()}",
        f"true.1767225600000.{CHAT_ID}",
        f"-1.1767225600000.{CHAT_ID}",
        f"01.1767225600000.{CHAT_ID}",
        f"\u0661.1767225600000.{CHAT_ID}",
        f"{2**63}.1767225600000.{CHAT_ID}",
        "1.1767225600000",
        f"1.1767225600000.{CHAT_ID}.1",
    ],
)
async def test_forged_cursor_is_refused(chat_users: ChatUsers, position: str):
    (anna,) = await connected(chat_users, 1)
    error = await anna.expect_refusal("chat:list", "validation_failed", cursor=f"chats.{position}")
    assert error["details"][0]["path"] == "cursor"


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("chat:list", {"cursor": f"chats.{10**15 - 1}.{10**14 - 1}.{CHAT_ID}"}),
        ("message:search", {"query": "x", "cursor": f"search.{10**14 - 1}.{CHAT_ID}.{10**15 - 1}"}),
        ("session:sync", {"cursor": f"sync2.00000000-1.{10**15 - 1}.{10**15 - 1}.{10**15 - 1}.{CHAT_ID}"}),
    ],
)
async def test_whatever_fits_the_pattern_of_a_cursor_is_a_position(
    chat_users: ChatUsers, action: str, payload: dict[str, Any]
):
    (anna,) = await connected(chat_users, 1)
    if action == "session:sync":  # a position in another history of the database
        await anna.expect_refusal(action, "conflict", "cursor_unknown", **payload)
    else:
        assert await anna.send(action, **payload)


async def test_cursor_of_one_list_is_none_of_another(chat_users: ChatUsers):
    anna, boris, clara = await connected(chat_users, 3)
    ids = await groups(anna, 2, boris, clara)
    cursor = (await anna.send("member:list", chat_id=ids[0], limit=1))["next_cursor"]
    await anna.expect_refusal("chat:list", "validation_failed", cursor=cursor)
    await anna.expect_refusal("message:likes", "validation_failed", chat_id=ids[0], seq=1, cursor=cursor)


async def test_members_and_likers_are_met_once_while_others_come(chat_users: ChatUsers):
    anna, *others = await connected(chat_users, 6)
    (chat_id,) = await groups(anna, 1, *others[:4])
    for client in (anna, *others[:4]):
        await client.send("message:like", chat_id=chat_id, seq=1)
    for action, payload, of in (
        ("member:list", {"chat_id": chat_id}, lambda page: [member["user"]["id"] for member in page["members"]]),
        ("message:likes", {"chat_id": chat_id, "seq": 1}, lambda page: [user["id"] for user in page["users"]]),
    ):
        met: list[str] = []
        page: dict[str, Any] = {"next_cursor": None}
        for turn in itertools.count():
            cursor = {"cursor": page["next_cursor"]} if turn else {}
            page = await anna.send(action, limit=2, **payload, **cursor)
            met += of(page)
            if turn == 0 and action == "member:list":
                await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(others[4])])
            elif turn == 0:
                await others[4].send("message:like", chat_id=chat_id, seq=1)
            if page["next_cursor"] is None:
                break
        assert sorted(met) == sorted(id_of(client) for client in (anna, *others))


# --- pins


async def test_pin_goes_on_top_and_moves_where_it_is_put(chat_users: ChatUsers):
    (anna,) = await connected(chat_users, 1)
    ids = await groups(anna, 4)
    for chat_id in ids:
        assert (await anna.send("chat:pin", chat_id=chat_id))["chat"]["me"]["pinned"] == 1
    assert (await anna.send("chat:pin", chat_id=ids[0], position=2))["chat"]["me"]["pinned"] == 2
    assert await listed(anna) == [ids[3], ids[0], ids[2], ids[1]]
    assert (await anna.send("chat:pin", chat_id=ids[3], position=10))["chat"]["me"]["pinned"] == 4
    assert (await anna.send("chat:pin", chat_id=ids[2]))["chat"]["me"]["pinned"] == 2, "pinned again it stays"
    assert await listed(anna) == [ids[0], ids[2], ids[1], ids[3]]


async def test_lost_chat_gives_its_pin_back(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    ids = await groups(anna, 11, boris)
    for chat_id in ids[:10]:
        await boris.send("chat:pin", chat_id=chat_id)
    await boris.expect_refusal("chat:pin", "conflict", "pin_limit", chat_id=ids[10])
    await anna.send("member:remove", chat_id=ids[4], user_id=id_of(boris))
    await boris.send("chat:pin", chat_id=ids[10])
    chats = (await boris.send("chat:list"))["chats"]
    assert [chat["me"]["pinned"] for chat in chats] == list(range(1, 11))
    await anna.send("member:add", chat_id=ids[4], user_ids=[id_of(boris)])
    assert (await boris.send("chat:get", chat_id=ids[4]))["chat"]["me"]["pinned"] is None


async def test_every_pin_that_moved_is_told(chat_users: ChatUsers):
    (anna,) = await connected(chat_users, 1)
    ids = await groups(anna, 3)
    for chat_id in ids:
        await anna.send("chat:pin", chat_id=chat_id)
    await anna.send("chat:list", limit=1)
    anna.forget_events()
    await anna.send("chat:unpin", chat_id=ids[2])
    told = {}
    for _ in range(3):
        chat = (await anna.expect_event("chat:updated", lambda told: told["reason"] == "unpinned")).payload["chat"]
        told[chat["id"]] = chat["me"]["pinned"]
    assert told == {ids[2]: None, ids[1]: 1, ids[0]: 2}


async def test_what_is_told_of_a_moved_pin_is_never_older_than_what_was_told_before(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    ids = await groups(anna, 5, boris)
    for chat_id in ids:
        await anna.send("chat:pin", chat_id=chat_id)

    async def talk(chat_id: str) -> None:
        for place in range(30):
            await boris.say(chat_id, f"{place}")

    async def rearrange() -> None:
        for place in range(30):
            await anna.send("chat:pin", chat_id=ids[place % 5], position=1 + place % 3)

    await asyncio.gather(rearrange(), *(talk(chat_id) for chat_id in ids))
    await anna.send("chat:list", limit=1)
    told = [event.payload["chat"] for event in anna.events if event.name == "chat:updated"]
    for chat_id in ids:
        versions = [chat["version"] for chat in told if chat["id"] == chat_id]
        assert versions == sorted(versions)


# --- mute, rename, and whom they concern


@pytest.mark.parametrize(
    ("until", "kept"),
    [
        ("2031-01-01T03:00:00+03:00", "2031-01-01T00:00:00.000Z"),
        ("2031-01-01T00:00:00.123456Z", "2031-01-01T00:00:00.123Z"),
        ("2031-01-01T00:00:00.1234567891Z", "2031-01-01T00:00:00.123Z"),
        ("0434-01-21T03:34:49.1Z", "0434-01-21T03:34:49.100Z"),
        ("2031-01-01t00:00:00z", "2031-01-01T00:00:00.000Z"),
        ("2031-01-01T00:00:00-00:00", "2031-01-01T00:00:00.000Z"),
        ("2032-02-29T00:00:00Z", "2032-02-29T00:00:00.000Z"),
        ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00+12:00", "0001-01-01T00:00:00.000Z"),
        (None, None),
    ],
)
async def test_mute_is_until_a_time_or_not_at_all(chat_users: ChatUsers, until: str | None, kept: str | None):
    (anna,) = await connected(chat_users, 1)
    (chat_id,) = await groups(anna, 1)
    assert (await anna.send("chat:mute", chat_id=chat_id, until=until))["chat"]["me"]["muted_until"] == kept


@pytest.mark.parametrize(
    "until",
    [
        "tomorrow", "2031-01-01", "2031-01-01T00:00:00", 5, "", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z",
        "20310101T000000Z", "2031-W01-1T00:00:00Z", "2031-001T00:00:00Z", "2031-01-01T00:00Z", "2031-01-01T00Z",
        "2031-01-01 00:00:00Z", "2031-01-01T00:00:00,5Z", "2031-01-01T00:00:00.Z", "2031-01-01T00:00:00+03",
        "2031-01-01T00:00:00+0300", "2031-01-01T00:00:00+03:00:00", "2031-01-01T00:00:00+24:00", "2031-01-01T24:00:00Z",
        "2031-02-29T00:00:00Z", "2031-01-01T00:00:60Z", "2031-01-01T00:00:61Z", "2031-01-01T00:00:00Z\n",
        "２031-01-01T00:00:00Z", "+2031-01-01T00:00:00Z",
    ],
)  # fmt: skip
async def test_mute_until_anything_but_rfc_3339_does_not_fit(chat_users: ChatUsers, until: object):
    (anna,) = await connected(chat_users, 1)
    (chat_id,) = await groups(anna, 1)
    error = await anna.expect_refusal("chat:mute", "validation_failed", chat_id=chat_id, until=until)
    assert [fault["path"] for fault in error["details"]] == ["until"]


def test_time_is_documented_by_what_it_is_read_by():
    schema = ChatMute.model_json_schema()["properties"]["until"]["anyOf"][0]
    assert schema["format"] == "date-time"
    assert re.search(schema["pattern"], "2031-01-01t00:00:00.5+03:00")
    assert not re.search(schema["pattern"], "2031-01-01T00:00Z")


async def test_own_name_is_taken_back_with_null(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    (chat_id,) = await groups(anna, 1, boris)
    for title in ("Mine", "Моя", None):
        chat = (await boris.send("chat:rename", chat_id=chat_id, title=title))["chat"]
        assert (chat["me"]["title"], chat["title"]) == (title, "G0")
    for title in ("", " ", "x" * 129):
        await boris.expect_refusal("chat:rename", "validation_failed", chat_id=chat_id, title=title)
    error = await boris.expect_refusal("chat:rename", "validation_failed", chat_id=chat_id)
    assert error["details"][0]["path"] == "title", "leaving it out is not taking it back"


@pytest.mark.parametrize(
    ("action", "payload", "reason"),
    [
        ("chat:rename", {"title": "Mine"}, "renamed"),
        ("chat:mute", {"until": "2031-01-01T00:00:00Z"}, "muted"),
        ("chat:pin", {}, "pinned"),
        ("message:read", {"seq": 2}, "read"),
        ("chat:activate", {}, "activated"),
    ],
)
async def test_what_is_personal_is_told_to_every_connection_of_its_owner_alone(
    chat_users: ChatUsers, action: str, payload: dict[str, Any], reason: str
):
    anna, boris = await connected(chat_users, 2)
    phone = chat_users.people[1].phone
    same_device, other_device = await chat_users.people[1].connect(), await (await chat_users.register(phone)).connect()
    (chat_id,) = await groups(anna, 1, boris)
    await anna.say(chat_id, "hello")
    version = (await anna.send("chat:get", chat_id=chat_id))["chat"]["version"]
    everybody = (anna, boris, same_device, other_device)
    for client in everybody:
        await client.send("chat:list", limit=1)
        client.forget_events()
    await boris.send(action, chat_id=chat_id, **payload)
    for client in (boris, same_device, other_device):
        told = (await client.expect_event("chat:updated")).payload
        assert (told["reason"], told["chat"]["version"]) == (reason, version), "what is personal raises no version"
        assert told["chat"] == (await boris.send("chat:get", chat_id=chat_id))["chat"]
    await anna.expect_no_event("chat:updated")


async def test_device_that_comes_back_has_its_chat_on_the_screen(chat_users: ChatUsers):
    anna, boris = await connected(chat_users, 2)
    (chat_id,) = await groups(anna, 1, boris)
    await boris.send("chat:activate", chat_id=chat_id)
    await boris.close()
    again = await chat_users.people[1].connect()
    assert again.ready["active_chat_id"] == chat_id
    await anna.say(chat_id, "still looking?")
    await again.expect_event("message:created")
