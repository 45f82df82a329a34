"""The peer in Python: python-socketio as shipped, on uvicorn with uvloop, with asyncpg; the same as ``node/server.mjs``.

The token is verified at connect; a send is one prepared statement, committed before the ack; the sends of a chat are stored
one after the other. It uses the tables of Molva, and leaves out blocks, replies, mentions, attachments, logs, metrics and
limits.
"""

import asyncio
import hashlib
import json
import os
import re
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import asyncpg
import jwt
import socketio
import uvicorn

KEY = bytes.fromhex(os.environ["ACCESS_KEY"])
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
SESSION = """
    SELECT u.id, u.display_name, u.username, u.about, u.avatar_id, s.active_chat_id
      FROM login_sessions s JOIN users u ON u.id = s.user_id
     WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL AND u.deleted_at IS NULL
"""
MEMBERSHIPS = "SELECT chat_id FROM members WHERE user_id = $1 AND left_at IS NULL"
ACTIVATE = """
    UPDATE login_sessions SET active_chat_id = $2
     WHERE id = $1 AND EXISTS (SELECT FROM members WHERE chat_id = $2 AND user_id = $3 AND left_at IS NULL)
    RETURNING id
"""
SEEN = "UPDATE login_sessions SET last_seen_at = wire_now() WHERE id = $1"
FIND = "SELECT seq, body_hash FROM messages WHERE sender_id = $1 AND client_id = $2 AND chat_id = $3"
SEND = """
    WITH chat AS (
        UPDATE chats
           SET message_count = message_count + 1, version = version + 1, updated_at = greatest(wire_now(), updated_at),
               changed_xid = change_xid()
         WHERE id = $1 AND deleted_at IS NULL
           AND EXISTS (SELECT FROM members WHERE chat_id = $1 AND user_id = $2 AND left_at IS NULL)
        RETURNING *
    ), message AS (
        INSERT INTO messages (chat_id, seq, sender_id, client_id, body_hash, type, content, version, created_at)
        SELECT id, message_count, $2, $3, $4, $5, $6, version, updated_at FROM chat
    ), mark AS (
        UPDATE members SET read_seq = chat.message_count, changed_xid = change_xid()
          FROM chat WHERE members.chat_id = $1 AND members.user_id = $2
    )
    SELECT type, title, creator_id, member_count, message_count, version, created_at, updated_at FROM chat
"""


class Refusal(Exception):
    """The action is refused with this code."""


