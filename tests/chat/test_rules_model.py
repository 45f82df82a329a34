"""Generated programs of actions against a plain model of the rules: every ack, every list, every history.

Each program runs through real sockets on the running server, as an async test of which hypothesis sees one program at a
time: nothing of the product is bypassed, and the people of a program are its own, so programs do not touch each other.
MOLVA_TEST_PROGRAMS asks for so many random ones instead of the same few every time.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.clients import ChatUsers, Client
from tests.support.rules_model import Model, Step
from tests.support.rules_state import Json, seen_chat, seen_message
from tests.support.running import RunningServer

pytestmark = pytest.mark.slow

PROGRAMS = int(os.environ.get("MOLVA_TEST_PROGRAMS", "0"))
PEOPLE = 4
ACTIONS = {
    "message:send": 6, "message:edit": 2, "message:delete": 2, "message:like": 2, "message:unlike": 1, "message:likes": 1,
    "message:read": 2, "member:add": 3, "member:remove": 2, "member:list": 1, "chat:leave": 2, "chat:transfer": 1,
    "chat:delete": 1, "chat:create_private": 2, "chat:create_group": 1, "chat:get": 1, "chat:rename": 1, "chat:mute": 1,
    "chat:pin": 2, "chat:unpin": 1, "chat:activate": 2, "chat:archive": 1, "chat:unarchive": 1, "chat:clear": 1,
    "chat:update": 1, "member:set_role": 2, "message:pin": 2, "message:unpin": 1, "user:block": 1, "user:unblock": 2,
}  # fmt: skip
"""What a program does, and how often compared with the rest."""

numbers = st.integers(0, 63)
steps = st.builds(
    Step,
    who=st.integers(0, PEOPLE - 1),
    action=st.sampled_from([action for action, weight in ACTIONS.items() for _ in range(weight)]),
    chat=st.integers(0, 5),
    person=st.integers(0, PEOPLE - 1),
    number=numbers,
    choice=numbers,
)
PRELUDE = [
    Step(0, "chat:create_private", 0, 1, 0, 0),
    Step(0, "chat:create_group", 0, 0, 0b0110, 0),
    Step(1, "message:send", 0, 0, 0, 6),
    Step(2, "message:send", 1, 0, 1, 6),
]


async def check_ack(model: Model, client: Client, step: Step) -> None:
    expected = model.perform(step)
    answer = await client.push(step.action, expected.payload)
    if expected.refusal is None:
        assert "data" in answer, (step, answer)
        expected.check(answer["data"])
        return
    assert "error" in answer, (step, expected.refusal, answer)
    error = answer["error"]
    reason = error.get("details", {}).get("reason") if error["code"] == "conflict" else None
    assert (error["code"], reason) == (expected.refusal.code, expected.refusal.reason), (step, error)


def in_one_order(listed: list[Json]) -> list[str]:
    """The ids; those of the same millisecond, whose order no model can know, by id."""
    return [
        chat["id"]
        for _, chat in sorted(enumerate(listed), key=lambda pair: (pair[1]["me"]["pinned"] or 99, -_millisecond(pair[1])))
    ]


def _millisecond(chat: Json) -> int:
    return int("".join(character for character in chat["updated_at"] if character.isdigit()))


async def check_list(model: Model, client: Client, who: int) -> None:
    answer = await client.send("chat:list")
    listed = answer["chats"]
    expected = {view["id"]: view for view in model.list_of(who)}
    assert {chat["id"]: seen_chat(chat) for chat in listed} == expected
    assert in_one_order(listed) == [chat["id"] for chat in listed]
    moments = {chat["id"]: (chat["me"]["pinned"] or 99, -_millisecond(chat)) for chat in listed}
    places = [moments[chat_id] for chat_id in expected]
    assert places == sorted(places), "the order of the model is that of the server"
    active = model.active[who]
    assert answer["active_chat_id"] == (active and active.id)


async def check_histories(model: Model, client: Client, who: int) -> None:
    for chat in model.chats:
        if who in chat.members:
            page = await client.send("message:list", chat_id=chat.id, limit=100)
            assert [seen_message(message) for message in page["messages"]] == model.history_of(chat, who)


@settings(
    max_examples=PROGRAMS or 10,
    derandomize=not PROGRAMS,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink) if PROGRAMS else (Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(program=st.lists(steps, min_size=30, max_size=60))
async def test_server_does_what_the_rules_say(running: RunningServer, program: list[Step]):
    chat_users = ChatUsers(running.address)
    clients = [await (await chat_users.register()).connect() for _ in range(PEOPLE)]
    users = [client.ready["user"] for client in clients]
    model = Model([user["id"] for user in users], [user["display_name"] for user in users])
    try:
        for step in [*PRELUDE, *program]:
            await check_ack(model, clients[step.who], step)
            await check_list(model, clients[step.who], step.who)
        for who, client in enumerate(clients):
            await check_list(model, client, who)
            await check_histories(model, client, who)
    finally:
        await chat_users.close()
