"""The people and chats that the examples of the documents name, so that each example works as it stands."""

import sys
from typing import Final

from commands.seeding.chats import Person, SeededChat
from commands.seeding.loading import load_chats, load_people
from commands.seeding.plan import EXAMPLE_MESSAGES, Calendar
from core.ids import new_id
from core.tokens import RefreshTokens
from db import seed as tables
from db.pool import Database
from realtime.wire.fields import CHAT_ID, INVITE_CODE, OTHERS_CHAT_ID, PHONE, USER_ID

_EXAMPLE_PEOPLE: Final = (("Anna", PHONE), ("Boris", "+79161234568"), ("Vera", "+79161234569"))


async def make_examples(database: Database, tokens: RefreshTokens, calendar: Calendar) -> list[Person]:
    """Add three people in two groups, and an invite to the first group, unless they exist.

    The creator of the first group is the author of its message 42.

    The first person may exist already: whoever followed the documents has registered with that number.
    """
    phones = [phone for _, phone in _EXAMPLE_PEOPLE]
    async with database.transaction() as tx:
        if await tables.has_examples(tx, USER_ID, phones[1:]):
            print("seed: the people of the examples are there already", file=sys.stderr)
            return []
        registered_id = await tables.find_user_by_phone(tx, phones[0])
        ids = (registered_id or new_id(), USER_ID, new_id())
        anna, boris, vera = people = [Person(*known) for known in zip(ids, (new_id() for _ in ids), phones, strict=True)]
        names = dict(zip(people, (name for name, _ in _EXAMPLE_PEOPLE), strict=True))
        await load_people(tx, names, tokens, calendar.registered_at, registered_id=registered_id)
        await load_chats(
            tx,
            [
                SeededChat(members, EXAMPLE_MESSAGES, calendar.moments_until(ago_s, EXAMPLE_MESSAGES), example_id=chat_id)
                for members, chat_id, ago_s in (
                    ((anna, boris, vera), CHAT_ID, 1),
                    ((boris, anna, vera), OTHERS_CHAT_ID, 2),
                )
            ],
        )
        await tables.load(tx, "invites", tables.INVITES, [(INVITE_CODE, CHAT_ID, anna.user_id)])
    return people
