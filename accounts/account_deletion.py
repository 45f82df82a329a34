"""Erasing an account for good.

What must stay true: a deleted account leaves nothing of the person behind but the messages they sent to others. Everything
personal goes in one transaction. The groups are left afterwards, one by one: see ``realtime.account_changes``.
"""

from dataclasses import dataclass

from core.errors import ErrorCode, Unauthorized
from db import account_deletion, avatars, pins
from db.pool import Tx
from db.sessions import EndReason


@dataclass(frozen=True, slots=True)
class ErasedAccount:
    """The sessions that ended with an account, and the picture that it had."""

    session_ids: list[str]
    avatar_id: str | None


async def erase_account(tx: Tx, user_id: str) -> ErasedAccount:
    """Erase everything personal and end the sessions. ``Unauthorized`` (``session_revoked``) if the account is gone."""
    # Sessions are locked before the person, as everywhere. A second time, because a session may be opened in between.
    ended = await account_deletion.end_all_sessions(tx, user_id, EndReason.ACCOUNT_DELETED)
    wearer = await avatars.lock_wearer(tx, user_id)
    if wearer is None:
        raise Unauthorized(ErrorCode.SESSION_REVOKED)
    ended += await account_deletion.end_all_sessions(tx, user_id, EndReason.ACCOUNT_DELETED)
    await account_deletion.erase_user(tx, user_id)
    await account_deletion.erase_blocks(tx, user_id)
    await account_deletion.erase_personal(tx, user_id)
    await account_deletion.erase_look_ups(tx, user_id)
    await pins.delete_pin(tx, user_id)
    await account_deletion.erase_daily_budgets(tx, user_id)
    await account_deletion.expire_files(tx, user_id)
    if wearer.avatar_id is not None:
        await avatars.note_unused(tx, wearer.avatar_id)
    return ErasedAccount(ended, wearer.avatar_id)
