"""A single endpoint proves a transaction dead twice over, and only where it is allowed."""

from __future__ import annotations

from dex.types import Expired

from .chain_node import (
    settling,
    stage,
    status,
    transaction,
)


async def test_a_single_endpoint_shows_it_twice_32_slots_apart():
    tx = transaction()
    async with (
        stage(1, allow_single_rpc=True) as (cluster, chain),
        settling(cluster, tx) as outcome,
    ):
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 5)
        chain[0].slot += 31
        await chain[0].rounds("getEpochInfo", 5)
        assert not outcome.done()

        chain[0].slot += 1
        expired = await outcome

    name = chain[0].node.name
    assert expired == Expired({name: 6_000, f"{name} again": 6_032})


async def test_a_single_endpoint_that_knew_it_in_between_begins_anew():
    tx = transaction()
    async with (
        stage(1, allow_single_rpc=True) as (cluster, chain),
        settling(cluster, tx) as outcome,
    ):
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 5)
        chain[0].history[tx.signature] = status("processed")
        await chain[0].rounds("getEpochInfo", 5)
        chain[0].history.clear()
        chain[0].slot += 32
        await chain[0].rounds("getEpochInfo", 5)
        assert not outcome.done()

        chain[0].slot += 32
        name = chain[0].node.name
        assert await outcome == Expired({name: 6_032, f"{name} again": 6_064})


async def test_a_single_endpoint_proves_nothing_unless_allowed():
    tx = transaction()
    async with stage(1) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 3)
        chain[0].slot += 1_000
        await chain[0].rounds("getEpochInfo", 3)

        assert not outcome.done()
