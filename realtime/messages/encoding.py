"""The JSON that goes out when a message was just stored: the answer to its sender, and the two events.

The message is encoded once and put into each of them. The models (``model.objects``, ``model.events``) would make the same
bytes at several times the cost; a test compares the two byte for byte.
"""

from collections.abc import Sequence
from typing import Final

import orjson

from db.messages import Draft, StoredRow, stored_message
from realtime.model.events import CHAT_UPDATED, MESSAGE_CREATED, Reason
from realtime.model.objects import avatar_json
from realtime.wire.effects import Advanced, Effect, Emit, Members, Narrowed, Viewers
from realtime.wire.fields import EncodedPayload

_AS_THE_SENDER_SEES_IT: Final = b',"liked_by_me":false}'
_REASON: Final = Reason.MESSAGE.value


class EncodedMessage:
    """A message that was just stored."""

    __slots__ = ("_chat_id", "_json", "_seq", "_stored")

    def __init__(self, stored: StoredRow, seq: int, draft: Draft, shown: orjson.Fragment | None = None) -> None:
        """``shown``: the content as people get it, where it is not what is stored."""
        self._stored = stored
        self._seq = seq
        self._chat_id = draft.chat_id
        message = stored_message(draft, seq, stored)
        if shown is not None:
            message["content"] = shown
        self._json = orjson.dumps(message)

    def view(self) -> bytes:
        """The message as its sender sees it: the JSON of ``MessageView``."""
        return self._json[:-1] + _AS_THE_SENDER_SEES_IT

    def announce(self, sender: bytes) -> Sequence[Effect]:
        """The events that ``model.events.announce_message`` would make.

        Every member gets the changed chat; those who have the chat open get the message too, with its sender's public
        profile (``sender``: its JSON).
        """
        chat_id = self._chat_id
        created = b'{"message":%b,"message_count":%d,"sender":%b}' % (self._json, self._seq, sender)
        pinned_seqs = self._stored.chat_pinned_seqs
        narrowed = Narrowed(chat_id, tuple(reversed(pinned_seqs)), self._chat_updated) if pinned_seqs else None
        return (
            Emit(CHAT_UPDATED, self._chat_updated(), Members(chat_id), narrowed),
            Emit(MESSAGE_CREATED, EncodedPayload(created), Viewers(chat_id)),  # every present member may see a new message
            Advanced(chat_id, self._stored.version, self._seq),
        )

    def _chat_updated(self, first_seq: int = 0) -> EncodedPayload:
        """For members who may see the chat from ``first_seq`` on. Every present member may see the message."""
        stored = self._stored
        chat = {
            "id": self._chat_id,
            "type": stored.chat_type,
            "title": stored.chat_title,
            "description": stored.chat_description,
            "avatar": avatar_json(stored.chat_avatar_id) if stored.chat_avatar_id else None,
            "creator_id": stored.creator_id,
            "member_count": stored.member_count,
            "message_count": self._seq,
            "last_message": orjson.Fragment(self._json),
            "pinned_seqs": [seq for seq in stored.chat_pinned_seqs if seq >= first_seq],
            "metadata": stored.chat_metadata,
            "created_at": stored.chat_created_at,
            "updated_at": stored.sent_at,
            "version": stored.version,
        }
        return EncodedPayload(orjson.dumps({"chat": chat, "reason": _REASON}))
