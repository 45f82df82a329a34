"""What each viewer sees of a person, in every answer and event that holds one: the second half of the rights matrix.

Anna is looked at by herself, by somebody who shares a chat with her, by a stranger, by somebody whom she has blocked, by
somebody who has blocked her, and, once she shows herself to nobody, again by who shares a chat with her.
"""

import typing
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from realtime.model.objects import User
from realtime.wire.registry import ACTIONS, EVENTS
from tests.support.clients import ChatUsers, Client, Person, new_client_id
from tests.support.running import RunningServer

SEEN_AT = "2026-11-01T12:00:00.000Z"
TOLD = {"chat:typing", "chat:read", "user:updated"}
"""Events that tell of a person to those who may know of them; presence is asked for."""

SEES = {
    "self": True,
    "sharer": True,
    "stranger": False,
    "blocked": False,
    "blocker": False,
    "sharer of nobody": False,
}
"""Who sees ``last_seen_at``, presence and read marks, and who hears typing."""
GROUPS_ALONE = {
    "chat:create_group", "chat:transfer", "chat:rename", "chat:update", "invite:accept", "member:add", "member:remove",
    "member:set_role",
}  # fmt: skip
"""Their chat is a group, which has no ``peer``."""
TRIED_APART = {"chat:clear", "message:pin", "message:readers", "message:unpin"}
"""What takes the history away that the other questions need, and what is refused or says nothing across a block."""


@dataclass
class ProfileViewers:
    """Anna and the viewers. ``private``: the chat of each with her; ``group``: of all but the stranger."""

    anna: Client
    anna_person: Person
    people: dict[str, Person]
    clients: dict[str, Client]
    private: dict[str, str]
    group: str
    username: str

    @property
    def anna_id(self) -> str:
        return self.anna_person.id

    async def set_last_seen_for(self, whom: str) -> None:
        anna = self.anna_person
        changed = await anna.http.patch("/v1/me", headers=anna.headers, json={"privacy": {"last_seen": whom}})
        assert changed.json()["privacy"]["last_seen"] == whom


@pytest.fixture(scope="module")
async def profile_viewers(running: RunningServer) -> AsyncIterator[ProfileViewers]:
    chat_users = ChatUsers(running.address)
    anna_person = await chat_users.register()
    people = {name: await chat_users.register() for name in ("sharer", "stranger", "blocked", "blocker")}
    anna, clients = await anna_person.connect(), {name: await people[name].connect() for name in people}
    friends = [name for name in people if name != "stranger"]
    private = {}
    for name in friends:
        private[name] = (await anna.send("chat:create_private", user_id=people[name].id))["chat"]["id"]
    ids = [people[name].id for name in friends]
    group = (await anna.send("chat:create_group", title="All", member_ids=ids))["chat"]["id"]
    for chat_id in (*private.values(), group):
        await anna.say(chat_id, "hello")
    await anna.send("message:like", chat_id=group, seq=2)
    await anna.send("message:pin", chat_id=group, seq=2)
    await anna.send("message:react", chat_id=group, seq=2, emoji="👍")
    await anna.send("user:block", user_id=people["blocked"].id)
    await clients["blocker"].send("user:block", user_id=anna_person.id)
    username = f"anna_{new_client_id()[:8]}"
    await anna_person.http.patch("/v1/me", headers=anna_person.headers, json={"username": username})
    async with running.molva.database.reading() as tx:
        await tx.execute("test", "UPDATE users SET last_seen_at = $2 WHERE id = $1", [anna_person.id, SEEN_AT])
    people["self"], clients["self"] = anna_person, anna
    yield ProfileViewers(anna, anna_person, people, clients, private, group, username)
    await chat_users.close()


@pytest.fixture
async def viewer(profile_viewers: ProfileViewers, who: str) -> AsyncIterator[tuple[str, Client]]:
    """The name and the connection of ``who``."""
    name = who.removesuffix(" of nobody")
    if name != who:
        await profile_viewers.set_last_seen_for("nobody")
    yield name, profile_viewers.clients[name]
    if name != who:
        await profile_viewers.set_last_seen_for("shared")


