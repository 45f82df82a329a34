"""``chat:typing``: passed on to those who look, kept nowhere."""

import time
from collections import OrderedDict
from typing import Final

from core.errors import NotFound
from db import blocks, chats
from realtime.chats.payloads import ChatGet
from realtime.model.events import CHAT_TYPING, ChatTyping
from realtime.wire.context import Context
from realtime.wire.effects import Emit, Viewers
from realtime.wire.fields import Nothing
from realtime.wire.registry import Rate, Role, action

_EVERY_S: Final = 2.0
"""A typist is announced at most this often in one chat."""
_REMEMBERED_MAX: Final = 10_000


class _Throttle:
    """When each (person, chat) was announced last; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], float] = OrderedDict()

    def admits(self, user_id: str, chat_id: str) -> bool:
        """Whether this one may be announced now; if so, it counts."""
        now, key = time.monotonic(), (user_id, chat_id)
        if now - self._last.get(key, -_EVERY_S) < _EVERY_S:
            return False
        self._last[key] = now
        self._last.move_to_end(key)
        if len(self._last) > _REMEMBERED_MAX:
            self._last.popitem(last=False)
        return True


_throttle = _Throttle()


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
    if _throttle.admits(user_id, chat_id):
        deaf = frozenset((user_id, *estranged))
        told = ChatTyping(chat_id=chat_id, user_id=user_id)
        context.services.delivery.deliver([Emit(CHAT_TYPING, told, Viewers(chat_id, without=deaf))])
    return Nothing()
