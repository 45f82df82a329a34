"""Who is online, in which chats, and at which chats each connection looks.

This is kept in memory and changed by committed effects alone, so resolving an audience costs no query. The chats of a
person are loaded when a connection comes in. What changes during the load is remembered, and applied on top of what was
loaded.

For each chat that somebody here is in, the hub knows up to which version those who look at it have been told. After a doubt
they are told everything above it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from realtime.wire.effects import (
    Audience,
    Everyone,
    Members,
    SharedChats,
    SingleUser,
    Viewers,
    ViewersWithoutMessage,
    Watchers,
)


class Listener(Protocol):
    """A connection of a user, as delivery sees it. Which chats it looks at is changed by the hub alone."""

    connection_id: str
    user_id: str
    session_id: str
    client: str
    """The client's network address."""
    active_chat_id: str | None
    watched_chat_ids: tuple[str, ...]

    def send(self, packet: bytes) -> None:
        """Queue an encoded packet. Never blocks, never raises; order is kept."""


@dataclass(slots=True)
class _Person:
    """Somebody online: their connections, and ``first_seq`` by chat."""

    user_id: str
    listeners: list[Listener] = field(default_factory=list)
    chats: dict[str, int] = field(default_factory=dict)
    loads: int = 0
    """Connections that are loading the chats at this moment."""
    changed: list[tuple[str, int | None]] = field(default_factory=list)
    """What changed while they do (None = left)."""


@dataclass(slots=True)
class _Chat:
    """A chat that somebody online is in, or has open."""

    people: dict[str, _Person] = field(default_factory=dict)
    viewers: dict[str, Listener] = field(default_factory=dict)
    version: int | None = None
    """Up to which version those who look at it have been told; ``None``: unknown, because nobody looks at it."""
    message_count: int = 0
    """The number of messages at that version."""


@dataclass(frozen=True, slots=True)
class KnownChat:
    """What this process believes about a chat. ``members``: those of them who are online."""

    members: frozenset[str]
    version: int | None
    message_count: int


