"""What proves a transaction dead: two endpoints that show it whole, and nothing less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dex.types import Expired, Landed, LandedWithError

from .chain_node import (
    LAST_VALID,
    SLIPPAGE,
    ChainNode,
    settling,
    stage,
    status,
    transaction,
    with_context,
)
from .scripted_node import NodeError


async def test_two_endpoints_that_show_it_dead_prove_it_expired():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].expire()
        chain[1].expire()
        chain[1].slot = 6_001

        expired = await outcome

    assert expired == Expired({chain[0].node.name: 6_000, chain[1].node.name: 6_001})


async def test_each_endpoint_shows_it_in_the_one_right_order():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.expire()
        await outcome

    for node in chain:
        proof = [
            method
            for method, params in node.node.calls
            if method in ("getEpochInfo", "isBlockhashValid")
            or (method, params[-1:]) == ("getSignatureStatuses", [HISTORY])
        ]
        assert "getEpochInfo isBlockhashValid getSignatureStatuses" in " ".join(proof)
        for body in node.node.bodies:
            assert not {"getEpochInfo", "isBlockhashValid"} <= set(body)


HISTORY = {"searchTransactionHistory": True}


def _height_is_not_beyond(node: ChainNode) -> None:
    node.height = LAST_VALID


def _blockhash_is_valid(node: ChainNode) -> None:
    node.blockhash_is_valid = True


def _statuses_are_older(node: ChainNode) -> None:
    node.status_slot = node.slot - 1


def _blockhash_answer_is_older(node: ChainNode) -> None:
    node.node.answers["isBlockhashValid"] = with_context(node.slot - 1, False)


def _is_rate_limited(node: ChainNode) -> None:
    def refuse(*_: Any) -> None:
        raise NodeError(429, "slow down")

    node.node.answers["getSignatureStatuses"] = refuse


def _is_behind(node: ChainNode) -> None:
    def refuse(*_: Any) -> None:
        raise NodeError(-32016, "behind")

    node.node.answers["isBlockhashValid"] = refuse


def _answers_nonsense(node: ChainNode) -> None:
    node.node.answers["getSignatureStatuses"] = {
        "context": {"slot": 10**6},
        "value": [],
    }


def _says_null(node: ChainNode) -> None:
    node.node.answers["getEpochInfo"] = None


def _blockhash_says_null(node: ChainNode) -> None:
    node.node.answers["isBlockhashValid"] = with_context(10**6, None)


@pytest.mark.parametrize(
    "shortfall",
    [
        _height_is_not_beyond,
        _blockhash_is_valid,
        _statuses_are_older,
        _blockhash_answer_is_older,
        _is_rate_limited,
        _is_behind,
        _answers_nonsense,
        _says_null,
        _blockhash_says_null,
    ],
)
async def test_one_endpoint_that_does_not_show_it_whole_keeps_it_open(
    shortfall: Callable[[ChainNode], None],
):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.expire()
        shortfall(chain[1])
        await chain[0].rounds("getEpochInfo", 5)

        assert not outcome.done()


async def test_the_death_proof_needs_two_endpoints_that_answer():
    tx = transaction()
    async with (
        stage(1, down=1, allow_single_rpc=True) as (cluster, chain),
        settling(cluster, tx) as outcome,
    ):
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 3)
        chain[0].slot += 1_000
        await chain[0].rounds("getEpochInfo", 3)

        assert not outcome.done()


async def test_an_endpoint_that_knows_the_signature_wins_over_two_that_do_not():
    tx = transaction()
    async with stage(3) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[2].history[tx.signature] = status("processed")
        for node in chain:
            node.expire()
        await chain[0].rounds("getEpochInfo", 5)
        assert not outcome.done()

        chain[2].history[tx.signature] = status("finalized")
        assert await outcome == Landed(5_001)


async def test_an_endpoint_that_knew_the_signature_and_fell_silent_keeps_it_open():
    tx = transaction()
    async with stage(3) as (cluster, chain), settling(cluster, tx) as outcome:
        chain[2].statuses[tx.signature] = status("processed")
        await chain[2].rounds("getSignatureStatuses", 3)
        _is_rate_limited(chain[2])
        for node in chain:
            node.expire()
        await chain[0].rounds("getEpochInfo", 5)

        assert not outcome.done()


async def test_a_fork_that_was_dropped_expires_once_its_endpoint_shows_it_dead():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status("processed")
        await chain[0].rounds("getSignatureStatuses", 3)
        chain[0].statuses.clear()
        for node in chain:
            node.expire()

        assert isinstance(await outcome, Expired)


async def test_a_landing_found_in_history_alone_is_landed():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].history[tx.signature] = status("finalized")
        for node in chain:
            node.expire()

        assert await outcome == Landed(5_001)


async def test_an_error_that_one_endpoint_shows_counts_once_the_other_shows_it_dead():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)
        await chain[0].rounds("getEpochInfo", 5)
        assert not outcome.done()

        for node in chain:
            node.expire()
        assert isinstance(await outcome, LandedWithError)


@pytest.mark.parametrize(
    "shortfall", [_height_is_not_beyond, _blockhash_is_valid, _statuses_are_older]
)
async def test_an_error_stays_open_while_the_other_endpoint_does_not_show_it_dead(
    shortfall: Callable[[ChainNode], None],
):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)
        for node in chain:
            node.expire()
        shortfall(chain[1])
        await chain[1].rounds("getEpochInfo", 5)

        assert not outcome.done()


async def test_an_error_stays_open_when_history_shows_a_success_elsewhere():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].statuses[tx.signature] = status(err=SLIPPAGE)
        chain[1].history[tx.signature] = status("processed")
        for node in chain:
            node.expire()
        await chain[1].rounds("getEpochInfo", 5)

        assert not outcome.done()


async def test_what_was_shown_dead_before_a_success_was_seen_is_shown_dead_anew():
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        chain[0].expire()
        await chain[0].rounds("getEpochInfo", 5)
        chain[1].statuses[tx.signature] = status("processed")
        await chain[1].rounds("getSignatureStatuses", 5)
        chain[1].statuses.clear()
        _is_rate_limited(chain[0])
        chain[1].expire()
        await chain[1].rounds("getEpochInfo", 5)

        assert not outcome.done()
