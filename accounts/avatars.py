"""Avatars: storing a picture, giving it to a person or a group, and removing one that nobody has.

The images of a picture are stored under the hash of their content, so people and groups with the same picture share them.

What must stay true: a person has one whole picture or none, never parts of two, and a crash at any point leaves the old
one. So the images are stored first, and then one transaction gives them to the person. A picture that somebody has is
never removed: see ``db.avatars``.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from accounts.profile import existing
from core.errors import AppError
from core.limits import AVATAR_SIZES
from db import avatars, users
from db.pool import Database, Tx
from db.users import ProfileRow
from storage.jobs import Avatar
from storage.keys import avatar_key
from storage.objects import Objects

log = logging.getLogger("molva.people")

ID_CHARS: Final = 32
"""The id of a picture: so many hex digits of the hash of its content."""


async def store_avatar(database: Database, objects: Objects, avatar: Avatar) -> str:
    """Store the images of a picture and return its id. Nobody has the picture yet; it is kept for an hour."""
    avatar_id = avatar.digest[:ID_CHARS]
    async with database.reading() as tx:
        await avatars.hold_avatar(tx, avatar_id)
    await asyncio.gather(*(objects.put(avatar_key(avatar_id, size), image.data) for size, image in avatar.images.items()))
    return avatar_id


@dataclass(frozen=True, slots=True)
class AvatarChange:
    """A person's profile after their picture changed, and the picture that they had before, if it was another one."""

    profile: ProfileRow
    previous_id: str | None


async def set_avatar(tx: Tx, user_id: str, avatar_id: str | None) -> AvatarChange:
    """Give a person a stored picture, or none. ``Unauthorized`` (``session_revoked``) if the account was deleted.

    Afterwards :func:`discard_avatar` removes the previous picture.
    """
    wearer = await avatars.lock_wearer(tx, user_id)
    if wearer is not None:
        await exchange_avatar(tx, wearer.avatar_id, avatar_id)
        if wearer.avatar_id != avatar_id:
            await avatars.set_avatar(tx, user_id, avatar_id)
    profile = existing(await users.find_profile(tx, user_id))
    previous_id = wearer.avatar_id if wearer is not None and wearer.avatar_id != avatar_id else None
    return AvatarChange(profile, previous_id)


async def exchange_avatar(tx: Tx, previous_id: str | None, avatar_id: str | None) -> None:
    """Note that a person or a group has a stored picture now (or none) instead of the one before.

    The caller holds the row of the person or the lock of the chat, and writes it there.
    """
    await avatars.lock_avatars(tx, list({name for name in (avatar_id, previous_id) if name is not None}))
    if avatar_id is not None:
        await avatars.note_used(tx, avatar_id)
    if previous_id is not None and previous_id != avatar_id:
        await avatars.note_unused(tx, previous_id)


async def discard_avatar(database: Database, objects: Objects, avatar_id: str | None) -> None:
    """Remove a picture that a person or a group no longer has, unless others do. What fails is left to ``maintenance``."""
    if avatar_id is None:
        return
    try:
        await remove_unused_avatar(database, objects, avatar_id)
    except AppError as error:
        log.warning("old picture not removed yet", extra={"outcome": error.code.value})


async def remove_unused_avatar(database: Database, objects: Objects, avatar_id: str) -> bool:
    """Remove a picture that nobody has and nobody is about to have; returns whether it was removed.

    The images are removed before the row that names them, so that a crash in between leaves something to try again.
    """
    async with database.transaction() as tx:
        if await avatars.lock_doubtful(tx, avatar_id) is None or await avatars.keep_used(tx, avatar_id) is not None:
            return False
        await objects.delete(avatar_key(avatar_id, size) for size in AVATAR_SIZES)
        await avatars.delete_avatar(tx, avatar_id)
    return True