def models_in(kind: Any, met: set[Any]) -> set[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in met:
        met.add(kind)
        for field in kind.model_fields.values():
            models_in(field.annotation, met)
    for part in typing.get_args(kind):
        models_in(part, met)
    return met


def holds_a_user(kind: Any) -> bool:
    return any(issubclass(model, User) for model in models_in(kind, set()))


def users_in(value: Any) -> Iterator[dict[str, Any]]:
    """Everybody in an answer."""
    if isinstance(value, dict):
        if "display_name" in value:
            yield value
        for part in value.values():
            yield from users_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from users_in(part)


def questions(profile_viewers: ProfileViewers, name: str) -> dict[str, dict[str, Any]]:
    """The actions by which ``name`` sees Anna."""
    find = {"user:find": {"username": profile_viewers.username}}
    if name == "stranger":
        return find
    group = {
        "member:list": {"chat_id": profile_viewers.group},
        "message:likes": {"chat_id": profile_viewers.group, "seq": 2},
        "message:reactions": {"chat_id": profile_viewers.group, "seq": 2},
        "message:list": {"chat_id": profile_viewers.group},
        "message:changes": {"chat_id": profile_viewers.group, "version": 0},
        "message:search": {"query": "hello", "chat_id": profile_viewers.group},
        "message:pinned": {"chat_id": profile_viewers.group},
    }
    if name == "self":
        return find | group
    private = {"chat_id": profile_viewers.private[name]}
    chats = {
        "chat:list": {},
        "chat:get": private,
        "chat:create_private": {"user_id": profile_viewers.anna_id},
        "chat:activate": private,
        "chat:watch": {"chat_ids": [profile_viewers.private[name]]},
        "chat:mute": {**private, "until": None},
        "chat:pin": private,
        "chat:unpin": private,
        "chat:archive": private,
        "chat:unarchive": private,
        "session:sync": {},
    }
    return find | group | chats | ({"user:blocked": {}} if name == "blocker" else {})


def test_every_answer_that_holds_a_person_is_asked_for(profile_viewers: ProfileViewers):
    holders = {name for name, action in ACTIONS.items() if holds_a_user(action.answer)}
    assert holders == set(questions(profile_viewers, "blocker")) | GROUPS_ALONE | TRIED_APART


def test_events_that_hold_a_person_are_known():
    # chat:updated with a peer goes to one person; session:ready is one's own profile.
    assert {name for name, event in EVENTS.items() if holds_a_user(event.payload)} == {
        "chat:updated", "user:updated", "session:ready", "message:created",
    }  # fmt: skip


@pytest.mark.parametrize("who", SEES)
async def test_last_seen_is_in_every_answer_or_in_none(
    profile_viewers: ProfileViewers, viewer: tuple[str, Client], who: str
):
    name, client = viewer
    person = profile_viewers.people[name]
    answers = {action: await client.send(action, **payload) for action, payload in questions(profile_viewers, name).items()}
    for path in (f"/v1/users/{profile_viewers.anna_id}", f"/v1/users?ids={profile_viewers.anna_id}"):
        answers[path] = (await person.http.get(path, headers=person.headers)).raise_for_status().json()
    for asked, answer in answers.items():
        found = [user for user in users_in(answer) if user["id"] == profile_viewers.anna_id]
        assert found, f"{asked} has no Anna"
        assert {user["last_seen_at"] for user in found} == {SEEN_AT if SEES[who] else None}, asked
        assert {(user["is_bot"], user["is_deleted"]) for user in found} == {(False, False)}, asked


@pytest.mark.parametrize(("last_seen", "is_shown"), [("shared", True), ("nobody", False)])
async def test_last_seen_is_in_the_answers_that_are_tried_apart(
    chat_users: ChatUsers, running: RunningServer, last_seen: str, is_shown: bool
):
    anna, boris, chat_id = await chat_users.pair()
    anna_person = chat_users.people[0]
    patched = await anna_person.http.patch(
        "/v1/me", headers=anna_person.headers, json={"privacy": {"last_seen": last_seen}}
    )
    patched.raise_for_status()
    async with running.molva.database.reading() as tx:
        await tx.execute("test", "UPDATE users SET last_seen_at = $2 WHERE id = $1", [anna_person.id, SEEN_AT])
    await anna.say(chat_id, "hello")
    for name in ("message:readers", "message:pin", "message:unpin", "chat:clear"):
        at = {"chat_id": chat_id} if name == "chat:clear" else {"chat_id": chat_id, "seq": 1}
        (seen,) = users_in(await boris.send(name, **at))
        assert (seen["id"], seen["last_seen_at"]) == (anna_person.id, SEEN_AT if is_shown else None)


@pytest.mark.parametrize("who", [who for who in SEES if who != "self"])
async def test_presence_is_for_who_sees_when_she_was_last_seen(
    profile_viewers: ProfileViewers, viewer: tuple[str, Client], who: str
):
    _, client = viewer
    told = (await client.send("presence:watch", user_ids=[profile_viewers.anna_id]))["presence"]
    assert [(one["online"], one["last_seen_at"]) for one in told] == ([(True, SEEN_AT)] if SEES[who] else [])


@pytest.mark.parametrize("who", ["sharer", "stranger", "blocked", "blocker"])
async def test_events_about_her_reach_who_may_know(profile_viewers: ProfileViewers, viewer: tuple[str, Client], who: str):
    name, client = viewer
    anna, person = profile_viewers.anna, profile_viewers.anna_person
    if name != "stranger":
        await client.send("chat:activate", chat_id=profile_viewers.group)
        await client.say(profile_viewers.group, "look")
    await client.send("user:find", username=profile_viewers.username)
    client.forget_events()
    read = await anna.send("chat:get", chat_id=profile_viewers.group)
    await anna.send("message:read", chat_id=profile_viewers.group, seq=read["chat"]["message_count"])
    await anna.send("chat:typing", chat_id=profile_viewers.group)
    about = {"about": f"seen by {new_client_id()}"}
    (await person.http.patch("/v1/me", headers=person.headers, json=about)).raise_for_status()
    await client.send("user:find", username=profile_viewers.username)  # whose ack comes behind what is on its way
    heard = {event.name for event in client.events[client._read :] if event.name in TOLD}
    assert heard == (TOLD if SEES[who] else set())
