"""message:search: words in any form, in Russian and English, of what one may see."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from core.errors import Unavailable
from db import search
from db.pool import Database, SlowStatement
from realtime.messages import search as finding
from realtime.messages import search_queue, search_walk
from realtime.wire.fields import CHAT_ID
from tests.support.clients import ChatUsers, Client, new_client_id
from tests.support.waiting import next_millisecond

pytestmark = pytest.mark.slow


def id_of(client: Client) -> str:
    user_id: str = client.ready["user"]["id"]
    return user_id


async def found(client: Client, query: str, **more: object) -> list[str]:
    """The texts that a search brings."""
    page = await client.send("message:search", query=query, **more)
    assert page["next_cursor"] is None or len(page["messages"]) == more.get("limit")
    return [message["content"].get("text", message["content"].get("title")) for message in page["messages"]]


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("Завтра покупаем красивые билеты", ["билет", "билеты", "билетов", "КРАСИВЫЙ", "красивого билета", "покупать"]),
        ("She was running towards the boats", ["run", "runs", "Running", "boat", "running boats", "boats towards"]),
        ("Ёлка и тёплый плед", ["елка", "Ёлки", "тёплого", "теплый плед", "пледы"]),
        ("Встречаемся у входа", ["встр", "встречае", "встречаемс", "входа встречаемся", "вход"]),  # as one types
        ("A beautiful house", ["beau", "beautif", "beautifu", "beautiful", "house beauti", "hou"]),
        ("Пиши на anna.k@example.com до 12:30", ["anna.k@example.com", "anna", "example", "example.com", "12:30", "12"]),
        ("see https://example.com/path/to?x=1#top", ["https://example.com/path", "path/to", "example com"]),
        ("Version 3.14-rc_2 costs -5%", ["3.14", "rc_2", "3.14-rc", "-5", "5%"]),
        ("Звони +7 916 123-45-67", ["916 123", "123-45-67", "+7 916"]),
        ("I don't know C++ or C#", ["don't", "don't know", "C++"]),
        ("naïve café 日本語 😀", ["café", "naïve", "日本語"]),
    ],
)
async def test_message_is_found_by_its_words(chat_users: ChatUsers, text: str, queries: list[str]):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "Нечто совсем иное, something else")
    await anna.say(chat_id, text)
    for query in queries:
        assert await found(boris, query) == [text], query
        assert await found(boris, query, chat_id=chat_id) == [text], query


async def test_every_word_must_be_in_it_and_only_the_last_may_be_unfinished(chat_users: ChatUsers):
    anna, _, chat_id = await chat_users.pair()
    for text in ("red apple", "red pear", "green apple"):
        await anna.say(chat_id, text)
    assert await found(anna, "red apple") == ["red apple"]
    assert await found(anna, "apple") == ["green apple", "red apple"]
    assert await found(anna, "red app") == ["red apple"]
    assert await found(anna, "app red") == []
    assert await found(anna, "red green") == []


@pytest.mark.parametrize(
    "query",
    [
        "и",
        "и на the of",
        "?!…",
        "🙂",
        "a & b | !c :*",
        "'; DROP TABLE messages; --",
        "\"quoted\" 'phrase'",
        "back\\slash \\",
        "%_%",
        "((",
        ":*",
        "<->",
        "!",
        "$1 $2",
        "\u200bx",
        "ٱلْعَرَبِيَّة",
        "हिन्दी",
        "x" * 256,
        "слово " * 42,
        "\t\n words \n",
    ],
)
async def test_no_query_is_more_than_words(chat_users: ChatUsers, query: str):
    anna, _, chat_id = await chat_users.pair()
    await anna.say(chat_id, "Обычное сообщение")
    assert await found(anna, query) == []
    assert await found(anna, query, chat_id=chat_id) == []
    await anna.say(chat_id, query)
    await found(anna, query)


@pytest.mark.parametrize("query", ["", " ", "\u200b", "a\x00b", "x" * 257, 5, None])
async def test_what_is_no_text_is_refused(chat_users: ChatUsers, query: object):
    anna, _, _ = await chat_users.pair()
    error = await anna.expect_refusal("message:search", "validation_failed", query=query)
    assert error["details"][0]["path"] == "query"


async def test_lone_surrogate_is_refused(chat_users: ChatUsers):
    person = await chat_users.register()
    answer = await person.http.post(
        "/v1/actions/message:search",
        content=b'{"query":"\\ud800"}',
        headers=person.headers | {"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_edited_message_is_found_by_its_new_words_alone(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "старое слово"))["seq"]
    await anna.send("message:edit", chat_id=chat_id, seq=seq, content={"text": "новое выражение"})
    assert await found(boris, "слово") == []
    assert await found(boris, "выражение") == ["новое выражение"]


async def test_deleted_message_is_not_found(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    seq = (await anna.say(chat_id, "ephemeral"))["seq"]
    await anna.send("message:delete", chat_id=chat_id, seq=seq)
    assert await found(boris, "ephemeral") == []


async def test_titles_are_searched_and_system_messages_are_not(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    here = {"latitude": 55, "longitude": 37.5, "title": "Старая башня"}
    await anna.send("message:send", chat_id=chat_id, type="location", content=here, client_id=new_client_id())
    assert await found(boris, "башни") == ["Старая башня"]
    await anna.send("chat:create_group", title="Zebra", member_ids=[id_of(boris)])
    assert await found(boris, "Zebra") == []


async def test_only_what_one_may_see_is_searched(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    clara = await (await chat_users.register()).connect()
    await anna.say(chat_id, "needle before")
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)])
    await anna.say(chat_id, "needle after")
    assert await found(clara, "needle") == ["needle after"]
    assert await found(boris, "needle") == ["needle after", "needle before"]
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(clara))
    assert await found(clara, "needle") == []
    await clara.expect_refusal("message:search", "not_found", query="needle", chat_id=chat_id)


async def test_pages_go_from_new_to_old_through_all_chats(chat_users: ChatUsers):
    anna, boris, private = await chat_users.pair()
    group = (await anna.send("chat:create_group", title="G", member_ids=[id_of(boris)]))["chat"]["id"]
    for place in range(7):
        await next_millisecond()
        await anna.say((private, group)[place % 2], f"needle {place}")
    texts, cursor = [], {}
    while True:
        page = await boris.send("message:search", query="needle", limit=3, **cursor)
        texts += [message["content"]["text"] for message in page["messages"]]
        if page["next_cursor"] is None:
            break
        await anna.say(group, "needle that came meanwhile")
        cursor = {"cursor": page["next_cursor"]}
    assert texts == [f"needle {place}" for place in range(6, -1, -1)]


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        f"search.now.{CHAT_ID}.1",
        "search.1767225600000.no id.1",
        f"search.1767225600000.{CHAT_ID}",
        "synced.7",
    ],
)
async def test_forged_cursor_is_refused(chat_users: ChatUsers, cursor: str):
    anna, _, _ = await chat_users.pair()
    error = await anna.expect_refusal("message:search", "validation_failed", query="x", cursor=cursor)
    assert error["details"][0]["path"] == "cursor"


async def test_searches_wait_for_each_other_and_nobody_else_for_them(
    chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch
):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "needle")
    monkeypatch.setattr(search_queue, "WAIT_S", 0.01)
    async with AsyncExitStack() as busy:
        for number in range(search_queue.AT_ONCE_MAX):
            await busy.enter_async_context(finding._queue.turn(f"person {number}"))
        await boris.expect_refusal("message:search", "unavailable", query="needle")
        assert (await boris.say(chat_id, "meanwhile"))["seq"] == 2
    assert await found(boris, "needle") == ["needle"]


async def test_one_person_searches_once_at_a_time_and_others_are_not_behind(monkeypatch: pytest.MonkeyPatch):
    queue, running, most = search_queue.SearchQueue(), 0, 0
    order: list[str] = []

    async def search(person: str) -> None:
        nonlocal running, most
        async with queue.turn(person):
            order.append(person)
            running += 1
            most = max(most, running)
            for _ in range(10):
                await asyncio.sleep(0)
            running -= 1

    greedy = [asyncio.create_task(search("greedy")) for _ in range(search_queue.WAITING_PER_PERSON_MAX + 1)]
    others = [asyncio.create_task(search(f"other {number}")) for number in range(6)]
    await asyncio.gather(*greedy, *others)
    assert most == search_queue.AT_ONCE_MAX
    assert order.index("other 5") < [place for place, who in enumerate(order) if who == "greedy"][2]
    assert queue._people == {}


async def test_too_many_searches_of_one_person_are_refused():
    queue = search_queue.SearchQueue()
    async with queue.turn("anna"):
        waiting = [asyncio.create_task(queue.turn("anna").__aenter__()) for _ in range(search_queue.WAITING_PER_PERSON_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            async with queue.turn("anna"):
                pass
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert queue._people == {}


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("Wir sind in Zürich, Hauptstraße 5", ["Zurich", "zürich", "ZURICH", "hauptstrasse", "Hauptstraße", "haupts"]),
        ("Cafe\u0301 de\u0301ja\u0300 vu", ["café", "cafe", "déjà", "deja vu"]),
        ("Ёжик и мой чай", ["ежик", "ёжик", "е\u0308жик", "мой", "чай"]),
        ("Łódź, smørrebrød, Ærø", ["lodz", "Łódź", "smorrebrod", "aero"]),
        ("поздравляю 🎉 с победой 👍🏽", ["🎉", "👍", "👍🏿", "поздравляю 🎉", "🎉 победа", "👍🎉"]),
        ("I ❤️ it", ["❤", "❤️"]),
        ("ＦＵＬＬ width ﬁne", ["full", "fine"]),
        ("<b>bold</b> x<y>z a&amp;b", ["bold", "y", "amp"]),
        ("https://shop.example.org/catalog/item-4821?colour=blue", ["catalog", "4821", "colour", "shop.exam", "item-48"]),
    ],
)
async def test_message_is_found_by_what_people_type(chat_users: ChatUsers, text: str, queries: list[str]):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "Something else 🙂")
    await anna.say(chat_id, text)
    for query in queries:
        assert await found(boris, query) == [text], query
        assert await found(boris, query, chat_id=chat_id) == [text], query


async def test_one_letter_is_no_beginning(chat_users: ChatUsers):
    anna, _, chat_id = await chat_users.pair()
    for text in ("plan b", "boat"):
        await anna.say(chat_id, text)
    assert await found(anna, "b") == ["plan b"]
    assert await found(anna, "bo") == ["boat"]


@pytest.mark.parametrize(
    ("text", "query", "matches"),
    [
        ("See you at seven?", "seven", ["seven"]),
        ("🎉🎉 Билеты куплены, билет в кармане", "билет", ["Билеты", "билет"]),
        ("👍🏽 running, ran and runs 👍", "👍 run", ["👍", "running", "runs", "👍"]),
        ("Zürich, ZURICH and Zu\u0308rich", "zuri", ["Zürich", "ZURICH", "Zu\u0308rich"]),
        ("die Straße", "strasse", ["Straße"]),
        ("красивые дома у дома", "дом", ["дома", "дома"]),
        ("see example.com/path", "example path", ["example", "path"]),
        ("🙂 ok", "🙂", ["🙂"]),
    ],
)
async def test_highlights_are_what_was_looked_for(chat_users: ChatUsers, text: str, query: str, matches: list[str]):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, text)
    page = await boris.send("message:search", query=query)
    [spans] = page["highlights"]
    assert [text[at : at + size] for at, size in spans] == matches


async def test_answer_names_every_sender(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    await anna.say(chat_id, "needle")
    await boris.say(chat_id, "needle")
    page = await anna.send("message:search", query="needle")
    assert set(page["users"]) == {id_of(anna), id_of(boris)}
    assert page["users"][id_of(boris)]["display_name"] == boris.ready["user"]["display_name"]


async def test_search_is_narrowed_by_sender_type_and_time(chat_users: ChatUsers):
    anna, boris, chat_id = await chat_users.pair()
    first = await anna.say(chat_id, "needle one")
    here = {"latitude": 55, "longitude": 37.5, "title": "Needle park"}
    await boris.send("message:send", chat_id=chat_id, type="location", content=here, client_id=new_client_id())
    last = await boris.say(chat_id, "needle three")
    assert await found(anna, "needle", sender_id=id_of(anna)) == ["needle one"]
    assert await found(anna, "needle", types=["location"]) == ["Needle park"]
    both = {"types": ["text", "location"], "sender_id": id_of(boris)}
    assert await found(anna, "needle", **both) == ["needle three", "Needle park"]
    assert await found(anna, "needle", before=first["created_at"]) == []
    assert "needle three" in await found(anna, "needle", after=last["created_at"])
    assert "needle three" not in await found(anna, "needle", before=last["created_at"])
    assert await found(anna, "needle", after="2100-01-01T00:00:00Z") == []
    assert len(await found(anna, "needle", before="2100-01-01T00:00:00+03:00", chat_id=chat_id)) == 3


async def pages(client: Client, **asked: object) -> tuple[list[str], int]:
    """The texts of all pages, and how many pages they took."""
    texts: list[str] = []
    cursor: dict[str, str] = {}
    for number in range(1, 400):
        page = await client.send("message:search", **asked, **cursor)
        texts += [message["content"]["text"] for message in page["messages"]]
        if page["next_cursor"] is None:
            return texts, number
        cursor = {"cursor": page["next_cursor"]}
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("how", ["walk", "index", "short pages", "few chats", "late"])
@pytest.mark.parametrize("query", ["even", "third", "absent", "number"])
async def test_every_way_finds_the_same(chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch, how: str, query: str):
    anna, boris, private = await chat_users.pair()
    group = {"member_ids": [id_of(boris)]}
    opened = [await anna.send("chat:create_group", title=title, **group) for title in ("A", "B", "C")]
    chats = [private, *(answer["chat"]["id"] for answer in opened)]
    said = []
    for number in range(40):
        words = f"number {number}" + " even" * (number % 2 == 0) + " third" * (number % 3 == 0)
        said.append(await anna.say(chats[number * 7 % 4], words))
    # Two messages may be of one millisecond: the order of results, not that of saying.
    said.sort(key=lambda message: (message["created_at"], message["chat_id"], message["seq"]), reverse=True)
    monkeypatch.setattr(search_walk, "_STEP", 4)
    monkeypatch.setattr(search_walk, "_FIRST", 1)
    if how == "index":
        monkeypatch.setattr(search_walk, "WALKED_BEFORE_INDEX", 0)
        monkeypatch.setattr(search_walk, "RARE", 2)
    if how == "short pages":
        monkeypatch.setattr(search_walk, "WALKED_MAX", 6)
    if how == "late":
        monkeypatch.setattr(search_walk, "WALK_S", 0)
    if how == "few chats":
        monkeypatch.setattr(search_walk, "_HEADS_MAX", 2)
    expected = [text for message in said if query in (text := message["content"]["text"])]
    assert (await pages(boris, query=query, limit=5))[0] == expected
    assert (await pages(boris, query=query, limit=5, after="2020-01-01T00:00:00Z"))[0] == expected


async def test_index_with_too_much_gives_way_to_the_walk(chat_users: ChatUsers, monkeypatch: pytest.MonkeyPatch):
    anna, _, chat_id = await chat_users.pair()
    for number in range(12):
        await anna.say(chat_id, f"needle {number}")
    monkeypatch.setattr(search_walk, "WALKED_BEFORE_INDEX", 0)
    monkeypatch.setattr(search_walk, "RARE", 2)
    monkeypatch.setattr(search_walk, "INDEXED_MAX", 5)
    monkeypatch.setattr(search_walk, "_STEP", 4)
    texts, _ = await pages(anna, query="needle", limit=3)
    assert texts == [f"needle {number}" for number in range(11, -1, -1)]


async def test_statement_that_takes_too_long_leaves_the_transaction_whole(database: Database):
    async with database.transaction() as tx:

        async def sleep() -> None:
            async with tx.savepoint():
                await search.limit_statements(tx, "20")
                await tx.execute("sleep", "SELECT pg_sleep(5)", [])

        with pytest.raises(SlowStatement):
            await sleep()
        assert await tx.fetch_row("alive", "SELECT 1", []) is not None
        assert (await tx.fetch_row("limit", "SHOW statement_timeout", []))[0] == "10s"
