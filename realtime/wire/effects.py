"""What an action does to the people who are online: events to emit, and who is where now.

A handler lists effects in order; ``delivery`` carries them out after the commit, in that order, chat by chat. The
audience of an event is named here and resolved there. What comes with every message is not frozen, here and elsewhere: that
would triple the cost of making it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from realtime.wire.fields import EncodedPayload, ServerPayload
from realtime.wire.registry import Event


@dataclass(slots=True)
class Members:
    """Every connection of every member of the chat, but for the people in ``without``."""

    chat_id: str
    without: frozenset[str] = frozenset()


@dataclass(slots=True)
class Viewers:
    """The connections that look at the chat (it is active there, or watched) and whose owner may see ``seq`` (0: all), but
    for people in ``without``.

    ``with_user_id``: every connection of this person too, if they may see ``seq`` (the author of a liked message).
    """

    chat_id: str
    seq: int = 0
    without: frozenset[str] = frozenset()
    with_user_id: str | None = None


@dataclass(frozen=True, slots=True)
class ViewersWithoutMessage:
    """The connections that look at the chat and whose owner may *not* see ``seq``: they learn the version otherwise."""

    chat_id: str
    seq: int


@dataclass(frozen=True, slots=True)
class SingleUser:
    """Every connection of one person."""

    user_id: str


@dataclass(frozen=True, slots=True)
class SharedChats:
    """Every connection of the person and of everybody who is in one of these chats, which are the person's.

    But for the people in ``without``.
    """

    user_id: str
    chat_ids: tuple[str, ...]
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Watchers:
    """The connections that watch ``user_id``, of the people in ``entitled``."""

    user_id: str
    entitled: frozenset[str]


@dataclass(frozen=True, slots=True)
class Everyone:
    """Every connection."""


Audience = Members | Viewers | ViewersWithoutMessage | SingleUser | SharedChats | Watchers | Everyone


@dataclass(slots=True)
class Narrowed:
    """What people get who may not see every message that a payload shows.

    ``seqs``: the messages of the chat that the payload shows, ascending. ``from_seq`` makes the payload for somebody who
    sees the chat from some seq on; it is called once for all who may see the same of ``seqs``.
    """

    chat_id: str
    seqs: tuple[int, ...]
    from_seq: Callable[[int], ServerPayload | EncodedPayload]


@dataclass(slots=True)
class Emit:
    """Send ``payload`` as ``event`` to ``audience``; to whoever may not see all that it shows, what ``narrowed`` makes."""

    event: Event
    payload: ServerPayload | EncodedPayload
    audience: Audience
    narrowed: Narrowed | None = None


@dataclass(slots=True)
class Advanced:
    """The chat has this version and this many messages now, and those who look at it are told all that led here."""

    chat_id: str
    version: int
    message_count: int


@dataclass(frozen=True, slots=True)
class Joined:
    """From here on the person is a member and may see ``first_seq`` and what follows."""

    chat_id: str
    user_id: str
    first_seq: int


@dataclass(frozen=True, slots=True)
class Left:
    """From here on the person hears nothing more of the chat, and no connection of theirs looks at it."""

    chat_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Activated:
    """The connection has this chat open now (``None``: no chat)."""

    connection_id: str
    user_id: str
    chat_id: str | None


@dataclass(frozen=True, slots=True)
class Watching:
    """The connection hears these chats too, as if they were active; they replace those before."""

    connection_id: str
    user_id: str
    chat_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The login session was ended: its connections are told ``reason`` and closed."""

    session_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionEnded:
    """This connection is told ``reason`` and closed; its login session goes on."""

    connection_id: str
    user_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    """The person's public profile is another one now; ``profile`` is its JSON."""

    user_id: str
    profile: bytes


Effect = Emit | Advanced | Joined | Left | Activated | Watching | SessionEnded | ConnectionEnded | ProfileChanged
