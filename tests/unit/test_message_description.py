"""A message is described once (``db.messages``): everything else that has its columns follows from that, or equals it."""

import asyncpg
import orjson
import pytest

from core.ids import new_id
from db.messages import MESSAGE_FIELDS, Draft, MessageBody, MessageRow, StoredRow, stored_message
from db.pool import Database
from db.query import _array_text, argument_names
from realtime.messages.payloads import MessageSend
from realtime.model.objects import Message, MessageView

_ID = "01989d2e-6b1f-7c3a-9f00-5d2f3c1b7a10"


def body(content: dict, **given: object) -> MessageBody:
    asked = {"type": "text", "reply_to": None, "mentions": [], "metadata": None, "content": None} | given
    return MessageBody.of(type("Asked", (), asked), content)


def test_models_have_the_columns_in_their_order():
    assert tuple(Message.model_fields) == MESSAGE_FIELDS
    assert tuple(MessageView.model_fields) == tuple(MessageRow.__dataclass_fields__)


def test_every_send_has_the_fields_of_a_body():
    for send in MessageSend.model_fields["root"].annotation.__args__:
        assert set(MessageBody.__dataclass_fields__) <= set(send.model_fields)


def test_draft_holds_columns_that_readers_see():
    assert set(argument_names(Draft)) - set(MESSAGE_FIELDS) == {"body_hash"}


@pytest.mark.parametrize(("function", "plural"), [("send_message", False), ("send_messages", True)])
async def test_draft_has_the_parameters_of_the_sql_function_in_their_order(database_url: str, function: str, plural: bool):
    connection = await asyncpg.connect(database_url)
    try:
        known = await connection.fetchval("SELECT proargnames[1:pronargs] FROM pg_proc WHERE proname = $1", function)
    finally:
        await connection.close()
    names = [f"p_{name}" for name in argument_names(Draft)]
    if plural:
        names = [name if name.endswith("s") else f"{name}es" if name.endswith("hash") else f"{name}s" for name in names]
    assert known == names


def test_stored_message_has_every_column_in_its_order():
    draft = Draft(_ID, _ID, _ID, b"", body({"text": "hello"}, reply_to=4, mentions=[_ID]))
    stored = StoredRow("2026-11-23T05:08:04.123Z", 9, "private", None, _ID, 2, "2026-11-20T18:00:00.000Z")
    message = stored_message(draft, 5, stored)
    assert tuple(message) == MESSAGE_FIELDS
    assert Message.model_validate_json(orjson.dumps(message)).version == 9


@pytest.mark.parametrize(
    ("content", "given", "known"),
    [
        ({"text": "hello"}, {}, "a46f7686568e5116ce07fc20e1183a833bc50095be50467e9c53aefd091b1ffa"),
        (
            {"text": "Привет"},
            {"reply_to": 7, "mentions": [_ID]},
            "f54aca7970f7fdd7cca7af12067250d77e216d9591101cda8d827e65ed72b1ff",
        ),
        (
            {"longitude": 37.5, "latitude": 55.75},
            {"type": "location"},
            "17f8f2f3d38234f800fc8b07b55ec63bdfb9fb5b8ee09dbd85d4f04678cb737e",
        ),
        (
            {"file_id": _ID, "caption": "c", "name": "n"},
            {"type": "image"},
            "ef8c774937ee202c2bcfb7e5612b5ebea65b6ae4912c3a7b264ccf243049d7a4",
        ),
        ({"text": "hello"}, {"metadata": {}}, "a46f7686568e5116ce07fc20e1183a833bc50095be50467e9c53aefd091b1ffa"),
    ],
)
def test_hash_of_a_body_is_the_one_that_databases_hold(content: dict, given: dict, known: str):
    assert body(content, **given).hash().hex() == known


async def test_lists_reach_postgresql_as_they_are(database: Database):
    mentions = [[], [new_id()], [new_id(), new_id()]]
    async with database.reading() as tx:
        strange = ['a"b', "back\\slash", "comma, brace}", "", "NULL"]
        row = await tx.fetch_row("arrays", "SELECT $1::text::text[] AS one", [_array_text(strange)])
        assert row["one"] == strange
        for each in mentions:
            row = await tx.fetch_row("arrays", "SELECT $1::text::uuid[] AS one", [_array_text(each)])
            assert row["one"] == each
