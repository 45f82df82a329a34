"""Acked = committed, and once: what was answered with data is there at the end, one time."""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.checking.readback import ReadBack
from tests.faults.checking.violation import Kind, Violation
from tests.faults.history import Attempt, History, Json

_CHANGES = ("message:edit", "message:delete")


def sends_are_there(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """An acked message is where its ack says, with what was sent unless it was changed later."""
    stored = read_back.chat_messages()
    changed = {_place(one) for one in history.attempts if one.action in _CHANGES}
    for one in history.acked("message:send"):
        acked = _data(one)["message"]
        chat_id, seq = acked["chat_id"], acked["seq"]
        found = stored.get(chat_id, {}).get(seq)
        if found is None or found["client_id"] != one.payload["client_id"] or found["sender_id"] != one.user_id:
            yield Violation(Kind.LOST, f"{one.device} was acked seq {seq}, where is {_brief(found)}")
        elif (chat_id, seq) not in changed and found["content"] != one.payload["content"]:
            yield Violation(Kind.LOST, f"the text of {one.device}'s seq {seq} is not what was acked: {_brief(found)}")


def edits_are_there(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """A message's text is that of its last acked edit, or of one that was asked later and may have been committed."""
    stored = read_back.chat_messages()
    for (chat_id, seq), attempts in _by_place(history, "message:edit").items():
        last = max((place for place, one in enumerate(attempts) if one.data is not None), default=None)
        found = stored.get(chat_id, {}).get(seq)
        if last is None or found is None or found["deleted_at"] is not None:
            continue
        if found["content"] not in [one.payload["content"] for one in attempts[last:]]:
            yield Violation(Kind.LOST, f"an acked edit of seq {seq} by {attempts[last].device} is gone: {_brief(found)}")


def deletions_are_there(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """An acked deletion is a tombstone."""
    stored = read_back.chat_messages()
    for (chat_id, seq), attempts in _by_place(history, "message:delete").items():
        found = stored.get(chat_id, {}).get(seq)
        if found is None or not any(one.data is not None for one in attempts):
            continue
        if found["deleted_at"] is None or found["content"] is not None:
            yield Violation(Kind.LOST, f"the deletion of seq {seq} was acked, and it is there: {_brief(found)}")


def likes_are_there(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """Who was acked a like likes the message, unless they took it back or may have."""
    asked: dict[tuple[str, int, str], list[Attempt]] = defaultdict(list)
    for one in history.attempts:
        if one.action in ("message:like", "message:unlike"):
            asked[*_place(one), one.user_id].append(one)
    for (chat_id, seq, user_id), attempts in asked.items():
        last = max((place for place, one in enumerate(attempts) if one.data is not None), default=None)
        message = read_back.people[user_id].messages.get(chat_id, {}).get(seq)
        if last is None or message is None or message["deleted_at"] is not None:
            continue
        possible = {one.action == "message:like" for one in attempts[last:]}
        if message["liked_by_me"] not in possible:
            yield Violation(Kind.LOST, f"{attempts[last].device}'s acked {attempts[last].action} of seq {seq} is gone")


def sends_are_there_once(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """One ``client_id`` is one message, and one text is: whatever was repeated."""
    for chat_id, messages in read_back.chat_messages().items():
        seqs: dict[tuple[str, str], list[int]] = defaultdict(list)
        for seq, message in messages.items():
            if message["client_id"] is not None:
                seqs[message["sender_id"], message["client_id"]].append(seq)
            if message["type"] == "text" and message["content"] and message["edited_at"] is None:
                seqs[message["sender_id"], f"text {message['content']['text']}"].append(seq)
        for (_, what), places in seqs.items():
            if len(places) > 1:
                yield Violation(Kind.DOUBLED, f"{what[:40]} is stored as {places} in {chat_id[-6:]}")
    answered: dict[tuple[str, str], set[int]] = defaultdict(set)
    for one in history.acked("message:send"):
        answered[one.user_id, one.payload["client_id"]].add(_data(one)["message"]["seq"])
    for (_, client_id), places in answered.items():
        if len(places) > 1:
            yield Violation(Kind.DOUBLED, f"{client_id} was acked as {sorted(places)}")


def nothing_was_rolled_back(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """What was told is committed: the message is there, in that version or a later one, and so is the chat's version."""
    stored = read_back.chat_messages()
    versions = {chat_id: chat["version"] for seen in read_back.people.values() for chat_id, chat in seen.chats.items()}
    for one in history.heard:
        told = one.payload.get("message") if one.event in ("message:created", "message:updated") else None
        if told is not None and told["chat_id"] in stored:
            found = stored[told["chat_id"]].get(told["seq"])
            if found is None or found["client_id"] != told["client_id"] or found["version"] < told["version"]:
                yield Violation(Kind.ROLLED_BACK, f"{one.device} heard {_brief(told)}, where is {_brief(found)}")
        chat = one.payload.get("chat") if one.event == "chat:updated" else None
        if chat is not None and chat["version"] > versions.get(chat["id"], chat["version"]):
            yield Violation(
                Kind.ROLLED_BACK, f"{one.device} heard of version {chat['version']}: now {versions[chat['id']]}"
            )


def _by_place(history: History, action: str) -> dict[tuple[str, int], list[Attempt]]:
    found: dict[tuple[str, int], list[Attempt]] = defaultdict(list)
    for one in history.attempts:
        if one.action == action:
            found[_place(one)].append(one)
    return found


def _place(attempt: Attempt) -> tuple[str, int]:
    return attempt.payload.get("chat_id", ""), attempt.payload.get("seq", 0)


def _data(attempt: Attempt) -> Json:
    assert attempt.data is not None
    return attempt.data


def _brief(message: Json | None) -> str:
    if message is None:
        return "nothing"
    return (
        f"seq {message['seq']} version {message['version']} {(message['client_id'] or 'system')[:8]} {message['content']}"
    )
