"""Changes of a person that others are told of: of the profile or the picture, a new device, the deletion of the account.

``accounts`` has the rules. This module makes the change through the one door (``wire.changes``), announces it after the
commit, and takes deleted accounts out of their groups.

What must stay true: everybody who shares a chat with the person is told of each change, after its commit and in the order
of the commits.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from accounts import tokens
from accounts.account_deletion import ErasedAccount, erase_account
from accounts.avatars import AvatarChange, set_avatar
from accounts.profile import ProfileEdit, edit_profile, existing
from accounts.services import AccountServices
from accounts.tokens import SignedIn, SignInRequest
from core.errors import AppError
from db import users
from db.sessions import EndReason
from db.users import ProfileRow
from realtime.chats.account_deletion import leave_groups
from realtime.model.events import announce_user
from realtime.sessions.payloads import SESSION_OPENED, SessionOpened
from realtime.wire.changes import Change, user_subject
from realtime.wire.context import Services
from realtime.wire.effects import Emit, SessionEnded, SingleUser

log = logging.getLogger("molva.people")


@asynccontextmanager
async def _announcing(change: Change, user_id: str) -> AsyncIterator[None]:
    """After the commit, tell everybody who shares a chat with the person, unless they look as before to others."""
    existing(await users.find_profile(change.tx, user_id))
    before = await users.find_user_for_sharers(change.tx, user_id)
    yield
    if await users.find_user_for_sharers(change.tx, user_id) != before:
        change.then(await announce_user(change.tx, user_id))


async def change_profile(services: Services, user_id: str, edit: ProfileEdit) -> ProfileRow:
    """Change a profile.

    ``Conflict`` (``username_taken``); ``Unauthorized`` (``session_revoked``) if the account is gone.
    """
    async with services.changes.of(user_subject(user_id)) as change, _announcing(change, user_id):
        return await edit_profile(change.tx, user_id, edit)


async def change_avatar(services: Services, user_id: str, avatar_id: str | None) -> AvatarChange:
    """Give a person a stored picture, or none. ``Unauthorized`` (``session_revoked``) if the account is gone.

    Afterwards the caller discards the picture that the person had before: ``accounts.avatars.discard_avatar``.
    """
    async with services.changes.of(user_subject(user_id)) as change, _announcing(change, user_id):
        return await set_avatar(change.tx, user_id, avatar_id)


async def sign_in(services: Services, accounts: AccountServices, request: SignInRequest) -> SignedIn:
    """Sign somebody in, and tell their other devices after the commit. Errors are those of ``accounts.tokens.sign_in``."""
    signed_in = await tokens.sign_in(accounts, request)
    if not signed_in.is_new_user:
        opened = SessionOpened(
            session_id=signed_in.session_id, device_name=request.device_name, created_at=signed_in.created_at
        )
        # The new device has no connection yet: it gets its tokens later.
        services.delivery.deliver([Emit(SESSION_OPENED, opened, SingleUser(signed_in.owner.user.id))])
    return signed_in


async def delete_account(services: Services, user_id: str) -> ErasedAccount:
    """Erase an account, close its connections, tell others, and take it out of its groups.

    ``Unauthorized`` (``session_revoked``) if it was deleted before. ``maintenance`` leaves the groups that could
    not be left here.
    """
    async with services.changes.of(user_subject(user_id)) as change:
        erased = await erase_account(change.tx, user_id)
        change.then(*(SessionEnded(session_id, EndReason.ACCOUNT_DELETED) for session_id in erased.session_ids))
        change.then(await announce_user(change.tx, user_id))
    log.info("account deleted", extra={"sessions": len(erased.session_ids)})
    try:
        await leave_groups(services, user_id)
    except AppError as error:
        log.warning("groups of a deleted account not left yet", extra={"outcome": error.code.value})
    return erased
