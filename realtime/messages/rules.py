"""The rules about changing messages. Each function gets what is known and raises the refusal, or nothing."""

from collections.abc import Sequence

from core.conflicts import ConflictReason
from core.errors import Conflict, Forbidden
from core.limits import REACTIONS_MAX
from db.messages import MessageRow
from realtime.model.objects import ChatView, ReactionView
from realtime.model.refusals import refuse_deleted


def refuse_edit(message: MessageRow, user_id: str) -> None:
    """Refuse unless it is the user's own message and own words, neither a system message nor deleted."""
    if message.type == "system":
        raise Forbidden("A system message cannot be edited.")
    if message.sender_id != user_id:
        raise Forbidden("Only the sender of a message is allowed to edit it.")
    if message.forwarded_from is not None and message.forwarded_from["sender_id"] != user_id:
        # It would show words under the name of somebody who never wrote them.
        raise Forbidden("A message forwarded from somebody else cannot be edited.")
    refuse_deleted(message)


def refuse_delete(message: MessageRow, chat: ChatView, user_id: str) -> None:
    """Refuse unless it is the user's own message, or in a group whose creator or admin they are. No system message."""
    if message.type == "system":
        raise Forbidden("A system message cannot be deleted.")
    is_master = chat.type == "group" and chat.me.role != "member"
    if not (message.sender_id == user_id or is_master):
        raise Forbidden("Only the sender of a message or the creator and admins of the group are allowed to delete it.")


def refuse_forward(message: MessageRow) -> None:
    """Refuse a system message and a deleted one."""
    if message.type == "system":
        raise Forbidden("A system message cannot be forwarded.")
    refuse_deleted(message)


def refuse_reactions_over_limit(reactions: Sequence[ReactionView], emoji: str) -> None:
    """``reaction_limit`` for an emoji that the message has not yet, if it has as many as allowed."""
    if len(reactions) >= REACTIONS_MAX and all(one.emoji != emoji for one in reactions):
        raise Conflict(ConflictReason.REACTION_LIMIT)


def count_reaction(reactions: Sequence[ReactionView], emoji: str, *, is_added: bool) -> list[ReactionView]:
    """The reactions after the caller added ``emoji`` or took it back. A new emoji comes last; one of nobody is gone."""
    step = 1 if is_added else -1
    counted = [
        ReactionView(emoji=one.emoji, count=one.count + step, mine=is_added) if one.emoji == emoji else one
        for one in reactions
    ]
    if is_added and all(one.emoji != emoji for one in reactions):
        counted.append(ReactionView(emoji=emoji, count=1, mine=True))
    return [one for one in counted if one.count > 0]
