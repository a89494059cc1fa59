"""No request is longer than nodes read, however many calls are made at once."""

from __future__ import annotations

import asyncio

from dex.errors import RpcRejected
from dex.localnet.testing import running_localnet
from dex.solana.sender import OPTIONS

from .rpc_client import client
from .scripted_node import scripted_node

LONGEST_TRANSACTION = "A" * 1_644  # 1,232 bytes in base64


async def test_calls_that_are_long_together_are_sent_apart():
    async with (
        scripted_node(sendTransaction="signature") as node,
        client(node.url, batch_size=100) as rpc,
    ):
        sending = [LONGEST_TRANSACTION, OPTIONS]
        endpoint = rpc.endpoints[0]
        sent = await asyncio.gather(
            *(endpoint.call("sendTransaction", sending) for _ in range(60))
        )

    assert sent == ["signature"] * 60
    lengths = [len(body) for body in node.bodies if "sendTransaction" in body]
    assert lengths == [28, 28, 4]


async def test_a_page_of_statuses_beside_full_transactions_reaches_the_node():
    page = [["1" * 64] * 256, {}]
    transaction = [LONGEST_TRANSACTION, {"encoding": "base64"}]
    async with (
        running_localnet(nodes=1) as localnet,
        client(localnet.urls[0], expected_genesis=None) as rpc,
    ):
        endpoint = rpc.endpoints[0]
        statuses = asyncio.create_task(endpoint.call("getSignatureStatuses", page))
        refusals = await asyncio.gather(
            *(endpoint.call("simulateTransaction", transaction) for _ in range(24)),
            return_exceptions=True,
        )

        assert (await statuses)["value"] == [None] * 256
    # The node has read each of them, and found no transaction in it.
    assert {type(refusal) for refusal in refusals} == {RpcRejected}
