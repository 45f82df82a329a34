"""message:search: words in any form, in Russian and English, of what one may see."""

from contextlib import AsyncExitStack

import pytest

from realtime.messages import search as finding
from realtime.wire.fields import CHAT_ID
from tests.support.clients import Client, Town, new_client_id

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
async def test_message_is_found_by_its_words(town: Town, text: str, queries: list[str]):
    anna, boris, chat_id = await town.pair()
    await anna.say(chat_id, "Нечто совсем иное, something else")
    await anna.say(chat_id, text)
    for query in queries:
        assert await found(boris, query) == [text], query
        assert await found(boris, query, chat_id=chat_id) == [text], query


async def test_every_word_must_be_in_it_and_only_the_last_may_be_unfinished(town: Town):
    anna, _, chat_id = await town.pair()
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
async def test_no_query_is_more_than_words(town: Town, query: str):
    anna, _, chat_id = await town.pair()
    await anna.say(chat_id, "Обычное сообщение")
    assert await found(anna, query) == []
    assert await found(anna, query, chat_id=chat_id) == []
    await anna.say(chat_id, query)
    await found(anna, query)


@pytest.mark.parametrize("query", ["", " ", "\u200b", "a\x00b", "x" * 257, 5, None])
async def test_what_is_no_text_is_refused(town: Town, query: object):
    anna, _, _ = await town.pair()
    error = await anna.expect_refusal("message:search", "validation_failed", query=query)
    assert error["details"][0]["path"] == "query"


async def test_lone_surrogate_is_refused(town: Town):
    person = await town.register()
    answer = await person.http.post(
        "/v1/actions/message:search",
        content=b'{"query":"\\ud800"}',
        headers=person.headers | {"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_edited_message_is_found_by_its_new_words_alone(town: Town):
    anna, boris, chat_id = await town.pair()
    seq = (await anna.say(chat_id, "старое слово"))["seq"]
    await anna.send("message:edit", chat_id=chat_id, seq=seq, content={"text": "новое выражение"})
    assert await found(boris, "слово") == []
    assert await found(boris, "выражение") == ["новое выражение"]


async def test_deleted_message_is_not_found(town: Town):
    anna, boris, chat_id = await town.pair()
    seq = (await anna.say(chat_id, "ephemeral"))["seq"]
    await anna.send("message:delete", chat_id=chat_id, seq=seq)
    assert await found(boris, "ephemeral") == []


async def test_titles_are_searched_and_system_messages_are_not(town: Town):
    anna, boris, chat_id = await town.pair()
    here = {"latitude": 55, "longitude": 37.5, "title": "Старая башня"}
    await anna.send("message:send", chat_id=chat_id, type="location", content=here, client_id=new_client_id())
    assert await found(boris, "башни") == ["Старая башня"]
    await anna.send("chat:create_group", title="Zebra", member_ids=[id_of(boris)])
    assert await found(boris, "Zebra") == []


async def test_only_what_one_may_see_is_searched(town: Town):
    anna, boris, chat_id = await town.pair()
    clara = await (await town.register()).connect()
    await anna.say(chat_id, "needle before")
    await anna.send("member:add", chat_id=chat_id, user_ids=[id_of(clara)])
    await anna.say(chat_id, "needle after")
    assert await found(clara, "needle") == ["needle after"]
    assert await found(boris, "needle") == ["needle after", "needle before"]
    await anna.send("member:remove", chat_id=chat_id, user_id=id_of(clara))
    assert await found(clara, "needle") == []
    await clara.expect_refusal("message:search", "not_found", query="needle", chat_id=chat_id)


async def test_pages_go_from_new_to_old_through_all_chats(town: Town):
    anna, boris, private = await town.pair()
    group = (await anna.send("chat:create_group", title="G", member_ids=[id_of(boris)]))["chat"]["id"]
    for place in range(7):
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
async def test_forged_cursor_is_refused(town: Town, cursor: str):
    anna, _, _ = await town.pair()
    error = await anna.expect_refusal("message:search", "validation_failed", query="x", cursor=cursor)
    assert error["details"][0]["path"] == "cursor"


async def test_searches_wait_for_each_other_and_nobody_else_for_them(town: Town, monkeypatch: pytest.MonkeyPatch):
    anna, boris, chat_id = await town.pair()
    await anna.say(chat_id, "needle")
    monkeypatch.setattr(finding, "_WAIT_S", 0.01)
    async with AsyncExitStack() as busy:
        for _ in range(finding._AT_ONCE_MAX):
            await busy.enter_async_context(finding._one_of_few())
        await boris.expect_refusal("message:search", "unavailable", query="needle")
        assert (await boris.say(chat_id, "meanwhile"))["seq"] == 2
    assert await found(boris, "needle") == ["needle"]
