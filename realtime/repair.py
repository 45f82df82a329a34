"""Putting right after a doubt: reads what the database has, and tells those concerned.

A new kind of subject needs a function here that describes its present state as effects.
"""

from collections.abc import Sequence

from db.pool import Database
from realtime.chats.state import describe_chat
from realtime.delivery.hub import Hub
from realtime.users.state import describe_user
from realtime.wire.changes import Delivery, Subject, SubjectKind
from realtime.wire.effects import Effect


class Repairs:
    """Reads the present state of subjects in doubt and delivers it."""

    def __init__(self, database: Database, hub: Hub, delivery: Delivery) -> None:
        self._database = database
        self._hub = hub
        self._delivery = delivery

    async def repair(self, subject: Subject) -> None:
        """Tell those concerned what the subject is now. The caller holds its turn. ``Unavailable`` if the database is."""
        self._delivery.deliver(await self._describe(subject))

    async def _describe(self, subject: Subject) -> Sequence[Effect]:
        async with self._database.reading() as tx:
            match subject.kind:
                case SubjectKind.CHAT:
                    known = self._hub.known_chat(subject.id)
                    return await describe_chat(
                        tx,
                        subject.id,
                        believed=known.members,
                        is_online=self._hub.is_online,
                        since_version=known.version,
                        known_message_count=known.message_count,
                    )
                case SubjectKind.USER:
                    return await describe_user(tx, subject.id)
