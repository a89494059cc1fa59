"""What the auditor asks the nodes for, one transaction after the other."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from solders.pubkey import Pubkey

from dex.errors import RpcUnavailable
from dex.solana.rpc import RpcClient
from dex.tests.scripted_node import NodeError, scripted_node
from execution.audit.landed import Ledger
from execution.audit.wallet_ledger import look_up


def without_history(*_: object) -> None:
    raise NodeError(-32011, "Transaction history is not available")


@contextlib.asynccontextmanager
async def nodes(*answers: object) -> AsyncIterator[RpcClient]:
    """Serve nodes that answer so to getTransaction; yield a client of theirs."""
    async with contextlib.AsyncExitStack() as stack:
        served = [
            await stack.enter_async_context(scripted_node(getTransaction=answer))
            for answer in answers
        ]
        urls = [node.url for node in served]
        rpc = RpcClient(urls, timeout_s=5, batch_size=25, expected_genesis=None)
        stack.push_async_callback(rpc.close)
        yield rpc


async def look_for(rpc: RpcClient) -> Ledger:
    ledger = Ledger((), 77, known=())
    return await look_up(rpc, Pubkey.default(), ledger, {"missing": "[1] x"})


async def test_what_one_node_does_not_know_and_no_other_shows_did_not_land():
    async with nodes(without_history, None) as rpc:
        assert await look_for(rpc) == Ledger([], 77, {"missing"})


async def test_what_no_node_says_anything_of_may_have_landed():
    async with nodes(without_history, without_history) as rpc:
        with pytest.raises(RpcUnavailable, match="keeps no transaction history"):
            await look_for(rpc)
