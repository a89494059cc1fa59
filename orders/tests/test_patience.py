"""One timer limits many waits of a task."""

from __future__ import annotations

import asyncio

import pytest

from orders.patience import Patience

LIMIT_S = 0.05


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def test_a_wait_that_lasts_too_long_ends_with_a_timeout():
    patience = Patience(LIMIT_S)
    began = asyncio.get_running_loop().time()

    with pytest.raises(TimeoutError), patience:
        await never()

    assert asyncio.get_running_loop().time() - began >= LIMIT_S
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_each_wait_has_the_whole_limit_however_many_there_were_before():
    patience, loop = Patience(LIMIT_S), asyncio.get_running_loop()
    end = loop.time() + 3 * LIMIT_S
    while loop.time() < end:
        with patience:
            await asyncio.sleep(LIMIT_S / 20)

    began = loop.time()
    with pytest.raises(TimeoutError), patience:
        await never()

    assert LIMIT_S <= loop.time() - began < 3 * LIMIT_S


async def test_a_block_after_one_that_was_too_long_is_limited_as_well():
    patience = Patience(LIMIT_S)
    for _ in range(2):
        with pytest.raises(TimeoutError), patience:
            await never()
    with patience:
        await asyncio.sleep(0)


async def test_a_task_that_somebody_cancels_stays_cancelled():
    async def wait() -> None:
        with Patience(60):
            await never()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_between_two_waits_nobody_is_timed_out():
    patience, loop = Patience(LIMIT_S), asyncio.get_running_loop()
    with patience:
        await asyncio.sleep(0)
    later = loop.create_future()
    loop.call_later(3 * LIMIT_S, later.set_result, None)

    await later

    patience.end()
