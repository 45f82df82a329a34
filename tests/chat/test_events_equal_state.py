"""For every event and every reason, for everybody in the chat: what a client had, plus the event, is what it would fetch.

A scenario prepares a chat, pauses while everybody fetches the present state, and then makes one change. Afterwards each
connection has applied the events that came, and must hold what the server answers afresh: its chats with what is its
person's alone, and the messages of the chat on its screen.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

import realtime.actions  # noqa: F401  (declares every event)
from realtime.model.events import Reason, Removal
from realtime.wire.registry import EVENTS
from tests.support.clients import ChatUsers, Client, new_client_id
from tests.support.replica import Replica
from tests.support.running import RunningServer

NAMES = ("anna", "anna_too", "boris", "clara", "dora", "eve")


@dataclass
class Participants:
    """Who is there: Anna on two devices, Boris, Clara, Dora, and Eve, who is in nothing."""

    running: RunningServer
    clients: dict[str, Client]
    chat_id: str = ""
    screens: dict[str, str | None] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Client:
        return self.clients[name]

    def id_of(self, name: str) -> str:
        user_id: str = self.clients[name].ready["user"]["id"]
        return user_id

    async def group(self, *others: str, title: str = "Group") -> str:
        """Anna's group, which becomes the chat of the scenario."""
        ids = [self.id_of(name) for name in others]
        self.chat_id = (await self.anna.send("chat:create_group", title=title, member_ids=ids))["chat"]["id"]
        return self.chat_id

    async def private(self) -> str:
        """Anna's private chat with Boris; each scenario leaves it a group, or with messages."""
        self.chat_id = (await self.anna.send("chat:create_private", user_id=self.id_of("boris")))["chat"]["id"]
        return self.chat_id

    def look(self, *names: str) -> None:
        """These have the chat on the screen; the others have none."""
        self.screens |= dict.fromkeys(names, self.chat_id)

    async def say(self, name: str, text: str) -> int:
        seq: int = (await self.clients[name].say(self.chat_id, text))["seq"]
        return seq


Scenario = Callable[[Participants], AsyncIterator[None]]
SCENARIOS: list[tuple[Scenario, frozenset[str]]] = []


def expects(*told: str) -> Callable[[Scenario], Scenario]:
    """Which events the scenario must cause, each as ``name`` or ``name reason``."""

    def declare(scenario: Scenario) -> Scenario:
        SCENARIOS.append((scenario, frozenset(told)))
        return scenario

    return declare


@pytest.fixture(scope="module")
async def people(running: RunningServer) -> AsyncIterator[Participants]:
    chat_users = ChatUsers(running.address)
    people = {name: await chat_users.register() for name in NAMES if name != "anna_too"}
    people["anna_too"] = await chat_users.register(people["anna"].phone)
    yield Participants(running, {name: await people[name].connect() for name in NAMES})
    await chat_users.close()


# --- the list


@expects("chat:updated created")
async def opening_a_private_chat(people: Participants) -> AsyncIterator[None]:
    yield
    await people.clara.send("chat:create_private", user_id=people.id_of("dora"))


@expects("chat:updated created")
async def opening_a_group(people: Participants) -> AsyncIterator[None]:
    yield
    await people.group("boris", "clara")


