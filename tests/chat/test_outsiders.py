"""Every declared action by those whom the chat is not for: it is as if the chat had been invented.

Payloads are built from the declarations, so an action that is added is tried here without a line more; one for which no
valid payload can be built, or that is for members and names no chat, fails.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

import realtime.actions  # noqa: F401  (declares every action)
from core.ids import new_id
from realtime.documents.examples import build_examples
from realtime.wire.registry import ACTIONS, Role
from tests.support.clients import ChatUsers, Client, Person, new_client_id, new_phone
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow

SECRET_TITLE, SECRET_TEXT = "The hidden garden", "The key is under the stone"


@dataclass
class ChatsOfOthers:
    """Two chats of others, and those who are not in them."""

    host: Client
    guest: Person
    host_phone: str
    chat_ids: dict[str, str]
    outsiders: dict[str, tuple[Person, Client]]

    async def state(self) -> list[Any]:
        """The chats as their members see them; unchanged, if nobody did anything."""
        answer = await self.host.send("session:sync")
        members = [await self.host.send("member:list", chat_id=chat_id) for chat_id in self.chat_ids.values()]
        return [answer["chats"], members]


@pytest.fixture(scope="module")
async def others_chats(running: RunningServer) -> AsyncIterator[ChatsOfOthers]:
    chat_users = ChatUsers(running.address)
    host, guest, removed, stranger = [await chat_users.register() for _ in range(4)]
    client = await host.connect()
    opened = await client.send("chat:create_group", title=SECRET_TITLE, member_ids=[guest.id, removed.id])
    chat_ids = {"group": opened["chat"]["id"]}
    chat_ids["private"] = (await client.send("chat:create_private", user_id=guest.id))["chat"]["id"]
    await client.send("member:remove", chat_id=chat_ids["group"], user_id=removed.id)
    for chat_id in chat_ids.values():
        await client.say(chat_id, SECRET_TEXT)
    outsiders = {"stranger": (stranger, await stranger.connect()), "removed": (removed, await removed.connect())}
    yield ChatsOfOthers(client, guest, host.phone, chat_ids, outsiders)
    await chat_users.close()


def payloads_of(name: str) -> dict[str, dict[str, Any]]:
    """Valid payloads of an action, one a variant, every chat id in place."""
    declared = ACTIONS[name]
    schema = declared.payload.model_json_schema()
    schemas = schema.get("$defs", {})
    examples = build_examples(schema, schemas)
    for example in examples.values():
        if "chat_id" in _properties(schema, schemas):
            example.setdefault("chat_id", new_id())
        declared.payload.model_validate(example)
    return examples


def _properties(schema: Any, schemas: Any) -> set[str]:
    """The fields of a payload, whatever its variant."""
    variants = [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]
    resolved = [schemas[variant["$ref"].rpartition("/")[2]] if "$ref" in variant else variant for variant in variants]
    return {name for variant in resolved for name in variant.get("properties", ())}


TRIES = [(name, variant) for name in sorted(ACTIONS) for variant in payloads_of(name)]


def aim(payload: dict[str, Any], others_chats: ChatsOfOthers, person: Person, chat_id: str) -> dict[str, Any]:
    """The payload against what is there: that chat, its people, its first message."""
    real = {
        "chat_id": chat_id, "seq": 1, "before": 2, "version": 0, "reply_to": 1, "client_id": new_client_id(),
        "user_id": others_chats.guest.id, "user_ids": [others_chats.guest.id], "member_ids": [others_chats.guest.id],
        "phone": new_phone(), "phones": [others_chats.host_phone], "token": person.tokens["access_token"],
    }  # fmt: skip
    return payload | {name: real[name] for name in payload if name in real}


def without_id(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "request_id"}


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_action_for_members_names_its_chat(name: str):
    if ACTIONS[name].role is not Role.USER:
        for payload in payloads_of(name).values():
            assert "chat_id" in payload, f"{name} is for members of a chat and its payload names none"


@pytest.mark.parametrize("who", ["stranger", "removed"])
@pytest.mark.parametrize(("name", "variant"), TRIES, ids=[f"{name} {variant}" for name, variant in TRIES])
async def test_outsider_gets_what_an_invented_chat_gets(others_chats: ChatsOfOthers, name: str, variant: str, who: str):
    person, client = others_chats.outsiders[who]
    payload = payloads_of(name)[variant]
    before = await others_chats.state()
    others_chats.host.forget_events()
    for chat_id in others_chats.chat_ids.values():
        if "chat_id" in payload:
            await refused_alike(
                client, person, name, *(aim(payload, others_chats, person, it) for it in (chat_id, new_id()))
            )
        else:
            assert ACTIONS[name].role is Role.USER
            await keeps_the_secrets(client, person, name, aim(payload, others_chats, person, chat_id))
    if "chat_id" in payload:
        assert await others_chats.state() == before
        await others_chats.host.expect_no_event("chat:updated")
        await others_chats.host.expect_no_event("chat:typing")


async def refused_alike(client: Client, person: Person, name: str, real: Any, invented: Any) -> None:
    """Over the socket and over HTTP."""
    errors = [(await client.push(name, payload))["error"] for payload in (real, invented)]
    assert (errors[0]["code"], errors[0]["details"]) == ("not_found", {"field": "chat_id"})
    assert without_id(errors[0]) == without_id(errors[1])
    answers = [await person.act(name, **payload) for payload in (real, invented)]
    assert answers[0].status_code == answers[1].status_code == 404
    assert without_id(answers[0].json()) == without_id(answers[1].json())
    assert {*answers[0].headers} == {*answers[1].headers}


async def keeps_the_secrets(client: Client, person: Person, name: str, payload: Any) -> None:
    said = json.dumps(await client.push(name, payload)) + (await person.act(name, **payload)).text
    assert SECRET_TITLE not in said
    assert SECRET_TEXT not in said
    assert '"internal"' not in said


@pytest.mark.parametrize("name", sorted(ACTIONS))
async def test_nobody_acts_without_a_token(others_chats: ChatsOfOthers, name: str):
    person, _ = others_chats.outsiders["stranger"]
    for payload in payloads_of(name).values():
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
            answer = await person.http.post(f"/v1/actions/{name}", json=payload, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("name", sorted(name for name, declared in ACTIONS.items() if declared.role is Role.CREATOR))
async def test_what_is_the_creators_is_forbidden_to_members(others_chats: ChatsOfOthers, name: str):
    (payload,) = payloads_of(name).values()
    answer = await others_chats.guest.act(
        name, **aim(payload, others_chats, others_chats.guest, others_chats.chat_ids["group"])
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


# What a member of the chat may name that is not there: the field, and the actions that have it.
MISSING = {
    "seq": (
        "message:edit",
        "message:delete",
        "message:like",
        "message:unlike",
        "message:likes",
        "message:readers",
        "message:react",
        "message:unreact",
        "message:reactions",
        "message:forward",
        "message:pin",
        "report:create",
    ),
    "user_id": ("member:remove", "member:set_role", "chat:transfer", "user:block", "chat:create_private", "report:create"),
    "user_ids": ("member:add",),
    "member_ids": ("chat:create_group",),
    "reply_to": ("message:send",),
    "file_id": ("message:send",),
}
FOUND_NOWHERE = {
    "user:find",
    "user:unblock",
    "presence:watch",
    "message:list",
    "message:read",
    "message:changes",
    "message:unpin",
}
"""Actions that take such a field and leave out, or do nothing about, what is not there."""
IDS = {*MISSING} - {"file_id"}


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_action_that_names_a_thing_is_tried_with_a_missing_one(name: str):
    taken = _properties(
        ACTIONS[name].payload.model_json_schema(), ACTIONS[name].payload.model_json_schema().get("$defs", {})
    )
    for field in taken & IDS - {field for field, names in MISSING.items() if name in names}:
        assert name in FOUND_NOWHERE, f"{name} takes {field}: add it to MISSING"


@pytest.mark.parametrize(("field", "name"), [(field, name) for field, names in MISSING.items() for name in names])
async def test_not_found_names_the_field_of_what_is_missing(others_chats: ChatsOfOthers, field: str, name: str):
    chat_id = others_chats.chat_ids["group"]
    said = await others_chats.host.send(
        "message:send", chat_id=chat_id, client_id=new_client_id(), type="text", content={"text": "x"}
    )
    variant = "image" if field == "file_id" else "text"
    payloads = payloads_of(name)
    payload = aim(payloads.get(variant, next(iter(payloads.values()))), others_chats, others_chats.guest, chat_id)
    for known, value in {"seq": said["message"]["seq"], "reply_to": None, "mentions": []}.items():
        if known in payload:
            payload[known] = value
    if field == "file_id":
        payload["content"]["file_id"] = new_id()
    else:
        payload[field] = [new_id()] if field.endswith("_ids") else new_id() if field.endswith("_id") else 1_000_000
    answer = await others_chats.host.push(name, payload)
    assert (answer["error"]["code"], answer["error"]["details"]) == ("not_found", {"field": field})
