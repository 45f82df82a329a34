"""What a client knows: chats, the messages of those it opened, and up to which ``version`` it has them.

No sockets here: events go in, and out comes the chat for which the client has to ask ``message:changes``. It follows
section 4 of the contract and does no more, so what the server does not tell stays unknown here.

``chat:updated`` comes before the message that it is about, and the connection may end between the two. So a version is
*told* with any event, and *held* when the messages up to it are here: that is what ``message:changes`` is asked with.
"""

from typing import Final

from tests.faults.history import Json

_SHARED: Final = ("type", "title", "creator_id", "member_count", "message_count")
_MESSAGE: Final = ("seq", "sender_id", "type", "content", "reply_to", "client_id", "edited_at", "deleted_at")


class View:
    """One client's state. ``asks``: on ``reconciled`` it calls ``message:changes``; else it waits to be told of changes."""

    def __init__(self, user_id: str, *, asks: bool) -> None:
        self.user_id = user_id
        self.asks = asks
        self.active_chat_id: str | None = None
        self.chats: dict[str, Json] = {}
        self.messages: dict[str, dict[int, Json]] = {}
        self.versions: dict[str, int] = {}
        """Held: the messages up to this version are here."""
        self._told: dict[str, int] = {}
        self._reconciling: set[str] = set()
        """Chats whose messages come in the order of no version, behind ``reconciled``."""

    def forget(self) -> None:
        """Everything."""
        self.chats.clear()
        self.messages.clear()
        self.versions.clear()
        self.lose_connection()

    def lose_connection(self) -> None:
        """What was told and is not here yet does not come any more."""
        self._told.clear()
        self._reconciling.clear()

    def begin(self, chat_id: str) -> None:
        """From now on the messages of the chat are kept."""
        self.messages[chat_id] = {}
        self.versions[chat_id] = 0

    def abandon(self, chat_id: str) -> None:
        """They are not kept any more."""
        for held in (self.messages, self.versions, self._told):
            held.pop(chat_id, None)
        self._reconciling.discard(chat_id)

    def drop(self, chat_id: str) -> None:
        """The chat is lost."""
        self.chats.pop(chat_id, None)
        self.abandon(chat_id)
        if self.active_chat_id == chat_id:
            self.active_chat_id = None

    def take_chat(self, chat: Json) -> None:
        """An answer that holds the chat, with what is mine."""
        known = self.chats.get(chat["id"])
        if known is None:
            self.chats[chat["id"]] = chat
        else:
            newer = chat if chat["version"] >= known["version"] else known
            self.chats[chat["id"]] = _with_me(newer, chat["me"], known["me"]["read_seq"])

    def take_messages(self, chat_id: str, messages: list[Json]) -> None:
        """An answer that holds messages; an older state of one replaces nothing."""
        for message in messages:
            self._put(chat_id, message)

    def raise_version(self, chat_id: str, version: int) -> None:
        """The messages are known up to ``version`` now."""
        self.versions[chat_id] = max(version, self.versions.get(chat_id, 0))
        self._told[chat_id] = max(version, self._told.get(chat_id, 0))
        self._reconciling.discard(chat_id)
        self._show_version(chat_id, version)

    def _show_version(self, chat_id: str, version: int) -> None:
        if chat_id in self.chats:
            self.chats[chat_id] = {**self.chats[chat_id], "version": max(version, self.chats[chat_id]["version"])}

    def take_own_send(self, message: Json) -> None:
        """The ack of a send: it reads up to one's own message."""
        chat = self.chats.get(message["chat_id"])
        if chat is not None:
            self.chats[message["chat_id"]] = _with_me(chat, chat["me"], message["seq"])

    # --- events

    def hear(self, event: str, told: Json) -> str | None:
        """Apply an event. The chat whose ``message:changes`` must be asked, if there is one."""
        match event:
            case "chat:updated":
                return self._hear_chat(told["chat"], is_reconciled=told["reason"] == "reconciled")
            case "chat:removed":
                self.drop(told["chat_id"])
            case "message:created" | "message:updated":
                message = told["message"]
                self._put(message["chat_id"], message)
                return self._note_version(message["chat_id"], message["version"], is_here=True)
            case "message:liked" | "message:reacted":
                self._like(told)
                return self._note_version(told["chat_id"], told["version"], is_here=True)
        return None

    def _hear_chat(self, chat: Json, *, is_reconciled: bool) -> str | None:
        chat_id = chat["id"]
        known = self.chats.get(chat_id)
        if known is None:
            if "me" in chat:
                self.chats[chat_id] = chat
            return None
        # Sent to all it comes without me and peer: keep ours. An older state replaces nothing but what is mine.
        newer = known | chat if chat["version"] >= known["version"] else known
        last = chat["last_message"]
        own_seq = last["seq"] if last and last["sender_id"] == self.user_id else 0  # sending reads up to one's own message
        self.chats[chat_id] = _with_me(newer, chat.get("me", known["me"]), max(own_seq, known["me"]["read_seq"]))
        return self._note_version(chat_id, chat["version"], is_reconciled=is_reconciled)

    def _note_version(
        self, chat_id: str, version: int, *, is_here: bool = False, is_reconciled: bool = False
    ) -> str | None:
        """In the active chat every version arrives: the same as told or one more; otherwise something was missed.

        ``is_here``: the event itself has what changed.
        """
        held = self.versions.get(chat_id)
        if chat_id != self.active_chat_id or held is None:
            return None
        told = max(held, self._told.get(chat_id, 0))
        if version > told:
            if is_reconciled and self.asks:
                return chat_id
            if version != told + 1 and not is_reconciled:
                return chat_id
            self._told[chat_id] = told = version
            self._show_version(chat_id, version)
            self._reconciling.discard(chat_id)
            if is_reconciled:
                self._reconciling.add(chat_id)
        if is_here and version == told and chat_id not in self._reconciling:
            self.versions[chat_id] = version
        return None

    def _put(self, chat_id: str, message: Json) -> None:
        held = self.messages.get(chat_id)
        if held is not None:
            known = held.get(message["seq"])
            if known is None or message["version"] >= known["version"]:
                held[message["seq"]] = message

    def _like(self, told: Json) -> None:
        known = self.messages.get(told["chat_id"], {}).get(told["seq"])
        if known is not None and told["version"] >= known["version"]:
            news = {"version": told["version"]} | ({"like_count": told["like_count"]} if "like_count" in told else {})
            self.messages[told["chat_id"]][told["seq"]] = known | news

    # --- comparing

    def differences(self, fresh: dict[str, Json], messages: dict[str, dict[int, Json]]) -> list[str]:
        """What is not as ``fresh`` (the chats as the person sees them now) and ``messages`` (of each chat) have it.

        Of a chat that is not on the screen, likes and ``version`` are compared when it is opened, so not here.
        """
        found = [f"knows the lost chat {chat_id}" for chat_id in self.chats if chat_id not in fresh]
        found += [f"does not know the chat {chat_id}" for chat_id in fresh if chat_id not in self.chats]
        for chat_id in set(self.chats) & set(fresh):
            found += _chat_differences(self.chats[chat_id], fresh[chat_id], is_active=chat_id == self.active_chat_id)
        active = self.active_chat_id
        if active is not None and active in fresh:
            first_seq = fresh[active]["me"]["first_seq"]
            visible = {seq: message for seq, message in messages[active].items() if seq >= first_seq}
            found += _message_differences(self.messages.get(active, {}), visible)
        return found


