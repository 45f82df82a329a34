"""The scheduler of background jobs: what it logs, and that no failure ends it."""

import asyncio
from collections.abc import Mapping

import pytest

from core.errors import Unavailable
from core.ids import new_id
from db import codes, sessions, users
from db.pool import Database
from maintenance.past_sign_ins import remove_past_sign_ins
from maintenance.scheduler import Job, run_forever, run_once
from tests.support.waiting import DEADLINE_S


def outcomes(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.message) for record in caplog.records if record.name == "molva.maintenance"]


async def removes(count: int) -> Mapping[str, int]:
    return {"files": count}


async def is_unavailable() -> Mapping[str, int]:
    raise Unavailable


async def crashes() -> Mapping[str, int]:
    raise ZeroDivisionError


async def test_run_is_logged_with_what_it_removed(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    await run_once(Job("unused files", 60, lambda: removes(3)))
    (record,) = [record for record in caplog.records if record.name == "molva.maintenance"]
    assert (record.message, record.job, record.files) == ("maintenance done", "unused files", 3)


async def test_run_that_removed_nothing_is_not_logged(caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    await run_once(Job("unused files", 60, lambda: removes(0)))
    assert outcomes(caplog) == []


async def test_unavailable_is_a_warning_and_a_bug_an_error_with_its_trace(caplog: pytest.LogCaptureFixture):
    await run_once(Job("unused files", 60, is_unavailable))
    await run_once(Job("unused files", 60, crashes))
    assert outcomes(caplog) == [("WARNING", "maintenance put off"), ("ERROR", "maintenance failed")]
    assert caplog.records[-1].exc_info is not None


async def test_failed_job_runs_again_and_holds_up_no_other():
    runs: dict[str, int] = {"failing": 0, "waiting": 0, "working": 0}
    is_done = asyncio.Event()

    async def fail() -> Mapping[str, int]:
        runs["failing"] += 1
        if runs["failing"] >= 3 and runs["working"] >= 3:
            is_done.set()
        raise ZeroDivisionError

    async def wait() -> Mapping[str, int]:
        runs["waiting"] += 1
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def work() -> Mapping[str, int]:
        runs["working"] += 1
        if runs["working"] >= 3 and runs["failing"] >= 3:
            is_done.set()
        return {}

    jobs = [Job("failing", 0, fail), Job("waiting", 0, wait), Job("working", 0, work)]
    scheduler = asyncio.create_task(run_forever(jobs))
    async with asyncio.timeout(DEADLINE_S):
        await is_done.wait()
    scheduler.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scheduler
    assert runs["waiting"] == 1


# --- past sign-ins


async def test_sessions_and_codes_go_some_time_after_their_end(database: Database):
    kept, revoked_lately, revoked, expired = sessions_of_old = [new_id() for _ in range(4)]
    async with database.transaction() as tx:
        anna = await users.register_user(tx, new_id(), "+79160000001", "Anna")
        for place, session_id in enumerate(sessions_of_old):
            await sessions.insert_session(tx, session_id, anna.user.id, None, b"seed", bytes([place]) * 32)
        age = "UPDATE login_sessions SET {} = wire_now() - make_interval(days => $2) WHERE id = $1"
        await tx.execute("test", age.format("revoked_at"), [revoked_lately, sessions.ENDED_KEPT_DAYS - 1])
        await tx.execute("test", age.format("revoked_at"), [revoked, sessions.ENDED_KEPT_DAYS + 1])
        await tx.execute("test", age.format("expires_at"), [expired, sessions.ENDED_KEPT_DAYS + 1])
        old, fresh = new_id(), new_id()
        for code_id in (old, fresh):
            await codes.insert_code(tx, code_id, "+79160000001", b"hash", None)
        aged = "UPDATE login_codes SET created_at = wire_now() - make_interval(days => $2) WHERE id = $1"
        await tx.execute("test", aged, [old, codes.KEPT_DAYS + 1])
    assert await remove_past_sign_ins(database) == {"sessions": 2, "codes": 1}
    async with database.reading() as tx:
        left = await tx.fetch("test", "SELECT id FROM login_sessions UNION ALL SELECT id FROM login_codes", [])
    assert {row[0] for row in left} == {kept, revoked_lately, fresh}
