"""What arrived on each connection: in order, once, and nothing of a chat that was lost."""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.checking.readback import ReadBack
from tests.faults.checking.violation import Kind, Violation
from tests.faults.history import Heard, History, Json


def events_come_in_order(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """Within one chat a connection gets ``message:created`` in the order of ``seq``."""
    newest: dict[tuple[int, str], int] = defaultdict(int)
    for one in history.heard:
        if one.event == "message:created":
            message = one.payload["message"]
            line = one.connection, message["chat_id"]
            if message["seq"] < newest[line]:
                yield Violation(Kind.REORDERED, f"{one.device} heard seq {message['seq']} after {newest[line]}")
            newest[line] = max(newest[line], message["seq"])


def events_come_once(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """A connection hears of a message's beginning once, and once of each of its changes."""
    heard: set[tuple[object, ...]] = set()
    for one in history.heard:
        if one.event in ("message:created", "message:updated"):
            message = one.payload["message"]
            # Behind `reconciled` a like may come as `message:updated`: another version, so another event.
            change = message["version"] if one.event == "message:updated" else 0
            event = one.connection, one.event, message["chat_id"], message["seq"], change
            if event in heard:
                yield Violation(Kind.DOUBLED, f"{one.device} heard {one.event} of seq {message['seq']} twice")
            heard.add(event)


def nothing_after_removal(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """Behind ``chat:removed`` nothing of the chat; and nothing at all that was committed while one was out of it."""
    out: dict[tuple[int, str], bool] = {}
    gone = _absences(read_back)
    let_in: dict[tuple[int, str], int] = defaultdict(int)
    for one in history.heard:
        chat_id, version = _chat_and_version(one)
        if chat_id is None:
            continue
        line = one.connection, chat_id
        if one.event == "chat:removed":
            out[line] = True
            continue
        if one.event == "chat:updated" and "me" in one.payload["chat"]:
            out[line] = False
            let_in[line] = max(let_in[line], version)
        elif out.get(line):
            yield Violation(Kind.LEAKED, f"{one.device} heard {one.event} of {chat_id[-6:]} behind chat:removed")
        for since, until in gone.get((chat_id, one.user_id), ()):
            # Whoever was let in again may hear of what happened meanwhile, with the history.
            if since < version < until and let_in[line] < until:
                yield Violation(Kind.LEAKED, f"{one.device} heard version {version}, put out at {since}, back at {until}")


def _chat_and_version(heard: Heard) -> tuple[str | None, int]:
    payload = heard.payload
    if heard.event == "chat:updated":
        return payload["chat"]["id"], payload["chat"]["version"]
    if heard.event in ("message:created", "message:updated"):
        return payload["message"]["chat_id"], payload["message"]["version"]
    if "chat_id" in payload:
        return payload["chat_id"], payload.get("version", 0)
    return None, 0


def _absences(read_back: ReadBack) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """(chat, person) → versions between which the person was no member, as the chat's own system messages say."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for chat_id, messages in read_back.chat_messages().items():
        since: dict[str, float] = {}
        for seq in sorted(messages):
            content: Json = messages[seq]["content"] or {}
            event, user_id = content.get("event"), content.get("user_id")
            if event in ("member_removed", "member_left") and user_id is not None:
                since[user_id] = messages[seq]["version"]
            elif event == "member_added" and user_id in since:
                found[chat_id, user_id].append((since.pop(user_id), messages[seq]["version"]))
        for user_id, version in since.items():
            found[chat_id, user_id].append((version, float("inf")))
    return found
