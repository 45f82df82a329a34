"""People for the tests: they register by phone over HTTP and talk over Socket.IO, as any client would."""

import asyncio
import itertools
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import socketio

from tests.support.waiting import DEADLINE_S

_numbers = itertools.count(os.getpid() % 9000 * 1000)


def new_phone() -> str:
    """A number that no other test has."""
    return f"+7916{next(_numbers):07d}"


def new_client_id() -> str:
    """What a client makes for each send."""
    return str(uuid.uuid4())


@dataclass
class Event:
    """An event as it arrived."""

    name: str
    payload: dict[str, Any]


class ActionFailed(Exception):
    """An error ack."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.error = error
        self.code = error["code"]
        self.reason = (error.get("details") or {}).get("reason") if isinstance(error.get("details"), dict) else None
        super().__init__(f"{self.code}: {error}")


class Client:
    """One Socket.IO connection: actions with their acks, and every event in the order in which it came."""

    def __init__(self, address: str, token: str, *, transports: list[str] | None = None) -> None:
        self.address = address
        self.token = token
        self.transports = transports or ["websocket"]
        self.events: list[Event] = []
        self.sio = socketio.AsyncClient(reconnection=False)
        self._arrived = asyncio.Condition()
        self._read = 0
        self.sio.on("*", namespace="/chat", handler=self._hear)
        self.sio.on("disconnect", namespace="/chat", handler=self._gone)
        self.disconnected = asyncio.Event()

    async def _hear(self, name: str, payload: dict[str, Any]) -> None:
        async with self._arrived:
            self.events.append(Event(name, payload))
            self._arrived.notify_all()

    async def _gone(self, *_: Any) -> None:
        self.disconnected.set()

    async def connect(self) -> "Client":
        """Connect and wait for ``session:ready``."""
        await self.sio.connect(
            self.address,
            namespaces=["/chat"],
            auth={"token": self.token},
            transports=self.transports,
            wait_timeout=DEADLINE_S,
        )
        self.ready = (await self.expect_event("session:ready")).payload
        return self

    async def close(self) -> None:
        """Disconnect."""
        await self.sio.disconnect()

    async def push(self, action: str, payload: Any = None) -> dict[str, Any]:
        """The raw ack of an action."""
        arguments = {} if payload is None else payload
        answer: dict[str, Any] = await self.sio.call(action, arguments, namespace="/chat", timeout=DEADLINE_S)
        return answer

    async def send(self, action: str, **payload: Any) -> dict[str, Any]:
        """An action that succeeds: its data. ``ActionFailed`` otherwise."""
        answer = await self.push(action, payload)
        assert set(answer) in ({"data"}, {"error"}), answer
        if "error" in answer:
            raise ActionFailed(answer["error"])
        data: dict[str, Any] = answer["data"]
        return data

    async def expect_refusal(self, action: str, code: str, reason: str | None = None, /, **payload: Any) -> dict[str, Any]:
        """An action that is refused with ``code`` (and a conflict's ``reason``): the error."""
        answer = await self.push(action, payload)
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        assert error["code"] == code, error
        assert error["message"]
        assert error["request_id"]
        if reason is not None:
            assert error["details"]["reason"] == reason, error
        return error

    async def say(self, chat_id: str | None, text: str, **more: Any) -> dict[str, Any]:
        """Send a text; the message."""
        payload = {"type": "text", "content": {"text": text}, "client_id": new_client_id(), **more}
        if chat_id is not None:
            payload["chat_id"] = chat_id
        message: dict[str, Any] = (await self.send("message:send", **payload))["message"]
        return message

    async def expect_event(self, name: str, matches: Callable[[dict[str, Any]], bool] = lambda _: True) -> Event:
        """The next event of this name (from where the last expectation ended) that ``matches``."""
        async with asyncio.timeout(DEADLINE_S), self._arrived:
            while True:
                for place in range(self._read, len(self.events)):
                    event = self.events[place]
                    if event.name == name and matches(event.payload):
                        self._read = place + 1
                        return event
                await self._arrived.wait()

    async def expect_no_event(self, name: str) -> None:
        """No unread event of this name has arrived, nor is one on its way.

        An ack of the same connection comes behind every event that was sent before it.
        """
        await self.send("chat:list", limit=1)
        unread = [event for event in self.events[self._read :] if event.name == name]
        assert not unread, unread

    def forget_events(self) -> None:
        """What came so far is not expected any more."""
        self._read = len(self.events)


@dataclass
class Person:
    """Somebody who registered."""

    address: str
    phone: str
    user: dict[str, Any]
    tokens: dict[str, Any]
    http: httpx.AsyncClient
    clients: list[Client] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.user["id"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def connect(self, **options: Any) -> Client:
        """A new connection."""
        client = await Client(self.address, self.tokens["access_token"], **options).connect()
        self.clients.append(client)
        return client

    async def act(self, action: str, **payload: Any) -> httpx.Response:
        """An action over HTTP."""
        return await self.http.post(f"/v1/actions/{action}", json=payload, headers=self.headers)


class ChatUsers:
    """The people of a test on one server: registers them, connects them and closes their connections."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.http = httpx.AsyncClient(base_url=address, timeout=DEADLINE_S)
        self.people: list[Person] = []

    async def register(self, phone: str | None = None, **more: Any) -> Person:
        """Sign in by phone: a new number is a new person."""
        phone = phone or new_phone()
        code = (await self.http.post("/v1/auth/codes", json={"phone": phone})).raise_for_status().json()["code"]
        answer = await self.http.post("/v1/auth/tokens", json={"phone": phone, "code": code, **more})
        tokens = answer.raise_for_status().json()
        person = Person(self.address, tokens["user"].get("phone", phone), tokens["user"], tokens, self.http)
        self.people.append(person)
        return person

    async def pair(self) -> tuple[Client, Client, str]:
        """Two connected people with a private chat."""
        anna, boris = [await (await self.register()).connect() for _ in range(2)]
        chat = (await anna.send("chat:create_private", user_id=boris.ready["user"]["id"]))["chat"]
        await boris.expect_event("chat:updated")
        anna.forget_events()
        return anna, boris, chat["id"]

    async def close(self) -> None:
        """Everybody goes."""
        clients = [client for person in self.people for client in person.clients]
        await asyncio.gather(*(client.close() for client in clients))
        await self.http.aclose()