@expects("chat:updated message", "message:created")
async def sending(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    people.look("boris", "anna")
    yield
    await people.say("boris", "hello")


@expects("chat:updated message", "message:created")
async def sending_many_from_two_devices(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    people.look("boris", "anna_too")
    yield
    names = ("anna", "anna_too", "boris", "clara") * 10
    await asyncio.gather(*(people.say(name, f"{place}") for place, name in enumerate(names)))


@expects("chat:updated message", "message:created")
async def answering_in_a_private_chat(people: Participants) -> AsyncIterator[None]:
    await people.private()
    await people.say("anna", "question")
    people.look("boris")
    yield
    await people.clients["boris"].say(people.chat_id, "answer", reply_to=1, mentions=[people.id_of("anna")])


# --- what becomes of a message


@expects("chat:updated edited", "message:updated")
async def editing_the_last_message(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    seq = await people.say("boris", "helo")
    await people.clara.send("message:like", chat_id=people.chat_id, seq=seq)
    people.look("anna", "clara")
    yield
    await people.boris.send("message:edit", chat_id=people.chat_id, seq=seq, content={"text": "hello"})


@expects("chat:updated edited", "message:updated")
async def editing_an_older_message_that_one_who_looks_may_not_see(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    seq = await people.say("boris", "before Dora")
    await people.anna.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("dora")], history="none")
    people.look("anna", "boris", "dora")
    yield
    await people.boris.send("message:edit", chat_id=people.chat_id, seq=seq, content={"text": "still before"})


@expects("chat:updated message_deleted", "message:updated")
async def deleting_the_last_message(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    seq = await people.say("boris", "oops")
    await people.clara.send("message:like", chat_id=people.chat_id, seq=seq)
    people.look("boris", "clara")
    yield
    await people.anna.send("message:delete", chat_id=people.chat_id, seq=seq)


@expects("message:updated", "chat:updated message_deleted")
async def deleting_an_older_message(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    seq = await people.say("anna", "oops")
    await people.anna.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("dora")], history="none")
    people.look("anna", "anna_too", "dora")
    yield
    await people.anna.send("message:delete", chat_id=people.chat_id, seq=seq)


@expects("message:liked")
async def liking_the_last_message(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    seq = await people.say("boris", "nice")
    people.look("anna", "anna_too", "clara")
    yield
    await people.anna.send("message:like", chat_id=people.chat_id, seq=seq)
    await people.clara.send("message:like", chat_id=people.chat_id, seq=seq)
    await people.clara.send("message:unlike", chat_id=people.chat_id, seq=seq)


@expects("message:liked", "chat:updated liked")
async def liking_what_one_who_looks_may_not_see(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    seq = await people.say("boris", "before Dora")
    await people.anna.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("dora")], history="none")
    people.look("boris", "dora")
    yield
    await people.anna.send("message:like", chat_id=people.chat_id, seq=seq)


@expects("chat:updated liked")
async def liking_what_its_author_may_not_see_any_more(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "dora")
    seq = await people.say("dora", "in my first life")
    await people.dora.send("chat:leave", chat_id=people.chat_id)
    await people.anna.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("dora")], history="none")
    people.look("dora")
    yield
    await people.anna.send("message:like", chat_id=people.chat_id, seq=seq)


@expects("message:reacted")
async def reacting_to_the_last_message(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    seq = await people.say("boris", "nice")
    await people.anna.send("message:react", chat_id=people.chat_id, seq=seq, emoji="🎉")
    people.look("anna", "anna_too", "clara")
    yield
    at = {"chat_id": people.chat_id, "seq": seq}
    await people.clara.send("message:react", **at, emoji="🎉")
    await people.clara.send("message:react", **at, emoji="👍🏽")
    await people.anna.send("message:unreact", **at, emoji="🎉")
    await people.anna.send("message:react", **at, emoji="👍🏽")


@expects("message:reacted", "chat:updated reacted")
async def reacting_to_what_one_who_looks_may_not_see(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    seq = await people.say("boris", "before Dora")
    await people.anna.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("dora")], history="none")
    people.look("boris", "dora")
    yield
    await people.anna.send("message:react", chat_id=people.chat_id, seq=seq, emoji="❤️")


