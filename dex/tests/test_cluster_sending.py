"""Sending a transaction: the same bytes again and again, which decides nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dex.types import Landed

from .chain_node import (
    LAST_VALID,
    settling,
    stage,
    status,
    transaction,
    until,
)
from .scripted_node import NodeError


@pytest.mark.parametrize("code", [-32002, -32003, -32602, -32603, 429])
async def test_no_send_error_decides_anything(code: int):
    def refuse(*_: Any) -> None:
        raise NodeError(code, "Blockhash not found")

    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.node.answers["sendTransaction"] = refuse
        await chain[0].rounds("sendTransaction", 3)
        assert not outcome.done()

        chain[0].statuses[tx.signature] = status()
        assert await outcome == Landed(5_001)


async def test_the_same_bytes_go_to_every_endpoint_again_and_again():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx):
        for node in chain:
            await node.rounds("sendTransaction", 3)

        sends = [
            params
            for node in chain
            for method, params in node.node.calls
            if method == "sendTransaction"
        ]
    assert all(params == sends[0] for params in sends)
    assert sends[0][1] == {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}


async def test_watching_sends_nothing():
    tx = transaction()
    async with stage() as (cluster, chain):
        task = asyncio.create_task(cluster.settle(tx, resend=False))
        await chain[0].rounds("getSignatureStatuses", 10)
        chain[0].statuses[tx.signature] = status()

        assert await task == Landed(5_001)
        assert chain[0].node.asked("sendTransaction") == 0


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize(
    ("height", "is_sent"), [(LAST_VALID, True), (LAST_VALID + 1, False)]
)
async def test_nothing_is_sent_beyond_the_last_valid_height(
    nodes: int, height: int, is_sent: bool
):
    tx = transaction()
    # Within these tests it sends again only when it is told to.
    patient: dict[str, Any] = {"resend_interval_s": 3600}
    async with stage(nodes, **patient) as (cluster, chain), settling(cluster, tx):
        sender = cluster._sender
        await until(lambda: all(node.node.asked("sendTransaction") for node in chain))
        await until(lambda: not sender._sending)
        for node in chain:
            node.height = height
        cluster._tracker._tracked[tx.signature].sent_at = None

        resending = asyncio.create_task(sender.resend())
        await until(lambda: sender._lowest_height == height)
        # It has heard the heights, and has acted on them.
        assert bool(sender._unsent or sender._sending) is is_sent
        resending.cancel()


async def test_of_two_endpoints_one_that_tells_its_height_does_not_stop_the_sender():
    async with stage(1, down=1) as (cluster, chain), settling(cluster, transaction()):
        chain[0].height = 10**15
        await chain[0].rounds("getBlockHeight", 2)

        async with asyncio.timeout(5):
            await chain[0].rounds("sendTransaction", 2)


async def test_a_height_that_one_answer_got_wrong_does_not_stop_the_sender_for_good():
    async with stage() as (cluster, chain), settling(cluster, transaction()):
        for node in chain:
            node.height = 10**15
        await chain[0].rounds("getBlockHeight", 2)

        for node in chain:
            node.height = LAST_VALID - 100
        async with asyncio.timeout(5):
            await chain[0].rounds("sendTransaction", 2)


async def test_one_liar_about_the_height_keeps_nothing_from_being_sent():
    async with stage() as (cluster, chain), settling(cluster, transaction()):
        chain[0].height = 10**15
        await chain[0].rounds("getBlockHeight", 2)

        async with asyncio.timeout(5):
            for node in chain:
                await node.rounds("sendTransaction", 2)


async def test_an_endpoint_that_hides_its_height_does_not_delay_the_sending():
    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    async with stage() as (cluster, chain), settling(cluster, transaction()):
        chain[0].node.answers["getBlockHeight"] = never

        async with asyncio.timeout(5):
            await chain[1].rounds("sendTransaction", 3)
