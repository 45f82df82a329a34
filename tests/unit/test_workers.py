"""Workers: tasks that are kept run what they are given, each as in a task of its own."""

import asyncio

from realtime.transport.workers import Workers


async def test_work_runs_side_by_side_and_tasks_are_used_again():
    workers = Workers()
    gate = asyncio.Event()
    ran: list[asyncio.Task[object] | None] = []

    async def work() -> None:
        ran.append(asyncio.current_task())
        await gate.wait()

    for _ in range(3):
        workers.start(work())
    await asyncio.sleep(0)
    assert (len(set(ran)), workers.busy) == (3, 3)
    gate.set()
    await workers.settled()
    first, ran = set(ran), []
    for _ in range(3):
        workers.start(work())
    assert workers.busy == 3
    await workers.settled()
    assert set(ran) == first
    workers.close()
    await asyncio.gather(*(task for task in first if task is not None), return_exceptions=True)
    assert workers.busy == 0


async def test_settled_waits_for_what_begins_meanwhile():
    workers = Workers()
    ended: list[int] = []

    async def work(depth: int) -> None:
        await asyncio.sleep(0)
        if depth:
            workers.start(work(depth - 1))
        ended.append(depth)

    workers.start(work(5))
    await workers.settled()
    assert sorted(ended) == [0, 1, 2, 3, 4, 5]
    workers.close()


async def test_a_crash_ends_one_task_alone():
    workers = Workers()
    ended: list[str] = []

    async def crash() -> None:
        raise ValueError("crash")

    async def work() -> None:
        ended.append("work")

    workers.start(crash())
    workers.start(work())
    await workers.settled()
    workers.start(work())
    await workers.settled()
    assert ended == ["work", "work"]
    workers.close()


async def test_after_the_end_work_still_runs():
    workers = Workers()
    ended: list[str] = []

    async def work() -> None:
        ended.append("work")

    workers.start(work())
    await workers.settled()
    workers.close()
    workers.start(work())
    await workers.settled()
    assert ended == ["work", "work"]
    workers.close()
