"""Two phones and a laptop of one person: messages and read marks on all, a screen for each, any of them can be ended."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.clients import ChatUsers, Client, Person, new_phone
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@dataclass
class Devices:
    """Anna on three devices, and Boris, with whom she talks."""

    signed_in: list[Person]
    clients: list[Client]
    boris: Client
    chat_id: str


@pytest.fixture
async def devices(chat_users: ChatUsers) -> Devices:
    number = new_phone()
    signed_in = [await chat_users.register(number, device_name=name) for name in ("Old phone", "New phone", "Laptop")]
    clients = [await person.connect() for person in signed_in]
    boris = await (await chat_users.register()).connect()
    chat = (await boris.send("chat:create_private", user_id=signed_in[0].id))["chat"]
    for client in clients:
        await client.expect_event("chat:updated")
    return Devices(signed_in, clients, boris, chat["id"])


async def list_devices(person: Person) -> list[dict[str, Any]]:
    answer = await person.http.get("/v1/auth/sessions", headers=person.headers)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["sessions"]
    return found


async def assert_ended(client: Client, person: Person, reason: str) -> None:
    """Told why, closed, and the token is worth nothing."""
    assert (await client.expect_event("session:revoked")).payload == {"reason": reason}
    await until(client.disconnected.is_set)
    answer = await person.http.get("/v1/me", headers=person.headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")


async def test_one_person_is_one_person_on_every_device(devices: Devices) -> None:
    assert len({person.id for person in devices.signed_in}) == 1
    assert len({client.ready["session_id"] for client in devices.clients}) == 3


async def test_message_arrives_on_every_device(devices: Devices) -> None:
    await devices.boris.say(devices.chat_id, "Hello")
    for client in devices.clients:
        told = (await client.expect_event("chat:updated")).payload["chat"]
        assert told["last_message"]["content"] == {"text": "Hello"}


async def test_what_is_sent_from_one_device_is_on_the_others(devices: Devices) -> None:
    phone, other, laptop = devices.clients
    await laptop.send("chat:activate", chat_id=devices.chat_id)
    sent = await phone.say(devices.chat_id, "From the phone")
    told = (await laptop.expect_event("message:created")).payload["message"]
    assert (told["seq"], told["sender_id"]) == (sent["seq"], devices.signed_in[0].id)
    told = (await other.expect_event("chat:updated", lambda told: told["reason"] == "message")).payload["chat"]
    assert told["message_count"] == sent["seq"]


async def test_read_on_one_device_is_read_on_all(devices: Devices) -> None:
    phone, *others = devices.clients
    said = await devices.boris.say(devices.chat_id, "Read me")
    await phone.send("message:read", chat_id=devices.chat_id, seq=said["seq"])
    for client in others:
        told = await client.expect_event("chat:updated", lambda told: told["reason"] == "read")
        assert (told.payload["chat"]["me"]["read_seq"], told.payload["chat"]["me"]["unread_count"]) == (said["seq"], 0)


async def test_each_device_has_its_own_chat_on_the_screen(devices: Devices) -> None:
    phone, other, laptop = devices.clients
    group = (await phone.send("chat:create_group", title="Notes"))["chat"]
    await phone.send("chat:activate", chat_id=devices.chat_id)
    await laptop.send("chat:activate", chat_id=group["id"])
    active = [(await client.send("chat:list"))["active_chat_id"] for client in (phone, other, laptop)]
    assert active == [devices.chat_id, None, group["id"]]
    said = await devices.boris.say(devices.chat_id, "Who sees it?")
    assert (await phone.expect_event("message:created")).payload["message"]["seq"] == said["seq"]
    for client in (other, laptop):
        await client.expect_no_event("message:created")


async def test_active_chat_of_a_device_is_there_again_after_it_reconnects(devices: Devices) -> None:
    await devices.clients[2].send("chat:activate", chat_id=devices.chat_id)
    await devices.clients[2].close()
    again = await devices.signed_in[2].connect()
    assert again.ready["active_chat_id"] == devices.chat_id
    await devices.boris.say(devices.chat_id, "Welcome back")
    await again.expect_event("message:created")


async def test_devices_are_listed_with_their_names_and_the_one_that_asks(devices: Devices) -> None:
    for person in devices.signed_in:
        found = {device["device_name"]: device["current"] for device in await list_devices(person)}
        assert set(found) == {"Old phone", "New phone", "Laptop"}
        assert [name for name, current in found.items() if current] == [
            device["device_name"] for device in await list_devices(person) if device["current"]
        ]
        assert sum(found.values()) == 1


async def test_device_was_last_seen_when_it_went_away(devices: Devices) -> None:
    laptop = devices.clients[2].ready["session_id"]

    async def last_seen() -> str:
        (device,) = [device for device in await list_devices(devices.signed_in[0]) if device["id"] == laptop]
        return str(device["last_seen_at"])

    before = await last_seen()

    async def is_newer() -> bool:
        return await last_seen() > before

    await devices.clients[2].close()
    await until(is_newer)


async def test_ending_one_device_leaves_the_others_alone(devices: Devices) -> None:
    phone, other, laptop = devices.clients
    anna = devices.signed_in[0]
    answer = await anna.http.delete(f"/v1/auth/sessions/{laptop.ready['session_id']}", headers=anna.headers)
    assert answer.status_code == 204
    await assert_ended(laptop, devices.signed_in[2], "ended_elsewhere")
    await devices.boris.say(devices.chat_id, "Still there?")
    for client in (phone, other):
        await client.expect_event("chat:updated", lambda told: told["reason"] == "message")
    assert {device["device_name"] for device in await list_devices(anna)} == {"Old phone", "New phone"}
    again = await anna.http.delete(f"/v1/auth/sessions/{laptop.ready['session_id']}", headers=anna.headers)
    assert again.status_code == 404


async def test_ending_all_others_leaves_the_one_that_asks(devices: Devices) -> None:
    anna = devices.signed_in[1]
    assert (await anna.http.delete("/v1/auth/sessions/others", headers=anna.headers)).status_code == 204
    for place in (0, 2):
        await assert_ended(devices.clients[place], devices.signed_in[place], "ended_elsewhere")
    assert [device["current"] for device in await list_devices(anna)] == [True]
    await devices.boris.say(devices.chat_id, "Alone?")
    await devices.clients[1].expect_event("chat:updated", lambda told: told["reason"] == "message")


async def test_signing_out_ends_the_device_itself(devices: Devices) -> None:
    anna = devices.signed_in[0]
    assert (await anna.http.delete("/v1/auth/sessions/current", headers=anna.headers)).status_code == 204
    await assert_ended(devices.clients[0], anna, "logged_out")


async def test_nobody_ends_somebody_elses_device(devices: Devices, chat_users: ChatUsers) -> None:
    stranger = await chat_users.register()
    session_id = devices.clients[0].ready["session_id"]
    answer = await stranger.http.delete(f"/v1/auth/sessions/{session_id}", headers=stranger.headers)
    assert answer.status_code == 404
    assert await devices.clients[0].send("chat:list")
