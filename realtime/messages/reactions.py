"""Reactions to messages: an emoji each, any number of different ones by one person.

Each is a change of the chat, as a like is: it raises the chat's ``version``, which becomes the message's.
"""

from core.conflicts import ConflictReason
from db import reactions
from db.chats import raise_version
from realtime.messages.payloads import (
    REACTIONS_CURSOR,
    MessageReact,
    MessageReactions,
    MessageReactionsNow,
    ReactionBy,
    ReactionsPage,
)
from realtime.messages.revisions import announce_version, find_message
from realtime.messages.rules import count_reaction, refuse_reactions_over_limit
from realtime.model.chat_changes import lock_and_view, refuse_unreachable
from realtime.model.events import MESSAGE_REACTED, MessageReacted, Reason
from realtime.model.objects import Reaction, ReactionView, User
from realtime.model.refusals import refuse_deleted
from realtime.wire.context import Context
from realtime.wire.effects import Advanced, Emit, Viewers
from realtime.wire.registry import Rate, Role, action


@action(
    "message:react",
    role=Role.MEMBER,
    rate=Rate.WRITE,
    conflicts=(
        ConflictReason.MESSAGE_DELETED,
        ConflictReason.REACTION_LIMIT,
        ConflictReason.YOU_BLOCKED_USER,
        ConflictReason.PEER_UNAVAILABLE,
    ),
    emits=(MESSAGE_REACTED,),
)
async def react_to_message(context: Context, payload: MessageReact) -> MessageReactionsNow:
    """React to a message with an emoji. If the caller has reacted with it already, nothing changes.

    You can react with several emoji, one call each. A message has at most 20 different ones.
    """
    return await _set_reaction(context, payload, is_added=True)


@action(
    "message:unreact",
    role=Role.MEMBER,
    rate=Rate.WRITE,
    conflicts=(ConflictReason.MESSAGE_DELETED,),
    emits=(MESSAGE_REACTED,),
)
async def unreact_to_message(context: Context, payload: MessageReact) -> MessageReactionsNow:
    """Take back a reaction of the caller. If there is none, nothing changes."""
    return await _set_reaction(context, payload, is_added=False)


async def _set_reaction(context: Context, payload: MessageReact, *, is_added: bool) -> MessageReactionsNow:
    async with context.changing(payload.chat_id) as change:
        tx, chat_id, user_id, emoji = change.tx, payload.chat_id, context.user_id, payload.emoji
        view = await lock_and_view(tx, chat_id, user_id)
        message = await find_message(tx, chat_id, user_id, payload.seq)
        refuse_deleted(message)
        before = [ReactionView(**one) for one in message.reactions]
        if is_added == any(one.mine for one in before if one.emoji == emoji):
            return MessageReactionsNow(reactions=before)
        if is_added:
            await refuse_unreachable(tx, view, user_id)
            refuse_reactions_over_limit(before, emoji)
        after = count_reaction(before, emoji, is_added=is_added)
        version = await raise_version(tx, chat_id)
        shared = [Reaction(emoji=one.emoji, count=one.count) for one in after]
        store = reactions.add_reaction if is_added else reactions.remove_reaction
        counts = [one.model_dump() for one in shared]
        if await store(tx, chat_id, payload.seq, user_id, emoji, counts, version) is None:
            raise RuntimeError("a reaction changed under the chat's lock")
        told = MessageReacted(
            chat_id=chat_id,
            seq=payload.seq,
            user_id=user_id,
            emoji=emoji,
            added=is_added,
            reactions=shared,
            version=version,
        )
        change.then(
            announce_version(view.shared().model_copy(update={"version": version}), payload.seq, Reason.REACTED),
            Emit(MESSAGE_REACTED, told, Viewers(chat_id, seq=payload.seq, with_user_id=message.sender_id)),
            Advanced(chat_id, version, view.message_count),
        )
        return MessageReactionsNow(reactions=after)


@action("message:reactions", role=Role.MEMBER, rate=Rate.READ)
async def list_reactions(context: Context, payload: MessageReactions) -> ReactionsPage:
    """List the reactions to a message with the people who reacted, in the order of the reactions."""
    reacted_at, user_id = REACTIONS_CURSOR.read(payload.cursor)
    async with context.reading() as tx:
        await find_message(tx, payload.chat_id, context.user_id, payload.seq)
        rows = await reactions.list_reactions(
            tx,
            payload.chat_id,
            payload.seq,
            context.user_id,
            payload.emoji,
            reacted_at,
            user_id,
            payload.limit + 1,
        )
    page = rows[: payload.limit]
    return ReactionsPage(
        reactions=[ReactionBy(user=User.of(row.user), emoji=row.emoji) for row in page],
        next_cursor=REACTIONS_CURSOR.write(page[-1].reacted_at, page[-1].user.id) if len(rows) > len(page) else None,
    )