class Hub:
    """Everybody who is online in this process."""

    def __init__(self) -> None:
        self._online: dict[str, _Person] = {}
        self._chats: dict[str, _Chat] = {}
        self._watchers: dict[str, dict[str, Listener]] = {}
        self._watched: dict[str, list[str]] = {}

    # --- coming and going

    @contextmanager
    def loading(self, user_id: str) -> Iterator[None]:
        """While inside, changes of this person's chats are remembered for :meth:`enter`, which is called inside."""
        person = self._online.setdefault(user_id, _Person(user_id))
        person.loads += 1
        try:
            yield
        finally:
            person.loads -= 1
            if not person.loads:
                person.changed.clear()
                self._forget_if_gone(person)

    def enter(self, listener: Listener, chats: Iterable[tuple[str, int]]) -> None:
        """The connection hears events from now on. ``chats``: (chat id, first_seq), read inside :meth:`loading`."""
        person = self._online[listener.user_id]
        for chat_id, first_seq in chats:
            self._join(person, chat_id, first_seq)
        for chat_id, change in person.changed:
            if change is None:
                self._leave(person, chat_id)
            else:
                self._join(person, chat_id, change)
        person.listeners.append(listener)
        active_chat_id = listener.active_chat_id
        listener.active_chat_id = None  # nobody's yet: a chat left meanwhile must not come back with a later return
        was_left = (active_chat_id, None) in person.changed
        self._look_at(listener, active_chat_id if active_chat_id in person.chats and not was_left else None, ())

    def exit(self, listener: Listener) -> None:
        """The connection is gone."""
        self._unwatch(listener.connection_id)
        person = self._online.get(listener.user_id)
        self._look_at(listener, None, ())
        if person is None or listener not in person.listeners:
            return
        person.listeners.remove(listener)
        self._forget_if_gone(person)

    def _forget_if_gone(self, person: _Person) -> None:
        if person.listeners or person.loads:
            return
        for chat_id in list(person.chats):
            self._leave(person, chat_id)
        self._online.pop(person.user_id, None)

    # --- committed changes

    def join(self, chat_id: str, user_id: str, first_seq: int) -> None:
        """The person became a member."""
        person = self._online.get(user_id)
        if person is None:
            return
        if person.loads:
            person.changed.append((chat_id, first_seq))
        self._join(person, chat_id, first_seq)

    def leave(self, chat_id: str, user_id: str) -> None:
        """The person is no member any more."""
        person = self._online.get(user_id)
        if person is None:
            return
        if person.loads:
            person.changed.append((chat_id, None))
        self._leave(person, chat_id)
        for listener in person.listeners:
            if chat_id == listener.active_chat_id or chat_id in listener.watched_chat_ids:
                active_chat_id = listener.active_chat_id if listener.active_chat_id != chat_id else None
                self._look_at(listener, active_chat_id, tuple(one for one in listener.watched_chat_ids if one != chat_id))

    def activate(self, connection_id: str, user_id: str, chat_id: str | None) -> None:
        """The connection opened a chat, or none. A chat that was left meanwhile counts as none."""
        person = self._online.get(user_id)
        for listener in person.listeners if person is not None else ():
            if person is not None and listener.connection_id == connection_id:
                self._look_at(listener, chat_id if chat_id in person.chats else None, listener.watched_chat_ids)

    def watch_chats(self, connection_id: str, user_id: str, chat_ids: Sequence[str]) -> None:
        """The connection hears these chats too. Chats that were left meanwhile are not among them."""
        person = self._online.get(user_id)
        for listener in person.listeners if person is not None else ():
            if person is not None and listener.connection_id == connection_id:
                present = tuple(chat_id for chat_id in chat_ids if chat_id in person.chats)
                self._look_at(listener, listener.active_chat_id, present)

    def advance(self, chat_id: str, version: int, message_count: int) -> None:
        """Those who look at the chat have been told everything up to ``version``."""
        chat = self._chats.get(chat_id)
        if chat is not None and (chat.version is None or version > chat.version):
            chat.version, chat.message_count = version, message_count

    def _join(self, person: _Person, chat_id: str, first_seq: int) -> None:
        person.chats[chat_id] = first_seq
        self._chat(chat_id).people[person.user_id] = person

    def _leave(self, person: _Person, chat_id: str) -> None:
        person.chats.pop(chat_id, None)
        chat = self._chats.get(chat_id)
        if chat is not None:
            chat.people.pop(person.user_id, None)
            self._forget_if_empty(chat_id, chat)

    def _look_at(self, listener: Listener, active_chat_id: str | None, watched_chat_ids: tuple[str, ...]) -> None:
        """The one place where it changes what a connection looks at."""
        before = {listener.active_chat_id, *listener.watched_chat_ids}
        listener.active_chat_id, listener.watched_chat_ids = active_chat_id, watched_chat_ids
        after = {active_chat_id, *watched_chat_ids}
        for chat_id in before - after:
            if chat_id is not None and (chat := self._chats.get(chat_id)) is not None:
                chat.viewers.pop(listener.connection_id, None)
                self._forget_if_empty(chat_id, chat)
        for chat_id in after - before:
            if chat_id is not None:
                self._chat(chat_id).viewers[listener.connection_id] = listener

    def _chat(self, chat_id: str) -> _Chat:
        chat = self._chats.get(chat_id)
        if chat is None:
            chat = self._chats[chat_id] = _Chat()
        return chat

    def _forget_if_empty(self, chat_id: str, chat: _Chat) -> None:
        if not chat.people and not chat.viewers:
            del self._chats[chat_id]

    # --- watching

    def watch(self, user_id: str, connection_id: str, watched: Sequence[str]) -> None:
        """Replace whom a connection watches; one that has gone meanwhile watches nobody."""
        self._unwatch(connection_id)
        for listener in self.listeners_of(user_id):
            if listener.connection_id == connection_id and watched:
                self._watched[connection_id] = list(watched)
                for other in watched:
                    self._watchers.setdefault(other, {})[connection_id] = listener

    def _unwatch(self, connection_id: str) -> None:
        for other in self._watched.pop(connection_id, ()):
            watchers = self._watchers[other]
            del watchers[connection_id]
            if not watchers:
                del self._watchers[other]

    def watchers_of(self, user_id: str) -> frozenset[str]:
        """Who has a connection that watches the person."""
        return frozenset(listener.user_id for listener in self._watchers.get(user_id, {}).values())

    # --- questions

    def is_online(self, user_id: str) -> bool:
        """Whether the person has a connection here."""
        person = self._online.get(user_id)
        return person is not None and bool(person.listeners)

    def known_chat(self, chat_id: str) -> KnownChat:
        """What is believed about a chat: to be compared with the database after a doubt."""
        chat = self._chats.get(chat_id)
        if chat is None:
            return KnownChat(frozenset(), None, 0)
        return KnownChat(frozenset(chat.people), chat.version if chat.viewers else None, chat.message_count)

    def listeners_of(self, user_id: str) -> list[Listener]:
        """The person's connections."""
        person = self._online.get(user_id)
        return list(person.listeners) if person else []

    def resolve(self, audience: Audience) -> Iterator[Listener]:
        """The connections that ``audience`` means, each once."""
        match audience:
            case Members(chat_id, without):
                for person in self._people_of(chat_id):
                    if person.user_id not in without:
                        yield from person.listeners
            case Viewers():
                yield from self._resolve_viewers(audience)
            case ViewersWithoutMessage(chat_id, seq):
                for listener in self._viewers_of(chat_id):
                    if self.first_seq(listener, chat_id) > seq:
                        yield listener
            case SingleUser(user_id):
                yield from self.listeners_of(user_id)
            case Watchers(user_id, entitled):
                watchers = self._watchers.get(user_id, {}).values()
                yield from (listener for listener in watchers if listener.user_id in entitled)
            case SharedChats():
                yield from self._resolve_shared_chats(audience)
            case Everyone():
                for person in self._online.values():
                    yield from person.listeners

    def _people_of(self, chat_id: str) -> Iterable[_Person]:
        chat = self._chats.get(chat_id)
        return () if chat is None else chat.people.values()

    def _viewers_of(self, chat_id: str) -> Iterable[Listener]:
        chat = self._chats.get(chat_id)
        return () if chat is None else chat.viewers.values()

    def _resolve_viewers(self, audience: Viewers) -> Iterator[Listener]:
        chat = self._chats.get(audience.chat_id)
        if chat is None:
            return
        if not (audience.seq or audience.without or audience.with_user_id):
            yield from chat.viewers.values()
            return
        for listener in chat.viewers.values():
            if listener.user_id == audience.with_user_id or listener.user_id in audience.without:
                continue
            if not audience.seq or self.first_seq(listener, audience.chat_id) <= audience.seq:
                yield listener
        person = chat.people.get(audience.with_user_id) if audience.with_user_id is not None else None
        if person is not None and person.chats[audience.chat_id] <= audience.seq:
            yield from person.listeners

    def _resolve_shared_chats(self, audience: SharedChats) -> Iterator[Listener]:
        met = {audience.user_id, *audience.without}
        yield from self.listeners_of(audience.user_id)
        for chat_id in audience.chat_ids:
            for other in self._people_of(chat_id):
                if other.user_id not in met:
                    met.add(other.user_id)
                    yield from other.listeners

    def first_seq(self, listener: Listener, chat_id: str) -> int:
        """From which message on the owner of the connection may see the chat."""
        return self._online[listener.user_id].chats.get(chat_id, 1)