@expects("chat:updated edited", "message:updated")
async def editing_a_message_that_has_reactions(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    seq = await people.say("boris", "helo")
    await people.clara.send("message:react", chat_id=people.chat_id, seq=seq, emoji="🎉")
    people.look("anna", "clara")
    yield
    await people.boris.send("message:edit", chat_id=people.chat_id, seq=seq, content={"text": "hello"})


@expects("chat:updated message", "message:created")
async def forwarding(people: Participants) -> AsyncIterator[None]:
    await people.group("clara")
    from_chat_id, seq = people.chat_id, await people.say("clara", "news")
    await people.group("boris", "clara")
    people.look("boris", "anna")
    yield
    await people.clara.send(
        "message:forward",
        chat_id=from_chat_id,
        seq=seq,
        to_chat_id=people.chat_id,
        client_id=new_client_id(),
    )


# --- who is in it


@expects("chat:updated became_group", "chat:updated member_added", "message:created")
async def adding_somebody_to_a_private_chat(people: Participants) -> AsyncIterator[None]:
    await people.private()
    await people.say("anna", "between us")
    people.look("anna", "boris")
    yield
    await people.boris.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("dora"), people.id_of("eve")])


@expects("chat:updated became_group", "chat:updated transferred", "chat:updated member_left", "chat:updated member_added")
async def adding_somebody_to_a_private_chat_whose_opener_deleted_the_account(people: Participants) -> AsyncIterator[None]:
    chat_users = ChatUsers(people.running.address)
    gone = await chat_users.register()
    people.chat_id = (await gone.act("chat:create_private", user_id=people.id_of("boris"))).json()["chat"]["id"]
    await people.say("boris", "are you there?")
    await gone.http.delete("/v1/me", headers=gone.headers)
    await chat_users.close()
    people.look("boris")
    yield
    await people.boris.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("dora"), people.id_of("eve")])


@expects("chat:updated member_added", "message:created")
async def adding_to_a_group(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    await people.say("boris", "hello")
    people.look("anna", "boris")
    yield
    await people.boris.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("clara"), people.id_of("dora")])


@expects("chat:updated member_added")
async def adding_somebody_again(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    await people.boris.send("chat:rename", chat_id=people.chat_id, title="Mine")
    await people.boris.send("chat:leave", chat_id=people.chat_id)
    await people.say("anna", "without Boris")
    yield
    await people.anna.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("boris")], history="none")


