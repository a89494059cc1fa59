"""The wallet's history as nodes tell it that lag, refuse, or show only a part."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dex.chain import known_chain
from dex.errors import RpcUnavailable
from dex.models import Chain
from dex.solana.rpc import RpcClient
from dex.tests.rpc_client import client as rpc_client
from dex.tests.scripted_node import NodeError, scripted_node
from execution import wallet_signatures
from execution.assembly import allow_signing
from execution.wallet_history import match_wallet_history
from orders.models import Attempt

STRANGER = {"signature": "stranger", "slot": 10**9, "memo": None, "err": None}


def client(*nodes):
    urls = [node.url for node in nodes]
    return rpc_client(*urls, timeout_s=5, expected_genesis=None)


def signed_by(address: object) -> dict[str, Any]:
    """A landed transaction that `address` paid and signed."""
    return {
        "transaction": {
            "message": {
                "accountKeys": [str(address)],
                "header": {"numRequiredSignatures": 1},
            }
        }
    }


async def halted_reason(stage) -> str:
    reason: str = (await stage.database.run(known_chain)).halted_reason
    return reason


async def match(stage, rpc: RpcClient) -> None:
    async with asyncio.timeout(5):
        await match_wallet_history(rpc, stage.database, stage.wallet.address)


async def test_what_one_node_lists_and_does_not_show_yet_another_shows(stage):
    payer = "SomebodyElse1111111111111111111111111111111"
    async with (
        scripted_node(
            getSignaturesForAddress=lambda *_: [STRANGER], getTransaction=None
        ) as lagging,
        scripted_node(getTransaction=signed_by(payer)) as other,
        client(lagging, other) as rpc,
    ):
        await match(stage, rpc)

    assert await halted_reason(stage) == ""


async def test_a_node_without_the_newest_transaction_of_ours_halts_nothing(stage):
    await stage.carry_out(await stage.place())
    slot = (await stage.database.run(Attempt.objects.get)).slot
    # From before this database met the chain: the node lists all it has, because it
    # does not find the signature where it should stop.
    ancient = STRANGER | {"slot": slot - 1}
    async with (
        scripted_node(
            getSignaturesForAddress=lambda *_: [ancient],
            getTransaction=signed_by(stage.wallet.address),
        ) as node,
        client(node) as rpc,
    ):
        await match(stage, rpc)

    assert await halted_reason(stage) == ""


async def test_a_node_that_is_behind_our_newest_transaction_is_not_believed(stage):
    await stage.carry_out(await stage.place())
    slot = (await stage.database.run(Attempt.objects.get)).slot

    def list_nothing(address: str, options: dict[str, Any]) -> list[Any]:
        if options.get("minContextSlot", 0) >= slot:
            raise NodeError(-32016, "Minimum context slot has not been reached")
        return []

    async with (
        scripted_node(getSignaturesForAddress=list_nothing) as lagging,
        scripted_node(
            getSignaturesForAddress=lambda *_: [STRANGER],
            getTransaction=signed_by(stage.wallet.address),
        ) as other,
        client(lagging, other) as rpc,
    ):
        await match(stage, rpc)

    assert "stranger" in await halted_reason(stage)


async def test_a_landing_slot_that_was_made_up_does_not_stop_the_signing(stage):
    first, second = [await stage.place() for _ in range(2)]
    for order_id in (first, second):
        await stage.carry_out(order_id)
    made_up = Attempt.objects.filter(order_id=second)
    await stage.database.run(lambda: made_up.update(slot=2**62))
    await stage.rpc.read_slots()

    await match(stage, stage.rpc)

    assert await halted_reason(stage) == ""


async def test_a_stranger_is_found_although_a_landing_slot_was_made_up(stage):
    first, second, third = [await stage.place() for _ in range(3)]
    for order_id in (first, second, third):
        await stage.carry_out(order_id)
    (forgotten,) = await stage.attempts(third)

    def change() -> None:
        Attempt.objects.filter(order_id=second).update(slot=2**62)
        Attempt.objects.filter(order_id=third).delete()

    await stage.database.run(change)

    await match(stage, stage.rpc)

    assert forgotten.signature in await halted_reason(stage)


async def test_a_first_slot_that_was_made_up_does_not_stop_the_signing(stage):
    def change() -> None:
        Chain.objects.update(baseline_slot=2**62)

    await stage.database.run(change)

    await match(stage, stage.rpc)

    assert await halted_reason(stage) == ""


async def test_all_pages_of_the_list_come_from_one_node(stage, monkeypatch):
    monkeypatch.setattr(wallet_signatures, "PAGE", 3)
    payer = "SomebodyElse1111111111111111111111111111111"
    page = [STRANGER | {"signature": f"paid-{n}"} for n in range(3)]
    busy = iter([True, False])

    def list_whole(address: str, options: dict[str, Any]) -> list[Any]:
        if "before" not in options:
            return page
        if next(busy):
            raise NodeError(-32005, "unhealthy")
        return [STRANGER]

    def list_nothing_more(address: str, options: dict[str, Any]) -> list[Any]:
        if "before" not in options:
            raise NodeError(-32005, "unhealthy")
        return []  # as a node answers that does not know that signature

    def show(signature: str, options: Any) -> Any:
        return signed_by(stage.wallet.address if signature == "stranger" else payer)

    async with (
        scripted_node(getSignaturesForAddress=list_whole, getTransaction=show) as whole,
        scripted_node(getSignaturesForAddress=list_nothing_more) as other,
        client(whole, other) as rpc,
    ):
        with pytest.raises(RpcUnavailable):
            await match(stage, rpc)
        await match(stage, rpc)

    assert "stranger" in await halted_reason(stage)


async def test_signing_is_allowed_once_a_refusing_node_answers(
    stage, make_runner, caplog
):
    answers = iter([NodeError(-32000, "rate limit of your plan"), "odd", []])

    def list_signatures(*_: Any) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with (
        scripted_node(getSignaturesForAddress=list_signatures) as node,
        client(node) as rpc,
    ):
        stage.engine.may_sign.clear()
        stage.engine.cluster.rpc, real = rpc, stage.engine.cluster.rpc
        runner = await make_runner()
        async with asyncio.timeout(5):
            await allow_signing(stage.engine, runner, retry_s=0.001)
        stage.engine.cluster.rpc = real

    assert stage.engine.may_sign.is_set()
    assert "rate limit of your plan" in caplog.text


async def test_many_strangers_are_looked_at_together(stage):
    payer = "SomebodyElse1111111111111111111111111111111"
    listed = [STRANGER | {"signature": f"stranger {n}"} for n in range(150)]

    def show(signature: str, options: Any) -> Any:
        signer = stage.wallet.address if signature == "stranger 120" else payer
        return signed_by(signer)

    async with (
        scripted_node(
            getSignaturesForAddress=lambda *_: listed, getTransaction=show
        ) as node,
        client(node) as rpc,
    ):
        await match(stage, rpc)

    looks = [body for body in node.bodies if "getTransaction" in body]
    assert [len(body) for body in looks] == [25] * 6
    assert "stranger 120" in await halted_reason(stage)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        {},
        [None],
        [STRANGER | {"slot": "7"}],
        [STRANGER | {"memo": 7}],
        [{"slot": 7}],
        [STRANGER] * 1001,
    ],
)
async def test_a_list_that_makes_no_sense_is_asked_of_another_node(stage, odd: Any):
    async with (
        scripted_node(getSignaturesForAddress=lambda *_: odd) as strange,
        scripted_node(getSignaturesForAddress=lambda *_: []) as well,
        client(strange, well) as rpc,
    ):
        await match(stage, rpc)

    assert well.asked("getSignaturesForAddress") == 1
    assert await halted_reason(stage) == ""
