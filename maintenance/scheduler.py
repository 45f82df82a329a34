"""The scheduler of the background jobs.

A job removes what is no longer needed, in bounded batches. What must stay true of each job: it can be interrupted anywhere,
and its next run continues; several processes may run it at once. A run that fails is logged and tried again next time.

To add a job: a module with its function, and an entry in :func:`background_jobs`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from core.errors import AppError
from maintenance.deleted_accounts import leave_groups_of_deleted_accounts
from maintenance.deleted_chats import remove_deleted_chats
from maintenance.old_messages import delete_old_messages
from maintenance.past_sign_ins import remove_past_sign_ins
from maintenance.unused_avatars import remove_unused_avatars
from maintenance.unused_files import remove_unused_files
from realtime.wire.context import Services
from storage.objects import Objects

log = logging.getLogger("molva.maintenance")

DELETED_CHATS_EVERY_S: Final = 30.0
UNUSED_FILES_EVERY_S: Final = 60.0
UNUSED_AVATARS_EVERY_S: Final = 60.0
DELETED_ACCOUNTS_EVERY_S: Final = 60.0
PAST_SIGN_INS_EVERY_S: Final = 300.0
OLD_MESSAGES_EVERY_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Job:
    """A background job. ``run`` returns how much it removed, by the name of what it removed."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[Mapping[str, int]]]


def background_jobs(services: Services, objects: Objects) -> list[Job]:
    """Every job of this server."""
    database = services.database
    return [
        Job("deleted chats", DELETED_CHATS_EVERY_S, lambda: remove_deleted_chats(database)),
        Job("unused files", UNUSED_FILES_EVERY_S, lambda: remove_unused_files(database, objects)),
        Job("unused avatars", UNUSED_AVATARS_EVERY_S, lambda: remove_unused_avatars(database, objects)),
        Job("deleted accounts", DELETED_ACCOUNTS_EVERY_S, lambda: leave_groups_of_deleted_accounts(services)),
        Job("past sign-ins", PAST_SIGN_INS_EVERY_S, lambda: remove_past_sign_ins(database)),
        Job("old messages", OLD_MESSAGES_EVERY_S, lambda: delete_old_messages(services)),
    ]


async def run_forever(jobs: Sequence[Job]) -> None:
    """Run each job now and again after its interval, until cancelled. A slow job does not delay the others."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_repeat(job), name=f"maintenance: {job.name}")


async def _repeat(job: Job) -> None:
    while True:
        await run_once(job)
        await asyncio.sleep(job.every_s)


async def run_once(job: Job) -> None:
    """Run a job and log what it removed, or why it failed. Raises nothing."""
    try:
        removed = await job.run()
    except AppError as error:  # a part of the server is away
        log.warning("maintenance put off", extra={"job": job.name, "outcome": error.code.value})
    except Exception:  # a bug in one job must not end the others; this one runs again at its time
        log.exception("maintenance failed", extra={"job": job.name})
    else:
        if any(removed.values()):
            log.info("maintenance done", extra={"job": job.name, **removed})
