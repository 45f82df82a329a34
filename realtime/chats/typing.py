"""``chat:typing``: passed on to those who look, kept nowhere."""

from core.errors import NotFound
from db import blocks, chats
from realtime.chats.payloads import ChatGet
from realtime.model.events import CHAT_TYPING, ChatTyping
from realtime.wire.context import Context
from realtime.wire.effects import Emit, Viewers
from realtime.wire.fields import Nothing
from realtime.wire.registry import Rate, Role, action


@action("chat:typing", role=Role.MEMBER, rate=Rate.SIGNAL, emits=(CHAT_TYPING,))
async def announce_typing(context: Context, payload: ChatGet) -> Nothing:
    """Tell the other members that the caller is typing.

    Send it again every few seconds while the caller types. Members receive it while the chat is their active chat. It is
    not passed on between two people if one of them has blocked the other.
    """
    chat_id, user_id = payload.chat_id, context.user_id
    async with context.reading() as tx:
        if await chats.find_membership(tx, chat_id, user_id) is None:
            raise NotFound("chat_id")
        estranged = await blocks.list_estranged(tx, user_id, chat_id)
    deaf = frozenset((user_id, *estranged))
    told = ChatTyping(chat_id=chat_id, user_id=user_id)
    context.services.delivery.deliver([Emit(CHAT_TYPING, told, Viewers(chat_id, without=deaf))])
    return Nothing()
