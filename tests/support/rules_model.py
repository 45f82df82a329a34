"""The rules of chats in memory, plainly: what each action must answer and what everybody must then see.

It knows no SQL, no locks and no events. Each method is one action by one person: it changes the model, or refuses, and
returns what the server must answer. Chats and people are drawn by number, so that a generated program always means
something, though often something that is refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.clients import new_client_id
from tests.support.rules_state import Chat, Json, Membership, Message, seen_chat, seen_message

PINS_MAX = 10


class Refusal(Exception):
    """The action must be refused."""

    def __init__(self, code: str, reason: str | None = None) -> None:
        self.code = code
        self.reason = reason
        super().__init__(code, reason)


NOT_FOUND = Refusal("not_found")
FORBIDDEN = Refusal("forbidden")
NOT_A_GROUP = Refusal("conflict", "not_a_group")
PEER_UNAVAILABLE = Refusal("conflict", "peer_unavailable")


@dataclass(frozen=True)
class Step:
    """One action of a program: who does what, and numbers from which the rest is drawn."""

    who: int
    action: str
    chat: int
    person: int
    number: int
    choice: int


@dataclass
class Expectation:
    """What to send, and what must come back: a refusal, or data that passes ``check``."""

    payload: Json
    check: Callable[[Json], None] = lambda _: None
    refusal: Refusal | None = None


class Model:
    """Everybody and every chat."""

    def __init__(self, ids: list[str], names: list[str]) -> None:
        self.ids = ids
        self.names = names
        self.chats: list[Chat] = []
        self.blocks: set[tuple[int, int]] = set()
        self.pins: dict[int, list[Chat]] = {who: [] for who in range(len(ids))}
        self.active: dict[int, Chat | None] = dict.fromkeys(range(len(ids)))
        self.clock = 0

    def perform(self, step: Step) -> Expectation:
        """Do the step; see the module."""
        expectation = Expectation({})
        method: Callable[[Step, Expectation], None] = getattr(self, step.action.replace(":", "_"))
        try:
            method(step, expectation)
        except Refusal as refusal:
            expectation.refusal = refusal
        return expectation

    # --- what is drawn, and who may

    def _chat(self, step: Step) -> Chat:
        return self.chats[step.chat % len(self.chats)]

    def _person(self, step: Step) -> int:
        return step.person % len(self.ids)

    def _seq(self, step: Step, chat: Chat) -> int:
        return 1 + step.number % (chat.count + 1)

    def _mine(self, step: Step, chat: Chat) -> Membership:
        if step.who not in chat.members:
            raise NOT_FOUND
        return chat.members[step.who]

    def _message(self, step: Step, chat: Chat) -> Message:
        seq = self._seq(step, chat)
        if not self._mine(step, chat).first_seq <= seq <= chat.count:
            raise NOT_FOUND
        return chat.messages[seq - 1]

    def _refuse_unless_creator(self, step: Step, chat: Chat) -> None:
        self._mine(step, chat)
        if chat.type != "group":
            raise NOT_A_GROUP
        if chat.creator != step.who:
            raise FORBIDDEN

    def _refuse_unless_admin(self, step: Step, chat: Chat) -> None:
        mine = self._mine(step, chat)
        if chat.type != "group":
            raise NOT_A_GROUP
        if chat.creator != step.who and not mine.is_admin:
            raise FORBIDDEN

    def _role(self, chat: Chat, who: int) -> str:
        return "creator" if chat.creator == who else "admin" if chat.members[who].is_admin else "member"

    def _peer(self, chat: Chat, who: int) -> int | None:
        return next((other for other in chat.pair if other != who), None) if chat.type == "private" else None

    def _refuse_unreachable(self, chat: Chat, who: int) -> None:
        peer = self._peer(chat, who)
        if (who, peer) in self.blocks:
            raise Refusal("conflict", "you_blocked_user")
        if (peer, who) in self.blocks:
            raise PEER_UNAVAILABLE

    def _add(self, chat: Chat, message: Message) -> None:
        chat.version += 1
        self.clock += 1
        chat.touched = self.clock
        message.version = chat.version
        chat.messages.append(message)
        if message.sender in chat.members:
            chat.members[message.sender].read_seq = chat.count

    def _tell(self, chat: Chat, who: int, event: str, **more: Any) -> None:
        self._add(chat, Message(who, {"event": event, **more}, 0, is_system=True))

    def _lose(self, chat: Chat, who: int, how: str = "deleted") -> None:
        del chat.members[who]
        chat.gone[who] = how
        if chat in self.pins[who]:
            self.pins[who].remove(chat)
        if self.active[who] is chat:
            self.active[who] = None

    # --- chats

    def chat_create_private(self, step: Step, expected: Expectation) -> None:
        other = self._person(step)
        expected.payload = {"user_id": self.ids[other]}
        if other == step.who:
            raise Refusal("conflict", "with_yourself")
        pair = frozenset((step.who, other))
        chat = next((chat for chat in self.chats if chat.type == "private" and chat.pair == pair), None)
        is_new = chat is None
        if chat is None:
            if (other, step.who) in self.blocks:
                raise PEER_UNAVAILABLE
            self.clock += 1
            chat = Chat("private", None, step.who, 1, self.clock, pair, was_private=True)
            chat.members = {who: Membership(1, 0) for who in pair}
            self.chats.append(chat)
        self._expect_chat(expected, chat, step.who, created=is_new)

    def chat_create_group(self, step: Step, expected: Expectation) -> None:
        others = [who for who in range(len(self.ids)) if step.number >> who & 1 and who != step.who]
        expected.payload = {"title": f"Group {step.choice}", "member_ids": [self.ids[other] for other in others]}
        not_added = [other for other in others if (other, step.who) in self.blocks]
        others = [other for other in others if other not in not_added]
        chat = Chat("group", f"Group {step.choice}", step.who, 0, 0)
        chat.members = {who: Membership(1, 0) for who in (step.who, *others)}
        self._tell(chat, step.who, "group_created", user_id=self.ids[step.who], title=chat.title)
        self.chats.append(chat)
        self._expect_chat(expected, chat, step.who, not_added=[self.ids[other] for other in not_added])

    def chat_get(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id}
        self._mine(step, chat)
        self._expect_chat(expected, chat, step.who)

    def chat_rename(self, step: Step, expected: Expectation) -> None:
        chat, title = self._chat(step), (None, "Mine", "Ours")[step.choice % 3]
        expected.payload = {"chat_id": chat.id, "title": title}
        mine = self._mine(step, chat)
        if chat.type != "group":
            raise NOT_A_GROUP
        mine.title = title
        self._expect_chat(expected, chat, step.who)

    def chat_mute(self, step: Step, expected: Expectation) -> None:
        chat, until = self._chat(step), (None, "2031-01-01T00:00:00.000Z")[step.choice % 2]
        expected.payload = {"chat_id": chat.id, "until": until}
        self._mine(step, chat).muted_until = until
        self._expect_chat(expected, chat, step.who)

    def chat_pin(self, step: Step, expected: Expectation) -> None:
        chat, position = self._chat(step), (None, 1, 2, 10)[step.choice % 4]
        expected.payload = {"chat_id": chat.id, "position": position}
        self._mine(step, chat)
        pins = self.pins[step.who]
        if chat not in pins and len(pins) >= PINS_MAX:
            raise Refusal("conflict", "pin_limit")
        if chat not in pins or position is not None:
            if chat in pins:
                pins.remove(chat)
            pins.insert((position or 1) - 1, chat)
            chat.members[step.who].is_archived = False
        self._expect_chat(expected, chat, step.who)

    def chat_unpin(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id}
        self._mine(step, chat)
        if chat in self.pins[step.who]:
            self.pins[step.who].remove(chat)
        self._expect_chat(expected, chat, step.who)

    def chat_archive(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id}
        self._mine(step, chat).is_archived = True
        if chat in self.pins[step.who]:
            self.pins[step.who].remove(chat)
        self._expect_chat(expected, chat, step.who)

    def chat_unarchive(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id}
        self._mine(step, chat).is_archived = False
        self._expect_chat(expected, chat, step.who)

    def chat_clear(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id}
        mine = self._mine(step, chat)
        mine.first_seq, mine.read_seq = chat.count + 1, chat.count
        self._expect_chat(expected, chat, step.who)

    def chat_update(self, step: Step, expected: Expectation) -> None:
        chat, title = self._chat(step), f"Title {step.choice % 3}"
        expected.payload = {"chat_id": chat.id, "title": title}
        self._refuse_unless_admin(step, chat)
        if title != chat.title:
            chat.title = title
            self._tell(chat, step.who, "title_changed", user_id=self.ids[step.who], title=title)
        self._expect_chat(expected, chat, step.who)

    def chat_activate(self, step: Step, expected: Expectation) -> None:
        chat = None if step.choice % 4 == 0 else self._chat(step)
        expected.payload = {"chat_id": chat and chat.id}
        if chat is not None:
            self._mine(step, chat)
            self._expect_chat(expected, chat, step.who)
        self.active[step.who] = chat

    def chat_delete(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id}
        if chat.is_deleted and chat.creator == step.who:
            return
        self._refuse_unless_creator(step, chat)
        for who in list(chat.members):
            self._lose(chat, who)
        chat.is_deleted = True

    def chat_leave(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id}
        if step.who not in chat.members and chat.gone.get(step.who) == "left":
            return
        self._mine(step, chat)
        if chat.type != "group":
            raise NOT_A_GROUP
        if chat.creator == step.who:
            raise Refusal("conflict", "creator_cannot_leave")
        self._lose(chat, step.who, "left")
        self._tell(chat, step.who, "member_left", user_id=self.ids[step.who])

    def chat_transfer(self, step: Step, expected: Expectation) -> None:
        chat, other = self._chat(step), self._person(step)
        expected.payload = {"chat_id": chat.id, "user_id": self.ids[other]}
        self._mine(step, chat)
        if chat.type != "group" or other != chat.creator:  # who repeats it after a lost ack is no longer the creator
            self._refuse_unless_creator(step, chat)
            if other not in chat.members:
                raise NOT_FOUND
            chat.creator = other
            chat.members[step.who].is_admin, chat.members[other].is_admin = True, False
            chat.version += 1
        self._expect_chat(expected, chat, step.who)

    # --- members

    def member_add(self, step: Step, expected: Expectation) -> None:
        chat, history = self._chat(step), (None, "all", "none")[step.choice % 3]
        asked = [who for who in range(len(self.ids)) if step.number >> who & 1] or [self._person(step)]
        expected.payload = {"chat_id": chat.id, "user_ids": [self.ids[who] for who in asked], "history": history}
        self._mine(step, chat)
        self._refuse_unreachable(chat, step.who)
        newcomers = [who for who in asked if who not in chat.members]
        not_added = [who for who in newcomers if (who, step.who) in self.blocks]
        added = [who for who in newcomers if who not in not_added]
        if chat.was_private and history == "all":
            raise FORBIDDEN
        first_seq = chat.count + 1 if chat.was_private or history == "none" else 1
        read_seq = chat.count
        for who in added:
            chat.members[who] = Membership(first_seq, read_seq)
        if added and chat.type == "private":
            names = [self.names[who] for who in chat.members]
            chat.type, chat.title, chat.pair = "group", ", ".join(names), frozenset()
            self._tell(chat, step.who, "became_group", user_id=self.ids[step.who], title=chat.title)
        for who in added:
            self._tell(chat, step.who, "member_added", user_id=self.ids[who])
        self._expect_chat(expected, chat, step.who, added=[self.ids[who] for who in added],
                          not_added=[self.ids[who] for who in not_added])  # fmt: skip

    def member_remove(self, step: Step, expected: Expectation) -> None:
        chat, other = self._chat(step), self._person(step)
        expected.payload = {"chat_id": chat.id, "user_id": self.ids[other]}
        self._refuse_unless_admin(step, chat)
        if chat.creator == step.who == other:
            raise Refusal("conflict", "creator_cannot_leave")
        if chat.creator != step.who and other in chat.members and self._role(chat, other) != "member":
            raise FORBIDDEN
        if other not in chat.members and other not in chat.gone:
            raise NOT_FOUND
        if other in chat.members:
            self._lose(chat, other, "removed")
            self._tell(chat, step.who, "member_removed", user_id=self.ids[other])
        self._expect_chat(expected, chat, step.who)

    def member_set_role(self, step: Step, expected: Expectation) -> None:
        chat, other, role = self._chat(step), self._person(step), ("admin", "member")[step.choice % 2]
        expected.payload = {"chat_id": chat.id, "user_id": self.ids[other], "role": role}
        self._refuse_unless_creator(step, chat)
        if other == step.who:
            raise Refusal("conflict", "with_yourself")
        if other not in chat.members:
            raise NOT_FOUND
        if chat.members[other].is_admin != (role == "admin"):
            chat.members[other].is_admin = role == "admin"
            chat.version += 1
        self._expect_chat(expected, chat, step.who)

    def member_list(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id}
        self._mine(step, chat)
        roles = {self.ids[who]: self._role(chat, who) for who in chat.members}

        def check(data: Json) -> None:
            assert {member["user"]["id"]: member["role"] for member in data["members"]} == roles

        expected.check = check

    # --- messages

    def message_send(self, step: Step, expected: Expectation) -> None:
        """Every fourth time the last message is sent again, with the same or another text; some go to the active chat."""
        chat = self.active[step.who] if step.choice % 5 == 0 else self._chat(step)
        again = chat.messages[-1].client_id if chat and chat.messages and step.choice % 4 == 1 else None
        client_id, text = again or new_client_id(), f"text {step.number % 3}"
        reply_to = self._seq(step, chat) if chat and step.choice % 3 == 2 else None
        content = {"text": text}
        expected.payload = {"client_id": client_id, "type": "text", "content": content, "reply_to": reply_to}
        if step.choice % 5 == 0:
            if chat is None:
                raise Refusal("conflict", "no_active_chat")
        elif chat is not None:
            expected.payload["chat_id"] = chat.id
        assert chat is not None
        mine = self._mine(step, chat)
        first = [
            place for place, sent in enumerate(chat.messages) if (sent.sender, sent.client_id) == (step.who, client_id)
        ]
        if first:
            self._repeat(step, expected, chat, first[0] + 1, (content, reply_to))
            return
        self._refuse_unreachable(chat, step.who)
        if reply_to is not None and not mine.first_seq <= reply_to <= chat.count:
            raise NOT_FOUND
        self._add(chat, Message(step.who, content, 0, client_id, reply_to, asked=(content, reply_to)))
        for who, membership in chat.members.items():
            if who != step.who and membership.muted_until is None:
                membership.is_archived = False
        self._expect_message(expected, chat, chat.count, step.who, duplicate=False)

    def _repeat(self, step: Step, expected: Expectation, chat: Chat, seq: int, asked: Any) -> None:
        if chat.messages[seq - 1].asked != asked:
            raise Refusal("conflict", "client_id_reused")
        if chat.members[step.who].first_seq > seq:
            raise NOT_FOUND
        self._expect_message(expected, chat, seq, step.who, duplicate=True)

    def message_edit(self, step: Step, expected: Expectation) -> None:
        chat, content = self._chat(step), {"text": f"edited {step.choice}"}
        expected.payload = {"chat_id": chat.id, "seq": self._seq(step, chat), "content": content}
        message = self._message(step, chat)
        if message.is_system or message.sender != step.who:
            raise FORBIDDEN
        if message.is_deleted:
            raise Refusal("conflict", "message_deleted")
        self._refuse_unreachable(chat, step.who)
        chat.version += 1
        message.content, message.is_edited, message.version = content, True, chat.version
        self._expect_message(expected, chat, self._seq(step, chat), step.who)

    def message_delete(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id, "seq": self._seq(step, chat)}
        message = self._message(step, chat)
        is_master = chat.type == "group" and self._role(chat, step.who) != "member"
        if message.is_system or not (message.sender == step.who or is_master):
            raise FORBIDDEN
        if not message.is_deleted:
            chat.version += 1
            message.content, message.is_deleted, message.version = None, True, chat.version
            message.likes.clear()
            if self._seq(step, chat) in chat.pinned_seqs:
                chat.pinned_seqs.remove(self._seq(step, chat))
        self._expect_message(expected, chat, self._seq(step, chat), step.who)

    def message_pin(self, step: Step, expected: Expectation) -> None:
        chat, seq, message = self._pinnable(step, expected)
        if seq not in chat.pinned_seqs:
            if message.is_deleted:
                raise Refusal("conflict", "message_deleted")
            self._refuse_unreachable(chat, step.who)
            chat.pinned_seqs = sorted([*chat.pinned_seqs, seq], reverse=True)
            self._tell(chat, step.who, "message_pinned", user_id=self.ids[step.who], seq=seq)
        self._expect_chat(expected, chat, step.who)

    def message_unpin(self, step: Step, expected: Expectation) -> None:
        chat, seq, _ = self._pinnable(step, expected)
        if seq in chat.pinned_seqs:
            chat.pinned_seqs.remove(seq)
            chat.version += 1
        self._expect_chat(expected, chat, step.who)

    def _pinnable(self, step: Step, expected: Expectation) -> tuple[Chat, int, Message]:
        chat = self._chat(step)
        seq = self._seq(step, chat)
        expected.payload = {"chat_id": chat.id, "seq": seq}
        message = self._message(step, chat)
        if chat.type == "group":
            self._refuse_unless_admin(step, chat)
        return chat, seq, message

    def message_like(self, step: Step, expected: Expectation) -> None:
        self._set_like(step, expected, liked=True)

    def message_unlike(self, step: Step, expected: Expectation) -> None:
        self._set_like(step, expected, liked=False)

    def _set_like(self, step: Step, expected: Expectation, *, liked: bool) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id, "seq": self._seq(step, chat)}
        message = self._message(step, chat)
        if message.is_deleted:
            raise Refusal("conflict", "message_deleted")
        if liked != (step.who in message.likes):
            if liked:
                self._refuse_unreachable(chat, step.who)
            (message.likes.append if liked else message.likes.remove)(step.who)
            chat.version += 1
            message.version = chat.version
        self._expect_data(expected, {"like_count": len(message.likes)})

    def message_likes(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id, "seq": self._seq(step, chat)}
        likers = [self.ids[who] for who in self._message(step, chat).likes]

        def check(data: Json) -> None:
            assert sorted(user["id"] for user in data["users"]) == sorted(likers)

        expected.check = check

    def message_read(self, step: Step, expected: Expectation) -> None:
        chat = self._chat(step)
        expected.payload = {"chat_id": chat.id, "seq": self._seq(step, chat)}
        mine = self._mine(step, chat)
        mine.read_seq = max(mine.read_seq, min(self._seq(step, chat), chat.count))
        self._expect_data(expected, {"read_seq": mine.read_seq, "unread_count": chat.count - mine.read_seq})

    # --- people

    def user_block(self, step: Step, expected: Expectation) -> None:
        other = self._person(step)
        expected.payload = {"user_id": self.ids[other]}
        if other == step.who:
            raise Refusal("conflict", "with_yourself")
        self.blocks.add((step.who, other))

    def user_unblock(self, step: Step, expected: Expectation) -> None:
        expected.payload = {"user_id": self.ids[self._person(step)]}
        self.blocks.discard((step.who, self._person(step)))

    # --- what must be seen

    def _expect_data(self, expected: Expectation, data: Json) -> None:
        def check(told: Json) -> None:
            assert told == data

        expected.check = check

    def _expect_chat(self, expected: Expectation, chat: Chat, who: int, **more: Any) -> None:
        def check(data: Json) -> None:
            chat.id = chat.id or data["chat"]["id"]
            assert seen_chat(data["chat"]) == self.view(chat, who)
            assert {key: value for key, value in data.items() if key != "chat"} == more

        expected.check = check

    def _expect_message(self, expected: Expectation, chat: Chat, seq: int, who: int, **more: Any) -> None:
        def check(data: Json) -> None:
            assert seen_message(data["message"]) == self.view_message(chat, seq, who)
            assert {key: value for key, value in data.items() if key != "message"} == more

        expected.check = check

    def view_message(self, chat: Chat, seq: int, who: int) -> Json:
        """A message as ``who`` must see it."""
        message = chat.messages[seq - 1]
        return {
            "seq": seq,
            "sender_id": self.ids[message.sender],
            "type": "system" if message.is_system else "text",
            "content": message.content,
            "reply_to": message.reply_to,
            "client_id": message.client_id,
            "is_edited": message.is_edited,
            "is_deleted": message.is_deleted,
            "like_count": len(message.likes),
            "liked_by_me": who in message.likes,
            "version": message.version,
        }

    def view(self, chat: Chat, who: int) -> Json:
        """A chat as ``who`` must see it."""
        mine, peer = chat.members[who], self._peer(chat, who)
        return {
            "id": chat.id,
            "type": chat.type,
            "title": chat.title,
            "creator_id": self.ids[chat.creator],
            "member_count": len(chat.members),
            "message_count": chat.count,
            "version": chat.version,
            "pinned_seqs": [seq for seq in chat.pinned_seqs if seq >= mine.first_seq],
            "peer": None if peer is None else self.ids[peer],
            "last_message": self.view_message(chat, chat.count, who) if chat.count >= mine.first_seq else None,
            "me": {
                "title": mine.title,
                "muted_until": mine.muted_until,
                "is_pinned": chat in self.pins[who],
                "read_seq": mine.read_seq,
                "unread_count": chat.count - mine.read_seq,
                "first_seq": mine.first_seq,
                "role": self._role(chat, who),
                "archived": mine.is_archived,
            },
        }

    def list_of(self, who: int) -> list[Json]:
        """The chats of ``who``, pinned first, then the newest."""
        return [self.view(chat, who) for chat in self._in_order(who)]

    def _in_order(self, who: int) -> Iterator[Chat]:
        yield from self.pins[who]
        mine = [chat for chat in self.chats if who in chat.members and chat not in self.pins[who]]
        mine = [chat for chat in mine if not chat.members[who].is_archived]
        yield from sorted(mine, key=lambda chat: -chat.touched)

    def history_of(self, chat: Chat, who: int) -> list[Json]:
        """The messages of ``chat`` that ``who`` may see."""
        return [self.view_message(chat, seq, who) for seq in range(chat.members[who].first_seq, chat.count + 1)]
