"""Changes of a person that other people are told of: of the profile or the picture, and the deletion of the account.

``accounts`` has the rules. This module runs a change in a person's order, announces it after the commit, and takes deleted
accounts out of their groups.

What must stay true: everybody who shares a chat with the person is told of each change, after its commit and in the order
of the commits.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from accounts.account_deletion import ErasedAccount, erase_account
from accounts.avatars import AvatarChange, set_avatar
from accounts.profile import ProfileEdit, edit_profile, existing
from accounts.services import OnSessionEnded
from core.errors import AppError
from db import chats, users
from db.pool import Tx
from db.sessions import EndReason
from db.users import ProfileRow
from realtime.chats.account_deletion import leave_groups
from realtime.model.events import announce_user
from realtime.model.objects import User
from realtime.wire.context import Services
from realtime.wire.effects import Effect

log = logging.getLogger("molva.people")


@dataclass(slots=True)
class _PersonChange:
    """A change under way: its transaction, the sessions that it ends, and what to tell others after the commit."""

    tx: Tx
    ended_session_ids: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    async def announce_difference(self, before: ProfileRow, after: ProfileRow) -> None:
        """Announce the profile unless it looks as before to others."""
        user = User.of(after.user)
        if user != User.of(before.user):
            await self.announce(user)

    async def announce(self, user: User) -> None:
        """After the commit, tell everybody who shares a chat with the person."""
        memberships = await chats.list_memberships(self.tx, user.id)
        self.effects.append(announce_user(user, [membership.chat_id for membership in memberships]))


@asynccontextmanager
async def _changing(
    services: Services, user_id: str, *, on_session_ended: OnSessionEnded | None = None
) -> AsyncIterator[_PersonChange]:
    """A change of a person: ordered, atomic, announced after the commit.

    The one place that decides how changes of a person are ordered and what becomes of them after the commit.
    """
    async with services.delivery.in_order(user_id):
        async with services.database.transaction() as tx:
            change = _PersonChange(tx)
            yield change
        if on_session_ended is not None:
            for session_id in change.ended_session_ids:
                await on_session_ended(session_id, EndReason.ACCOUNT_DELETED)
        services.delivery.carry_out(change.effects)


async def change_profile(services: Services, user_id: str, edit: ProfileEdit) -> ProfileRow:
    """Change a profile.

    ``Conflict`` (``username_taken``); ``Unauthorized`` (``session_revoked``) if the account is gone.
    """
    async with _changing(services, user_id) as change:
        before = existing(await users.find_profile(change.tx, user_id))
        after = await edit_profile(change.tx, user_id, edit)
        await change.announce_difference(before, after)
    return after


async def change_avatar(services: Services, user_id: str, avatar_id: str | None) -> AvatarChange:
    """Give a person a stored picture, or none. ``Unauthorized`` (``session_revoked``) if the account is gone.

    Afterwards the caller discards the picture that the person had before: ``accounts.avatars.discard_avatar``.
    """
    async with _changing(services, user_id) as change:
        before = existing(await users.find_profile(change.tx, user_id))
        changed = await set_avatar(change.tx, user_id, avatar_id)
        await change.announce_difference(before, changed.profile)
    return changed


async def delete_account(services: Services, user_id: str, on_session_ended: OnSessionEnded) -> ErasedAccount:
    """Erase an account, close its connections, tell others, and take it out of its groups.

    ``Unauthorized`` (``session_revoked``) if it was deleted before. ``maintenance`` leaves the groups that could
    not be left here.
    """
    async with _changing(services, user_id, on_session_ended=on_session_ended) as change:
        erased = await erase_account(change.tx, user_id)
        change.ended_session_ids = erased.session_ids
        await change.announce(User.of(erased.user))
    log.info("account deleted", extra={"sessions": len(erased.session_ids)})
    try:
        await leave_groups(services, user_id)
    except AppError as error:
        log.warning("groups of a deleted account not left yet", extra={"outcome": error.code.value})
    return erased
