"""Database calls of many orders made as one, and what one order's trouble costs others."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from django.db import DatabaseError, OperationalError
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0

from dex.errors import WalletError
from execution.batches import Batches
from execution.storage import Database
from orders.errors import IllegalTransition, StaleTransition
from orders.models import Order, Status
from orders.moves import Move
from orders.tests.faults import breaking_road

from .locks import held_up
from .steps import statuses


class Counting(Database):
    """A database that keeps the batches of moves that it was asked to write."""

    def __init__(self):
        super().__init__()
        self.batches: list[list[Move]] = []
        self.alone: list[Move] = []
        self.after_first = contextlib.AsyncExitStack()

    async def run(self, call, *args, **kwargs):
        if call.__name__ == "transition":
            self.alone.append(args[0])
        if call.__name__ != "transition_all":
            return await super().run(call, *args, **kwargs)
        self.batches.append(args[0])
        results = await super().run(call, *args, **kwargs)
        await self.after_first.aclose()
        return results


@pytest.fixture
async def counting(stage):
    database = Counting()
    yield database
    await database.close()


@pytest.fixture
def batches(stage, counting):
    return Batches(counting, stage.wallet, unit_price=0)


async def first_steps(stage, count):
    """The first step of so many new orders, claimed."""
    moves = []
    for _ in range(count):
        claim = await stage.claim(await stage.place())
        expected = (Status.PENDING,)
        moves.append(
            Move(claim.order_id, Status.ROUTING, expected, claim.fence, 1, data={})
        )
    return moves


async def outcomes(batches, moves):
    """Make moves at once; return what each raised, None where it counted."""
    tasks = [asyncio.create_task(batches.move(move)) for move in moves]
    return await asyncio.gather(*tasks, return_exceptions=True)


async def stored(stage, moves):
    return [statuses(await stage.history(move.order_id))[1:] for move in moves]


async def test_moves_that_come_during_a_write_share_the_next_one(
    stage, counting, batches
):
    moves = await first_steps(stage, 5)
    first = asyncio.create_task(batches.move(moves[0]))
    await asyncio.sleep(0)  # the write of the first begins
    await asyncio.sleep(0)

    assert await outcomes(batches, moves[1:]) == [None] * 4
    await first

    assert counting.batches == [moves[:1], moves[1:]]
    assert await stored(stage, moves) == [["routing"]] * 5


async def test_two_moves_of_one_order_never_share_a_write(stage, counting, batches):
    (move,) = await first_steps(stage, 1)

    once, again = await outcomes(batches, [move, move])

    assert (once, type(again)) == (None, StaleTransition)
    assert counting.batches == [[move], [move]]


async def test_a_stale_move_fails_its_own_order_alone(stage, batches):
    moves = await first_steps(stage, 3)
    await stage.change(moves[1].order_id, fence=99)

    results = await outcomes(batches, moves)

    assert [type(result) for result in results] == [
        type(None),
        StaleTransition,
        type(None),
    ]
    assert await stored(stage, moves) == [["routing"], [], ["routing"]]


async def test_a_row_that_the_database_refuses_fails_its_own_order_alone(
    stage, batches
):
    moves = await first_steps(stage, 3)
    bad = moves[1]
    moves[1] = Move(
        *(bad.order_id, bad.to, bad.expected, bad.fence, 1, {}),
        columns={"venue": "v" * 17, "slot": 1},
    )

    results = await outcomes(batches, moves)

    assert results[0] is None
    assert results[2] is None
    assert isinstance(results[1], DatabaseError)
    assert await stored(stage, moves) == [["routing"], [], ["routing"]]


async def test_a_locked_order_waits_alone_for_its_lock(stage, batches):
    moves = await first_steps(stage, 3)

    def lock():
        return Order.objects.select_for_update().get(id=moves[1].order_id)

    async with held_up(lock):
        waiting = asyncio.create_task(batches.move(moves[1]))
        assert await outcomes(batches, [moves[0], moves[2]]) == [None, None]
        assert await stored(stage, moves) == [["routing"], [], ["routing"]]
        assert not waiting.done()
    await waiting

    assert await stored(stage, moves) == [["routing"]] * 3


async def test_orders_that_were_locked_for_a_moment_share_the_next_batch(
    stage, counting, batches
):
    moves = await first_steps(stage, 3)

    def lock():
        return [*Order.objects.select_for_update()]

    await counting.after_first.enter_async_context(held_up(lock))

    assert await outcomes(batches, moves) == [None] * 3
    assert counting.batches == [moves, moves]
    assert counting.alone == []


async def test_an_illegal_move_never_joins_a_batch(stage, counting, batches):
    good, bad = await first_steps(stage, 2)
    bad = Move(bad.order_id, Status.BUILDING, bad.expected, bad.fence, 1, data={})

    good_result, bad_result = await outcomes(batches, [good, bad])

    assert good_result is None
    assert isinstance(bad_result, IllegalTransition)
    assert counting.batches == [[good]]


@pytest.mark.parametrize("deliver", [True, False], ids=["committed", "not committed"])
async def test_a_lost_answer_to_the_commit_of_a_batch_is_unknown_to_all_of_it(
    stage, deliver
):
    moves = await first_steps(stage, 3)
    road = breaking_road(deliver=deliver, open_again=True, at=2)
    await asyncio.to_thread(road.__enter__)
    database = Database()
    batches = Batches(database, stage.wallet, unit_price=0)
    try:
        await batches.move(moves[0])
        results = await outcomes(batches, moves[1:])
        # Whoever asks again over a new connection finds what became of it.
        again = await outcomes(batches, moves[1:])
    finally:
        await database.close()
        await asyncio.to_thread(road.__exit__, None, None, None)

    assert {type(result) for result in results} == {OperationalError}
    expected = StaleTransition if deliver else type(None)
    assert {type(result) for result in again} == {expected}
    assert await stored(stage, moves) == [["routing"]] * 3


async def test_a_move_whose_waiter_was_cancelled_before_its_write_is_not_made(
    stage, counting, batches
):
    first, second = await first_steps(stage, 2)
    writing = asyncio.create_task(batches.move(first))
    waiting = asyncio.create_task(batches.move(second))
    await asyncio.sleep(0)  # both have been handed in

    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await writing
    await batches.finished()

    assert counting.batches == [[first]]
    assert await stored(stage, [first, second]) == [["routing"], []]


async def test_few_orders_wait_for_nobody_and_many_up_to_50_ms(stage, batches):
    pauses = {}
    for batches.in_flight in (0, 20, 21, 60, 120, 2_000):
        pauses[batches.in_flight] = round(batches.pause_s(), 6)

    assert pauses == {0: 0, 20: 0, 21: 0.00025, 60: 0.01, 120: 0.025, 2_000: 0.05}


async def test_a_message_for_another_signer_is_refused_and_its_neighbours_are_signed(
    stage, batches
):
    mine, theirs = (
        MessageV0.try_compile(payer, [], [], Hash.default())
        for payer in (stage.wallet.address, Keypair().pubkey())
    )

    signing = [asyncio.create_task(batches.sign(m, 7)) for m in (mine, theirs)]

    assert (await signing[0]).last_valid_block_height == 7
    with pytest.raises(WalletError, match="another signer"):
        await signing[1]
