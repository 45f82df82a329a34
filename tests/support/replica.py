"""What a client knows that does no more than the contract says: the chats, and the messages of those it holds.

Every event is applied to it; what it holds must then equal what the server answers afresh. It fails on an event that it
could not apply: of a chat that it does not know, or behind a gap in ``version`` of the chat on its screen.
"""

from typing import Any

from tests.support.clients import ActionFailed, Client, Event

Json = dict[str, Any]


class Replica:
    """The state behind one connection."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.user_id: str = client.ready["user"]["id"]
        self.active_chat_id: str | None = client.ready["active_chat_id"]
        self.chats: dict[str, Json] = {}
        self.messages: dict[str, dict[int, Json]] = {}
        """The messages of the chats that are held, by seq."""
        self.versions: dict[str, int] = {}
        """Up to which version the messages of a held chat are known."""
        self.cursor: str | None = None
        self.applied = 0
        """How many events of the connection were applied."""
        self.seen: list[Event] = []

    # --- asking

    async def load(self) -> None:
        """Begin anew: the chats as they are."""
        self.applied = len(self.client.events)
        self.chats = await list_chats(self.client)
        self.messages.clear()
        self.versions.clear()

    async def hold(self, chat_id: str) -> None:
        """From now on the messages of this chat are kept too."""
        self.messages.setdefault(chat_id, {})
        self.versions.setdefault(chat_id, 0)
        await self.catch_up_messages(chat_id)

    async def activate(self, chat_id: str | None) -> None:
        """Put a chat on the screen; its messages are kept from then on."""
        await self.client.send("chat:activate", chat_id=chat_id)
        self.active_chat_id = chat_id
        if chat_id is not None:
            await self.hold(chat_id)

    async def catch_up(self) -> None:
        """``session:sync``, then ``message:changes`` for every chat whose messages are held."""
        while True:
            page = await self.client.send("session:sync", **({"cursor": self.cursor} if self.cursor else {}))
            self.cursor = page["cursor"]
            for chat_id in page["removed_chat_ids"]:
                self._forget(chat_id)
            for chat in page["chats"]:
                self._note_first_seq(chat)
                self.chats[chat["id"]] = chat
            if not page["has_more"]:
                break
        for chat_id in list(self.messages):
            if self.chats[chat_id]["version"] > self.versions[chat_id]:
                await self.catch_up_messages(chat_id)

    def _note_first_seq(self, chat: Json) -> None:
        """Who was removed and added again, with the history, asks for all of it: what is new to see did not change."""
        known = self.chats.get(chat["id"])
        if known and chat["id"] in self.versions and chat["me"]["first_seq"] < known["me"]["first_seq"]:
            self.versions[chat["id"]] = 0

    async def catch_up_messages(self, chat_id: str) -> None:
        """``message:changes`` until there is no more, or the chat is lost."""
        try:
            await self._fetch_changes(chat_id)
        except ActionFailed as failure:
            assert failure.code == "not_found"  # noqa: PT017  (any other is a defect)
            self._forget(chat_id)

    async def _fetch_changes(self, chat_id: str) -> None:
        first_seq = self.chats[chat_id]["me"]["first_seq"] if chat_id in self.chats else 1
        held = self.messages[chat_id] = {seq: held for seq, held in self.messages[chat_id].items() if seq >= first_seq}
        has_more = True
        while has_more:
            page = await self.client.send("message:changes", chat_id=chat_id, version=self.versions[chat_id])
            held |= {message["seq"]: message for message in page["messages"]}
            self.versions[chat_id], has_more = page["version"], page["has_more"]

    # --- hearing

    async def settle(self) -> None:
        """Apply every event that was sent to the connection before now: its next ack comes behind them."""
        await self.client.send("chat:list", limit=1)
        self.apply_arrived()

    def apply_arrived(self) -> None:
        """Apply the events that are here."""
        for event in self.client.events[self.applied :]:
            self.seen.append(event)
            self._apply(event.name, event.payload)
        self.applied = len(self.client.events)

    def _apply(self, name: str, payload: Json) -> None:
        match name:
            case "chat:updated":
                self._update_chat(payload["chat"])
            case "chat:removed":
                self._forget(payload["chat_id"])
            case "message:created":
                self._put_message(payload["message"])
            case "message:updated":
                self._put_message(payload["message"])
            case "message:liked":
                mine = {"liked_by_me": payload["liked"]} if payload["user_id"] == self.user_id else {}
                self._change_message(payload, {"like_count": payload["like_count"], **mine})
            case "message:reacted":
                self._change_message(payload, {}, reactions=payload["reactions"])

    def _update_chat(self, told: Json) -> None:
        chat_id = told["id"]
        known = self.chats.get(chat_id)
        self._note_version(chat_id, told["version"])
        if "me" in told:
            self.chats[chat_id] = told
            self._drop_hidden(chat_id)
            return
        assert known is not None, f"told without me of a chat that is not known: {told}"
        me = known["me"]
        last = told["last_message"]
        if last and last["sender_id"] == self.user_id:  # sending reads up to one's own message
            me = {**me, "read_seq": max(me["read_seq"], last["seq"])}
        unread_mentions = me["unread_mentions"]
        if last and told["message_count"] > known["message_count"]:
            is_mine, names_me = last["sender_id"] == self.user_id, self.user_id in last["mentions"]
            unread_mentions = 0 if is_mine else unread_mentions + names_me
        me = {**me, "unread_count": told["message_count"] - me["read_seq"], "unread_mentions": unread_mentions}
        peer = known["peer"] if told["type"] == "private" else None
        self.chats[chat_id] = {**told, "last_message": self._mine(last, known["last_message"]), "me": me, "peer": peer}
        self.chats[chat_id]["others_read_seq"] = known["others_read_seq"]

    def _drop_hidden(self, chat_id: str) -> None:
        """What is before ``me.first_seq`` does not exist any more."""
        held, first_seq = self.messages.get(chat_id, {}), self.chats[chat_id]["me"]["first_seq"]
        for seq in [seq for seq in held if seq < first_seq]:
            del held[seq]

    def _mine(self, message: Json | None, known: Json | None) -> Any:
        """The message with what is mine about it, of which events do not tell."""
        if message is None:
            return None
        is_known = known is not None and known["seq"] == message["seq"] and message["deleted_at"] is None
        held = known if is_known and known is not None else {"liked_by_me": False, "reactions": []}
        return {
            **message,
            "liked_by_me": held["liked_by_me"],
            "reactions": _with_mine(message["reactions"], held["reactions"]),
        }

    def _put_message(self, message: Json) -> None:
        chat_id, seq = message["chat_id"], message["seq"]
        assert chat_id == self.active_chat_id, "messages are told of the chat on the screen alone"
        assert seq >= self.chats[chat_id]["me"]["first_seq"], "told of a message that does not exist for me"
        held = self.messages[chat_id]
        held[seq] = self._mine(message, held.get(seq))
        self._note_version(chat_id, message["version"])
        self.chats[chat_id] = {**self.chats[chat_id], "version": message["version"]}

    def _change_message(self, told: Json, news: Json, reactions: list[Json] | None = None) -> None:
        """Likes or reactions of a message changed."""
        chat_id, seq = told["chat_id"], told["seq"]
        self._note_version(chat_id, told["version"])
        chat = self.chats[chat_id] = {**self.chats[chat_id], "version": told["version"]}
        assert seq >= chat["me"]["first_seq"], "told of a message that does not exist for me"

        def changed(message: Json) -> Json:
            after = {**message, **news, "version": told["version"]}
            if reactions is not None:
                mine = {told["emoji"]: told["added"]} if told["user_id"] == self.user_id else {}
                after["reactions"] = _with_mine(reactions, message["reactions"], mine)
            return after

        if chat["last_message"]["seq"] == seq:
            chat["last_message"] = changed(chat["last_message"])
        held = self.messages.get(chat_id, {})
        if seq in held:
            held[seq] = changed(held[seq])

    def _note_version(self, chat_id: str, version: int) -> None:
        """In the active chat every version arrives; in others a gap is met when they are opened."""
        if chat_id == self.active_chat_id and chat_id in self.versions:
            assert version in (self.versions[chat_id], self.versions[chat_id] + 1), "a version was missed"
            self.versions[chat_id] = version

    def _forget(self, chat_id: str) -> None:
        self.chats.pop(chat_id, None)
        self.messages.pop(chat_id, None)
        self.versions.pop(chat_id, None)
        if self.active_chat_id == chat_id:
            self.active_chat_id = None

    # --- comparing

    async def expect_fresh(self, *, caught_up: bool = False) -> None:
        """What is held equals what the server answers now. ``caught_up``: without exception.

        Otherwise, for a chat that is not on the screen, likes, reactions and ``version`` are compared when it is opened,
        that is never here.
        """
        fresh = await list_chats(self.client)
        assert set(self.chats) == set(fresh)
        for chat_id, chat in fresh.items():
            compared = caught_up or chat_id == self.active_chat_id
            _expect_equal(_comparable(self.chats[chat_id], whole=compared), _comparable(chat, whole=compared))
            if chat_id in self.messages and compared:
                _expect_equal(self.messages[chat_id], await list_messages(self.client, chat_id))
        answer = await self.client.send("chat:list", limit=1)
        assert answer["active_chat_id"] == self.active_chat_id


def _with_mine(reactions: list[Json], known: list[Json], mine: dict[str, bool] | None = None) -> list[Json]:
    """Reactions with what is mine about them, of which events do not tell. ``mine``: what has just changed."""
    before = {one["emoji"]: one["mine"] for one in known} | (mine or {})
    return [{**one, "mine": before.get(one["emoji"], False)} for one in reactions]


def _expect_equal(held: dict[Any, Any], fresh: dict[Any, Any]) -> None:
    keys = [key for key in {**held, **fresh} if held.get(key) != fresh.get(key)]
    assert not keys, {key: f"held {held.get(key)}, fresh {fresh.get(key)}" for key in keys}


def _comparable(chat: Json, *, whole: bool) -> Json:
    peer = chat["peer"] and {**chat["peer"], "last_seen_at": None}  # presence has events of its own
    chat = {**chat, "peer": peer, "others_read_seq": None}  # answers alone have it; chat:read tells those who look
    if whole:
        return chat
    last = chat["last_message"]
    unknown = ("like_count", "liked_by_me", "reactions", "version")
    return {**chat, "version": None, "last_message": last and {key: last[key] for key in last if key not in unknown}}


async def list_chats(client: Client) -> dict[str, Json]:
    """Every chat, page by page, archived or not."""
    chats: dict[str, Json] = {}
    for archived in (False, True):
        page: Json = {"next_cursor": None}
        while True:
            cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
            page = await client.send("chat:list", limit=100, archived=archived, **cursor)
            chats |= {chat["id"]: chat for chat in page["chats"]}
            if page["next_cursor"] is None:
                break
    return chats


async def list_messages(client: Client, chat_id: str) -> dict[int, Json]:
    """Every message that the person may see, page by page."""
    messages: dict[int, Json] = {}
    after, has_more = 0, True
    while has_more:
        page = await client.send("message:list", chat_id=chat_id, after=after, limit=100)
        messages |= {message["seq"]: message for message in page["messages"]}
        after, has_more = max(messages, default=0), page["has_more"]
    return messages
