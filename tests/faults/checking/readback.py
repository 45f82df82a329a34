"""Everything that the server says at the end of a run."""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.faults.checking.observer import Observer
from tests.faults.history import Json

_LIKERS_ASKED: Final = 25
"""Messages whose likers are asked for one by one; of the others ``like_count`` is compared between the ways to read it."""


@dataclass
class SeenBy:
    """What one person sees."""

    chats: dict[str, Json]
    synced: dict[str, Json]
    messages: dict[str, dict[int, Json]]
    changes: dict[str, dict[int, Json]]
    """``message:changes`` since version 0."""
    later: dict[str, tuple[int, dict[int, Json]]]
    """The same since some version in between, and which."""


@dataclass
class ReadBack:
    """What everybody sees."""

    people: dict[str, SeenBy] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    likers: dict[tuple[str, int], set[str]] = field(default_factory=dict)

    def chat_messages(self) -> dict[str, dict[int, Json]]:
        """Every message of every chat, as whoever sees most of it sees it."""
        found: dict[str, dict[int, Json]] = {}
        for seen in self.people.values():
            for chat_id, messages in seen.messages.items():
                if len(messages) > len(found.get(chat_id, {})):
                    found[chat_id] = messages
        return found


async def read_back(observers: list[Observer], rng: Random) -> ReadBack:
    """Ask for everything, as everybody."""
    result = ReadBack()
    for observer in observers:
        chats = await observer.chats()
        seen = SeenBy(chats, await observer.synced(), {}, {}, {})
        for chat_id, chat in chats.items():
            seen.messages[chat_id] = await observer.messages(chat_id)
            seen.changes[chat_id] = await observer.changes(chat_id, 0)
            version = rng.randint(0, chat["version"])
            seen.later[chat_id] = (version, await observer.changes(chat_id, version))
            if chat_id not in result.members:
                result.members[chat_id] = await observer.members(chat_id)
            for seq in list(seen.messages[chat_id])[-_LIKERS_ASKED:]:
                message = seen.messages[chat_id][seq]
                if (chat_id, seq) in result.likers or message["type"] == "system" or message["deleted_at"] is not None:
                    continue
                result.likers[chat_id, seq] = await observer.likers(chat_id, seq)
        result.people[observer.user_id] = seen
    return result
