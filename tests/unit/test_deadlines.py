"""Deadlines: like asyncio.timeout, with one timer for all."""

import asyncio
from typing import Any

import pytest

from core.deadlines import Deadlines


async def test_what_ends_in_time_is_left_alone():
    deadlines = Deadlines(0.2)
    with deadlines.within(0.2):
        await asyncio.sleep(0)
    await asyncio.sleep(0.3)  # nothing comes later
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # there is one


@pytest.mark.parametrize("count", [1, 50])
async def test_what_takes_longer_is_ended(count: int):
    deadlines = Deadlines(0.4)
    ended: list[float] = []
    loop = asyncio.get_running_loop()

    async def work(seconds: float) -> None:
        started = loop.time()
        with pytest.raises(TimeoutError), deadlines.within(seconds):
            await asyncio.Event().wait()
        ended.append(loop.time() - started - seconds)

    await asyncio.gather(*(work(0.1 + number / 1000) for number in range(count)))
    assert len(ended) == count
    assert min(ended) >= -0.4 / 40 - 0.001


async def test_each_has_its_own_limit_whatever_the_order():
    deadlines = Deadlines(1000)
    loop = asyncio.get_running_loop()
    deadlines._pause_s = 0.001

    async def work(seconds: float) -> None:
        with deadlines.within(seconds):
            await asyncio.Event().wait()

    long = loop.create_task(work(1000))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await work(0.01)
    assert not long.done()
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long


async def test_a_cancellation_from_elsewhere_goes_on():
    deadlines = Deadlines(10)

    async def work() -> None:
        with deadlines.within(10):
            await asyncio.Event().wait()

    task = asyncio.get_running_loop().create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_in_the_same_turn_is_not_taken_for_the_limit():
    deadlines = Deadlines(10)
    inside: list[Any] = []

    async def work() -> None:
        with deadlines.within(10) as deadline:
            inside.append(deadline)
            await asyncio.Event().wait()

    task = asyncio.get_running_loop().create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    inside[0].expire()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_from_inside_goes_on():
    deadlines = Deadlines(10)
    with pytest.raises(ZeroDivisionError), deadlines.within(10):
        _ = 1 / 0


async def test_the_task_can_be_limited_again_after_a_limit():
    deadlines = Deadlines(0.1)
    for _ in range(2):
        with pytest.raises(TimeoutError), deadlines.within(0.05):
            await asyncio.Event().wait()
        await asyncio.sleep(0)
