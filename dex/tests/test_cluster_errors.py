"""What settles a transaction that failed on chain: an error that a second endpoint shows too."""

from __future__ import annotations

import pytest

from dex.types import Landed, LandedWithError

from .chain_node import (
    SLIPPAGE,
    settling,
    stage,
    status,
    transaction,
)


@pytest.mark.parametrize("level", ["confirmed", "finalized"])
async def test_an_error_that_a_second_endpoint_shows_too_is_landed_with_error(
    level: str,
):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)
        chain[1].statuses[tx.signature] = status(level, err=SLIPPAGE)

        landed = await outcome

    assert isinstance(landed, LandedWithError)
    assert (landed.slot, landed.error_code) == (5_001, "slippage_exceeded")
    assert landed.retryable


async def test_an_error_at_processed_counts_nowhere_alone():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.statuses[tx.signature] = status("processed", SLIPPAGE)
        for node in chain:
            await node.rounds("getSignatureStatuses", 3)

        assert not outcome.done()


async def test_an_error_at_processed_backs_no_liar():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)
        chain[1].statuses[tx.signature] = status("processed", SLIPPAGE)
        for node in chain:
            await node.rounds("getSignatureStatuses", 3)
        assert not outcome.done()

        # A fork took the error back, and the swap landed after all.
        for node in chain:
            node.statuses[tx.signature] = status()
        assert await outcome == Landed(5_001)


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("level", ["confirmed", "finalized"])
async def test_an_error_that_one_endpoint_alone_shows_settles_nothing(
    liar: int, level: str
):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[liar].statuses[tx.signature] = status(level, SLIPPAGE)
        for node in chain:
            await node.rounds("getSignatureStatuses", 3)
        await chain[1 - liar].rounds("getEpochInfo", 3)
        assert not outcome.done()

        # It was under way all the time.
        for node in chain:
            node.statuses[tx.signature] = status()
        assert await outcome == Landed(5_001)


async def test_an_error_stays_open_while_the_other_endpoint_is_down():
    tx = transaction()
    async with stage(1, down=1) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status("finalized", SLIPPAGE)
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 5)

        assert not outcome.done()


async def test_an_error_that_a_second_endpoint_withdrew_counts_no_more():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[1].statuses[tx.signature] = status("processed", SLIPPAGE)
        await chain[1].rounds("getSignatureStatuses", 3)
        chain[1].statuses.clear()  # it was on a fork
        await chain[1].rounds("getSignatureStatuses", 3)
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)
        for node in chain:
            await node.rounds("getSignatureStatuses", 3)

        assert not outcome.done()


async def test_an_error_counts_for_nothing_while_any_endpoint_shows_a_success():
    tx = transaction()
    async with stage(3) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[2].statuses[tx.signature] = status("processed")
        await chain[2].rounds("getSignatureStatuses", 3)
        for node in chain[:2]:
            node.statuses[tx.signature] = status(err=SLIPPAGE)
        for node in chain:
            await node.rounds("getSignatureStatuses", 3)
        assert not outcome.done()

        chain[2].statuses[tx.signature] = status(err=SLIPPAGE)
        assert isinstance(await outcome, LandedWithError)


async def test_a_single_endpoint_shows_an_error_at_finalized():
    tx = transaction()
    async with (
        stage(1, allow_single_rpc=True) as (cluster, chain),
        settling(cluster, tx) as outcome,
    ):
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)
        await chain[0].rounds("getSignatureStatuses", 5)
        assert not outcome.done()

        chain[0].statuses[tx.signature] = status("finalized", SLIPPAGE)
        assert isinstance(await outcome, LandedWithError)
