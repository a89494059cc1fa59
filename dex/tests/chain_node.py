"""A cluster over nodes whose view of the chain a test sets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.transaction import VersionedTransaction
from yarl import URL

from dex.solana.cluster import Cluster
from dex.solana.rpc import RpcClient
from dex.types import SignedTransaction
from dex.venues.raydium import RaydiumCpmm

from .scripted_node import ScriptedNode, scripted_node

LAST_VALID = 1_000
WALLET = Keypair.from_seed(bytes(32))
SLIPPAGE = {"InstructionError": [0, {"Custom": 6005}]}


class ChainNode:
    """One node's view of the chain, for a test to set."""

    def __init__(self, node: ScriptedNode) -> None:
        self.node = node
        self.slot = 5_001
        self.height = LAST_VALID - 100
        self.blockhash_is_valid = True
        self.statuses: dict[str, Any] = {}
        self.history: dict[str, Any] = {}
        self.status_slot: int | None = None
        node.answers |= {
            "getBlockHeight": lambda options: self.height,
            "getEpochInfo": self._epoch_info,
            "isBlockhashValid": self._is_blockhash_valid,
            "getSignatureStatuses": self._statuses,
            "sendTransaction": lambda raw, options: "sent",
        }

    def expire(self) -> None:
        """Show every transaction of these tests as too old to land."""
        self.slot, self.height = 6_000, LAST_VALID + 1
        self.blockhash_is_valid = False

    def _epoch_info(self, options: dict[str, Any]) -> Any:
        assert options == {"commitment": "finalized"}
        return {"absoluteSlot": self.slot, "blockHeight": self.height, "epoch": 0}

    def _is_blockhash_valid(self, blockhash: str, options: dict[str, Any]) -> Any:
        assert options == {"commitment": "finalized", "minContextSlot": self.slot}
        return with_context(self.slot, self.blockhash_is_valid)

    def _statuses(self, signatures: list[str], options: dict[str, Any]) -> Any:
        known = dict(self.statuses)
        if options["searchTransactionHistory"]:
            known |= self.history
        slot = self.slot if self.status_slot is None else self.status_slot
        return with_context(slot, [known.get(signature) for signature in signatures])

    async def rounds(self, method: str, count: int) -> None:
        """Wait until the node was asked `count` more times."""
        wanted = self.node.asked(method) + count
        await until(lambda: self.node.asked(method) >= wanted)


def with_context(slot: int, value: Any) -> dict[str, Any]:
    return {"context": {"slot": slot, "apiVersion": "3.0.0"}, "value": value}


def status(level: str = "confirmed", err: Any = None, slot: int = 5_001) -> Any:
    return {"slot": slot, "confirmations": 1, "err": err, "confirmationStatus": level}


def transaction(memo: str = "order:1") -> SignedTransaction:
    instruction = Instruction(RaydiumCpmm.program_id, memo.encode(), [])
    message = MessageV0.try_compile(WALLET.pubkey(), [instruction], [], Hash.default())
    signed = VersionedTransaction(message, [WALLET])
    return SignedTransaction(
        str(signed.signatures[0]), bytes(signed), str(Hash.default()), LAST_VALID
    )


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def stage(
    nodes: int = 2, *, down: int = 0, sockets: Sequence[URL] = (), **options: Any
) -> AsyncIterator[tuple[Cluster, list[ChainNode]]]:
    """Run a cluster over `nodes` scripted nodes and `down` endpoints nobody serves.

    The first nodes have the `sockets`, in order.
    """
    async with contextlib.AsyncExitStack() as stack:
        chain = [
            ChainNode(await stack.enter_async_context(scripted_node()))
            for _ in range(nodes)
        ]
        urls = [entry.node.url for entry in chain]
        urls += [f"http://127.0.0.1:{port}" for port in range(9, 9 + down)]
        rpc = RpcClient(urls, timeout_s=5, batch_size=25, expected_genesis=None)
        names = [entry.node.name for entry in chain]
        settings: dict[str, Any] = {
            "socket_urls": dict(zip(names, sockets, strict=False)),
            "slot_time_s": 0.001,
            "status_interval_s": 0.001,
            "expiry_interval_s": 0.001,
            "resend_interval_s": 0.004,
        }
        cluster = Cluster(rpc, {"raydium": RaydiumCpmm()}, **settings | options)
        await stack.enter_async_context(cluster)
        yield cluster, chain


@contextlib.asynccontextmanager
async def settling(
    cluster: Cluster, tx: SignedTransaction
) -> AsyncIterator[asyncio.Task[Any]]:
    task = asyncio.create_task(cluster.settle(tx))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
