"""A client that follows the contract: stays connected, catches up, keeps its outbox until everything in it is acked."""

import asyncio
import uuid
from collections import deque
from random import Random
from typing import Final

import httpx

from tests.faults.history import History, Json
from tests.faults.people.account import Account, SignInFailed
from tests.faults.people.connection import Connection, ConnectRefused, Refused, Unanswered
from tests.faults.people.view import View

FINAL: Final = {"validation_failed", "not_found", "forbidden", "conflict", "payload_too_large", "unknown_action"}
"""Errors after which a repeat helps nothing."""
_RETRY_S: Final = (0.1, 0.4)
_WINDOW: Final = 8
"""Sends under way at once."""
_PAGE: Final = 100
_OWN_KEPT: Final = 30


class Device:
    """One client of one person. ``asks``: see :class:`View`."""

    def __init__(
        self, name: str, account: Account, address: str, history: History, *, rng: Random, patience_s: float, asks: bool
    ) -> None:
        self.name = name
        self.account = account
        self.address = address
        self.view = View(account.user_id, asks=asks)
        self.wanted_chat_id: str | None = None
        """The chat that it wants on its screen."""
        self.outbox: dict[str, Json] = {}
        """``client_id`` → a message that is not acked yet, in the order in which they were written."""
        self.own: deque[tuple[str, int]] = deque(maxlen=_OWN_KEPT)
        """(chat, seq) of what it sent last, to be edited and deleted."""
        self.busy = 0
        """Other changes and questions that are not answered yet."""
        self._history = history
        self._rng = rng
        self._patience_s = patience_s
        self._cursor: str | None = None
        self._connection: Connection | None = None
        self._online = asyncio.Event()
        self._under_way: set[str] = set()
        self._wakes = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_settled(self) -> bool:
        """Nothing waits: connected, caught up, everything acked and every event applied."""
        connection = self._connection
        return (
            self._online.is_set()
            and not self.outbox
            and not self.busy
            and connection is not None
            and connection.events.empty()
        )

    @property
    def is_online(self) -> bool:
        """Connected and caught up."""
        return self._online.is_set()

    def start(self) -> None:
        """Come online and stay so."""
        self._tasks = [asyncio.create_task(self._stay_connected()), asyncio.create_task(self._empty_outbox())]

    async def stop(self) -> None:
        """Leave for good."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()

    async def online(self) -> None:
        """Wait until it is connected and caught up."""
        await self._online.wait()

    # --- acting

    def write(self, chat_id: str, text: str) -> str:
        """Put a text into the outbox; it goes out, again and again, until it is acked. Its ``client_id``."""
        client_id = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        content = {"text": f"{client_id} {text}"}
        self.outbox[client_id] = {"chat_id": chat_id, "client_id": client_id, "type": "text", "content": content}
        self._wakes.set()
        return client_id

    async def perform(self, action: str, **payload: object) -> Json | None:
        """Any other change, repeated until it is answered for good. Its data; None after a final refusal."""
        self.busy += 1
        try:
            while True:
                await self._online.wait()
                try:
                    return await self._call(action, payload)
                except Refused as refusal:
                    if refusal.code in FINAL:
                        return None
                except Unanswered:
                    pass
                await self._pause()
        finally:
            self.busy -= 1

    async def open(self, chat_id: str) -> None:
        """Put a chat on the screen and keep its messages from then on."""
        self.wanted_chat_id = chat_id
        self.busy += 1
        try:
            while self.wanted_chat_id == chat_id:
                await self._online.wait()
                try:
                    await self._show(chat_id)
                except Unanswered:
                    pass
                except Refused as refusal:
                    if refusal.code in FINAL:
                        return
                else:
                    return
                await self._pause()
        finally:
            self.busy -= 1

    async def _call(self, action: str, payload: Json) -> Json:
        if self._connection is None:
            raise Unanswered
        return await self._connection.call(action, payload)

    async def _pause(self) -> None:
        await asyncio.sleep(self._rng.uniform(*_RETRY_S))

    async def _empty_outbox(self) -> None:
        """What is not acked goes out in order, a window at a time."""
        async with asyncio.TaskGroup() as sends:
            while True:
                await self._online.wait()
                for client_id in [one for one in self.outbox if one not in self._under_way]:
                    if len(self._under_way) >= _WINDOW:
                        break
                    self._under_way.add(client_id)
                    sends.create_task(self._deliver(client_id))
                self._wakes.clear()
                await self._wakes.wait()

    async def _deliver(self, client_id: str) -> None:
        try:
            data = await self._call("message:send", self.outbox[client_id])
        except Refused as refusal:
            if refusal.code in FINAL:
                del self.outbox[client_id]
            else:
                await self._pause()
        except Unanswered:
            await self._pause()
        else:
            del self.outbox[client_id]
            message = data["message"]
            self.view.take_own_send(message)
            self.own.append((message["chat_id"], message["seq"]))
        self._under_way.discard(client_id)
        self._wakes.set()

    # --- connecting

    async def _stay_connected(self) -> None:
        while True:
            connection = Connection(self._history, self.name, self.account.user_id, patience_s=self._patience_s)
            listener: asyncio.Task[None] | None = None
            try:
                await connection.open(self.address, self.account.tokens["access_token"])
                self._connection = connection
                await self._catch_up(connection)
                self._online.set()
                self._wakes.set()
                listener = asyncio.create_task(self._listen(connection))
                await connection.closed.wait()
            except ConnectRefused as refusal:
                await self._renew_tokens(refusal.code)
            except (Refused, Unanswered):
                pass  # the connection goes, and the next one begins anew
            finally:
                self._online.clear()
                self.view.lose_connection()
                if listener is not None:
                    listener.cancel()
                    await asyncio.gather(listener, return_exceptions=True)
                await connection.close()
            await self._pause()

    async def _renew_tokens(self, code: str | None) -> None:
        try:
            if code == "token_expired":
                await self.account.refresh()
            elif code in {"unauthorized", "session_revoked"}:
                await self.account.sign_in()
        except SignInFailed as failure:
            self._history.notes.append(f"{self.name}: {code}, then no tokens: {failure}"[:200])

    async def _catch_up(self, connection: Connection) -> None:
        """``session:sync``, then ``message:changes`` for what is held, then the chat on the screen."""
        try:
            await self._sync()
        except Refused as refusal:
            if refusal.reason != "cursor_unknown":
                raise
            self.view.forget()  # the server has another database now
            self._cursor = None
            await self._sync()
        self.view.active_chat_id = connection.ready["active_chat_id"]
        for chat_id in list(self.view.messages):
            await self._fetch_changes(chat_id)
        wanted = self.wanted_chat_id
        if wanted in self.view.chats and (self.view.active_chat_id != wanted or wanted not in self.view.messages):
            await self._show(wanted)

    async def _sync(self) -> None:
        has_more = True
        while has_more:
            page = await self._call("session:sync", {"cursor": self._cursor} if self._cursor else {})
            for chat in page["chats"]:
                self.view.take_chat(chat)
            for chat_id in page["removed_chat_ids"]:
                self.view.drop(chat_id)
            self._cursor, has_more = page["cursor"], page["has_more"]

    async def _show(self, chat_id: str) -> None:
        chat = (await self._call("chat:activate", {"chat_id": chat_id}))["chat"]
        view = self.view
        view.active_chat_id = chat_id
        view.take_chat(chat)
        if chat_id not in view.messages:
            await self._load(chat_id)
            view.raise_version(chat_id, chat["version"])
        await self._fetch_changes(chat_id)

    async def _load(self, chat_id: str) -> None:
        """The whole history. Events are applied meanwhile; a history that is not whole is worth nothing."""
        view = self.view
        view.begin(chat_id)
        after, has_more = 0, True
        try:
            while has_more:
                page = await self._call("message:list", {"chat_id": chat_id, "after": after, "limit": _PAGE})
                view.take_messages(chat_id, page["messages"])
                after, has_more = max((one["seq"] for one in page["messages"]), default=after), page["has_more"]
        except (Refused, Unanswered):
            view.abandon(chat_id)
            raise

    async def _fetch_changes(self, chat_id: str) -> None:
        """``message:changes`` until there are no more."""
        view = self.view
        try:
            has_more = chat_id in view.messages
            while has_more:
                asked = {"chat_id": chat_id, "version": view.versions[chat_id]}
                page = await self._call("message:changes", asked)
                view.take_messages(chat_id, page["messages"])
                view.raise_version(chat_id, page["version"])
                has_more = page["has_more"]
        except Refused as refusal:
            if refusal.code == "not_found":
                view.drop(chat_id)
            elif refusal.reason == "version_unknown":
                view.abandon(chat_id)
            else:
                raise

    # --- hearing

    async def _listen(self, connection: Connection) -> None:
        while True:
            event, told = await connection.events.get()
            self.busy += 1
            try:
                chat_id = self.view.hear(event, told)
                if chat_id is not None:
                    await self._fetch_until_answered(chat_id)
                await self._follow(event, told)
            except (Unanswered, SignInFailed, httpx.HTTPError):
                return
            finally:
                self.busy -= 1

    async def _fetch_until_answered(self, chat_id: str) -> None:
        while True:
            try:
                await self._fetch_changes(chat_id)
            except Refused:
                await self._pause()
            else:
                return

    async def _follow(self, event: str, told: Json) -> None:
        """What events ask a client to do beside knowing."""
        if event == "session:expiring":
            await self.account.refresh()
            await self._call("session:refresh", {"token": self.account.tokens["access_token"]})
        elif event == "chat:updated" and "me" in told["chat"]:
            wanted = self.wanted_chat_id  # let in again: back on the screen
            if told["chat"]["id"] == wanted and self.view.active_chat_id != wanted and wanted in self.view.chats:
                try:
                    await self._show(wanted)
                except Refused:
                    return
