"""Whatever a node answers, nothing but our own errors comes of it, and no outcome."""

from __future__ import annotations

import asyncio
import base64
import copy
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from solders.hash import Hash
from solders.message import MessageV0

from dex.errors import FillUnreadable, RpcError
from dex.solana.blockhashes import Blockhashes
from dex.solana.fills import Sides, wait_for_fill
from dex.solana.market import Market
from dex.solana.meeting import _newest
from dex.solana.rpc import RpcClient
from dex.solana.simulation import DryRun, simulate
from dex.types import Landed

from .builders import key
from .chain_node import settling, stage, status, transaction, with_context
from .rpc_client import client
from .scripted_node import scripted_node

ODD: list[Any] = [None, True, False, 0, 1, -1, 2**63, 10**30, 1.5, "", "x", [], {}]
MESSAGE = MessageV0.try_compile(key("wallet"), [], [], Hash.default())


def garbage(rng: random.Random, depth: int = 3) -> Any:
    """Any JSON value."""
    kind = rng.random()
    if depth == 0 or kind < 0.5:
        return rng.choice(ODD)
    if kind < 0.75:
        return [garbage(rng, depth - 1) for _ in range(rng.randrange(4))]
    names = ["context", "slot", "value", "err", "accounts", "data", "id", "result"]
    return {rng.choice(names): garbage(rng, depth - 1) for _ in range(rng.randrange(4))}


def spoilt(rng: random.Random, good: Any) -> Any:
    """The good answer with one of its parts replaced by garbage, or left out."""
    answer = copy.deepcopy(good)
    inner = answer
    while True:
        if not isinstance(inner, (dict, list)) or not inner:
            return garbage(rng)
        part = rng.choice(list(inner if isinstance(inner, dict) else range(len(inner))))
        if rng.random() < 0.4 or not isinstance(inner[part], (dict, list)):
            if rng.random() < 0.3:
                del inner[part]
            else:
                inner[part] = garbage(rng)
            return answer
        inner = inner[part]


GOOD: dict[str, Any] = {
    "getLatestBlockhash": with_context(
        7, {"blockhash": str(Hash.default()), "lastValidBlockHeight": 157}
    ),
    # The Clock is one of them, whatever their order.
    "getMultipleAccounts": with_context(
        7,
        [
            {
                "data": [base64.b64encode(bytes(40)).decode(), "base64"],
                "owner": str(key("owner")),
                "lamports": 1,
            }
        ]
        * 2,
    ),
    "simulateTransaction": with_context(
        7, {"err": None, "logs": ["x"], "unitsConsumed": 5, "accounts": [None]}
    ),
    "getTransaction": {
        "slot": 7,
        "meta": {
            "err": None,
            "fee": 5_000,
            "preTokenBalances": [
                {"accountIndex": 0, "mint": "m", "uiTokenAmount": {"amount": "5"}}
            ],
            "postTokenBalances": [
                {"accountIndex": 0, "mint": "m", "uiTokenAmount": {"amount": "9"}}
            ],
        },
        "transaction": {"message": {"accountKeys": [str(key("vault"))]}},
    },
    "getSignaturesForAddress": [{"slot": 7, "signature": "s", "memo": None}],
}


def reads(rpc: RpcClient) -> dict[str, Callable[[], Awaitable[Any]]]:
    """One reader of each method, as the engine has them."""
    vault = key("vault")
    sides = Sides(vault, vault, vault, vault, vault)
    market = Market(rpc, {}, slot_time_s=0)
    return {
        "getLatestBlockhash": Blockhashes(rpc, slot_time_s=0).latest,
        "getMultipleAccounts": lambda: market.snapshot([], extra=[vault]),
        "simulateTransaction": lambda: simulate(rpc, DryRun(MESSAGE, [vault], 1, {})),
        "getTransaction": lambda: wait_for_fill(
            rpc, "signature", sides, interval_s=0, patience_s=0
        ),
        "getSignaturesForAddress": lambda: _newest(rpc, str(vault)),
    }


@pytest.mark.parametrize("method", GOOD)
async def test_nothing_but_our_own_errors_comes_of_garbage(method: str):
    rng = random.Random(method)
    async with scripted_node() as node, client(node.url, batch_size=1) as rpc:
        read = reads(rpc)[method]
        node.answers[method] = GOOD[method]
        await read()
        refused = 0
        for _ in range(300):
            spoil = rng.random() < 0.8
            node.answers[method] = spoilt(rng, GOOD[method]) if spoil else garbage(rng)
            try:
                await read()
            except (RpcError, FillUnreadable):
                refused += 1

    assert refused > 100


async def test_no_outcome_is_ever_settled_from_garbage():
    rng = random.Random(5)
    tx = transaction()
    methods = (
        "getSignatureStatuses",
        "getEpochInfo",
        "isBlockhashValid",
        "getBlockHeight",
    )
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.expire()
            for method in methods:
                honest = node.node.answers[method]
                # Of each proof one part at least is spoilt.
                node.node.answers[method] = lambda *params, honest=honest: spoilt(
                    rng, honest(*params)
                )
            node.node.answers["isBlockhashValid"] = lambda *_: garbage(rng)
        for endpoint, node in zip(cluster.rpc.endpoints, chain, strict=True):
            while node.node.asked("getSignatureStatuses") < 80:
                endpoint.health.answered(1.0)  # no pause: it would only take longer
                await asyncio.sleep(0)
        assert not outcome.done()

        for endpoint, node in zip(cluster.rpc.endpoints, chain, strict=True):
            endpoint.health.answered(1.0)
            node.statuses[tx.signature] = status()
            node.node.answers["getSignatureStatuses"] = node._statuses
        assert await outcome == Landed(5_001)


@pytest.mark.parametrize(
    "odd",
    [
        status() | {"slot": -1},
        status() | {"slot": 2**63},
        status() | {"slot": True},
        status() | {"slot": "5001"},
        status() | {"confirmationStatus": ["confirmed"]},
        {"slot": 5_001, "confirmationStatus": "confirmed"},
        status(err=False),
        status(err=7),
        status(err=["InstructionError"]),
    ],
)
async def test_a_status_that_makes_no_sense_settles_nothing(odd: Any):
    tx = transaction()
    async with stage() as (cluster, chain), settling(cluster, tx) as outcome:
        for node in chain:
            node.statuses[tx.signature] = odd
        await chain[0].rounds("getSignatureStatuses", 3)
        assert not outcome.done()
