"""A few processes that decode pictures, so that the event loop does not, and nothing that is in a picture harms the server.

Workers are started when there is work for them and kept; each has one job at a time. What must stay true: a job waits
:data:`WAIT_TIMEOUT_S` and takes :data:`JOB_TIMEOUT_S` at the most; a worker that died, or was killed because it took too
long, is replaced with the next job; no more than :data:`WAITING_MAX` jobs wait.
"""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass
from typing import IO, Any, Final

import orjson

from core.errors import ErrorCode, PayloadTooLarge, Unavailable, ValidationFailed
from storage.avatar_body import BOUNDS, NO_PICTURE
from storage.jobs import HEAD_LENGTH_BYTES, Avatar, BadImage, Bounds, Encoded, Look, TooManyPixels, pack_head

log = logging.getLogger("molva.images")

WORKERS_MAX: Final = 4
WAITING_MAX: Final = 100
WAIT_TIMEOUT_S: Final = 60.0
JOB_TIMEOUT_S: Final = 45.0
_CHUNK_BYTES: Final = 256 * 1024
_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
"""What a worker gets to see of the environment: not the secrets."""


class ImageWorkers:
    """The workers of this process."""

    def __init__(self, *, count: int | None = None, job_timeout_s: float = JOB_TIMEOUT_S) -> None:
        self._free = asyncio.Semaphore(count or min(WORKERS_MAX, os.cpu_count() or 1))
        self._job_timeout_s = job_timeout_s
        self._waiting = 0
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    async def make_avatar(self, body: IO[bytes], size_bytes: int) -> Avatar:
        """The avatar in the body of a request: see ``avatar_body`` and ``images.make_avatar``.

        ``ValidationFailed``, ``PayloadTooLarge``; ``Unavailable`` when too many wait.
        """
        try:
            head, parts = await self._run("avatar", body, size_bytes, BOUNDS)
        except BadImage:  # the worker died of it
            raise ValidationFailed.at("image", NO_PICTURE) from None
        named = zip(head["names"], head["mimes"], parts, strict=True)
        return Avatar(head["digest"], {name: Encoded(part, mime) for name, mime, part in named})

    async def examine(self, picture: IO[bytes], size_bytes: int, bounds: Bounds) -> Look:
        """See ``images.examine``: ``BadImage``, ``TooManyPixels``; ``Unavailable`` when too many wait."""
        head, (thumbnail,) = await self._run("look", picture, size_bytes, bounds)
        return Look(head["width"], head["height"], Encoded(thumbnail, head["mimes"][0]), head["blurhash"])

    async def close(self) -> None:
        """End all workers."""
        for worker in list(self._all):
            await self._discard(worker)

    async def _run(
        self, job: str, picture: IO[bytes], size_bytes: int, bounds: Bounds
    ) -> tuple[dict[str, Any], list[bytes]]:
        head = {"job": job, "pixels_max": bounds.pixels_max, "side_max": bounds.side_max, "sizes": [size_bytes]}
        await self._take_turn()
        try:
            answer, parts = await self._run_on_worker(head, picture)
        finally:
            self._free.release()
        match answer["outcome"]:
            case "ok":
                return answer, parts
            case "too_many_pixels":
                raise TooManyPixels
            case ErrorCode.VALIDATION_FAILED:
                raise ValidationFailed(answer["details"])
            case ErrorCode.PAYLOAD_TOO_LARGE:
                raise PayloadTooLarge(answer["message"])
            case "failed":
                log.warning("picture not processed", extra={"problem": answer["problem"]})
        raise BadImage

    async def _take_turn(self) -> None:
        if self._waiting >= WAITING_MAX:
            raise Unavailable
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_TIMEOUT_S):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable from None
        finally:
            self._waiting -= 1

    async def _run_on_worker(self, head: dict[str, Any], picture: IO[bytes]) -> tuple[dict[str, Any], list[bytes]]:
        worker = self._idle.pop() if self._idle else await self._start()
        try:
            async with asyncio.timeout(self._job_timeout_s):
                answer = await worker.work(head, picture)
        except (TimeoutError, EOFError, OSError) as error:
            await self._discard(worker)
            return {"outcome": "failed", "problem": type(error).__name__}, []
        except BaseException:  # cancelled: the worker would give this answer to the next job
            await self._discard(worker)
            raise
        self._idle.append(worker)
        return answer

    async def _start(self) -> "_Worker":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "storage.worker",
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        )
        worker = _Worker(process)
        self._all.add(worker)
        return worker

    async def _discard(self, worker: "_Worker") -> None:
        self._all.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.process.returncode is None:
            worker.process.kill()
        await worker.process.wait()


@dataclass(frozen=True, slots=True, eq=False)
class _Worker:
    """One process."""

    process: Process

    async def work(self, head: dict[str, Any], picture: IO[bytes]) -> tuple[dict[str, Any], list[bytes]]:
        """One job and its answer; ``EOFError`` or ``OSError`` when the process is no more."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise EOFError
        stdin.write(pack_head(head))
        picture.seek(0)
        while chunk := await asyncio.to_thread(picture.read, _CHUNK_BYTES):
            stdin.write(chunk)
            await stdin.drain()
        length = int.from_bytes(await stdout.readexactly(HEAD_LENGTH_BYTES), "big")
        answer = orjson.loads(await stdout.readexactly(length))
        return answer, [await stdout.readexactly(size) for size in answer["sizes"]]
