"""A complete client: stays connected, keeps its chats and messages true, stores each message once."""

import asyncio
import uuid

import httpx
import socketio
from socketio.exceptions import SocketIOError

RETRY_S = 1.0
FINAL = {"validation_failed", "not_found", "forbidden", "conflict", "payload_too_large"}


class Molva:
    def __init__(self, url, tokens):
        self.url, self.tokens, self.cursor, self.is_over = url, tokens, None, False
        self.chats = {}  # chat id → chat
        self.messages = {}  # chat id → {seq: message}, for the chats that were opened
        self.versions = {}  # chat id → the version that its messages are at
        self.outbox = {}  # client_id → what is not acked yet; a real client keeps it on disk
        self.socket = socketio.AsyncClient(reconnection=False)
        self.socket.on("*", self.hear, namespace="/chat")

    async def run(self):  # until the login session ends
        while not self.is_over:
            try:
                auth = {"token": self.tokens["access_token"]}
                await self.socket.connect(self.url, namespaces=["/chat"], auth=auth, wait_timeout=5)
                await self.catch_up()
                await self.socket.wait()
            except (SocketIOError, RuntimeError):
                await asyncio.sleep(RETRY_S)
            await self.socket.disconnect()
            await self.refresh()

    async def refresh(self):
        try:
            async with httpx.AsyncClient(base_url=self.url) as http:
                body = {"refresh_token": self.tokens["refresh_token"]}
                answer = await http.post("/v1/auth/tokens/refresh", json=body)
        except httpx.HTTPError:
            return
        self.is_over |= answer.status_code == 401  # the login session has ended: sign in by phone again
        self.tokens = answer.json() if answer.is_success else self.tokens

    async def call(self, action, **payload):
        answer = await self.socket.call(action, payload, namespace="/chat", timeout=5)
        if "error" in answer:
            raise RuntimeError(answer["error"]["code"], answer["error"]["message"])
        return answer["data"]

    async def catch_up(self):
        more = True
        while more:
            page = await self.call("session:sync", **({"cursor": self.cursor} if self.cursor else {}))
            self.chats |= {chat["id"]: chat for chat in page["chats"]}
            for chat_id in page["removed_chat_ids"]:
                self.drop(chat_id)
            self.cursor, more = page["cursor"], page["has_more"]
        for chat_id in list(self.messages):
            await self.fetch_changes(chat_id)
        for message in list(self.outbox.values()):
            await self.deliver(message)

    async def hear(self, event, told):
        if event == "chat:updated":  # to all it comes without me and peer: keep ours; an older state replaces nothing
            chat, mine = told["chat"], self.chats.get(told["chat"]["id"], {"version": 0})
            is_older = chat["version"] < mine["version"]
            self.chats[chat["id"]] = mine | {"me": chat.get("me", mine.get("me"))} if is_older else mine | chat
        elif event == "chat:removed":
            self.drop(told["chat_id"])
        elif event in ("message:created", "message:updated", "message:liked"):
            message = told.get("message", told)
            chat_id, version = message["chat_id"], self.versions.get(message["chat_id"], message["version"])
            if event == "message:liked" or message["version"] > version + 1:  # a gap
                await self.fetch_changes(chat_id)
            elif chat_id in self.messages:
                self.messages[chat_id][message["seq"]] = message
                self.versions[chat_id] = max(version, message["version"])
        elif event == "session:expiring":
            await self.refresh()
            await self.call("session:refresh", token=self.tokens["access_token"])
        elif event == "session:revoked":
            self.is_over = told["reason"] != "token_expired"

    def drop(self, chat_id):
        for kept in (self.chats, self.messages, self.versions):
            kept.pop(chat_id, None)

    async def open(self, chat_id):  # put the chat on the screen: its newest page, and from now on what changes
        chat = (await self.call("chat:activate", chat_id=chat_id))["chat"]
        page = await self.call("message:list", chat_id=chat_id)
        self.messages[chat_id] = {message["seq"]: message for message in page["messages"]}
        self.versions[chat_id] = chat["version"]
        await self.fetch_changes(chat_id)

    async def fetch_changes(self, chat_id):
        more = chat_id in self.messages
        while more:
            page = await self.call("message:changes", chat_id=chat_id, version=self.versions[chat_id])
            self.messages[chat_id] |= {message["seq"]: message for message in page["messages"]}
            self.versions[chat_id], more = max(page["version"], self.versions[chat_id]), page["has_more"]

    async def send(self, chat_id, text):  # in the outbox until it is acked, whatever happens meanwhile
        message = {"chat_id": chat_id, "client_id": str(uuid.uuid4()), "type": "text", "content": {"text": text}}
        self.outbox[message["client_id"]] = message
        await self.deliver(message)

    async def deliver(self, message):  # always with the same client_id: however often it arrives, it is stored once
        try:
            await self.call("message:send", **message)
        except (SocketIOError, RuntimeError) as error:
            if error.args[:1] not in {(code,) for code in FINAL}:
                return  # tried again after the next connect
        self.outbox.pop(message["client_id"], None)
