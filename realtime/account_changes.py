"""Changes of a person that other people are told of: of the profile or the picture, and the deletion of the account.

``accounts`` has the rules. This module makes the change through the one door (``wire.changes``), announces it after the
commit, and takes deleted accounts out of their groups.

What must stay true: everybody who shares a chat with the person is told of each change, after its commit and in the order
of the commits.
"""

import logging

from accounts.account_deletion import ErasedAccount, erase_account
from accounts.avatars import AvatarChange, set_avatar
from accounts.profile import ProfileEdit, edit_profile, existing
from core.errors import AppError
from db import chats, users
from db.sessions import EndReason
from db.users import ProfileRow
from realtime.chats.account_deletion import leave_groups
from realtime.model.events import announce_user
from realtime.model.objects import User
from realtime.wire.changes import Change, user_subject
from realtime.wire.context import Services
from realtime.wire.effects import SessionEnded

log = logging.getLogger("molva.people")


async def _announce(change: Change, user: User) -> None:
    """After the commit, tell everybody who shares a chat with the person."""
    memberships = await chats.list_memberships(change.tx, user.id)
    change.then(*announce_user(user, [membership.chat_id for membership in memberships]))


async def _announce_difference(change: Change, before: ProfileRow, after: ProfileRow) -> None:
    """Announce the profile unless it looks as before to others."""
    user = User.of(after.user)
    if user != User.of(before.user):
        await _announce(change, user)


async def change_profile(services: Services, user_id: str, edit: ProfileEdit) -> ProfileRow:
    """Change a profile.

    ``Conflict`` (``username_taken``); ``Unauthorized`` (``session_revoked``) if the account is gone.
    """
    async with services.changes.of(user_subject(user_id)) as change:
        before = existing(await users.find_profile(change.tx, user_id))
        after = await edit_profile(change.tx, user_id, edit)
        await _announce_difference(change, before, after)
    return after


async def change_avatar(services: Services, user_id: str, avatar_id: str | None) -> AvatarChange:
    """Give a person a stored picture, or none. ``Unauthorized`` (``session_revoked``) if the account is gone.

    Afterwards the caller discards the picture that the person had before: ``accounts.avatars.discard_avatar``.
    """
    async with services.changes.of(user_subject(user_id)) as change:
        before = existing(await users.find_profile(change.tx, user_id))
        changed = await set_avatar(change.tx, user_id, avatar_id)
        await _announce_difference(change, before, changed.profile)
    return changed


async def delete_account(services: Services, user_id: str) -> ErasedAccount:
    """Erase an account, close its connections, tell others, and take it out of its groups.

    ``Unauthorized`` (``session_revoked``) if it was deleted before. ``maintenance`` leaves the groups that could
    not be left here.
    """
    async with services.changes.of(user_subject(user_id)) as change:
        erased = await erase_account(change.tx, user_id)
        change.then(*(SessionEnded(session_id, EndReason.ACCOUNT_DELETED) for session_id in erased.session_ids))
        await _announce(change, User.of(erased.user))
    log.info("account deleted", extra={"sessions": len(erased.session_ids)})
    try:
        await leave_groups(services, user_id)
    except AppError as error:
        log.warning("groups of a deleted account not left yet", extra={"outcome": error.code.value})
    return erased