class Chats(socketio.AsyncNamespace):  # type: ignore[misc]  # the library has no types
    """The namespace ``/chat``."""

    def __init__(self) -> None:
        super().__init__("/chat")
        self._pool: asyncpg.Pool[asyncpg.Record]
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self) -> None:
        """Open the pool."""
        self._pool = await asyncpg.create_pool(
            os.environ["DATABASE_URL"],
            min_size=10,
            max_size=10,
            init=_prepare,
            server_settings={"synchronous_commit": "on"},
        )

    async def on_connect(self, sid: str, _environ: object, auth: dict[str, str]) -> None:
        """Verify the token; enter the rooms of the person's chats."""
        try:
            claims = jwt.decode(auth["token"], KEY, algorithms=["HS256"], issuer="molva", audience="molva")
        except jwt.InvalidTokenError:
            raise socketio.exceptions.ConnectionRefusedError("The access token is not valid.") from None
        found = await self._pool.fetchrow(SESSION, claims["sid"], claims["sub"])
        if found is None:
            raise socketio.exceptions.ConnectionRefusedError("The access token is not valid.")
        memberships = await self._pool.fetch(MEMBERSHIPS, claims["sub"])
        user = dict(found)
        active = user.pop("active_chat_id")
        await self.save_session(sid, {"user": user, "session_id": claims["sid"], "active": active})
        for row in memberships:
            await self.enter_room(sid, row["chat_id"])
        if active is not None:
            await self.enter_room(sid, _viewers_of(active))
        ready = {"user": user, "session_id": claims["sid"], "active_chat_id": active, "server_time": _now()}
        await self.emit("session:ready", ready, to=sid)

    async def on_disconnect(self, sid: str, _reason: str) -> None:
        """Note when the person was last seen."""
        session = await self.get_session(sid)
        await self._pool.execute(SEEN, session["session_id"])

    async def trigger_event(self, event: str, *arguments: Any) -> Any:
        """Actions have a colon in their names, methods cannot."""
        handler = {"chat:activate": self._activate, "message:send": self._send}.get(event)
        if handler is None:
            return await super().trigger_event(event, *arguments)
        try:
            return {"data": await handler(*arguments)}
        except Refusal as refusal:
            return {"error": {"code": str(refusal)}}

    async def _activate(self, sid: str, payload: dict[str, str]) -> dict[str, str]:
        chat_id = payload["chat_id"]
        if not ID.match(chat_id):
            raise Refusal("validation_failed")
        session = await self.get_session(sid)
        if not await self._pool.fetchval(ACTIVATE, session["session_id"], chat_id, session["user"]["id"]):
            raise Refusal("not_found")
        if session["active"] is not None:
            await self.leave_room(sid, _viewers_of(session["active"]))
        await self.save_session(sid, {**session, "active": chat_id})
        await self.enter_room(sid, _viewers_of(chat_id))
        return {"chat_id": chat_id}

    async def _send(self, sid: str, payload: dict[str, Any]) -> dict[str, Any]:
        chat_id, client_id, text = payload["chat_id"], payload["client_id"], payload["content"]["text"]
        is_text = payload["type"] == "text" and isinstance(text, str) and len(text) <= 4096 and text.strip()
        if not is_text or not ID.match(chat_id) or not ID.match(client_id):
            raise Refusal("validation_failed")
        content = {"text": text}
        body_hash = hashlib.sha256(json.dumps({"type": "text", "content": content}).encode()).digest()
        session = await self.get_session(sid)
        async with self._turns[chat_id]:
            return await self._store(session["user"]["id"], chat_id, client_id, body_hash, content)

    async def _store(
        self, user_id: str, chat_id: str, client_id: str, body_hash: bytes, content: dict[str, str]
    ) -> dict[str, Any]:
        try:
            row = await self._pool.fetchrow(SEND, chat_id, user_id, client_id, body_hash, "text", content)
        except asyncpg.UniqueViolationError:
            first = await self._pool.fetchrow(FIND, user_id, client_id, chat_id)
            if first is None or first["body_hash"] != body_hash:
                raise Refusal("conflict") from None
            return {"message": {"chat_id": chat_id, "seq": first["seq"]}, "duplicate": True}
        if row is None:
            raise Refusal("not_found")
        chat = {"id": chat_id, **row, "created_at": _wire(row["created_at"]), "updated_at": _wire(row["updated_at"])}
        message = {
            "chat_id": chat_id, "seq": chat["message_count"], "sender_id": user_id, "type": "text", "content": content,
            "reply_to": None, "mentions": [], "client_id": client_id, "created_at": chat["updated_at"], "edited_at": None,
            "deleted_at": None, "like_count": 0, "version": chat["version"],
        }  # fmt: skip
        await self.emit("chat:updated", {"chat": {**chat, "last_message": message}, "reason": "message"}, to=chat_id)
        created = {"message": message, "message_count": chat["message_count"]}
        await self.emit("message:created", created, to=_viewers_of(chat_id))
        return {"message": {**message, "liked_by_me": False}, "duplicate": False}


def _viewers_of(chat_id: str) -> str:
    return f"viewers of {chat_id}"


def _wire(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _now() -> str:
    return _wire(datetime.now(UTC))


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads, format="text")


def main() -> None:
    """Serve on 127.0.0.1:PORT until SIGTERM."""
    chats = Chats()
    server = socketio.AsyncServer(async_mode="asgi")
    server.register_namespace(chats)
    app = socketio.ASGIApp(server, on_startup=chats.open)
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ["PORT"]), backlog=4096, log_level="warning", ws_per_message_deflate=False
    )


if __name__ == "__main__":
    main()
