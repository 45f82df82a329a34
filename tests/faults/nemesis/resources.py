"""The machine runs out of something."""

import asyncio
import contextlib
import os
import resource
from pathlib import Path
from typing import Final

import asyncpg
import httpx

from tests.faults.nemesis.fault import fault
from tests.faults.staging.stage import Database, Stage

_FULL_S: Final = 16.0
"""Long enough for a supervisor that counts restarts to come to the end of its patience."""
_DISK_BYTES: Final = 200_000_000
_CHUNK: Final = 65536
_FILLING_S: Final = 1.0
_SEGMENTS: Final = 10
_FILE_DESCRIPTORS_LEFT: Final = 3
_HTTP_S: Final = 10.0


@fault(database=Database.EMBEDDED, mount_bytes=_DISK_BYTES)
async def disk_full(stage: Stage) -> None:
    """The disk of the embedded PostgreSQL is full for 16 s; then there is room again."""
    ballast = stage.work / "ballast"
    filling = asyncio.create_task(_keep_full(ballast))
    try:
        await stage.lasts(_FILLING_S)
        await _want_room(stage)
        await stage.lasts(max(stage.seconds, _FULL_S))
    finally:
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)
        ballast.unlink(missing_ok=True)


async def _want_room(stage: Stage) -> None:
    """Let PostgreSQL need more of its log than it has, as a busier one soon would: it cannot go on without."""
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        admin = await stage.postgres.admin()
        for _ in range(_SEGMENTS):
            await admin.execute("SELECT pg_logical_emit_message(false, 'nemesis', 'room'), pg_switch_wal()", timeout=1)


async def _keep_full(ballast: Path) -> None:
    """Take every byte that becomes free, too."""
    with ballast.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"\0" * _CHUNK)
            except OSError:
                await asyncio.sleep(0.05)  # the kernel tells nobody of free bytes


@fault()
async def fd_limit(stage: Stage) -> None:
    """The server may open no more files and sockets than it has, while clients come."""
    pid = stage.server.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    opened = _opened(pid)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (opened + _FILE_DESCRIPTORS_LEFT, hard))
    crowd = [asyncio.create_task(_knock(stage, stage.seconds)) for _ in range(30)]
    try:
        await stage.lasts()
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        await asyncio.gather(*crowd, return_exceptions=True)


def _opened(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def _knock(stage: Stage, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        _, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
        try:
            await asyncio.sleep(seconds)  # it holds the connection
        finally:
            writer.close()


@fault(database=Database.EMBEDDED)
async def files_gone(stage: Stage) -> None:
    """The folder of the files is gone, uploads fail with an answer, and come through when it is back."""
    await _upload(stage)
    folder, away = stage.data_dir / "files", stage.work / "files away"
    folder.mkdir(exist_ok=True)
    folder.rename(away)
    folder.write_text("not a folder")
    try:
        status = await _upload(stage)
        stage.history.notes.append(f"an upload meanwhile: {status}")
        if status == 500:
            stage.history.broken.append("an upload without its folder is answered 500")
        await stage.lasts()
    finally:
        folder.unlink(missing_ok=True)
        away.rename(folder)
    status = await _upload(stage)
    if status not in (200, 201):
        stage.history.broken.append(f"an upload is answered {status} when the folder is back")


async def _upload(stage: Stage) -> int:
    account = stage.chat_users.devices[0].account
    file = {"file": ("note.txt", os.urandom(64), "text/plain")}
    try:
        answer = await stage.http.post("/v1/files", files=file, headers=account.headers, timeout=_HTTP_S)
    except httpx.HTTPError as problem:
        stage.history.broken.append(f"an upload got no answer: {type(problem).__name__}")
        return 0
    return answer.status_code
