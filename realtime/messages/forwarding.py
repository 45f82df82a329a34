"""``message:forward``: the content of a message again, in another chat or in the same one.

What must stay true: only what the caller may see can be forwarded; a file that the message holds is kept until the new
message is stored. Whoever may see the new message may fetch its file: that follows from the message (``db.files``).
"""

import hashlib

import orjson

from core.conflicts import ConflictReason
from core.errors import NotFound
from core.logs import note_chat
from db import files, messages
from db.messages import Draft, MessageBody, MessageRow
from db.pool import Tx
from realtime.messages.actions import SEND_CONFLICTS, store_draft
from realtime.messages.payloads import MessageForward, MessageSent
from realtime.messages.revisions import find_message
from realtime.messages.rules import refuse_forward
from realtime.model.events import CHAT_UPDATED, MESSAGE_CREATED
from realtime.model.files import show_content
from realtime.wire.context import Context
from realtime.wire.fields import EncodedPayload
from realtime.wire.registry import Rate, Role, action


@action(
    "message:forward",
    role=Role.MEMBER,
    rate=Rate.SEND,
    forbids=True,
    conflicts=(*SEND_CONFLICTS, ConflictReason.MESSAGE_DELETED),
    emits=(CHAT_UPDATED, MESSAGE_CREATED),
)
async def forward_message(context: Context, payload: MessageForward) -> MessageSent | EncodedPayload:
    """Send the content of a message to another chat. The ack means that the new message is stored.

    `forwarded_from` names the first sender. `reply_to`, the people named in the message and its `metadata` are not
    forwarded. The members of the other chat may fetch its file. A system message cannot be forwarded.
    """
    to_chat_id, user_id = payload.to_chat_id, context.user_id
    body_hash = hashlib.sha256(f"forward {payload.chat_id} {payload.seq}".encode()).digest()
    async with context.reading() as tx:
        # A repeat is answered even if the message has gone since; its content is not stored again.
        is_repeat = await messages.was_sent(tx, user_id, payload.client_id, to_chat_id)
        source = None if is_repeat else await _find_forwardable(tx, payload, user_id)
    if source is None or source.content is None:
        body, origin, shown = MessageBody("text", orjson.Fragment(b"{}")), None, None
    else:
        body = MessageBody(source.type, orjson.Fragment(orjson.dumps(source.content)))
        origin = source.forwarded_from or {"sender_id": source.sender_id, "created_at": source.created_at}
        shown = orjson.Fragment(orjson.dumps(show_content(source.content, context.services.file_urls)))
    note_chat(to_chat_id)
    draft = Draft(to_chat_id, user_id, payload.client_id, body_hash, body, origin)
    return await store_draft(context, draft, shown, chat_field="to_chat_id")


async def _find_forwardable(tx: Tx, payload: MessageForward, user_id: str) -> MessageRow:
    source = await find_message(tx, payload.chat_id, user_id, payload.seq)
    refuse_forward(source)
    file_id = source.content and source.content.get("file_id")
    if file_id and await files.hold_file(tx, file_id) is None:
        raise NotFound("seq")  # it was deleted a moment ago, and its file with it
    return source
