"""Counts are right, and the ways to read the same thing agree."""

from collections.abc import Iterator

from tests.faults.checking.readback import ReadBack
from tests.faults.checking.violation import Kind, Violation
from tests.faults.history import History, Json


def counts_are_right(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """Messages, unread, members and likes are as many as there are."""
    for user_id, seen in read_back.people.items():
        for chat_id, chat in seen.chats.items():
            where = f"{user_id[-6:]} in {chat_id[-6:]}"
            newest = max(seen.messages[chat_id], default=0)
            if chat["message_count"] != newest:
                yield Violation(Kind.MISCOUNTED, f"{where}: message_count {chat['message_count']}, newest seq {newest}")
            me = chat["me"]
            if me["unread_count"] != chat["message_count"] - me["read_seq"]:
                yield Violation(Kind.MISCOUNTED, f"{where}: unread_count {me['unread_count']}, read_seq {me['read_seq']}")
            if chat["member_count"] != len(read_back.members[chat_id]):
                yield Violation(Kind.MISCOUNTED, f"{where}: member_count {chat['member_count']}")
            if chat["last_message"] and chat["last_message"]["seq"] != newest:
                yield Violation(Kind.MISCOUNTED, f"{where}: last_message is {chat['last_message']['seq']} of {newest}")
            for seq, message in seen.messages[chat_id].items():
                likers = read_back.likers.get((chat_id, seq))
                if likers is not None and message["like_count"] != len(likers):
                    yield Violation(Kind.MISCOUNTED, f"{where}: seq {seq} has like_count {message['like_count']}")
    for one in history.heard:
        if one.event == "message:created" and one.payload["message_count"] < one.payload["message"]["seq"]:
            yield Violation(Kind.MISCOUNTED, f"{one.device} heard message_count {one.payload['message_count']}")
        chat = one.payload.get("chat") if one.event == "chat:updated" else None
        if chat is not None and chat["last_message"] and chat["message_count"] != chat["last_message"]["seq"]:
            yield Violation(Kind.MISCOUNTED, f"{one.device} heard message_count {chat['message_count']}")


def ways_to_read_agree(history: History, read_back: ReadBack) -> Iterator[Violation]:
    """``session:sync`` says what ``chat:list`` says, ``message:changes`` what ``message:list`` says."""
    for user_id, seen in read_back.people.items():
        who = user_id[-6:]
        if _without_presence(seen.synced) != _without_presence(seen.chats):
            yield Violation(Kind.MISSED, f"{who}: session:sync and chat:list differ")
        for chat_id, messages in seen.messages.items():
            if seen.changes[chat_id] != messages:
                wrong = [seq for seq in messages if seen.changes[chat_id].get(seq) != messages[seq]]
                yield Violation(Kind.MISSED, f"{who}: message:changes since 0 differs at seq {wrong[:5]} of {chat_id[-6:]}")
            version, later = seen.later[chat_id]
            expected = {seq: message for seq, message in messages.items() if message["version"] > version}
            if {seq: message for seq, message in later.items() if message["version"] > version} != expected:
                missed = sorted(set(expected) - set(later))[:5]
                yield Violation(
                    Kind.MISSED, f"{who}: message:changes since {version} has not seq {missed} of {chat_id[-6:]}"
                )


def _without_presence(chats: dict[str, Json]) -> dict[str, Json]:
    return {
        chat_id: {**chat, "peer": chat.get("peer") and {**chat["peer"], "last_seen_at": None}}
        for chat_id, chat in chats.items()
    }
