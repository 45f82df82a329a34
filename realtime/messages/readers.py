"""``message:readers``: who has read a message."""

from core.errors import NotFound
from db import chats, members, messages
from realtime.messages.payloads import READERS_CURSOR, MessageReaders, Reader, ReadersPage
from realtime.model.objects import User
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


@action("message:readers", role=Role.MEMBER, rate=Rate.READ)
async def list_readers(context: Context, payload: MessageReaders) -> ReadersPage:
    """List the members whose read mark has reached a message, in the order in which they joined the chat.

    The caller is not in the list; the sender of the message is, if it is someone else. Members across a block, and members
    who joined later and cannot see the message, are left out.
    """
    chat_id, user_id, seq = payload.chat_id, context.user_id, payload.seq
    joined_at, after_id = READERS_CURSOR.read(payload.cursor)
    async with context.reading() as tx:
        if await messages.find_message(tx, chat_id, user_id, seq) is None:
            is_member = await chats.find_membership(tx, chat_id, user_id) is not None
            raise NotFound("seq" if is_member else "chat_id")
        rows = await members.list_readers(tx, chat_id, user_id, seq, joined_at, after_id, payload.limit + 1)
    page = rows[: payload.limit]
    return ReadersPage(
        users=[Reader(user=User.of(row.user)) for row in page],
        next_cursor=READERS_CURSOR.write(page[-1].joined_at, page[-1].user.id) if len(rows) > len(page) else None,
    )
