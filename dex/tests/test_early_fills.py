"""What a socket says landed is asked for at once, beside its status."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from dex.solana.cluster import Cluster
from dex.solana.shown import EARLY_KEPT, ShownTransactions
from dex.types import Fill, Landed, SignedTransaction

from .chain_node import ChainNode, settling, stage, status, transaction, until
from .scripted_socket import ScriptedSocket, scripted_socket
from .test_transactions_fill import (
    PAID,
    RECEIVED,
    SIDES,
    VAULT_IN,
    VAULT_OUT,
    landed,
)


@pytest.fixture
async def listening() -> AsyncIterator[tuple[Cluster, ChainNode, ScriptedSocket]]:
    async with (
        scripted_socket() as socket,
        stage(1, sockets=[socket.url], status_interval_s=3600.0) as (cluster, (node,)),
    ):
        yield cluster, node, socket


def show(node: ChainNode, tx: SignedTransaction, shown: Any) -> None:
    """Let a node show a status and, under the same signature, a transaction."""
    node.statuses[tx.signature] = status()
    node.node.answers["getTransaction"] = lambda signature, options: shown


async def settled_fill(cluster: Cluster, tx: SignedTransaction) -> Fill:
    return await cluster.fill(
        tx.signature,
        vault_in=SIDES.vault_in,
        vault_out=SIDES.vault_out,
        wallet=SIDES.wallet,
        mint_in=SIDES.mint_in,
        mint_out=SIDES.mint_out,
    )


async def test_what_a_swap_moved_is_asked_for_once_and_before_anybody_wants_it(
    listening: tuple[Cluster, ChainNode, ScriptedSocket],
):
    cluster, node, socket = listening
    tx = transaction()
    async with settling(cluster, tx) as outcome:
        await socket.subscribed(tx.signature)
        show(node, tx, landed(VAULT_IN, VAULT_OUT, PAID, RECEIVED))
        await socket.notify(tx.signature)
        assert await outcome == Landed(5_001)
    await until(lambda: node.node.asked("getTransaction") == 1)

    fill = await settled_fill(cluster, tx)

    assert fill == Fill(tx.signature, 321, 1_000, 2_000, 5_000, 42_000)
    assert node.node.asked("getTransaction") == 1


async def test_what_was_not_shown_yet_is_asked_for_again_once_it_has_landed(
    listening: tuple[Cluster, ChainNode, ScriptedSocket],
):
    cluster, node, socket = listening
    tx = transaction()
    async with settling(cluster, tx) as outcome:
        await socket.subscribed(tx.signature)
        show(node, tx, None)
        await socket.notify(tx.signature)
        await outcome
        show(node, tx, landed(VAULT_IN, VAULT_OUT, PAID, RECEIVED))

        fill = await settled_fill(cluster, tx)

    assert fill == Fill(tx.signature, 321, 1_000, 2_000, 5_000, 42_000)


async def test_what_is_never_used_is_forgotten():
    async with stage(1) as (cluster, (node,)):
        node.node.answers["getTransaction"] = lambda signature, options: None
        shown = ShownTransactions(cluster.rpc)
        for number in range(EARLY_KEPT + 20):
            shown.expect(f"signature {number}")
        assert len(shown._early) == EARLY_KEPT

        await shown.close()

        assert len(shown._early) == 0
