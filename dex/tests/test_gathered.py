"""Calls of many tasks that are made as one."""

from __future__ import annotations

import asyncio
import gc

from django.db import OperationalError

from dex.gathered import Gathered


async def test_a_call_under_way_goes_on_without_the_one_who_gave_up():
    begun, go_on, made = asyncio.Event(), asyncio.Event(), []

    async def carry_out(items):
        begun.set()
        await go_on.wait()
        made.append(items)
        return items

    gathered = Gathered(carry_out)
    given_up = asyncio.create_task(gathered.call(1))
    await begun.wait()
    given_up.cancel()
    other = asyncio.create_task(gathered.call(2))
    await asyncio.sleep(0)
    go_on.set()

    assert await other == 2
    assert made == [[1], [2]]
    assert given_up.cancelled()


async def test_no_call_takes_more_than_a_hundred_items():
    sizes = []

    async def carry_out(items):
        sizes.append(len(items))
        return items

    gathered = Gathered(carry_out)

    results = await asyncio.gather(*(gathered.call(n) for n in range(250)))

    assert results == list(range(250))
    assert sizes == [100, 100, 50]


async def test_what_comes_during_the_pause_after_a_call_shares_the_next_one():
    made, pausing, again = [], asyncio.Event(), asyncio.Event()

    async def carry_out(items):
        made.append(items)
        return items

    def pause_s():
        pausing.set()
        return 0.0 if again.is_set() else 0.05

    gathered = Gathered(carry_out, pause_s=pause_s)
    await gathered.call(1)
    await pausing.wait()
    again.set()

    await asyncio.gather(*(gathered.call(n) for n in (2, 3, 4)))

    assert made == [[1], [2, 3, 4]]


async def test_what_a_call_raises_is_raised_to_everyone_in_it():
    async def carry_out(items):
        raise OperationalError("the server is away")

    gathered = Gathered(carry_out)

    results = await asyncio.gather(
        *(gathered.call(n) for n in range(3)), return_exceptions=True
    )

    assert [str(result) for result in results] == ["the server is away"] * 3


async def test_an_error_that_nobody_waits_for_is_no_complaint_of_the_loop():
    complaints = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: complaints.append(context)
    )

    async def carry_out(items):
        raise OperationalError("the server is away")

    gathered = Gathered(carry_out)
    gathered.ask(1)

    await gathered.finished()
    gc.collect()

    assert complaints == []
