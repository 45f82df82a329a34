"""One order: no holes, the same for everybody, and each connection's own order kept."""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.checking.readback import ReadBack
from tests.faults.checking.violation import Kind, Violation
from tests.faults.history import History, Json

_STATE = ("sender_id", "client_id", "content", "edited_at", "deleted_at", "like_count")


def seqs_have_no_holes(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """Each person sees every ``seq`` from ``first_seq`` to ``message_count``."""
    for user_id, seen in read_back.people.items():
        for chat_id, messages in seen.messages.items():
            chat = seen.chats[chat_id]
            missing = set(range(chat["me"]["first_seq"], chat["message_count"] + 1)) ^ set(messages)
            if missing:
                yield Violation(
                    Kind.REORDERED, f"{user_id[-6:]} in {chat_id[-6:]}: holes or too many: {sorted(missing)[:5]}"
                )


def everybody_sees_the_same(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """One version of one message is one state, whoever hears, is answered or reads it."""
    states: dict[tuple[str, int, int], tuple[object, ...]] = {}
    owners: dict[tuple[str, int], object] = {}
    for message in _observations(history, read_back):
        place = message["chat_id"], message["seq"]
        if owners.setdefault(place, message["client_id"]) != message["client_id"]:
            yield Violation(Kind.REORDERED, f"seq {place[1]} is {owners[place]} and {message['client_id']}")
            continue
        state = tuple(str(message[name]) for name in _STATE)
        known = states.setdefault((*place, message["version"]), state)
        if known != state:
            yield Violation(Kind.MISSED, f"seq {place[1]}, version {message['version']}, is {known[2:]} and {state[2:]}")


def _observations(history: History, read_back: ReadBack) -> Iterator[Json]:
    for seen in read_back.people.values():
        for messages in (*seen.messages.values(), *seen.changes.values()):
            yield from messages.values()
    for heard in history.heard:
        if heard.event in ("message:created", "message:updated"):
            yield heard.payload["message"]
    for one in history.attempts:
        if one.data is not None and one.action in ("message:send", "message:edit", "message:delete"):
            yield one.data["message"]


def connections_keep_their_order(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """Of two sends of one connection into one chat, both stored by it, the first has the lower ``seq``."""
    newest: dict[tuple[int, str], int] = defaultdict(int)
    for one in history.acked("message:send"):
        assert one.data is not None
        if one.data["duplicate"]:
            continue
        line = one.connection, one.payload["chat_id"]
        seq = one.data["message"]["seq"]
        if seq < newest[line]:
            yield Violation(Kind.REORDERED, f"{one.device} sent what became seq {seq} after what became {newest[line]}")
        newest[line] = max(newest[line], seq)
