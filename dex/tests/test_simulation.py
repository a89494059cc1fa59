from __future__ import annotations

from typing import Any

import pytest
from solders.hash import Hash
from solders.message import MessageV0

from dex.errors import RpcUnavailable
from dex.solana.rpc import RpcClient
from dex.solana.simulation import DryRun, simulate

from .builders import key
from .rpc_client import client
from .scripted_node import scripted_node

MESSAGE = MessageV0.try_compile(key("wallet"), [], [], Hash.default())


@pytest.mark.parametrize("units", [None, 0])
async def test_a_simulation_that_does_not_say_what_it_consumed_is_no_base_for_a_limit(
    units: Any,
):
    answer = {"context": {"slot": 7}, "value": {"err": None, "unitsConsumed": units}}
    async with scripted_node(simulateTransaction=answer) as node:
        rpc = RpcClient([node.url], timeout_s=5, batch_size=1, expected_genesis=None)
        with pytest.raises(RpcUnavailable, match="consumed"):
            await simulate(rpc, DryRun(MESSAGE, [], 1, {}))
        await rpc.close()


def simulated(error: Any, slot: int = 7) -> Any:
    value = {"err": error, "unitsConsumed": 0, "logs": []}
    return {"context": {"slot": slot}, "value": value}


async def test_an_error_needs_no_units():
    answer = simulated("InsufficientFundsForFee")
    async with scripted_node(simulateTransaction=answer) as node:
        rpc = RpcClient([node.url], timeout_s=5, batch_size=1, expected_genesis=None)
        result = await simulate(rpc, DryRun(MESSAGE, [], 1, {}))
        await rpc.close()

    assert (result.error_code, result.name) == (
        "insufficient_sol",
        "InsufficientFundsForFee",
    )


@pytest.mark.parametrize(
    "answer",
    [
        simulated("BlockhashNotFound"),
        simulated("AccountNotFound", slot=4),
        {"context": {"slot": 7}, "value": {}},
        {"context": {"slot": 7}, "value": {"err": None, "unitsConsumed": "x"}},
        None,
    ],
)
async def test_the_same_bytes_go_to_another_node_where_one_cannot_run_them(answer: Any):
    async with (
        scripted_node(simulateTransaction=answer) as odd,
        scripted_node(simulateTransaction=simulated("InsufficientFundsForFee")) as well,
    ):
        rpc = RpcClient(
            [odd.url, well.url], timeout_s=5, batch_size=1, expected_genesis=None
        )
        result = await simulate(rpc, DryRun(MESSAGE, [], 5, {}))
        await rpc.close()

    assert result.error_code == "insufficient_sol"
    sent = [
        call
        for node in (odd, well)
        for call in node.calls
        if call[0] == "simulateTransaction"
    ]
    assert len(sent) == 2
    assert sent[0] == sent[1]


async def test_a_simulation_at_a_slot_that_cannot_be_is_asked_of_another_node():
    made_up = simulated("AccountNotFound", slot=2**62)
    async with (
        scripted_node(simulateTransaction=made_up) as liar,
        scripted_node(simulateTransaction=simulated("InsufficientFundsForFee")) as well,
        client(liar.url, well.url) as rpc,
    ):
        for endpoint in rpc.endpoints:
            rpc.reached(endpoint, 7)
        result = await simulate(rpc, DryRun(MESSAGE, [], 5, {}))

    assert (result.slot, result.error_code) == (7, "insufficient_sol")