@expects("chat:updated member_removed", "message:created", "chat:removed removed")
async def removing_a_member(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    people.look("boris", "clara", "anna_too")
    yield
    await people.anna.send("member:remove", chat_id=people.chat_id, user_id=people.id_of("boris"))
    await people.say("clara", "after Boris")


@expects("chat:updated member_left", "message:created", "chat:removed left")
async def leaving(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    people.look("boris", "clara")
    yield
    await people.boris.send("chat:leave", chat_id=people.chat_id)
    await people.say("anna", "after Boris")


@expects("chat:removed deleted")
async def deleting_a_group(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    people.look("boris", "anna")
    yield
    await people.anna.send("chat:delete", chat_id=people.chat_id)


@expects("chat:updated transferred")
async def handing_a_group_over(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    people.look("anna", "boris", "clara")
    yield
    await people.anna.send("chat:transfer", chat_id=people.chat_id, user_id=people.id_of("boris"))


@expects("chat:updated role_changed")
async def making_an_admin(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    people.look("anna", "boris", "clara")
    yield
    for role in ("admin", "member", "admin"):
        await people.anna.send("member:set_role", chat_id=people.chat_id, user_id=people.id_of("boris"), role=role)


@expects("chat:updated updated", "message:created")
async def changing_what_a_group_shows(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    people.look("anna", "boris")
    yield
    await people.anna.send("chat:update", chat_id=people.chat_id, title="Another", description="About us")
    await people.anna.send("chat:update", chat_id=people.chat_id, metadata={"color": "green"})
    await people.anna.send("chat:update", chat_id=people.chat_id, description=None)


@expects("chat:updated updated")
async def changing_a_group_that_some_have_cleared(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    await people.say("anna", "hello")
    await people.anna.send("chat:clear", chat_id=people.chat_id)
    await people.boris.send("chat:clear", chat_id=people.chat_id)
    people.look("anna", "boris", "clara")
    yield
    await people.anna.send("chat:update", chat_id=people.chat_id, description="About us")


@expects("chat:updated message_pinned", "message:created")
async def pinning_messages_that_not_everybody_may_see(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    early = [await people.say("boris", f"before Dora {place}") for place in range(3)]
    await people.anna.send("member:add", chat_id=people.chat_id, user_ids=[people.id_of("dora")], history="none")
    late = await people.say("anna", "for all")
    people.look("anna", "boris", "dora")
    yield
    for seq in (*early, late):
        await people.anna.send("message:pin", chat_id=people.chat_id, seq=seq)
    await people.anna.send("message:unpin", chat_id=people.chat_id, seq=early[0])
    await people.say("anna", "a message")
    await people.boris.send("message:edit", chat_id=people.chat_id, seq=early[1], content={"text": "still"})


@expects("chat:updated message_deleted", "message:updated")
async def deleting_a_pinned_message(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    seq = await people.say("boris", "pinned")
    await people.anna.send("message:pin", chat_id=people.chat_id, seq=seq)
    people.look("boris")
    yield
    await people.anna.send("message:delete", chat_id=people.chat_id, seq=seq)


@expects("chat:updated member_added", "message:created")
async def accepting_an_invite(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    await people.say("boris", "hello")
    code = (await people.anna.send("invite:create", chat_id=people.chat_id))["invite"]["code"]
    people.look("anna", "boris")
    yield
    await people.clara.send("invite:accept", code=code)
    await people.say("clara", "here I am")


# --- what is one's own


@expects("chat:updated archived", "chat:updated pinned")
async def archiving_a_pinned_chat(people: Participants) -> AsyncIterator[None]:
    for _ in range(3):
        await people.clara.send("chat:pin", chat_id=await people.group("boris", "clara"))
    await people.anna.send("chat:archive", chat_id=people.chat_id)
    people.look("boris")
    yield
    await people.clara.send("chat:archive", chat_id=people.chat_id)
    await people.anna.send("chat:unarchive", chat_id=people.chat_id)


@expects("chat:updated archived", "chat:updated message")
async def sending_into_a_chat_that_others_archived(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara", "dora")
    await people.clara.send("chat:mute", chat_id=people.chat_id, until="2040-01-01T00:00:00Z")
    for name in ("anna", "boris", "clara"):
        await people.clients[name].send("chat:archive", chat_id=people.chat_id)
    people.look("boris", "dora")
    yield
    await people.say("anna", "hello")


@expects("chat:updated cleared", "chat:read")
async def clearing(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    seq = await people.say("anna", "hello")
    await people.anna.send("message:pin", chat_id=people.chat_id, seq=seq)
    people.look("anna", "boris")
    yield
    await people.boris.send("chat:clear", chat_id=people.chat_id)
    await people.anna.send("message:like", chat_id=people.chat_id, seq=seq)
    await people.anna.send("message:edit", chat_id=people.chat_id, seq=seq, content={"text": "hi"})


@expects("chat:updated edited")
async def editing_the_last_message_that_one_has_cleared(people: Participants) -> AsyncIterator[None]:
    await people.group("boris", "clara")
    seq = await people.say("anna", "helo")
    await people.boris.send("chat:clear", chat_id=people.chat_id)
    people.look("anna", "boris")
    yield
    await people.anna.send("message:edit", chat_id=people.chat_id, seq=seq, content={"text": "hello"})


@expects("chat:updated renamed")
async def renaming(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    people.look("anna", "boris")
    yield
    await people.anna.send("chat:rename", chat_id=people.chat_id, title="My own")


@expects("chat:updated muted")
async def muting(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    people.look("anna")
    yield
    await people.anna.send("chat:mute", chat_id=people.chat_id, until="2030-01-01T00:00:00Z")


@expects("chat:updated pinned")
async def pinning_above_other_pins(people: Participants) -> AsyncIterator[None]:
    for _ in range(3):
        await people.anna.send("chat:pin", chat_id=await people.group("boris"))
    await people.group("boris")
    people.look("anna")
    yield
    await people.anna.send("chat:pin", chat_id=people.chat_id)


@expects("chat:updated unpinned")
async def unpinning_below_other_pins(people: Participants) -> AsyncIterator[None]:
    for _ in range(3):
        await people.boris.send("chat:pin", chat_id=await people.group("boris"))
    yield
    await people.boris.send("chat:unpin", chat_id=people.chat_id)


@expects("chat:updated read", "chat:read")
async def reading(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    for place in range(5):
        await people.say("anna", f"{place}")
    people.look("anna", "boris")
    yield
    await people.boris.send("message:read", chat_id=people.chat_id, seq=4)


@expects("chat:updated activated")
async def putting_a_chat_on_the_screen(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    yield
    await people.boris.send("chat:activate", chat_id=people.chat_id)
    people.look("boris")


@expects("chat:typing")
async def typing(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    people.look("anna", "boris")
    yield
    await people.boris.send("chat:typing", chat_id=people.chat_id)


# --- when the database went away in the middle


@expects("chat:updated reconciled")
async def losing_the_database_during_a_change(people: Participants) -> AsyncIterator[None]:
    await people.group("boris")
    seq = await people.say("anna", "hello")
    people.look("anna", "boris")
    yield
    database_url = people.running.settings.database_url
    assert database_url is not None
    holder = await asyncpg.connect(database_url.get_secret_value())
    async with holder.transaction():
        await holder.execute("SELECT FROM chats WHERE id = $1 FOR UPDATE", people.chat_id)
        cut = {"chat_id": people.chat_id, "seq": seq, "content": {"text": "in doubt"}}
        answer = asyncio.create_task(people.anna.push("message:edit", cut))
        terminate = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        while not answer.done():
            await holder.fetch(terminate)
        assert answer.result()["error"]["code"] == "unavailable"
    await holder.close()
    for name in ("anna", "boris"):
        await people.clients[name].expect_event("chat:updated", lambda told: told["reason"] == "reconciled")


# --- how it is done


@pytest.mark.parametrize(("scenario", "expected"), SCENARIOS, ids=[scenario.__name__ for scenario, _ in SCENARIOS])
async def test_state_plus_events_is_the_state_afresh(people: Participants, scenario: Scenario, expected: frozenset[str]):
    people.screens = dict.fromkeys(NAMES)
    steps = aiter(scenario(people))
    await anext(steps)
    replicas = {name: Replica(people.clients[name]) for name in NAMES}
    for name, replica in replicas.items():
        await replica.client.send("chat:activate", chat_id=people.screens[name])
    for name, replica in replicas.items():
        await replica.client.send("chat:list", limit=1)
        replica.client.forget_events()
        await replica.load()
        replica.active_chat_id = people.screens[name]
        if replica.active_chat_id is not None:
            await replica.hold(replica.active_chat_id)

    await anext(steps, None)

    for name, replica in replicas.items():
        replica.active_chat_id = replica.active_chat_id or people.screens[name]
        await replica.settle()
        await replica.expect_fresh()
    assert expected <= {_told(event) for replica in replicas.values() for event in replica.seen}


def _told(event: Any) -> str:
    return f"{event.name} {event.payload['reason']}" if "reason" in event.payload else str(event.name)


def test_every_event_of_a_chat_and_every_reason_has_its_scenario():
    names = {name for name in EVENTS if name.startswith(("chat:", "message:"))} - {"chat:updated", "chat:removed"}
    reasons = {f"chat:updated {reason}" for reason in Reason} | {f"chat:removed {reason}" for reason in Removal}
    assert names | reasons == frozenset().union(*(expected for _, expected in SCENARIOS))