def _with_me(chat: Json, me: Json, read_seq: int) -> Json:
    """The chat with what is mine. The read mark only moves forward, whatever comes late."""
    read_seq = max(me["read_seq"], read_seq)
    return chat | {"me": me | {"read_seq": read_seq, "unread_count": chat["message_count"] - read_seq}}


def _chat_differences(held: Json, fresh: Json, *, is_active: bool) -> list[str]:
    fields = (*_SHARED, "version") if is_active else _SHARED
    found = [f"{name} {held[name]}, now {fresh[name]}" for name in fields if held[name] != fresh[name]]
    names = [name for name in ("first_seq", "unread_count") if held["me"][name] != fresh["me"][name]]
    found += [f"me.{name} {held['me'][name]}, now {fresh['me'][name]}" for name in names]
    mine, last = held["last_message"], fresh["last_message"]
    if [mine and mine[name] for name in _MESSAGE] != [last and last[name] for name in _MESSAGE]:
        found.append(f"last_message {mine and mine['seq']}, now {last and last['seq']}, or its text")
    return [f"chat {fresh['id'][-6:]}: {one}" for one in found]


def _message_differences(held: dict[int, Json], fresh: dict[int, Json]) -> list[str]:
    found = [f"has no message {seq}" for seq in fresh if seq not in held]
    found += [f"has message {seq}, which is not there" for seq in held if seq not in fresh]
    for seq in set(held) & set(fresh):
        names = [name for name in (*_MESSAGE, "like_count", "version") if held[seq][name] != fresh[seq][name]]
        if names:
            name = names[0]
            found.append(f"message {seq}: {name} {held[seq][name]}, now {fresh[seq][name]}")
    return found
